//! `breakglass log verify`: every level of an export, offline, with the first bad entry by name.

use std::path::PathBuf;

use serde_json::{Value, json};

use super::acts::{self, ActsReport};
use super::folder::Folder;
use crate::audit::note::VerifierKey;
use crate::audit::verify::{Expectations, LevelReport, Outcome, Report, Seen, verify};
use crate::cli::{CliError, Exit, Output, files};

/// Arguments of `log verify`.
#[derive(Debug, clap::Args)]
pub struct VerifyArgs {
    /// The copy
    dir: PathBuf,
    /// Mails, messages or notes with checkpoints you received. May be repeated
    #[arg(long, value_name = "FILE", num_args = 1..)]
    seen: Vec<PathBuf>,
    /// The log's public key as you know it; without it the copy's own is used
    #[arg(long, value_name = "VKEY")]
    log_key: Option<String>,
}

/// Verifies and says each level.
///
/// # Errors
/// Log broken (exit 8) with the first failure.
pub(super) fn run(args: &VerifyArgs, out: &Output) -> Result<Exit, CliError> {
    if !args.dir.is_dir() {
        return Err(CliError::usage(format!(
            "{} is no folder",
            args.dir.display()
        )));
    }
    let source = Folder::new(&args.dir);
    let report = verify(&source, &expectations(args)?);
    let acts = acts::check(&source);
    let passed = report.passed && acts.outcome != Outcome::Failed;
    out.result(object(&report, &acts, passed)?, &page(&report, &acts));
    if !passed {
        let broken = report.first_failure().is_some() || acts.outcome == Outcome::Failed;
        let unused = unused(&report).filter(|_| !broken);
        let failure = unused.unwrap_or_else(|| failure(&report, &acts));
        // With --json the report is the one object on stdout, and it says what failed.
        if out.json {
            out.warn(&failure.message);
            return Ok(failure.exit);
        }
        return Err(failure);
    }
    if report.key_from_export {
        out.talk(
            "! The log key came from the copy itself: compare it, or pass --log-key and --seen.",
        );
    }
    Ok(Exit::DONE)
}

fn expectations(args: &VerifyArgs) -> Result<Expectations, CliError> {
    let mut seen = Vec::new();
    for path in &args.seen {
        seen.push(Seen {
            name: path.display().to_string(),
            bytes: files::read(path)?,
        });
    }
    let key = args.log_key.as_deref().map(VerifierKey::parse).transpose();
    let key = key.map_err(|why| CliError::usage(format!("--log-key: {why}")))?;
    let threads = std::thread::available_parallelism().map_or(1, usize::from);
    Ok(Expectations {
        seen,
        log_keys: key.into_iter().collect(),
        threads,
    })
}

fn page(report: &Report, acts: &ActsReport) -> String {
    let origin = report.origin.as_deref().unwrap_or("unknown log");
    let mut text = format!("{origin}: {} entries\n", report.size);
    for level in &report.levels {
        text.push_str(&level_line(level));
    }
    let reason = acts.reason.as_deref();
    text.push_str(&line(
        acts.outcome,
        acts.level,
        acts.name,
        acts.checked,
        None,
        reason,
    ));
    for seq in &report.emergency_cuts {
        text.push_str(&format!(
            "! entry {seq} says that an emergency log had lost entries: ask the operator which disk\n"
        ));
    }
    text.trim_end().to_owned()
}

fn level_line(level: &LevelReport) -> String {
    let reason = level.reason.as_deref();
    line(
        level.outcome,
        level.level,
        level.name,
        level.checked,
        level.seq,
        reason,
    )
}

fn line(
    outcome: Outcome,
    level: u8,
    name: &str,
    checked: u64,
    seq: Option<u64>,
    reason: Option<&str>,
) -> String {
    let mark = match outcome {
        Outcome::Passed => format!("✓ {level} {name} ({checked} checked)"),
        Outcome::Failed => format!("✗ {level} {name}"),
        Outcome::NotRun => format!("– {level} {name}: not run"),
    };
    let seq = seq.map_or(String::new(), |seq| format!(" at entry {seq}"));
    let reason = reason.map_or(String::new(), |reason| format!(": {reason}"));
    format!("{mark}{seq}{reason}\n")
}

fn object(report: &Report, acts: &ActsReport, passed: bool) -> Result<Value, CliError> {
    let shape = |why: serde_json::Error| CliError::failed("json", why.to_string());
    let mut object = serde_json::to_value(report).map_err(shape)?;
    object["passed"] = json!(passed);
    if let Some(levels) = object["levels"].as_array_mut() {
        levels.push(serde_json::to_value(acts).map_err(shape)?);
    }
    Ok(object)
}

/// Nothing is wrong with the copy, but what was received could not be held against it: no success,
/// since whoever asked would believe that it was.
fn unused(report: &Report) -> Option<CliError> {
    if !report.unusable_seen.is_empty() {
        let names = report.unusable_seen.join(", ");
        let message = format!("no checkpoint of this log in {names}: nothing of it was checked");
        return Some(
            CliError::usage(message)
                .hint("give whole mails as they came (with their headers), or notes of `log head`"),
        );
    }
    report.all_lost().then(|| {
        let message = format!(
            "could not be checked: all {} checkpoint(s) given speak of entries that a declared log \
             epoch says are lost",
            report.lost_checkpoints
        );
        CliError::failed("not_checked", message)
            .hint(
                "give an older mail too, and ask those who signed the new log epoch what was lost",
            )
            .page("host-lost")
    })
}

fn failure(report: &Report, acts: &ActsReport) -> CliError {
    let first = report.first_failure();
    let message = match first {
        Some(level) => {
            let at = level
                .seq
                .map_or(String::new(), |seq| format!("entry {seq}: "));
            format!("{at}{}", level.reason.as_deref().unwrap_or(level.name))
        }
        None => acts
            .reason
            .clone()
            .unwrap_or_else(|| "not every level could run".to_owned()),
    };
    CliError::new(Exit::LOG_BROKEN, "log_broken", message)
        .hint("keep this copy and everything you hold against it, and call security")
        .page("log-broken")
}
