//! Versions of roster and policy: who must sign, what takes effect when, who is locked out.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use breakglass::api::{ProposalView, ProposeRequest, ProveRequest, Resealed};
use breakglass::app::AppError;
use breakglass::domain::act::{Deed, Opening};
use breakglass::domain::canonical;
use breakglass::domain::ids::Digest;
use breakglass::domain::incident::Phase;
use breakglass::domain::policy::{BrowserUnlockers, Policy};
use breakglass::domain::roster::{Role, Roster};
use breakglass::domain::terms::Purpose;
use breakglass::domain::time::{DAY_MS, MINUTE_MS};
use breakglass::sealed::possession::PossessionKey;
use breakglass::sealed::share::{open_share, seal_share};
use breakglass::sealed::unlocker::Unlocker;

use crate::restart::all_is_well;
use crate::support::{Person, TestVault, rotation_opening};

/// The next version of the roster, changed.
pub fn roster(vault: &TestVault, change: impl FnOnce(&mut Roster)) -> Roster {
    let before = vault.app().roster();
    let mut after = Roster {
        seq: before.seq + 1,
        prev_sha256: Some(before.sha256().unwrap()),
        ..before
    };
    change(&mut after);
    let custodians = after.people.iter().filter(|p| p.is(Role::Custodian));
    after.n = u8::try_from(custodians.count()).unwrap();
    after
}

fn policy(vault: &TestVault, change: impl FnOnce(&mut Policy)) -> Policy {
    let before = vault.app().policy();
    let mut after = Policy {
        seq: before.seq + 1,
        prev_sha256: Some(before.sha256().unwrap()),
        ..before
    };
    change(&mut after);
    after
}

pub fn propose(
    vault: &TestVault,
    person: &Person,
    document: &impl serde::Serialize,
    deed: fn(Digest) -> Deed,
) -> Result<ProposalView, AppError> {
    let bytes = canonical::to_bytes(document).unwrap();
    let request = ProposeRequest {
        act: person.sign(vault, deed(Digest::of(&bytes))),
        document: String::from_utf8(bytes).unwrap(),
    };
    vault.block(vault.app().propose(&request, &person.caller(vault)))
}

pub fn as_roster(roster_sha256: Digest) -> Deed {
    Deed::Roster { roster_sha256 }
}

fn as_policy(policy_sha256: Digest) -> Deed {
    Deed::Policy { policy_sha256 }
}

pub fn sign(vault: &TestVault, person: &Person, deed: Deed) -> Result<ProposalView, AppError> {
    let signed = person.sign(vault, deed);
    vault.block(vault.app().sign_version(&signed, &person.caller(vault)))
}

fn prove(vault: &TestVault, person: &Person) {
    let proof = person.proof(vault);
    vault
        .block(vault.app().prove(&proof, &person.caller(vault)))
        .unwrap();
}

#[test]
fn a_custodian_joins_by_k_signatures_and_is_dealt_to_by_a_rotation_that_the_vault_asks_for() {
    let mut vault = TestVault::new();
    let gus = Person::new("gus", &[Role::Custodian]);
    let next = roster(&vault, |r| r.people.push(gus.entry()));
    let sha256 = next.sha256().unwrap();
    let people = &vault.people;
    let view = propose(&vault, &people.otto, &next, as_roster).unwrap();
    assert_eq!(
        (view.in_force, view.needs.as_str()),
        (false, "3 custodians")
    );
    assert_eq!(vault.alerts_queued("version.proposed"), 1);
    for (person, last) in [
        (&people.ada, false),
        (&people.ben, false),
        (&people.cleo, true),
    ] {
        assert!(
            vault.try_login(&gus).is_err(),
            "nothing counts before the last"
        );
        let view = sign(&vault, person, as_roster(sha256)).unwrap();
        assert_eq!(view.in_force, last);
    }
    assert_eq!(vault.app().roster().sha256().unwrap(), sha256);
    vault.try_login(&gus).unwrap();
    // The roster in force is the log's, not the row's: a restart reads it again and agrees.
    vault.restart();
    assert_eq!(vault.app().roster().sha256().unwrap(), sha256);

    vault.tick();
    let rotation = vault.incidents().into_iter().next().unwrap();
    assert_eq!(rotation.purpose, Purpose::Rotate);
    vault.tick();
    assert_eq!(vault.incidents().len(), 1, "asked once a day");
    vault.approve_by_three(&rotation.id);
    vault.settle();
    assert!(vault.incident(&rotation.id).phase.is_over());
    let epoch = vault.current_epoch();
    assert_eq!((epoch.manifest.epoch, epoch.manifest.n), (2, 6));
    assert_eq!(epoch.manifest.roster_sha256, sha256);
    prove(&vault, &gus);
    vault.pass_ms(2 * DAY_MS);
    vault.tick();
    assert_eq!(vault.incidents().len(), 1, "it is settled");
    all_is_well(&vault);
}

