//! The command tree as clap sees it. Arguments of a command stand in the command's own file.

use std::path::PathBuf;

use clap::{Args, Parser, Subcommand};

use super::{
    alert, approve, backup, claim, close, consent, decline, doctor, drill, enrol, environment,
    epoch, extend, grant, init, log, login, note, open, packaging, paper, person, policy, prove,
    recover, review, roster, run, serve, status, unlocker,
};
#[cfg(feature = "simulator")]
use super::{demo, simulate};

const EXIT_CODES: &str = "\
Exit codes: 0 done, 1 failed, 2 usage, 3 sealed or no such incident, 4 timed out waiting, 5 refused, \
6 share rejected, 7 session ended, 8 log broken, 9 not allowed or login needed, 10 Databricks \
unreachable, 130 interrupted.";

/// Break-glass emergency access to Databricks: k people open, every call is logged, the secret
/// is rotated at close.
#[derive(Debug, Parser)]
#[command(name = "breakglass", version, after_help = EXIT_CODES, max_term_width = 100)]
#[command(
    infer_subcommands = false,
    subcommand_required = true,
    arg_required_else_help = true
)]
pub struct Cli {
    /// Flags of every command.
    #[command(flatten)]
    pub globals: Globals,
    /// What to do.
    #[command(subcommand)]
    pub command: Command,
}

/// Flags that every command takes.
#[derive(Debug, Clone, Default, Args)]
#[command(next_help_heading = "Everywhere")]
pub struct Globals {
    /// Folder of client settings and pins; for `serve` and `init` the file breakglass.toml
    #[arg(long, global = true, value_name = "PATH")]
    pub config: Option<PathBuf>,
    /// Address of the vault, instead of the enrolled one
    #[arg(long, global = true, value_name = "URL")]
    pub server: Option<String>,
    /// Folder for login, claim key and session token, instead of $XDG_RUNTIME_DIR/breakglass
    #[arg(long, global = true, value_name = "DIR")]
    pub state: Option<PathBuf>,
    /// Which vault, when several are enrolled
    #[arg(long, global = true, value_name = "ID")]
    pub vault: Option<String>,
    /// File whose first line is the key's passphrase, for scripts
    #[arg(long, global = true, value_name = "FILE")]
    pub passphrase_file: Option<PathBuf>,
    /// Print one JSON object on stdout, times in RFC 3339 UTC
    #[arg(long, global = true)]
    pub json: bool,
    /// One line per event: no redrawing, for logs and screen readers
    #[arg(long, global = true)]
    pub plain: bool,
    /// Say nothing but results and errors
    #[arg(short, long, global = true)]
    pub quiet: bool,
}

