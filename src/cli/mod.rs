//! The commands (DESIGN §13): what people type, and what they read.
//!
//! One file per command, each `run(args, globals, out)`. The client side trusts the server with
//! nothing it can check: it pins the log's key and newest checkpoint, hashes what it shows and
//! signs only that (PROTOCOL §2, §5). `serve` alone builds the server; no other command knows it.

use tree::{Cli, Command};

// What every command uses.
mod clock;
mod error;
mod escape;
mod files;
mod output;
mod show;
mod text;
pub mod tree;
mod wait;

// The client: who I am, what I have pinned, how I ask.
mod client;

// Everybody.
mod enrol;
mod login;
mod person;
mod policy;
mod proposals;
mod roster;
mod status;

// Responder.
mod claim;
mod close;
mod environment;
mod grant;
mod note;
mod open;
mod run;

// Custodian.
mod approve;
mod changes;
mod consent;
mod decline;
mod epoch;
mod extend;
mod paper;
mod phrase;
mod prove;
mod release;
mod terms_check;
mod terms_request;
mod unlocker;

// Auditor.
mod log;
mod review;

// Operator.
mod alert;
mod backup;
mod bundle;
mod doctor;
mod drill;
mod init;
mod packaging;
mod recover;
mod serve;
mod vault_parts;

// Practice.
#[cfg(feature = "simulator")]
mod demo;
#[cfg(feature = "simulator")]
mod simulate;

pub use error::{CliError, Exit, exit_code_of};
pub use output::{Captured, Output};
pub use tree::Globals;

/// Runs one command line and says its error, if any, to people or as JSON.
pub async fn dispatch(cli: Cli, out: &Output) -> Exit {
    let Cli { globals, command } = cli;
    match run_command(command, &globals, out).await {
        Ok(exit) => exit,
        Err(error) => {
            out.error(&error);
            error.exit
        }
    }
}

async fn run_command(command: Command, globals: &Globals, out: &Output) -> Result<Exit, CliError> {
    match command {
        Command::Enrol(args) => enrol::run(args, globals, out).await,
        Command::Login(args) => login::run(args, globals, out).await,
        Command::Prove(args) => prove::run(args, globals, out).await,
        Command::Open(args) => open::run(args, globals, out).await,
        Command::Status(args) => status::run(args, globals, out).await,
        Command::Claim(args) => claim::run(args, globals, out).await,
        Command::Run(args) => run::run(args, globals, out).await,
        Command::Env(args) => environment::run(args, globals, out).await,
        Command::Grant(args) => grant::run(args, globals, out).await,
        Command::Note(args) => note::run(args, globals, out).await,
        Command::Close(args) => close::run(args, globals, out).await,
        Command::Approve(args) => approve::run(args, globals, out).await,
        Command::Refuse(args) => decline::refuse(args, globals, out).await,
        Command::Withdraw(args) => decline::withdraw(args, globals, out).await,
        Command::Veto(args) => decline::veto(args, globals, out).await,
        Command::Override(args) => consent::lift(args, globals, out).await,
        Command::Extend(args) => extend::run(args, globals, out).await,
        Command::Stop(args) => decline::stop(args, globals, out).await,
        Command::Review(args) => review::run(args, globals, out).await,
        Command::Log(args) => log::run(args, globals, out).await,
        Command::Person(args) => person::run(args, globals, out).await,
        Command::Alert(args) => alert::run(args, globals, out).await,
        Command::Doctor(args) => doctor::run(args, globals, out).await,
        Command::Drill(args) => drill::run(args, globals, out).await,
        Command::Completions(args) => packaging::completions(&args),
        Command::Man(args) => packaging::man(&args, out),
        Command::Unlocker(args) => unlocker::run(args, globals, out).await,
        Command::Paper(args) => paper::run(args, globals, out).await,
        Command::ReportLost(args) => epoch::report_lost(args, globals, out).await,
        Command::Epoch(args) => epoch::run(args, globals, out).await,
        Command::Roster(args) => roster::run(args, globals, out).await,
        Command::Policy(args) => policy::run(args, globals, out).await,
        Command::Init(args) => init::run(args, globals, out).await,
        Command::Backup(args) => backup::run(args, globals, out).await,
        Command::Recover(args) => recover::run(args, globals, out).await,
        Command::Serve(args) => serve::run(args, globals, out).await,
        #[cfg(feature = "simulator")]
        Command::Simulate(args) => simulate::run(args, globals, out).await,
        #[cfg(feature = "simulator")]
        Command::Demo(args) => demo::run(args, globals, out).await,
    }
}
