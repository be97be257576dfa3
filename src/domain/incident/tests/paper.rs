//! Paper shares: two people, one paper, one person counts once, and each way it is refused.

use super::world::*;
use crate::domain::ids::Digest;
use crate::domain::incident::command::{ShareOffer, WitnessOffer};
use crate::domain::incident::{Command, Event, Incident, Refusal};
use crate::domain::roster::Role;
use crate::domain::roster::tests::with_responder_as_custodian;

/// The recipient of ada's paper.
pub const SHEET: &str = "age1qqsheet";

/// Ada keeps a paper.
pub fn with_a_paper() -> World {
    let mut world = World::plain();
    keep(&mut world, "ada", SHEET);
    world
}

/// Gives a custodian a paper.
pub fn keep(world: &mut World, name: &str, sheet: &str) {
    let mut people = world.roster.people.iter_mut();
    let person = people.find(|p| p.id == id(name)).unwrap();
    person.unlockers.push(sheet.to_owned());
    person.paper = Some(sheet.to_owned());
}

/// What a witness signs.
pub fn signature(incident: &Incident, witness: &str, opener: &str) -> WitnessOffer {
    WitnessOffer {
        person: id(witness),
        opener: id(opener),
        index: 1,
        unlocker: SHEET.to_owned(),
        bag: "0017".to_owned(),
        act_sha256: hash(&format!("{witness} by {opener} {}", incident.terms.nonce)),
        terms_sha256: incident.terms_sha256,
        manifest_sha256: incident.terms.manifest_sha256,
        signed_ms: START,
    }
}

/// `witness` stands beside `opener`, who opens ada's paper.
pub fn witness(incident: &Incident, witness: &str, opener: &str) -> Command {
    Command::Witness(signature(incident, witness, opener))
}

/// What the opener sends after that.
pub fn by_paper(world: &World, incident: &Incident, opener: &str, witness: &str) -> ShareOffer {
    ShareOffer {
        index: 1,
        unlocker: SHEET.to_owned(),
        witness_sha256: Some(signature(incident, witness, opener).act_sha256),
        ..world.offer(incident, opener)
    }
}

/// Ben has given ada's share with her paper, beside cleo.
fn given(world: &World) -> Incident {
    let mut incident = world.collecting();
    let next = witness(&incident, "cleo", "ben");
    world.go(&mut incident, next);
    let offer = by_paper(world, &incident, "ben", "cleo");
    world.go(&mut incident, Command::Approve(offer));
    incident
}

fn code(result: Result<Vec<Event>, Refusal>) -> &'static str {
    result.unwrap_err().code()
}

#[test]
fn a_paper_and_two_shares_open_and_everyone_who_stood_there_took_part() {
    let world = with_a_paper();
    let mut incident = given(&world);
    let approval = &incident.approvals()[0];
    let paper = approval.paper.clone().unwrap();
    assert_eq!((approval.index, &approval.person), (1, &id("ben")));
    assert_eq!((paper.keeper, paper.witness), (id("ada"), id("cleo")));
    // The witness counts with her own share like everybody.
    for name in ["cleo", "dora"] {
        let offer = world.offer(&incident, name);
        world.go(&mut incident, Command::Approve(offer));
    }
    let begun = world.decide(&incident, Command::Begin).unwrap();
    assert!(matches!(&begun[..], [Event::UnsealBegun { indexes, .. }] if *indexes == [1, 3, 4]));
    assert!(
        ["ben", "cleo", "dora"]
            .iter()
            .all(|n| incident.participants.contains(&id(n)))
    );
    assert!(!incident.participants.contains(&id("ada")));
}

#[test]
fn the_keeper_may_open_her_own_paper_and_an_auditor_or_security_may_stand_by() {
    for by in ["vera", "sam", "emil"] {
        let world = with_a_paper();
        let mut incident = world.collecting();
        let next = witness(&incident, by, "ada");
        world.go(&mut incident, next);
        let offer = by_paper(&world, &incident, "ada", by);
        world.go(&mut incident, Command::Approve(offer));
        assert_eq!(incident.approvals().len(), 1, "{by}");
    }
}