/// Every command.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Pin a vault and show that your keys work (once per machine)
    Enrol(enrol::Args),
    /// Log in for eight hours: reads and notes
    Login(login::Args),
    /// Show what the vault and its incidents are doing
    Status(status::Args),
    /// List the people of the vault; propose to add or remove one
    Person(person::Args),
    /// Show, propose and sign the roster: people, roles, keys, k and n
    Roster(roster::Args),
    /// Show, propose and sign the policy: use cases, scopes, limits
    Policy(policy::Args),
    /// Responder: ask for emergency access and wait for it
    Open(open::Args),
    /// Responder: take the session token of an open incident
    Claim(claim::Args),
    /// Responder: run a command with the session's environment
    Run(run::Args),
    /// Responder: print the session's environment for a shell
    Env(environment::Args),
    /// Responder: make a person of the terms an admin until the session ends
    Grant(grant::Args),
    /// Write a note into an incident's log
    Note(note::Args),
    /// Responder: end the session and watch the secret being rotated
    Close(close::Args),
    /// Custodian: show that you can open your share
    Prove(prove::Args),
    /// Custodian: add or remove a key that opens your share
    Unlocker(unlocker::Args),
    /// Custodian: make a paper that opens your share, or try one
    Paper(paper::Args),
    /// Custodian: your share or its only key is gone; asks for a new epoch
    ReportLost(epoch::LostArgs),
    /// Show the shares of this epoch; ask custodians for a new one
    Epoch(epoch::Args),
    /// Custodian: check an incident and release your share to it
    Approve(approve::Args),
    /// Custodian: say no, finally, with a reason
    Refuse(decline::RefuseArgs),
    /// Take back your share, or (responder) your incident
    Withdraw(decline::WithdrawArgs),
    /// Security: say no to an incident before its session is open
    Veto(decline::VetoArgs),
    /// Security: sign that closed gates may be passed where no further custodian exists
    Override(consent::OverrideArgs),
    /// Responder: ask for a longer session; custodian: agree to it
    Extend(extend::Args),
    /// End a session now
    Stop(decline::StopArgs),
    /// Auditor: review closed incidents
    Review(review::Args),
    /// Auditor: read, export and verify the log
    Log(log::Args),
    /// Operator: see how alert channels fare, and test them
    Alert(alert::Args),
    /// Operator: what is wrong with this host and this vault, and how to mend it
    Doctor(doctor::Args),
    /// Operator: rehearse an emergency with a decoy; no real credential is touched
    Drill(drill::Args),
    /// Print a shell's completions
    Completions(packaging::CompletionsArgs),
    /// Write the man pages into a folder
    Man(packaging::ManArgs),
    /// Operator: make a vault around a Databricks credential
    Init(init::Args),
    /// Operator: copy the database and write the recovery bundle, while the vault runs
    Backup(backup::Args),
    /// k custodians: the secret back from a recovery bundle, without a vault
    Recover(recover::Args),
    /// Operator: run the vault
    Serve(serve::Args),
    /// Run a Databricks to practise on
    #[cfg(feature = "simulator")]
    Simulate(simulate::Args),
    /// Play one whole emergency on this machine
    #[cfg(feature = "simulator")]
    Demo(demo::Args),
}

/// A command line that is none. Help and version are no errors and go to the standard output; with
/// `--json` a program gets its one object, as for every other error.
#[must_use]
pub fn not_parsed(why: &clap::Error) -> super::Exit {
    // What cannot be written has nobody to read it.
    let _ = why.print();
    if !why.use_stderr() {
        return super::Exit::DONE;
    }
    let wants_json = std::env::args_os()
        .skip(1)
        .take_while(|word| word != "--")
        .any(|word| word == "--json");
    if wants_json {
        println!("{}", parser_error(why));
    }
    super::Exit::USAGE
}

/// Its first line; no secret is ever an argument.
fn parser_error(why: &clap::Error) -> serde_json::Value {
    let text = why.to_string();
    let first = text.lines().next().unwrap_or_default();
    let message = first.strip_prefix("error: ").unwrap_or(first);
    serde_json::json!({"error": {"code": "usage", "message": message,
        "hint": "see --help", "runbook": "", "exit": super::Exit::USAGE.0}})
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::CommandFactory as _;

    fn leaves(command: &clap::Command, path: &str, found: &mut Vec<(String, clap::Command)>) {
        for child in command.get_subcommands() {
            let path = format!("{path} {}", child.get_name());
            if child.has_subcommands() {
                leaves(child, &path, found);
            } else {
                found.push((path, child.clone()));
            }
        }
    }

    #[test]
    fn the_tree_is_sound() {
        Cli::command().debug_assert();
    }

    #[test]
    fn every_client_command_shows_an_example_that_parses_as_itself() {
        let mut found = Vec::new();
        leaves(&Cli::command(), "breakglass", &mut found);
        let elsewhere = ["doctor", "init", "serve", "demo", "simulate"];
        let ours = found
            .iter()
            .filter(|(path, _)| !elsewhere.iter().any(|name| path.ends_with(name)));
        for (path, command) in ours {
            let help = command
                .get_after_help()
                .map(ToString::to_string)
                .unwrap_or_default();
            assert!(
                help.contains("Example") && help.contains(path.as_str()),
                "{path}"
            );
        }
    }

    #[test]
    fn no_flag_takes_a_secret() {
        let mut found = Vec::new();
        leaves(&Cli::command(), "breakglass", &mut found);
        for (path, command) in found {
            for argument in command.get_arguments() {
                let name = argument.get_id().as_str();
                let secret = ["token", "secret", "passphrase", "password"].contains(&name);
                assert!(!secret, "{path} --{name}");
            }
        }
    }
}
