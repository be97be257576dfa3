//! `breakglass demo`: one whole emergency on this machine, with real processes, real keys and the
//! people's own commands.
//!
//! The simulator and the vault are child processes; mail and webhook sinks live here. Nothing is
//! taken on trust: every promise is checked, and the exit code says whether all of them held.

mod actors;
mod checks;
mod children;
mod scene;
mod stage;

use std::path::PathBuf;
use std::time::Instant;

use serde_json::json;

use super::{CliError, Exit, Globals, Output};
use checks::Promises;
use stage::Stage;

/// Arguments of `demo`.
#[derive(Debug, clap::Args)]
#[command(
    after_help = "Examples:\n  breakglass demo\n  breakglass demo --dir ./demo\n  \
    breakglass demo --once --json\n\nWaits towards the simulated Databricks are hundredths of the \
    real ones. Nothing leaves this machine."
)]
pub struct Args {
    /// Keep everything here instead of in a new temporary folder
    #[arg(long, value_name = "DIR")]
    pub dir: Option<PathBuf>,
    /// Play it once and end, instead of staying up for you to look around
    #[arg(long)]
    pub once: bool,
    /// Only set the stage: a vault whose people have enrolled, its processes ended again
    #[arg(long, conflicts_with = "once")]
    pub stage: bool,
    /// With --stage: this policy file instead of the built-in policy
    #[arg(long, requires = "stage", value_name = "FILE")]
    pub policy: Option<PathBuf>,
    /// Keep the vault in the empty PostgreSQL database whose URL is in this file, instead of SQLite
    #[arg(long, value_name = "FILE")]
    pub postgres_url_file: Option<PathBuf>,
}

/// Plays the emergency.
///
/// # Errors
/// The first thing that did not go as promised.
pub async fn run(args: Args, _globals: &Globals, out: &Output) -> Result<Exit, CliError> {
    let began = Instant::now();
    let given = stage::Given {
        policy: args.policy,
        postgres_url_file: args.postgres_url_file,
    };
    let mut stage = Stage::set(args.dir, &given, out).await?;
    if args.stage {
        let enrolled = scene::enrol(&stage, out).await;
        stage.strike().await;
        enrolled?;
        out.result(
            stage.describe(),
            &format!("the stage is set in {}", stage.dir.display()),
        );
        return Ok(Exit::DONE);
    }
    let played = scene::play(&mut stage, out).await;
    let promises = match played {
        Ok(promises) => promises,
        Err(error) => {
            stage.strike().await;
            return Err(error.hint(format!("everything is kept in {}", stage.dir.display())));
        }
    };
    let held = promises.held();
    report(&stage, &promises, began.elapsed().as_secs_f64(), out);
    if !args.once && held {
        look_around(&stage, out).await;
    }
    stage.strike().await;
    Ok(if held { Exit::DONE } else { Exit::FAILED })
}

fn report(stage: &Stage, promises: &Promises, seconds: f64, out: &Output) {
    let mut object = promises.to_json();
    object["seconds"] = json!((seconds * 10.0).round() as i64 as f64 / 10.0);
    object["dir"] = json!(stage.dir);
    let mut text = String::from("\nWhat was promised, and checked:\n");
    for (name, held) in promises.list() {
        text.push_str(&format!("  {} {name}\n", if held { "✓" } else { "✗" }));
    }
    text.push_str(&format!(
        "\n{seconds:.1} s; everything is kept in {}",
        stage.dir.display()
    ));
    out.result(object, &text);
}

async fn look_around(stage: &Stage, out: &Output) {
    out.talk(&format!(
        "\nThe vault stays up until Ctrl-C. Look around as vera, an auditor:\n  \
         breakglass --config {vera} --state {state} status\n  \
         breakglass --config {vera} --state {state} review list\n\nIts console is {console}/; sign in \
         with the code that this prints:\n  \
         breakglass --config {vera} --state {state} login --page\n\nThe export is in {export}; \
         anyone can check it:\n  python3 {export}/verify.py {export}",
        vera = stage.person("vera").join("config").display(),
        state = stage.person("vera").join("state").display(),
        console = stage.console_url(),
        export = stage.export_dir().display(),
    ));
    // Without the handler Ctrl-C ends the process, which is what was asked.
    let _ = tokio::signal::ctrl_c().await;
}
