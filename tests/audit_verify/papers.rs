//! Paper shares: both verifiers take one that two people signed, and name each that they did not.

use serde_json::{Value, json};

use super::agreement::{both, each_fault_is_named, ours, theirs};
use super::support::{Files, SampleLog};

const SHEET: &str = "age1qqsheet";

/// A document under its hash.
fn act(log: &mut SampleLog, members: &Value) -> String {
    log.object("acts", "", members.to_string().as_bytes())
}

/// Ben opened ada's paper beside cleo, and dora gave a share; `change` may alter what was signed.
fn log(change: fn(&mut Value, &mut Value)) -> SampleLog {
    let mut log = SampleLog::grown(5, 10);
    log.add(
        "incident.opened",
        json!({"inc": "INC-3", "requester": "rio"}),
    );
    let mut stands_by = json!({"act": "witness", "bag": "0017", "incident": "INC-3", "index": 1,
        "opener": "ben", "person": "cleo", "unlocker": SHEET});
    let mut releases = json!({"act": "approve", "incident": "INC-3", "index": 1, "person": "ben",
        "unlocker": SHEET});
    change(&mut stands_by, &mut releases);
    let witness = act(&mut log, &stands_by);
    if releases["witness_sha256"].is_null() {
        releases["witness_sha256"] = json!(witness);
    }
    let approve = act(&mut log, &releases);
    log.add(
        "paper.witnessed",
        json!({"inc": "INC-3", "person": "cleo", "opener": "ben", "keeper": "ada", "index": 1,
            "unlocker": SHEET, "bag": "0017", "act_sha256": witness}),
    );
    log.step();
    log.add(
        "share.accept",
        json!({"inc": "INC-3", "person": "ben", "index": 1, "unlocker": SHEET,
            "act_sha256": approve, "paper": {"keeper": "ada", "witness": "cleo",
            "witness_sha256": witness}}),
    );
    log.add(
        "share.accept",
        json!({"inc": "INC-3", "person": "dora", "index": 4}),
    );
    log
}

fn as_signed(_: &mut Value, _: &mut Value) {}

#[test]
fn both_verifiers_name_a_paper_that_breaks_a_rule_by_its_entry() {
    let paper = "\"paper\":{\"keeper\":\"ada\",\"witness\":\"cleo\"";
    let faults = [
        ("", "", ""),
        (
            "paper.witnessed",
            "\"person\":\"cleo\"",
            "\"person\":\"ben\"",
        ),
        (
            "paper.witnessed",
            "\"person\":\"cleo\"",
            "\"person\":\"rio\"",
        ),
        (
            "paper.witnessed",
            "\"opener\":\"ben\"",
            "\"opener\":\"rio\"",
        ),
        (
            "paper.witnessed",
            "\"keeper\":\"ada\"",
            "\"keeper\":\"rio\"",
        ),
        ("paper.witnessed", "\"bag\":\"0017\",", ""),
        ("paper.witnessed", "\"index\":1", "\"index\":2"),
        ("paper.witnessed", "INC-3", "INC-4"),
        (
            "\"person\":\"ben\"",
            "\"person\":\"ben\"",
            "\"person\":\"emil\"",
        ),
        (
            "share.accept",
            paper,
            "\"paper\":{\"keeper\":\"emil\",\"witness\":\"cleo\"",
        ),
        (
            "share.accept",
            paper,
            "\"paper\":{\"keeper\":\"ada\",\"witness\":\"vera\"",
        ),
        ("share.accept", paper, "\"paper\":{\"witness\":\"cleo\""),
        ("share.accept", SHEET, "age1qqother"),
        ("dora", "\"person\":\"dora\"", "\"person\":\"ben\""),
        ("dora", "\"index\":4", "\"index\":1"),
    ];
    each_fault_is_named(|| log(as_signed), &faults);
}

#[test]
fn a_second_paper_and_one_after_new_terms_are_named() {
    let accept = |log: &SampleLog| {
        let mut entries = log.entries.iter();
        let last = entries.rfind(|e| memchr::memmem::find(e, b"\"paper\":").is_some());
        let entry: Value = serde_json::from_slice(last.unwrap()).unwrap();
        json!({"inc": "INC-3", "person": "emil", "index": 5, "unlocker": SHEET,
            "act_sha256": entry["act_sha256"], "paper": entry["paper"]})
    };
    let mut second = log(as_signed);
    let again = accept(&second);
    second.add("share.accept", again);
    let mut stale = log(as_signed);
    stale.add(
        "incident.asked_again",
        json!({"inc": "INC-3", "requester": "rio"}),
    );
    let mut again = accept(&stale);
    again["person"] = json!("ben");
    again["index"] = json!(1);
    stale.add("share.accept", again);
    let exports = [Files::of(&second), Files::of(&stale)];
    let (reports, text) = both(&exports);
    for (report, line) in reports.iter().zip(text.lines()) {
        assert_eq!(ours(report), theirs(line), "{line}");
        let why = report.levels[4].reason.clone().unwrap();
        assert!(
            why.contains("second paper") || why.contains("no witness"),
            "{why}"
        );
    }
}

#[test]
fn what_was_signed_must_be_what_the_entries_say() {
    let changes: [fn(&mut Value, &mut Value); 7] = [
        as_signed,
        |witness, _| witness["opener"] = json!("emil"),
        |witness, _| witness["bag"] = json!("0018"),
        |witness, _| witness["act"] = json!("approve"),
        |_, approve| approve["witness_sha256"] = json!("00"),
        |_, approve| approve["unlocker"] = json!("age1qqother"),
        |_, approve| approve["incident"] = json!("INC-4"),
    ];
    let mut exports: Vec<Files> = changes.iter().map(|c| Files::of(&log(*c))).collect();
    let mut without = Files::of(&log(as_signed));
    without.0.retain(|path, _| !path.starts_with("acts/"));
    exports.push(without);
    let (reports, text) = both(&exports);
    for ((number, report), line) in reports.iter().enumerate().zip(text.lines()) {
        let python: Value = serde_json::from_str(line).unwrap();
        assert_eq!(report.passed, number == 0, "{number}: {report:?}");
        assert_eq!(python["passed"], number == 0, "{number}: {line}");
    }
}
