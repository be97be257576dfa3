//! The embedded Python verifier and ours agree on random logs and on corruptions of them.

use std::process::Command;

use breakglass::audit::verify::{Outcome, Report};
use serde_json::Value;

use super::support::{Chance, Files, SampleLog};

const DRIVER: &str = "
import json, os, sys
sys.path.insert(0, sys.argv[1])
sys.dont_write_bytecode = True
import verify
for name in sorted(os.listdir(sys.argv[2])):
    print(json.dumps(verify.run(os.path.join(sys.argv[2], name))))
";

/// What both must say alike: outcome and first bad entry of each level both know.
pub(crate) fn ours(report: &Report) -> Vec<(u8, String, Option<u64>)> {
    let both = report
        .levels
        .iter()
        .filter(|level| [0, 1, 3, 4].contains(&level.level));
    let word = |outcome| match outcome {
        Outcome::Passed => "passed".to_owned(),
        Outcome::Failed => "failed".to_owned(),
        Outcome::NotRun => "not_run".to_owned(),
    };
    both.map(|level| (level.level, word(level.outcome), level.seq))
        .collect()
}

pub(crate) fn theirs(line: &str) -> Vec<(u8, String, Option<u64>)> {
    let report: Value = serde_json::from_str(line).unwrap();
    let levels = report["levels"].as_array().unwrap().iter();
    levels
        .map(|level| {
            let number = u8::try_from(level["level"].as_u64().unwrap()).unwrap();
            (
                number,
                level["outcome"].as_str().unwrap().to_owned(),
                level["seq"].as_u64(),
            )
        })
        .collect()
}

/// What either verifier says of these exports: our reports, and a line of JSON for each.
pub(crate) fn both(exports: &[Files]) -> (Vec<Report>, String) {
    let folder = tempfile::tempdir().unwrap();
    let script = folder.path().join("script");
    let logs = folder.path().join("logs");
    std::fs::create_dir_all(&script).unwrap();
    std::fs::write(
        script.join("verify.py"),
        breakglass::audit::export::VERIFY_PY,
    )
    .unwrap();
    for (number, files) in exports.iter().enumerate() {
        files.write(&logs.join(format!("{number:08}")));
    }
    let output = Command::new("python3")
        .args(["-c", DRIVER])
        .args([&script, &logs])
        .output()
        .expect("python3 runs");
    let error = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{error}");
    let text = String::from_utf8(output.stdout).unwrap();
    assert_eq!(text.lines().count(), exports.len());
    (exports.iter().map(Files::verify).collect(), text)
}

/// Both verifiers pass what `grow` makes and name each fault in its entries: entries with a text in
/// which one piece stands for another. The first fault is none.
pub(crate) fn each_fault_is_named(grow: impl Fn() -> SampleLog, faults: &[(&str, &str, &str)]) {
    let whole = grow();
    let mut exports = Vec::new();
    for (number, (place, was, is)) in faults.iter().enumerate() {
        let mut log = grow();
        for bytes in &mut log.entries {
            let text = String::from_utf8(bytes.clone()).unwrap();
            if !place.is_empty() && text.contains(place) {
                *bytes = text.replace(was, is).into_bytes();
            }
        }
        assert_eq!(
            log.entries != whole.entries,
            number > 0,
            "{number}: {place}"
        );
        exports.push(Files::of(&log));
    }
    let (reports, text) = both(&exports);
    for ((number, report), line) in reports.iter().enumerate().zip(text.lines()) {
        assert_eq!(ours(report), theirs(line), "{number}: {report:?}\n{line}");
        // The sample has no documents: the entries are level 4's.
        let entries = report.levels[4].outcome == Outcome::Passed;
        assert_eq!(entries, number == 0, "{number}: {report:?}");
    }
}

/// A log with one fault or none: in the files, or signed into the log.
fn sample(round: u64) -> Files {
    let mut chance = Chance(round * 7919 + 1);
    let size = 4 + chance.below(600);
    let mut log = SampleLog::grown(round, size);
    if round.is_multiple_of(3) {
        // A fault the log itself signed: one byte of one entry.
        let at = usize::try_from(chance.below(log.entries.len() as u64)).unwrap();
        let place = usize::try_from(chance.below(log.entries[at].len() as u64)).unwrap();
        let byte = &mut log.entries[at][place];
        *byte = (*byte ^ (1 << chance.below(7))).max(32);
    }
    let mut files = Files::of(&log);
    if round % 3 == 1 {
        let names: Vec<String> = files
            .0
            .keys()
            .filter(|name| counts(name))
            .cloned()
            .collect();
        let name = &names[usize::try_from(chance.below(names.len() as u64)).unwrap()];
        let bytes = files.0.get_mut(name).unwrap();
        let place = usize::try_from(chance.below(bytes.len() as u64)).unwrap();
        match chance.below(4) {
            0 => bytes.truncate(place),
            1 => bytes.insert(place, b'x'),
            _ => bytes[place] ^= 1 << chance.below(8),
        }
    }
    files
}

fn counts(name: &str) -> bool {
    !["README.txt", "verify.py"].contains(&name)
        && ["tile/", "checkpoint", "entries.ndjson", "policy.txt"]
            .iter()
            .any(|start| name.starts_with(start))
}

