//! Offline verification on sample logs: what holds passes, every change is named, and the
//! independent Python verifier agrees.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on may stop")]

mod agreement;
mod papers;
mod seams;
mod speed;
mod support;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use breakglass::audit::cosignature::signed_message;
use breakglass::audit::merkle::leaf_hash;
use breakglass::audit::note::{KeyKind, Note, Signature, VerifierKey};
use breakglass::audit::verify::{Expectations, Outcome, Report, Seen, verify};
use ed25519_dalek::{Signer as _, SigningKey};
use serde_json::json;
use support::{Chance, Files, SampleLog, checkpoint_of};

fn seen(name: &str, bytes: impl Into<Vec<u8>>) -> Expectations {
    let seen = vec![Seen {
        name: name.to_owned(),
        bytes: bytes.into(),
    }];
    Expectations {
        seen,
        threads: 2,
        ..Expectations::default()
    }
}

fn failure(report: &Report) -> (u8, Option<u64>, String) {
    let level = report.first_failure().expect("a level failed");
    (level.level, level.seq, level.reason.clone().unwrap())
}

#[test]
fn logs_of_many_sizes_pass_with_all_levels_that_can_run() {
    for size in [4, 255, 256, 257, 2047, 2048, 2049, 6000] {
        let log = SampleLog::grown(size, size);
        let report = Files::of(&log).verify();
        assert!(report.passed, "{size}: {report:?}");
        let ran: Vec<Outcome> = report.levels.iter().map(|level| level.outcome).collect();
        use Outcome::{NotRun, Passed};
        // Nothing was received elsewhere: the copy's own checkpoints do not count as that.
        assert_eq!(ran, [Passed, Passed, NotRun, NotRun, Passed, Passed]);
        assert_eq!(report.own_checkpoints, 1);
        assert_eq!(
            report.levels[2].reason.as_deref(),
            Some("the policy asks for no witnesses")
        );
    }
}

#[test]
fn a_call_without_end_at_the_end_is_reported_as_open() {
    let mut log = SampleLog::new(1);
    let begin = log.add("call.begin", json!({"cid": "c9", "sid": "s1", "inc": "i1"}));
    let report = Files::of(&log).verify();
    assert!(report.passed);
    assert_eq!(report.open_calls, [begin]);
}

#[test]
fn any_changed_byte_of_an_export_is_named() {
    let log = SampleLog::grown(5, 700);
    let files = Files::of(&log);
    let mut chance = Chance(99);
    for path in files
        .0
        .keys()
        .filter(|path| !["README.txt", "verify.py"].contains(&path.as_str()))
    {
        let length = files.0[path].len() as u64;
        let rounds = if length < 800 { length } else { 60 };
        for round in 0..rounds {
            let at = if rounds == length {
                round
            } else {
                chance.below(length)
            };
            let mut changed = files.clone();
            let bytes = changed.0.get_mut(path).unwrap();
            bytes[usize::try_from(at).unwrap()] ^= 1 << chance.below(8);
            let report = changed.verify();
            assert!(
                !report.passed && report.first_failure().is_some(),
                "{path} at {at}"
            );
        }
        let mut without = files.clone();
        without.0.remove(path);
        // An earlier checkpoint that is gone is nothing this export can know of.
        assert_eq!(
            without.verify().passed,
            path.starts_with("checkpoints/"),
            "{path}"
        );
    }
}

#[test]
fn a_changed_entry_is_named_by_its_number() {
    let log = SampleLog::grown(6, 3000);
    let files = Files::of(&log);
    let mut changed = files.clone();
    let lines = changed.0.get_mut("entries.ndjson").unwrap();
    let start: usize = log.entries[..2500]
        .iter()
        .map(|entry| entry.len() + 1)
        .sum();
    lines[start + 20] ^= 1;
    let (level, seq, _) = failure(&changed.verify());
    assert_eq!((level, seq), (0, Some(2500)));

    let mut cut = files.clone();
    let lines = cut.0.get_mut("entries.ndjson").unwrap();
    lines.truncate(start);
    assert_eq!(failure(&cut.verify()).1, Some(2500));
    let mut longer = files;
    longer
        .0
        .get_mut("entries.ndjson")
        .unwrap()
        .extend_from_slice(b"{}\n");
    assert_eq!(failure(&longer.verify()).1, Some(3000));
}

#[test]
fn a_log_rewritten_with_all_keys_fails_against_one_old_checkpoint() {
    let log = SampleLog::grown(7, 2000);
    let old = log.checkpoint(900).to_string();
    let mut rewritten = SampleLog::grown(7, 2000);
    let text = String::from_utf8(rewritten.entries[777].clone()).unwrap();
    rewritten.entries[777] = text.replace("00c0ffee", "00c0ffef").into_bytes();
    let files = Files::of(&rewritten);
    assert!(files.verify().passed, "the keys sign anything");
    let (level, _, reason) = failure(&verify(&files, &seen("inbox.eml", old.clone())));
    assert_eq!(level, 3);
    assert_eq!(
        reason,
        "history was rewritten below entry 900, says inbox.eml"
    );

    let mut cut = SampleLog::grown(7, 2000);
    cut.entries.truncate(800);
    let (level, _, reason) = failure(&verify(&Files::of(&cut), &seen("inbox.eml", old.clone())));
    assert_eq!(
        (level, reason.as_str()),
        (
            3,
            "entries were cut off, or this copy is older: inbox.eml saw 900, here are 800: take a newer copy first"
        )
    );
    assert!(verify(&Files::of(&log), &seen("inbox.eml", old)).passed);
}