#[test]
fn a_successor_is_acknowledged_by_those_it_was_dealt_to_whatever_the_roster_became() {
    let vault = TestVault::new();
    let (incident, _) = vault.opened();
    // As if the approvals of this incident had been given a hundred days ago.
    vault.sql("UPDATE unlocker SET at_ms = at_ms - 101 * 86400000");
    vault.close(&incident).unwrap();
    vault.wait_for_entry("rotate.waits_for_proofs");
    // Epoch 2 is dealt. Now somebody joins, before everybody else: every index would be another.
    let gus = Person::new("gus", &[Role::Custodian]);
    let next = roster(&vault, |r| r.people.insert(0, gus.entry()));
    let people = &vault.people;
    propose(&vault, &people.otto, &next, as_roster).unwrap();
    let sha256 = next.sha256().unwrap();
    for person in [&people.ada, &people.ben, &people.cleo] {
        sign(&vault, person, as_roster(sha256)).unwrap();
    }
    assert_eq!(vault.app().roster().sha256().unwrap(), sha256);
    for person in [&people.ada, &people.ben, &people.cleo] {
        prove(&vault, person);
    }
    vault.settle();
    let acked = vault.last_entry("rotate.acked").unwrap();
    assert_eq!(
        acked.members["indexes"],
        serde_json::json!([1, 2, 3]),
        "their places in the roster that was dealt to"
    );
    let phase = vault.incident(&incident.id).phase;
    assert!(matches!(phase, Phase::InReview(_)), "{phase:?}");
}

#[test]
fn nobody_but_the_people_named_can_bring_a_version_into_force() {
    let vault = TestVault::new();
    let people = &vault.people;
    let next = roster(&vault, |r| r.k = 2);
    let sha256 = next.sha256().unwrap();
    for stranger in [&people.rio, &people.vera, &people.sam] {
        let error = propose(&vault, stranger, &next, as_roster).unwrap_err();
        assert_eq!(error.code(), "wrong_role");
    }
    propose(&vault, &people.ada, &next, as_roster).unwrap();
    for person in [&people.otto, &people.olga, &people.ben] {
        let view = sign(&vault, person, as_roster(sha256)).unwrap();
        assert!(!view.in_force, "two custodians are not three");
    }
    let again = sign(&vault, &people.ben, as_roster(sha256)).unwrap_err();
    assert_eq!(again.code(), "signed_before");
    let other = sign(&vault, &people.cleo, as_roster(Digest::of(b"x"))).unwrap_err();
    assert_eq!(other.code(), "not_found");
    let wrong = sign(&vault, &people.cleo, as_policy(sha256)).unwrap_err();
    assert_eq!(wrong.code(), "not_found");
    let old = roster(&vault, |r| r.seq = 1);
    let error = propose(&vault, &people.otto, &old, as_roster).unwrap_err();
    assert_eq!(error.code(), "bad_version");
    let broken = roster(&vault, |r| {
        r.people[0].login_keys[0] = "ssh-rsa AAAAB3".into();
    });
    let error = propose(&vault, &people.otto, &broken, as_roster).unwrap_err();
    assert_eq!(error.code(), "bad_version", "a key that no code can use");
    assert!(
        sign(&vault, &people.cleo, as_roster(sha256))
            .unwrap()
            .in_force
    );
    assert_eq!(vault.app().roster().k, 2);
    vault.verify_log();
}