#[test]
fn python_and_rust_agree_on_emergency_logs_and_on_every_fault_the_log_signed_into_them() {
    let whole = SampleLog::with_emergency_logs(3);
    let mut logs = vec![Files::of(&whole)];
    // One emergency entry is missing, repeated, or another one; the main log goes on regardless.
    let at = whole
        .entries
        .iter()
        .position(|e| memchr::memmem::find(e, b"emergency.entry").is_some());
    for fault in 0..3 {
        let mut log = SampleLog::with_emergency_logs(3);
        for bytes in &mut log.entries {
            let text = String::from_utf8(bytes.clone()).unwrap();
            let inner = "\\\"t\\\":\\\"emergency.begun\\\"";
            let wrong = match fault {
                0 => text.replace(inner, &inner.replace("begun", "ended")),
                1 => text.replace("\\\"seq\\\":1,", "\\\"seq\\\":2,"),
                _ => text.replace("/emergency/n2\",", "/emergency/n1\","),
            };
            *bytes = wrong.into_bytes();
        }
        assert_ne!(log.entries, whole.entries, "fault {fault}");
        logs.push(Files::of(&log));
    }
    // Cut between the entries and their checkpoint.
    let mut log = SampleLog::with_emergency_logs(3);
    log.entries.truncate(at.unwrap() + 1);
    logs.push(Files::of(&log));
    let (reports, text) = both(&logs);
    for ((number, report), line) in reports.iter().enumerate().zip(text.lines()) {
        assert_eq!(ours(report), theirs(line), "{number}: {report:?}\n{line}");
        assert_eq!(report.passed, number == 0, "{number}: {report:?}");
    }
    let cut: Value = serde_json::from_str(text.lines().next().unwrap()).unwrap();
    assert_eq!(reports[0].emergency_cuts.len(), 1);
    assert_eq!(cut["emergency_cuts"][0], reports[0].emergency_cuts[0]);
}

#[test]
fn python_and_rust_agree_on_a_drill_and_on_every_mark_that_is_wrong() {
    let faults = [
        ("", "", ""),
        ("share.accept", "\"drill\":true,", ""),
        ("share.accept", "INC-9", "INC-8"),
        ("cp.seen", "\"drill\":true", "\"drill\":1"),
        ("drill.dealt", "\"epoch\":2", "\"epoch\":1"),
        ("drill.dealt", "\"drill\":true,", ""),
        ("drill.dealt", "\"manifest_sha256\":\"ab\",", ""),
        ("incident.opened", "\"drill\":true,", ""),
    ];
    each_fault_is_named(|| SampleLog::with_a_drill(5), &faults);
}

#[test]
fn python_and_rust_agree_on_random_logs_and_corruptions() {
    let rounds = std::env::var_os("BREAKGLASS_AGREEMENT_ROUNDS")
        .map_or(100, |text| text.to_str().unwrap().parse().unwrap());
    let logs: Vec<Files> = (0..rounds).map(sample).collect();
    let (reports, text) = both(&logs);
    for ((round, report), line) in reports.iter().enumerate().zip(text.lines()) {
        assert_eq!(
            ours(report),
            theirs(line),
            "round {round}: {report:?}\n{line}"
        );
    }
    let failed = reports
        .iter()
        .filter(|report| report.first_failure().is_some())
        .count();
    assert!(
        failed * 3 > reports.len(),
        "corruptions were found: {failed}"
    );
}

#[test]
fn the_python_verifier_runs_from_the_command_line() {
    let folder = tempfile::tempdir().unwrap();
    let log = SampleLog::grown(2, 40);
    Files::of(&log).write(folder.path());
    let seen = folder.path().join("seen.eml");
    std::fs::write(&seen, format!("hello\n\n{}\nbye\n", log.checkpoint(10))).unwrap();
    let run = |extra: &[&str]| {
        let script = folder.path().join("verify.py");
        Command::new("python3")
            .arg(script)
            .arg(folder.path())
            .args(extra)
            .output()
            .unwrap()
    };
    let output = run(&["--seen", seen.to_str().unwrap(), "--json"]);
    assert!(
        output.status.success(),
        "{}",
        String::from_utf8_lossy(&output.stderr)
    );
    let report: Value = serde_json::from_slice(&output.stdout).unwrap();
    // The one that was received; the copy's own is counted apart.
    assert_eq!(report["levels"][2]["checked"], 1);
    assert_eq!(report["own_checkpoints"], 1);
    let empty = folder.path().join("empty.eml");
    std::fs::write(&empty, "nothing\n").unwrap();
    let both = [seen.to_str().unwrap(), empty.to_str().unwrap()];
    let output = run(&["--seen", both[0], both[1]]);
    assert_eq!(output.status.code(), Some(2), "a mail without a checkpoint");
    assert!(String::from_utf8_lossy(&output.stdout).contains("empty.eml holds no checkpoint"));
    std::fs::write(&seen, SampleLog::grown(3, 40).checkpoint(10).to_string()).unwrap();
    assert_eq!(
        run(&["--seen", seen.to_str().unwrap()]).status.code(),
        Some(8)
    );
    assert_eq!(run(&["--odd"]).status.code(), Some(2));
}
