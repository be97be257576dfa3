//! Documents people sign: one spelling each, nothing unread in them, fixed hashes.

use std::collections::BTreeMap;

use breakglass::domain::act::{Act, ActError, Deed, Opening, PhraseResult, Pick, Seen};
use breakglass::domain::canonical::CanonicalError;
use breakglass::domain::ids::{Digest, IncidentId};
use breakglass::domain::manifest::Kind;
use breakglass::domain::phrase::phrase;
use breakglass::domain::review::{Finding, OpenItem, Severity, Verdict, complete};
use breakglass::domain::terms::{Purpose, Requester, Target, Terms, is_plain_text};
use breakglass::domain::time::Timestamp;

fn act(deed: Deed) -> Act {
    Act {
        v: "breakglass/1".to_owned(),
        vault: "prod-eu".parse().expect("an example is well formed"),
        incident: Some(IncidentId::numbered(2)),
        terms_sha256: Some(Digest::of(b"terms")),
        person: "ada".parse().expect("an example is well formed"),
        key: "ssh-ed25519 AAAA".to_owned(),
        at_ms: Timestamp(1_795_226_820_000),
        cp: Seen {
            origin: "bg.example.org/log/prod-eu/e1".into(),
            size: 4,
            root: "AA==".into(),
        },
        deed,
    }
}

fn deeds() -> Vec<Deed> {
    let hash = Digest::of(b"x");
    let reason = "no".to_owned();
    vec![
        Deed::Claim {},
        Deed::Approve {
            index: 1,
            manifest_sha256: hash,
            unlocker: "age1qq".into(),
            phrase: PhraseResult::Matched,
            overrides: vec![],
            witness_sha256: None,
        },
        Deed::Approve {
            index: 2,
            manifest_sha256: hash,
            unlocker: "age1qq".into(),
            phrase: PhraseResult::Matched,
            overrides: vec![],
            witness_sha256: Some(hash),
        },
        Deed::Witness {
            opener: "ben".parse().unwrap(),
            index: 2,
            manifest_sha256: hash,
            unlocker: "age1qq".into(),
            bag: "0017".into(),
        },
        Deed::Refuse {
            reason: reason.clone(),
        },
        Deed::Withdraw {},
        Deed::Mismatch {
            pick: Pick::NothingHeard,
        },
        Deed::Veto {
            reason: reason.clone(),
        },
        Deed::Stop { reason },
        Deed::Extend { max_minutes: 90 },
        Deed::Close {},
        Deed::Roster {
            roster_sha256: hash,
        },
        Deed::Policy {
            policy_sha256: hash,
        },
        Deed::Override { gates: vec![] },
        Deed::Open(Box::new(opening())),
        Deed::Prove {
            kind: Kind::Live,
            epoch: 7,
            index: 1,
            manifest_sha256: hash,
            roster_sha256: hash,
            policy_sha256: hash,
            unlocker: "age1qq".into(),
            challenge: "00".repeat(32),
        },
        Deed::Review {
            answers: BTreeMap::from([("real".to_owned(), "yes".to_owned())]),
            findings: vec![Finding {
                severity: Severity::Note,
                text: "slow".into(),
            }],
            verdict: Verdict::Findings,
            record_sha256: hash,
        },
    ]
}

fn opening() -> Opening {
    Opening {
        purpose: Purpose::Incident,
        use_case: "catastrophic-outage".into(),
        answers: BTreeMap::from([("platform_down".to_owned(), true)]),
        reason: "all clusters are gone".into(),
        ticket: String::new(),
        target: Target {
            account: true,
            workspace: None,
        },
        scope: vec![],
        grants_to: vec![],
        max_minutes: 30,
        claim_key: Some("ssh-ed25519 AAAAClaim".into()),
        displaces: None,
        continues: None,
        client_nonce: "00".repeat(16),
    }
}

