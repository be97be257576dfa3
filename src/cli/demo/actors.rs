//! The people of the demo: each runs the real commands, with her own keys, pins and folder.

use std::path::PathBuf;
use std::pin::Pin;

use clap::Parser as _;
use serde_json::Value;

use super::stage::{Stage, text};
use crate::cli::output::Captured;
use crate::cli::tree::Cli;
use crate::cli::{CliError, Exit, Output};

/// The same way every command goes. Boxed, because `demo` is itself a command.
pub(super) fn dispatch(cli: Cli, out: Output) -> Pin<Box<dyn Future<Output = Exit> + Send>> {
    Box::pin(async move { crate::cli::dispatch(cli, &out).await })
}

/// One person at her own machine.
#[derive(Clone)]
pub(super) struct Actor {
    /// Her name.
    pub name: &'static str,
    folder: PathBuf,
}

impl Actor {
    pub(super) fn of(stage: &Stage, name: &'static str) -> Self {
        Self {
            name,
            folder: stage.person(name),
        }
    }

    /// Runs a command that may be refused, and says how it ended.
    pub(super) async fn runs(&self, arguments: &[&str]) -> Result<Exit, CliError> {
        let (cli, out, _) = self.prepared(arguments)?;
        Ok(dispatch(cli, out).await)
    }

    /// Runs a command that must succeed.
    pub(super) async fn does(&self, arguments: &[&str]) -> Result<Value, CliError> {
        let (cli, out, kept) = self.prepared(arguments)?;
        let exit = dispatch(cli, out).await;
        if exit != Exit::DONE {
            let said = kept.stderr();
            let words = arguments.first().copied().unwrap_or("");
            let message = format!(
                "{} `{words}` ended with {}: {}",
                self.name,
                exit.0,
                said.trim()
            );
            return Err(CliError::failed("demo", message));
        }
        serde_json::from_str(&kept.stdout()).map_err(|_| {
            CliError::failed(
                "demo",
                format!("{} `{}` printed no object", self.name, arguments[0]),
            )
        })
    }

    /// The parsed command line and an output that is kept.
    pub(super) fn prepared(&self, arguments: &[&str]) -> Result<(Cli, Output, Captured), CliError> {
        let config = text(&self.folder.join("config"));
        let state = text(&self.folder.join("state"));
        let before = [
            "breakglass",
            "--json",
            "--config",
            &config,
            "--state",
            &state,
        ];
        let line = before.iter().chain(arguments);
        let cli = Cli::try_parse_from(line).map_err(|e| CliError::usage(e.to_string()))?;
        let (out, kept) = Output::captured(&cli.globals);
        Ok((cli, out, kept))
    }

    /// One of her files.
    pub(super) fn file(&self, name: &str) -> String {
        text(&self.folder.join(name))
    }
}