#[test]
fn who_may_not_stand_by_or_open_is_refused_before_the_bag_is_opened() {
    let mut world = with_a_paper();
    let incident = world.collecting();
    let mut refused = incident.clone();
    world.go(&mut refused, refuse(&incident, "dora"));
    world.go(&mut refused, refuse(&incident, "emil"));
    let cases = [
        (&incident, "rio", "ben", "own_incident"),
        (&incident, "cleo", "rio", "own_incident"),
        (&incident, "ben", "ben", "own_witness"),
        (&incident, "otto", "ben", "wrong_role"),
        (&incident, "nobody", "ben", "wrong_role"),
        (&incident, "cleo", "vera", "no_share"),
        (&incident, "cleo", "otto", "no_share"),
        (&incident, "cleo", "nobody", "no_share"),
        (&refused, "dora", "ben", "refused_before"),
        (&refused, "cleo", "emil", "refused_before"),
    ];
    for (incident, by, opener, wanted) in cases {
        let said = code(world.decide(incident, witness(incident, by, opener)));
        assert_eq!(said, wanted, "{by} beside {opener}");
    }
    let mut mine = incident.clone();
    let own = world.offer(&mine, "ben");
    world.go(&mut mine, Command::Approve(own));
    assert_eq!(
        code(world.decide(&mine, witness(&mine, "cleo", "ben"))),
        "already_approved"
    );
    world.now = incident.terms.expires_ms;
    assert_eq!(
        code(world.decide(&incident, witness(&incident, "cleo", "ben"))),
        "lapsed"
    );
}

#[test]
fn what_a_witness_signs_is_exact() {
    let world = with_a_paper();
    let incident = world.collecting();
    type Change = fn(&mut WitnessOffer);
    let cases: [(Change, &str); 9] = [
        (|o| o.terms_sha256 = hash("others"), "other_terms"),
        (|o| o.manifest_sha256 = hash("others"), "other_manifest"),
        (|o| o.index = 2, "not_paper"),
        (|o| o.index = 9, "keeper_left"),
        (|o| o.unlocker = "age1qqada".into(), "not_paper"),
        (|o| o.bag = " ".into(), "bad_text"),
        (|o| o.bag = "0\u{202e}17".into(), "bad_text"),
        (|o| o.bag = "1".repeat(61), "bad_text"),
        (|o| o.signed_ms = START.plus_ms(11 * 60_000), "clock_apart"),
    ];
    for (number, (change, wanted)) in cases.into_iter().enumerate() {
        let mut offer = signature(&incident, "cleo", "ben");
        change(&mut offer);
        assert_eq!(
            code(world.decide(&incident, Command::Witness(offer))),
            wanted,
            "{number}"
        );
    }
}

#[test]
fn a_paper_without_its_own_witness_opens_nothing() {
    let world = with_a_paper();
    let mut incident = world.collecting();
    let alone = by_paper(&world, &incident, "ben", "cleo");
    assert_eq!(
        code(world.decide(&incident, Command::Approve(alone))),
        "no_witness"
    );
    let next = witness(&incident, "cleo", "ben");
    world.go(&mut incident, next);
    type Change = fn(&mut ShareOffer);
    let cases: [(Change, &str); 5] = [
        (|o| o.person = id("dora"), "no_witness"),
        (
            |o| o.witness_sha256 = Some(Digest::of(b"other")),
            "no_witness",
        ),
        (|o| o.unlocker = "age1qqada".into(), "not_paper"),
        (|o| o.index = 3, "not_paper"),
        (|o| o.witness_sha256 = None, "other_index"),
    ];
    for (number, (change, wanted)) in cases.into_iter().enumerate() {
        let mut offer = by_paper(&world, &incident, "ben", "cleo");
        change(&mut offer);
        assert_eq!(
            code(world.decide(&incident, Command::Approve(offer))),
            wanted,
            "{number}"
        );
    }
    let own = ShareOffer {
        unlocker: SHEET.to_owned(),
        ..world.offer(&incident, "ada")
    };
    assert_eq!(
        code(world.decide(&incident, Command::Approve(own))),
        "paper_alone"
    );
    // She said no since.
    let next = refuse(&incident, "cleo");
    world.go(&mut incident, next);
    let late = by_paper(&world, &incident, "ben", "cleo");
    assert_eq!(
        code(world.decide(&incident, Command::Approve(late))),
        "no_witness"
    );
}