fn edited(
    deed: Deed,
    change: impl FnOnce(&mut serde_json::Map<String, serde_json::Value>),
) -> Vec<u8> {
    let mut members: serde_json::Map<_, _> =
        serde_json::from_slice(&act(deed).bytes().expect("an example is well formed"))
            .expect("an example is well formed");
    change(&mut members);
    serde_json::to_vec(&members).expect("an example is well formed")
}

#[test]
fn every_act_parses_from_exactly_the_bytes_that_were_signed() {
    for deed in deeds() {
        let act = act(deed);
        let bytes = act.bytes().unwrap();
        assert_eq!(Act::parse(&bytes).as_ref(), Ok(&act));
        assert_eq!(act.namespace(), format!("breakglass-{}", act.deed.word()));
    }
}

#[test]
fn an_act_with_a_member_nobody_reads_is_refused() {
    for deed in deeds() {
        let word = deed.word();
        let bytes = edited(deed, |m| drop(m.insert("zz".into(), 1.into())));
        assert!(Act::parse(&bytes).is_err(), "{word}");
    }
    let other = edited(Deed::Close {}, |m| {
        drop(m.insert("max_minutes".into(), 600.into()))
    });
    assert!(Act::parse(&other).is_err(), "a member of another act");
}

#[test]
fn another_spelling_of_an_act_is_refused() {
    let bytes = act(Deed::Close {}).bytes().unwrap();
    let text = String::from_utf8(bytes).unwrap();
    let blank = text.replacen(':', ": ", 1);
    let canonical = Err(ActError::Document(CanonicalError::NotCanonical));
    assert_eq!(Act::parse(blank.as_bytes()), canonical);
    let null = text.replacen("{", "{\"aa\":null,", 1);
    assert!(Act::parse(null.as_bytes()).is_err());
    let twice = text.replacen("{", "{\"act\":\"stop\",", 1);
    let duplicate = Err(ActError::Document(CanonicalError::Duplicate));
    assert_eq!(Act::parse(twice.as_bytes()), duplicate);
    let explicit_null = edited(Deed::Close {}, |m| {
        drop(m.insert("incident".into(), serde_json::Value::Null))
    });
    assert!(
        Act::parse(&explicit_null).is_err(),
        "an absent member has one spelling"
    );
}

#[test]
fn an_act_of_another_version_or_with_another_phrase_result_is_refused() {
    let other = edited(Deed::Close {}, |m| {
        drop(m.insert("v".into(), "breakglass/2".into()))
    });
    assert_eq!(Act::parse(&other), Err(ActError::Version));
    let approve = deeds().remove(1);
    let wrong = edited(approve, |m| drop(m.insert("phrase".into(), "wrong".into())));
    assert!(
        Act::parse(&wrong).is_err(),
        "an approval says matched or is none"
    );
}

fn terms() -> Terms {
    let hash = |text: &str| Digest::of(text.as_bytes());
    Terms {
        v: "breakglass/1".to_owned(),
        purpose: Purpose::Incident,
        kind: Kind::Live,
        incident: IncidentId::numbered(2),
        vault: "prod-eu".parse().expect("an example is well formed"),
        epoch: 7,
        k: 3,
        n: 5,
        needed: 3,
        gates: vec![],
        recipient: "age1qqone".to_owned(),
        requester: Requester::Person("rio".parse().expect("an example is well formed")),
        request_sha256: Some(hash("request")),
        claim_key: Some("ssh-ed25519 AAAAClaim".to_owned()),
        use_case: "catastrophic-outage".to_owned(),
        answers: BTreeMap::from([("platform_down".to_owned(), true)]),
        reason: "all clusters are gone – \"tenant wiped\"".to_owned(),
        ticket: "OPS-8812".to_owned(),
        target: Target {
            account: true,
            workspace: Some("1001".to_owned()),
        },
        scope: vec!["account:read".to_owned(), "ws:read".to_owned()],
        grants_to: vec![],
        max_minutes: 60,
        not_before_ms: Timestamp(1_795_226_820_000),
        continues: None,
        displaces: None,
        roster_sha256: hash("roster"),
        manifest_sha256: hash("manifest"),
        policy_sha256: hash("policy"),
        asked_ms: Timestamp(1_795_226_820_000),
        expires_ms: Timestamp(1_795_228_620_000),
        nonce: "00".repeat(32),
        session_secret: None,
    }
}