#[test]
fn responders_and_contacts_change_by_one_operator_and_one_custodian() {
    let vault = TestVault::new();
    let people = &vault.people;
    let gus = Person::new("gus", &[Role::Responder]);
    let next = roster(&vault, |r| {
        r.people.push(gus.entry());
        r.people[1].contacts.mail = "ben@elsewhere.example".to_owned();
    });
    let view = propose(&vault, &people.otto, &next, as_roster).unwrap();
    assert_eq!(view.needs, "one operator and one custodian");
    assert!(!view.in_force);
    let sha256 = next.sha256().unwrap();
    assert!(
        !sign(&vault, &people.olga, as_roster(sha256))
            .unwrap()
            .in_force
    );
    assert!(
        sign(&vault, &people.emil, as_roster(sha256))
            .unwrap()
            .in_force
    );
    // No custodian came or went: the epoch stays, and its shares open for the new responder.
    let (incident, key) = vault.open_by(&gus);
    vault.deliver();
    vault.approve_by_three(&incident.id);
    vault.wait_for(&incident.id, |i| matches!(i.phase, Phase::Open(_)));
    assert_eq!(incident.terms.roster_sha256, sha256);
    drop(key);
    let stop = vault.stop(&people.sam, &vault.incident(&incident.id));
    stop.unwrap();
    vault.settle();
    all_is_well(&vault);
}

#[test]
fn a_collecting_incident_is_asked_again_under_the_new_roster() {
    let vault = TestVault::new();
    let people = &vault.people;
    let (incident, _) = vault.open();
    vault.approve(&people.ada, &incident.id).unwrap();
    let next = roster(&vault, |r| r.people[5].time_zone = "Asia/Tokyo".into());
    propose(&vault, &people.otto, &next, as_roster).unwrap();
    sign(&vault, &people.ben, as_roster(next.sha256().unwrap())).unwrap();
    let now = vault.incident(&incident.id);
    assert_eq!(now.terms.roster_sha256, next.sha256().unwrap());
    assert!(now.approvals().is_empty(), "signed for another roster");
    assert_eq!(vault.count("incident.asked_again"), 1);
}

#[test]
fn a_custodian_adds_an_unlocker_of_her_own_and_nobody_does_it_for_her() {
    let vault = TestVault::new();
    let people = &vault.people;
    let spare = Person::new("spare", &[]).public_key();
    let next = roster(&vault, |r| r.people[0].unlockers.push(spare.clone()));
    let view = propose(&vault, &people.otto, &next, as_roster).unwrap();
    assert!(!view.in_force && view.needs.ends_with("herself"));
    let sha256 = next.sha256().unwrap();
    assert!(
        !sign(&vault, &people.ben, as_roster(sha256))
            .unwrap()
            .in_force
    );
    assert!(
        sign(&vault, &people.ada, as_roster(sha256))
            .unwrap()
            .in_force
    );
    assert!(vault.app().roster().people[0].unlockers.contains(&spare));
    let next = roster(&vault, |r| r.people[2].unlockers.push("age1qqqq".into()));
    let error = propose(&vault, &people.cleo, &next, as_roster).unwrap_err();
    assert_eq!(error.code(), "bad_version", "nobody could seal to it");
}

#[test]
fn a_leaver_is_out_on_one_operators_word_and_for_good_when_k_have_signed() {
    let vault = TestVault::new();
    let people = &vault.people;
    let emil = people.emil.caller(&vault);
    let next = roster(&vault, |r| r.people.retain(|p| p.name != "emil"));
    let sha256 = next.sha256().unwrap();
    propose(&vault, &people.otto, &next, as_roster).unwrap();
    // Out at once, although the roster still names him.
    assert!(vault.app().roster().find("emil").is_some());
    assert_eq!(vault.count("roster.locked_out"), 1);
    assert_eq!(vault.alerts_queued("roster.locked_out"), 1);
    assert!(vault.try_login(&people.emil).is_err());
    let proof = vault.block(vault.app().prove_challenge(&emil));
    assert!(
        proof.is_ok(),
        "a read of a login that the door would refuse"
    );
    let (incident, _) = vault.open();
    assert_eq!(incident.terms.needed, 3);
    let late = people.emil.sign(&vault, as_roster(sha256));
    let error = vault
        .block(vault.app().sign_version(&late, &emil))
        .unwrap_err();
    assert_eq!(error.code(), "not_allowed");
    for person in [&people.ada, &people.ben, &people.cleo] {
        sign(&vault, person, as_roster(sha256)).unwrap();
    }
    assert!(vault.app().roster().find("emil").is_none());
    assert_eq!(vault.app().roster().n, 4);
    let view = vault.block(vault.app().vault_view()).unwrap();
    assert!(view.locked_out.is_empty());
}

