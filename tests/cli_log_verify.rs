//! `breakglass log verify` as an auditor runs it: on a folder, offline, without any settings.

#[path = "audit_verify/support.rs"]
#[expect(
    dead_code,
    reason = "the sample log is shared with the tests of `audit`"
)]
mod support;

use std::path::Path;
use std::process::{Command, Output};

use serde_json::Value;
use support::{Files, SampleLog};

fn verify(dir: &Path, more: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_breakglass"))
        .args(["log", "verify"])
        .arg(dir)
        .args(more)
        .env_clear()
        .output()
        .expect("the binary was built by cargo")
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8(bytes.to_vec()).expect("the program writes utf-8")
}

#[test]
fn an_honest_copy_passes_and_says_each_level() {
    let folder = tempfile::tempdir().unwrap();
    Files::of(&SampleLog::grown(1, 700)).write(folder.path());
    let output = verify(folder.path(), &[]);
    let (stdout, stderr) = (text(&output.stdout), text(&output.stderr));
    assert_eq!(output.status.code(), Some(0), "{stdout}{stderr}");
    assert!(
        stdout.contains("✓ 0") && stdout.contains("✓ 4") && stdout.contains("– 6"),
        "{stdout}"
    );
    assert!(
        stderr.contains("log key came from the copy itself"),
        "{stderr}"
    );
}

#[test]
fn a_changed_entry_is_exit_8_and_named() {
    let folder = tempfile::tempdir().unwrap();
    let mut files = Files::of(&SampleLog::grown(2, 700));
    let entries = files.0.get_mut("entries.ndjson").unwrap();
    let at = entries.len() / 2;
    let digit = at + entries[at..].iter().position(u8::is_ascii_digit).unwrap();
    entries[digit] = if entries[digit] == b'1' { b'2' } else { b'1' };
    files.write(folder.path());
    let output = verify(folder.path(), &["--json"]);
    assert_eq!(output.status.code(), Some(8));
    let report: Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!(report["passed"], false);
    let failed = report["levels"]
        .as_array()
        .unwrap()
        .iter()
        .find(|each| each["outcome"] == "failed");
    assert!(failed.unwrap()["seq"].is_u64(), "{report}");
    let said = text(&verify(folder.path(), &[]).stderr);
    assert!(
        said.contains("entry ") && said.contains("call security"),
        "{said}"
    );
}

#[test]
fn a_cut_log_is_found_by_a_checkpoint_that_somebody_kept() {
    let (folder, kept) = (
        tempfile::tempdir().unwrap(),
        tempfile::NamedTempFile::new().unwrap(),
    );
    let log = SampleLog::grown(3, 400);
    std::fs::write(kept.path(), log.checkpoint(log.entries.len()).to_string()).unwrap();
    let mut cut = SampleLog::grown(3, 400);
    cut.entries.truncate(200);
    Files::of(&cut).write(folder.path());
    assert_eq!(verify(folder.path(), &[]).status.code(), Some(0));
    let seen = verify(folder.path(), &["--seen", kept.path().to_str().unwrap()]);
    assert_eq!(seen.status.code(), Some(8));
    assert!(
        text(&seen.stderr).contains("cut off"),
        "{}",
        text(&seen.stderr)
    );
}

#[test]
fn another_log_key_than_the_one_known_is_exit_8() {
    let folder = tempfile::tempdir().unwrap();
    Files::of(&SampleLog::grown(4, 50)).write(folder.path());
    let other = breakglass::audit::note::NoteSigner::from_seed(support::ORIGIN, &[9; 32]).unwrap();
    let known = support::signer().verifier_key().to_string();
    assert_eq!(
        verify(folder.path(), &["--log-key", &known]).status.code(),
        Some(0)
    );
    let wrong = other.verifier_key().to_string();
    assert_eq!(
        verify(folder.path(), &["--log-key", &wrong]).status.code(),
        Some(8)
    );
}

#[test]
fn a_file_without_a_checkpoint_is_named_and_nothing_counts_as_checked() {
    let folder = tempfile::tempdir().unwrap();
    let log = SampleLog::grown(5, 60);
    Files::of(&log).write(folder.path());
    let level = |report: &Value| report["levels"][3].clone();
    let alone: Value = serde_json::from_slice(&verify(folder.path(), &["--json"]).stdout).unwrap();
    assert_eq!(level(&alone)["outcome"], "not_run", "{alone}");
    assert_eq!(
        (&alone["own_checkpoints"], &alone["passed"]),
        (&1.into(), &true.into())
    );

    let (good, empty) = (
        folder.path().join("good.eml"),
        folder.path().join("empty.eml"),
    );
    std::fs::write(&good, log.checkpoint(30).to_string()).unwrap();
    std::fs::write(&empty, "Subject: lunch\n\nat noon\n").unwrap();
    let (good, empty) = (good.to_str().unwrap(), empty.to_str().unwrap());
    let output = verify(folder.path(), &["--json", "--seen", good]);
    let report: Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!(level(&report)["checked"], 1, "{report}");
    let output = verify(folder.path(), &["--seen", good, empty]);
    assert_eq!(output.status.code(), Some(2));
    let said = text(&output.stderr);
    assert!(
        said.contains("empty.eml") && !said.contains("good.eml"),
        "{said}"
    );
}