/// Computed by Python's json and hashlib over the same members; a change here changes what every
/// custodian ever signed.
const TERMS_SHA256: &str = "5cc307bc67a4943e1909c2e27e46f20d617760098a1c920f17cf20d2df536976";

#[test]
fn the_hash_of_these_terms_never_changes() {
    let hash = terms().sha256().unwrap();
    assert_eq!(hash.hex(), TERMS_SHA256);
    assert_eq!(phrase(&hash).join(" "), "high scar aunt");
}

#[test]
fn any_change_of_the_terms_changes_their_hash() {
    let hash = terms().sha256().unwrap();
    let changed = [
        Terms {
            max_minutes: 61,
            ..terms()
        },
        Terms {
            purpose: Purpose::Rotate,
            ..terms()
        },
        Terms {
            recipient: "age1qqtwo".to_owned(),
            ..terms()
        },
        Terms {
            claim_key: None,
            ..terms()
        },
        Terms {
            requester: Requester::Vault,
            ..terms()
        },
        Terms {
            nonce: "01".repeat(32),
            ..terms()
        },
    ];
    for terms in changed {
        assert_ne!(terms.sha256().unwrap(), hash);
    }
}

#[test]
fn no_odd_text_becomes_the_vault_itself() {
    let read = |text: &str| serde_json::from_str::<Requester>(text);
    assert_eq!(read("\"vault\"").unwrap(), Requester::Vault);
    assert!(read("\"rio\"").unwrap().person().is_some());
    for odd in ["\"\"", "\"Vault\"", "\"r i o\"", "null"] {
        assert!(read(odd).is_err(), "{odd}");
    }
}

#[test]
fn texts_that_could_show_something_else_than_is_signed_are_refused() {
    assert!(is_plain_text("Ausfall – größer als gedacht"));
    for odd in [
        "a\u{202e}b",
        "a\nb",
        "\u{1b}[2J",
        "\u{feff}a",
        "a\u{2066}b",
        "\u{2028}",
    ] {
        assert!(!is_plain_text(odd), "{odd:?}");
    }
}

#[test]
fn a_review_answers_every_question_and_item_and_nothing_else() {
    let question = breakglass::domain::policy::ReviewQuestion {
        id: "real".into(),
        text: "?".into(),
    };
    let item = OpenItem {
        id: "deny_1".into(),
        kind: "deny".into(),
        about: "/api/2/jobs".into(),
        why: "scope".into(),
        count: 2,
    };
    let check = |answers: &[(&str, &str)], findings: &[Finding]| {
        let answers = answers
            .iter()
            .map(|(k, v)| ((*k).to_owned(), (*v).to_owned()))
            .collect();
        complete(
            std::slice::from_ref(&question),
            std::slice::from_ref(&item),
            &answers,
            findings,
        )
        .map_err(|r| r.to_string())
    };
    assert_eq!(check(&[("real", "yes"), ("deny_1", "ours")], &[]), Ok(()));
    assert_eq!(
        check(&[("real", " ")], &[]).unwrap_err(),
        "not answered yet: deny_1, real"
    );
    let stray = check(&[("real", "y"), ("deny_1", "y"), ("more", "y")], &[]);
    assert!(stray.unwrap_err().contains("review answer"));
    let long = Finding {
        severity: Severity::Major,
        text: "x".repeat(4_001),
    };
    assert!(check(&[("real", "y"), ("deny_1", "y")], &[long]).is_err());
}