#[test]
fn one_operator_never_locks_out_so_many_that_the_vault_could_not_open() {
    let mut vault = TestVault::new();
    let people = &vault.people;
    let next = roster(&vault, |r| {
        r.people
            .retain(|p| p.name != "emil" && p.name != "dora" && p.name != "sam");
        r.k = 2;
    });
    propose(&vault, &people.otto, &next, as_roster).unwrap();
    // k + 1 = 4 of 5 must stay: one of the two custodians is out, and sam, who holds no share.
    let locked = vault.block(vault.app().vault_view()).unwrap().locked_out;
    assert_eq!(locked.len(), 2, "{locked:?}");
    assert!(locked.contains(&"sam".to_owned()));
    assert!(vault.try_login(&people.emil).is_ok() || vault.try_login(&people.dora).is_ok());
    // A second proposal of the other operator changes nothing: the limit counts them together.
    let again = roster(&vault, |r| r.people.retain(|p| p.name != "cleo"));
    propose(&vault, &people.olga, &again, as_roster).unwrap();
    assert!(vault.try_login(&people.cleo).is_ok());
    // A custodian's proposal locks nobody out, and a restart forgets nobody.
    let third = roster(&vault, |r| r.people.retain(|p| p.name != "vera"));
    assert!(
        propose(&vault, &people.ada, &third, as_roster).is_err(),
        "two auditors"
    );
    vault.restart();
    assert_eq!(
        vault.block(vault.app().vault_view()).unwrap().locked_out,
        locked
    );
    // Three custodians sign a roster that keeps everybody: nobody is locked out any more.
    let keep = roster(&vault, |r| r.people[0].name = "Ada".to_owned());
    let sha256 = keep.sha256().unwrap();
    let people = &vault.people;
    propose(&vault, &people.ada, &keep, as_roster).unwrap();
    for person in [&people.ben, &people.cleo] {
        sign(&vault, person, as_roster(sha256)).unwrap();
    }
    assert!(vault.try_login(&people.emil).is_ok() && vault.try_login(&people.dora).is_ok());
    vault.verify_log();
}

#[test]
fn a_policy_that_loosens_needs_k_custodians_and_another_two_operators() {
    let vault = TestVault::new();
    let people = &vault.people;
    let shorter = policy(&vault, |p| p.use_cases[0].max_minutes = 30);
    let view = propose(&vault, &people.otto, &shorter, as_policy).unwrap();
    assert_eq!(view.needs, "two operators");
    let sha256 = shorter.sha256().unwrap();
    assert!(
        !sign(&vault, &people.ada, as_policy(sha256))
            .unwrap()
            .in_force
    );
    assert!(
        sign(&vault, &people.olga, as_policy(sha256))
            .unwrap()
            .in_force
    );
    assert_eq!(vault.app().policy().use_cases[0].max_minutes, 30);

    let longer = policy(&vault, |p| p.use_cases[0].max_minutes = 60);
    let view = propose(&vault, &people.otto, &longer, as_policy).unwrap();
    assert_eq!(view.needs, "3 custodians");
    let sha256 = longer.sha256().unwrap();
    for (person, last) in [
        (&people.olga, false),
        (&people.ada, false),
        (&people.ben, false),
        (&people.cleo, true),
    ] {
        let view = sign(&vault, person, as_policy(sha256)).unwrap();
        assert_eq!(view.in_force, last);
    }
    let beyond = policy(&vault, |p| p.use_cases[0].max_minutes = 241);
    let error = propose(&vault, &people.ada, &beyond, as_policy).unwrap_err();
    assert_eq!(error.code(), "bad_version", "a compiled ceiling");
    vault.verify_log();
}

