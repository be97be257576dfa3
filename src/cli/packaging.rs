//! `breakglass completions` and `breakglass man`: what a package installs beside the binary, made
//! from the same tree of commands that parses the command line.

use std::path::PathBuf;

use clap::CommandFactory as _;
use serde_json::json;

use super::tree::Cli;
use super::{CliError, Exit, Output, files};

/// Arguments of `completions`.
#[derive(Debug, clap::Args)]
#[command(
    after_help = "Example:\n  breakglass completions bash > breakglass.bash\n\nInstall it where your \
    shell looks, for instance ~/.local/share/bash-completion/completions/breakglass."
)]
pub struct CompletionsArgs {
    /// Which shell
    #[arg(value_enum)]
    shell: clap_complete::Shell,
}

/// Arguments of `man`.
#[derive(Debug, clap::Args)]
#[command(after_help = "Example:\n  breakglass man man1")]
pub struct ManArgs {
    /// Folder for the pages, one for each command; made if it is missing
    dir: PathBuf,
}

/// Prints a shell's completions.
///
/// # Errors
/// None; a reader that goes away ends the output.
pub fn completions(args: &CompletionsArgs) -> Result<Exit, CliError> {
    let mut script = Vec::new();
    clap_complete::generate(args.shell, &mut Cli::command(), "breakglass", &mut script);
    use std::io::Write as _;
    std::io::stdout()
        .write_all(&script)
        .map_err(|why| CliError::failed("output", why.to_string()))?;
    Ok(Exit::DONE)
}

/// Writes the man pages.
///
/// # Errors
/// A folder that cannot be written.
pub fn man(args: &ManArgs, out: &Output) -> Result<Exit, CliError> {
    let dir = args.dir.as_path();
    std::fs::create_dir_all(dir).map_err(|why| files::cannot("make", dir, &why))?;
    clap_mangen::generate_to(Cli::command(), dir)
        .map_err(|why| files::cannot("write", dir, &why))?;
    let listed = std::fs::read_dir(dir).map_err(|why| files::cannot("read", dir, &why))?;
    let pages = listed.count();
    let text = format!("{pages} pages in {}", dir.display());
    out.result(
        json!({"pages": pages, "dir": dir.display().to_string()}),
        &text,
    );
    Ok(Exit::DONE)
}