#[test]
fn nobody_and_no_share_counts_twice_beside_a_paper() {
    let mut world = with_a_paper();
    keep(&mut world, "dora", "age1qqother");
    let incident = given(&world);
    for (name, wanted) in [("ben", "already_approved"), ("ada", "already_approved")] {
        let offer = world.offer(&incident, name);
        assert_eq!(
            code(world.decide(&incident, Command::Approve(offer))),
            wanted,
            "{name}"
        );
    }
    let second = WitnessOffer {
        index: 4,
        unlocker: "age1qqother".into(),
        ..signature(&incident, "vera", "emil")
    };
    assert_eq!(
        code(world.decide(&incident, Command::Witness(second))),
        "one_paper"
    );
    // And the other way round: who has given her share opens no paper, nor does hers count again.
    let mut before = world.collecting();
    let next = witness(&before, "cleo", "ben");
    world.go(&mut before, next);
    let next = witness(&before, "vera", "dora");
    world.go(&mut before, next);
    let mut own = before.clone();
    let offer = world.offer(&own, "ben");
    world.go(&mut own, Command::Approve(offer));
    let late = by_paper(&world, &own, "ben", "cleo");
    assert_eq!(
        code(world.decide(&own, Command::Approve(late))),
        "already_approved"
    );
    let mut kept = before.clone();
    let offer = world.offer(&kept, "ada");
    world.go(&mut kept, Command::Approve(offer));
    let late = by_paper(&world, &kept, "ben", "cleo");
    assert_eq!(
        code(world.decide(&kept, Command::Approve(late))),
        "keeper_gave"
    );
    // Two witnesses stood by; the second paper comes too late.
    let offer = by_paper(&world, &before, "ben", "cleo");
    world.go(&mut before, Command::Approve(offer));
    let late = by_paper(&world, &before, "dora", "vera");
    assert_eq!(
        code(world.decide(&before, Command::Approve(late))),
        "one_paper"
    );
}

#[test]
fn the_paper_of_who_asked_left_or_refused_stays_closed() {
    let mut world = World::new(with_responder_as_custodian());
    keep(&mut world, "rio", SHEET);
    let incident = world.collecting();
    let rios = WitnessOffer {
        index: 6,
        ..signature(&incident, "cleo", "ben")
    };
    assert_eq!(
        code(world.decide(&incident, Command::Witness(rios))),
        "keeper_asked"
    );

    let mut world = with_a_paper();
    let incident = world.collecting();
    let mut no = incident.clone();
    let next = witness(&no, "cleo", "ben");
    world.go(&mut no, next);
    world.go(&mut no, refuse(&incident, "ada"));
    let offer = by_paper(&world, &no, "ben", "cleo");
    assert_eq!(
        code(world.decide(&no, Command::Approve(offer))),
        "keeper_refused"
    );

    let mut seen = incident.clone();
    let next = witness(&seen, "cleo", "ben");
    world.go(&mut seen, next);
    let offer = by_paper(&world, &seen, "ben", "cleo");
    world.roster.people[0].roles = vec![Role::Auditor];
    assert_eq!(
        code(world.decide(&seen, Command::Approve(offer.clone()))),
        "keeper_left"
    );
    world.roster.people[0].roles = vec![Role::Custodian];
    world.roster.people[0].paper = Some("age1qqnewer".into());
    assert_eq!(
        code(world.decide(&seen, Command::Approve(offer))),
        "not_paper"
    );
}