#[test]
fn a_version_that_nobody_signed_is_found_at_start_up() {
    let mut vault = TestVault::new();
    let forged = roster(&vault, |r| r.k = 2);
    let bytes = String::from_utf8(canonical::to_bytes(&forged).unwrap()).unwrap();
    let sha256 = forged.sha256().unwrap().hex();
    vault.sql(&format!(
        "INSERT INTO document (kind, sha256, bytes) VALUES ('roster', '{sha256}', CAST('{}' AS BLOB))",
        bytes.replace('\'', "''")
    ));
    vault.sql(&format!(
        "UPDATE in_force SET sha256 = '{sha256}' WHERE what = 'roster'"
    ));
    vault.kill();
    assert_eq!(vault.try_start().unwrap_err().code(), "broken");
}

#[test]
fn two_incidents_that_ended_with_shares_given_ask_for_a_new_epoch() {
    let vault = TestVault::new();
    for number in 1..=2 {
        let (incident, _) = vault.open();
        vault.approve(&vault.people.ada, &incident.id).unwrap();
        vault.pass_ms(31 * 60_000);
        vault.tick();
        assert!(vault.incident(&incident.id).phase.is_over());
        vault.tick();
        let asked = vault
            .incidents()
            .into_iter()
            .filter(|i| i.purpose == Purpose::Rotate);
        assert_eq!(asked.count(), number - 1, "after {number}");
    }
}

#[test]
fn a_secret_that_expires_within_thirty_days_is_replaced_once() {
    let vault = TestVault::new();
    let expires = vault.current_epoch().secret_expires_at_ms;
    let left = |days: i64| expires.0 - days * DAY_MS - vault.now().0;
    vault.pass_ms(left(31));
    vault.tick();
    assert_eq!(vault.count("epoch.owed"), 0);
    assert!(vault.incidents().is_empty());
    vault.pass_ms(left(30) + 1);
    for _ in 0..2 {
        vault.tick();
        assert_eq!(vault.count("epoch.owed"), 1);
        assert_eq!(vault.incidents().len(), 1);
    }
    assert_eq!(vault.incidents()[0].purpose, Purpose::Rotate);
}

#[test]
fn an_epoch_that_could_not_be_asked_for_is_asked_for_after_the_restart_not_a_day_later() {
    let mut vault = TestVault::new();
    let expires = vault.current_epoch().secret_expires_at_ms;
    vault.pass_ms(expires.0 - 29 * DAY_MS - vault.now().0);
    vault.break_at("incident.opened");
    assert!(vault.block(vault.app().tick()).is_err());
    vault.mend();
    vault.restart();
    vault.tick();
    let asked = vault.incidents();
    assert_eq!((asked.len(), asked[0].purpose), (1, Purpose::Rotate));
    vault.pass_ms(MINUTE_MS);
    vault.tick();
    assert_eq!(vault.incidents().len(), 1);
}

#[test]
fn a_share_is_sealed_again_to_the_unlockers_of_today_and_by_its_keeper_only() {
    let vault = TestVault::new();
    let people = &vault.people;
    let spare = Person::new("spare", &[]);
    let next = roster(&vault, |r| {
        r.people[0].unlockers = vec![people.ada.public_key(), spare.public_key()]
    });
    assert!(
        propose(&vault, &people.ada, &next, as_roster)
            .unwrap()
            .in_force
    );
    // The present share knows nothing of it yet.
    let opens = |person: &Person| {
        open_share(
            &vault.sealed_share(&people.ada, 1),
            person.key.opener().unwrap(),
        )
        .is_ok()
    };
    assert!(opens(&people.ada) && !opens(&spare));
    let share = people.ada.share(&vault, 1).unwrap();
    let unlockers = next.people[0].unlockers.iter();
    let unlockers: Vec<Unlocker> = unlockers.map(|u| Unlocker::parse(u).unwrap()).collect();
    let file = seal_share(share.label(), share.share(), &unlockers).unwrap();
    let possession = PossessionKey::derive(share.share(), &share.label().name);
    let request = |file: &[u8]| {
        let mut request = people.ada.proof(&vault);
        let document = request.act.document.as_bytes();
        request.resealed = Some(Resealed {
            possession: BASE64.encode(possession.sign_release(file, document)),
            share: BASE64.encode(file),
        });
        request
    };
    let prove = |request: &ProveRequest| {
        vault.block(vault.app().prove(request, &people.ada.caller(&vault)))
    };
    // Another file under the same signature, as somebody with her login but not her share sends it.
    let mut swapped = request(&file);
    swapped.resealed.as_mut().unwrap().share = BASE64.encode(b"another file");
    assert_eq!(prove(&swapped).unwrap_err().code(), "share_rejected");
    assert!(!opens(&spare));
    prove(&request(&file)).unwrap();
    assert!(opens(&people.ada) && opens(&spare));
    assert_eq!(vault.count("custody.resealed"), 1);
    // She still releases it as before.
    let (incident, _) = vault.opened();
    vault.close(&incident).unwrap();
    vault.settle();
    all_is_well(&vault);
}

