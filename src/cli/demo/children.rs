//! Child processes of the demo: this same binary, with other commands.

use std::path::Path;
use std::process::Stdio;
use std::time::Duration;

use serde_json::Value;
use tokio::io::{AsyncBufReadExt as _, BufReader};
use tokio::process::{Child as Process, Command};

use super::stage::file_error;
use crate::cli::CliError;

/// How long a child may take to say that it is ready, and to end when told.
const PATIENCE: Duration = Duration::from_secs(120);

/// A running child and the line it said when ready.
pub(super) struct Child {
    process: Process,
    /// Its first line on stdout.
    pub ready: Value,
}

impl Child {
    /// Starts a command that prints one JSON line when it is ready. Its talk goes to a file.
    pub(super) async fn start(log: &Path, arguments: &[&str]) -> Result<Self, CliError> {
        let mut process = command(log, arguments)?
            .spawn()
            .map_err(|e| CliError::failed("child", format!("{}: {e}", arguments[0])))?;
        let said = process.stdout.take();
        let said = said.ok_or_else(|| CliError::failed("child", "no output to read"))?;
        let mut lines = BufReader::new(said).lines();
        let line = tokio::time::timeout(PATIENCE, lines.next_line()).await;
        let ready = match line {
            // A child that cannot start says why in the same form.
            Ok(Ok(Some(line))) => serde_json::from_str(&line)
                .ok()
                .filter(|said: &Value| said.get("error").is_none()),
            _ => None,
        };
        // Whatever it prints later is read, so that it never blocks on a full pipe.
        tokio::spawn(async move { while let Ok(Some(_)) = lines.next_line().await {} });
        let ready = ready.ok_or_else(|| {
            CliError::failed("child", format!("`{}` did not become ready", arguments[0]))
                .hint(format!("see {}", log.display()))
        })?;
        Ok(Self { process, ready })
    }

    /// Runs a command to its end and reads the one object it prints.
    pub(super) async fn output(log: &Path, arguments: &[&str]) -> Result<Value, CliError> {
        let done = command(log, arguments)?.output();
        let failed = || {
            CliError::failed("child", format!("`{}` failed", arguments[0]))
                .hint(format!("see {}", log.display()))
        };
        let done = tokio::time::timeout(PATIENCE, done)
            .await
            .map_err(|_| failed())?;
        let done = done.map_err(|_| failed())?;
        if !done.status.success() {
            return Err(failed());
        }
        serde_json::from_slice(&done.stdout).map_err(|_| failed())
    }

    /// Asks it to end, and ends it when it does not.
    pub(super) async fn end(&mut self) {
        if let Some(id) = self.process.id().and_then(|id| i32::try_from(id).ok())
            && let Some(id) = rustix::process::Pid::from_raw(id)
        {
            // An error means that it has ended already.
            let _ = rustix::process::kill_process(id, rustix::process::Signal::TERM);
        }
        if tokio::time::timeout(PATIENCE, self.process.wait())
            .await
            .is_err()
        {
            let _ = self.process.kill().await;
        }
    }
}

fn command(log: &Path, arguments: &[&str]) -> Result<Command, CliError> {
    let exe = std::env::current_exe().map_err(|e| CliError::failed("child", e.to_string()))?;
    let talk = std::fs::File::create(log).map_err(|e| file_error(log, &e))?;
    let mut command = Command::new(exe);
    command
        .args(arguments)
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::from(talk))
        .kill_on_drop(true);
    Ok(command)
}