#[test]
fn checkpoints_are_found_in_mail_chat_and_webhook_text() {
    let log = SampleLog::grown(8, 600);
    let files = Files::of(&log);
    let note = log.checkpoint(500).to_string();
    let encoded = STANDARD.encode(&note);
    let folded: Vec<&str> = encoded
        .as_bytes()
        .chunks(70)
        .map(|c| std::str::from_utf8(c).unwrap())
        .collect();
    let quoted: String = note.lines().map(|line| format!("> {line}\r\n")).collect();
    let printable = note.replace('=', "=3D").replace('\u{2014}', "=E2=80=94");
    let body = STANDARD.encode(format!("Hello vera,\n\n{note}"));
    let body: Vec<&str> = body
        .as_bytes()
        .chunks(76)
        .map(|c| std::str::from_utf8(c).unwrap())
        .collect();
    for (name, text) in [
        ("plain", format!("The session closed.\n\n{note}\nBye")),
        ("quoted", quoted),
        (
            "header",
            format!(
                "Subject: closed\r\nX-Log-Checkpoint: {}\r\nTo: vera\r\n\r\nhi",
                folded.join("\r\n ")
            ),
        ),
        ("printable", printable),
        (
            "base64 body",
            format!(
                "Content-Transfer-Encoding: base64\r\n\r\n{}\r\n",
                body.join("\r\n")
            ),
        ),
        (
            "json",
            serde_json::to_string(&json!({"text": format!("closed: {note}")})).unwrap(),
        ),
    ] {
        let report = verify(&files, &seen(name, text.clone()));
        assert_eq!(report.levels[3].checked, 1, "{name}: {report:?}");
        // The same text against another history must fail.
        let other = Files::of(&SampleLog::grown(9, 600));
        assert_eq!(failure(&verify(&other, &seen(name, text))).0, 3, "{name}");
    }
}

#[test]
fn a_note_of_this_log_by_a_foreign_key_is_a_failure_and_of_another_log_is_not() {
    let log = SampleLog::grown(8, 20);
    let files = Files::of(&log);
    let note = log.checkpoint(10).to_string();
    let foreign = note.replace("e1 ", "e1 AAAA");
    assert_eq!(failure(&verify(&files, &seen("x", foreign))).0, 3);
    let other = note.replace("/e1", "/e2");
    let report = verify(&Files::with_earlier(&log, &[]), &seen("x", other));
    assert_eq!(report.first_failure(), None);
    assert_eq!(report.levels[3].outcome, Outcome::NotRun);
    // Named, and no success: who gave it would believe that it was checked.
    assert_eq!(
        (report.passed, &report.unusable_seen[..]),
        (false, &["x".to_owned()][..])
    );
}

/// Changes the entry at the end of a good log and says what level 4 names.
fn last_entry_fails(kind: &str, members: serde_json::Value) -> String {
    let mut log = SampleLog::new(3);
    let seq = log.add(kind, members);
    let report = Files::of(&log).verify();
    let (level, at, reason) = failure(&report);
    assert_eq!((level, at), (4, Some(seq)));
    reason
}

#[test]
fn each_entry_rule_names_its_breach() {
    let call = |sid: &str, inc: &str| json!({"cid": "c", "sid": sid, "inc": inc});
    for (kind, members, reason) in [
        (
            "call.begin",
            call("s2", "i1"),
            "the call is outside an open session",
        ),
        (
            "call.begin",
            call("s1", "i2"),
            "the call names another incident than its session",
        ),
        (
            "call.end",
            json!({"cid": "c", "begin": 2, "status": 1, "ended": "complete"}),
            "its call is not open",
        ),
        ("call.lost", json!({"cid": "c"}), "begin is missing"),
        (
            "call.head",
            json!({"cid": "c", "begin": 9}),
            "its call is not open",
        ),
        (
            "log.genesis",
            json!({"origin": support::ORIGIN}),
            "log.genesis is the first entry and only that",
        ),
        (
            "session.open",
            json!({"sid": "s1", "inc": "i1", "exp_ms": 1}),
            "the session is open already",
        ),
        (
            "session.close",
            json!({"sid": "s9"}),
            "no such session is open",
        ),
    ] {
        assert_eq!(last_entry_fails(kind, members), reason);
    }
}