#[test]
fn a_lost_share_is_reported_by_an_opening_without_a_session() {
    let vault = TestVault::new();
    let people = &vault.people;
    let reason = "ada reports her share lost: laptop left on a train".to_owned();
    let opening = Opening {
        reason,
        ..rotation_opening()
    };
    let signed = people.ada.sign(&vault, Deed::Open(Box::new(opening)));
    let incident = vault.block(vault.app().open(&signed, &people.ada.caller(&vault)));
    let incident = incident.unwrap();
    assert_eq!(incident.purpose, Purpose::Rotate);
    let own = vault.approve(&people.ada, &incident.id).unwrap_err();
    assert_eq!(own.code(), "own_incident", "who asks may not approve");
    for person in [&people.ben, &people.cleo, &people.dora] {
        vault.approve(person, &incident.id).unwrap();
    }
    vault.settle();
    assert!(vault.incident(&incident.id).phase.is_over());
    assert_eq!(vault.current_epoch().manifest.epoch, 2);
    all_is_well(&vault);
}

#[test]
fn a_custodian_who_has_not_proved_is_reminded_and_one_who_has_is_left_alone() {
    let vault = TestVault::new();
    prove(&vault, &vault.people.ada);
    let reminded = || {
        vault.tick();
        vault.count("custody.reminded")
    };
    assert_eq!(reminded(), 0);
    vault.pass_ms(DAY_MS + 1);
    assert_eq!(reminded(), 4, "everybody but ada");
    assert_eq!(reminded(), 4, "once");
    vault.pass_ms(DAY_MS);
    assert_eq!(reminded(), 8, "after two days again");
    vault.pass_ms(3 * DAY_MS);
    assert_eq!(reminded(), 8, "then weekly");
    vault.deliver();
    let mails = vault.alerts_queued("custody.reminded");
    assert!(mails >= 8, "{mails}");
}

/// Her passkey is of the console's own host.
fn on_this_host(roster: &mut Roster, names: &[&str]) {
    for person in roster
        .people
        .iter_mut()
        .filter(|p| names.contains(&&p.name[..]))
    {
        for key in &mut person.login_keys {
            *key = key.replace("passkey localhost/", "passkey vault.example/");
        }
    }
}

#[test]
fn a_policy_bounds_the_shares_that_a_page_of_this_host_opens() {
    let vault = TestVault::planned(crate::support::Plan {
        policy: Box::new(|p| p.browser_unlockers = Some(BrowserUnlockers::BelowK)),
        ..crate::support::Plan::default()
    });
    let people = &vault.people;
    let three = roster(&vault, |r| on_this_host(r, &["ada", "ben", "cleo"]));
    let error = propose(&vault, &people.ada, &three, as_roster).unwrap_err();
    assert_eq!(error.code(), "not_allowed");
    assert!(error.to_string().contains("below_k"), "{error}");
    let two = roster(&vault, |r| on_this_host(r, &["ada", "ben"]));
    let sha256 = two.sha256().unwrap();
    propose(&vault, &people.ada, &two, as_roster).unwrap();
    sign(&vault, &people.ben, as_roster(sha256)).unwrap();
    assert!(
        sign(&vault, &people.cleo, as_roster(sha256))
            .unwrap()
            .in_force
    );
    // One more later, or a lower k, is as bad.
    let changes: [fn(&mut Roster); 2] = [|r| on_this_host(r, &["dora"]), |r| r.k = 2];
    for change in changes {
        let next = roster(&vault, change);
        let error = propose(&vault, &people.ada, &next, as_roster).unwrap_err();
        assert_eq!(error.code(), "not_allowed", "{error}");
    }
    vault.verify_log();
}