#[test]
fn a_withdrawn_paper_may_be_given_again_and_new_terms_ask_for_a_new_witness() {
    let world = with_a_paper();
    let mut incident = given(&world);
    world.go(&mut incident, withdraw("ben"));
    assert!(incident.approvals().is_empty());
    let again = ShareOffer {
        act_sha256: hash("another document"),
        ..by_paper(&world, &incident, "ben", "cleo")
    };
    world.go(&mut incident, Command::Approve(again));
    world.go(&mut incident, Command::Restarted { fresh: fresh(7) });
    let stale = by_paper(&world, &incident, "ben", "cleo");
    assert_eq!(
        code(world.decide(&incident, Command::Approve(stale))),
        "no_witness"
    );
}

#[test]
fn a_paper_spends_two_custodians_and_that_is_counted() {
    let world = with_a_paper();
    let mut incident = given(&world);
    // Of five, ada can give no share any more: a second refusal leaves two beside ben.
    let next = refuse(&incident, "emil");
    world.go(&mut incident, next);
    assert!(incident.is_collecting());
    let next = refuse(&incident, "dora");
    world.go(&mut incident, next);
    assert_eq!(incident.phase.name().word(), "refused");

    let mut tight = world.collecting();
    for name in ["dora", "emil"] {
        let next = refuse(&tight, name);
        world.go(&mut tight, next);
    }
    let next = witness(&tight, "cleo", "ben");
    world.go(&mut tight, next);
    let offer = by_paper(&world, &tight, "ben", "cleo");
    assert_eq!(
        code(world.decide(&tight, Command::Approve(offer))),
        "paper_too_few_left"
    );
}

#[test]
fn a_paper_share_counts_no_more_once_its_opener_keeper_or_witness_has_left() {
    for (name, counts) in [
        ("ben", false),
        ("ada", false),
        ("cleo", false),
        ("emil", true),
    ] {
        let mut world = with_a_paper();
        let mut incident = given(&world);
        for name in ["dora", "emil", "cleo"] {
            let offer = world.offer(&incident, name);
            world.go(&mut incident, Command::Approve(offer));
        }
        world.roster.people.retain(|p| p.id != id(name));
        let begun = world.decide(&incident, Command::Begin);
        match begun {
            Ok(events) => {
                let paper = |e: &Event| matches!(e, Event::UnsealBegun { indexes, .. } if indexes.contains(&1));
                assert_eq!(events.iter().any(paper), counts, "{name}");
            }
            // Cleo's own share went with her, and two are left.
            Err(refusal) => assert_eq!((name, refusal.code()), ("cleo", "no_quorum")),
        }
    }
}

#[test]
fn a_paper_serves_an_owed_rotation_and_a_veto_ends_an_incident_with_one() {
    let world = with_a_paper();
    let mut closing = world.closing_asked();
    let next = witness(&closing, "cleo", "ben");
    world.go(&mut closing, next);
    let offer = by_paper(&world, &closing, "ben", "cleo");
    world.go(&mut closing, Command::Approve(offer));
    assert_eq!(closing.approvals().len(), 1);
    let mut incident = given(&world);
    world.go(&mut incident, veto("sam"));
    assert_eq!(incident.phase.name().word(), "refused");
}

#[test]
fn every_refusal_of_a_paper_has_a_hint_a_page_and_an_exit_code() {
    use crate::domain::incident::PaperFault as F;
    let all = [
        F::OnlyOne,
        F::OwnWitness,
        F::NoWitness,
        F::NotPaper,
        F::Alone,
        F::KeeperLeft,
        F::KeeperAsked,
        F::KeeperRefused,
        F::KeeperGave,
        F::TooFewLeft,
    ];
    for fault in all {
        let refusal = Refusal::from(fault);
        assert_eq!(refusal.exit_code(), 5);
        assert_eq!(refusal.runbook(), "paper-share");
        assert!(!refusal.hint().is_empty() && !refusal.to_string().ends_with('.'));
    }
}