#[test]
fn a_call_is_ended_once_and_not_after_its_session() {
    let mut log = SampleLog::new(3);
    let begin = log.add("call.begin", json!({"cid": "c", "sid": "s1", "inc": "i1"}));
    let end = json!({"cid": "c", "begin": begin, "status": 200, "ended": "session_closed"});
    log.add(
        "session.close",
        json!({"sid": "s1", "inc": "i1", "why": "stop"}),
    );
    log.add("call.end", end.clone());
    assert!(
        Files::of(&log).verify().passed,
        "a cut call may end after its session"
    );
    let again = log.add("call.end", end);
    assert_eq!(failure(&Files::of(&log).verify()).1, Some(again));

    let mut late = SampleLog::new(3);
    late.add(
        "session.open",
        json!({"sid": "s2", "inc": "i1", "exp_ms": 5}),
    );
    let begin = late.add("call.begin", json!({"cid": "c", "sid": "s2", "inc": "i1"}));
    let (_, seq, reason) = failure(&Files::of(&late).verify());
    assert_eq!(
        (seq, reason.as_str()),
        (Some(begin), "the call is after the end of its session")
    );
}

#[test]
fn other_spellings_gaps_and_falling_clocks_are_named_though_they_hash() {
    let good = SampleLog::grown(4, 50);
    let change = |at: usize, from: &str, to: &str| {
        let mut log = SampleLog::grown(4, 50);
        let text = String::from_utf8(good.entries[at].clone()).unwrap();
        assert!(text.contains(from));
        log.entries[at] = text.replacen(from, to, 1).into_bytes();
        failure(&Files::of(&log).verify())
    };
    assert_eq!(change(30, "{\"", "{ \"").1, Some(30));
    assert_eq!(change(30, "\"seq\":30", "\"seq\":31").2, "seq is 31");
    assert_eq!(
        change(0, "\"ts\":1", "\"ts\":9").2,
        "ts falls without clock.jump"
    );
    assert_eq!(change(30, "breakglass/1", "breakglass/2").1, Some(30));
    assert_eq!(
        change(0, "vault.example", "vaulx.example").2,
        "log.genesis names another origin"
    );
}

#[test]
fn a_missing_or_changed_document_is_named_by_the_entry_that_needs_it() {
    let mut log = SampleLog::new(3);
    log.objects.retain(|(path, _)| !path.starts_with("terms/"));
    let (level, seq, _) = failure(&Files::of(&log).verify());
    assert_eq!((level, seq), (5, Some(1)));
    let mut log = SampleLog::new(3);
    log.objects[0].1.push(b' ');
    assert_eq!(failure(&Files::of(&log).verify()).1, Some(0));
}

#[test]
fn an_empty_log_has_the_empty_root_and_then_no_more() {
    let note = checkpoint_of(&[]);
    assert!(
        note.text
            .contains("\n0\n47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU=\n")
    );
    assert_ne!(leaf_hash(b""), [0; 32]);
}

/// A witness's cosignature line over a note's body (C2SP tlog-cosignature).
fn cosigned(note: &Note, name: &str, seed: u8, time_s: u64) -> (VerifierKey, String) {
    let key = SigningKey::from_bytes(&[seed; 32]);
    let public = key.verifying_key().to_bytes();
    let public = VerifierKey::from_public(name, KeyKind::Witness, &public).unwrap();
    let signature = key.sign(&signed_message(time_s, &note.text));
    let mut bytes = time_s.to_be_bytes().to_vec();
    bytes.extend_from_slice(&signature.to_bytes());
    let line = Signature {
        name: name.to_owned(),
        key_id: public.key_id(),
        bytes,
    };
    (public, line.to_string())
}

#[test]
fn a_quorum_of_witnesses_is_demanded_where_the_policy_names_one() {
    let log = SampleLog::grown(2, 40);
    let note = log.checkpoint(log.entries.len());
    let (first, line_1) = cosigned(&note, "w1.example", 1, 1_700_000_000);
    let (second, line_2) = cosigned(&note, "w2.example", 2, 1_700_000_000);
    let policy = format!(
        "log {}\nwitness a {first}\nwitness b {second}\ngroup both all a b\nquorum both\n",
        support::signer().verifier_key()
    );
    let outcome = |checkpoint: String| {
        let mut files = Files::of(&log);
        files
            .0
            .insert("policy.txt".into(), policy.clone().into_bytes());
        files.0.insert("checkpoint".into(), checkpoint.into_bytes());
        let report = files.verify();
        (report.passed, report.levels[2].outcome)
    };
    assert_eq!(
        outcome(format!("{note}{line_1}\n{line_2}\n")),
        (true, Outcome::Passed)
    );
    assert_eq!(
        outcome(format!("{note}{line_1}\n")),
        (false, Outcome::Failed)
    );
    assert_eq!(outcome(note.to_string()), (false, Outcome::Failed));
    let broken = line_2.replace("AAAA", "AAAB");
    assert_eq!(
        outcome(format!("{note}{line_1}\n{broken}\n")),
        (false, Outcome::Failed)
    );
}
