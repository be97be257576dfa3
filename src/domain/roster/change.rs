//! What differs between two versions of a roster, and who must sign the later one (PROTOCOL §1).
//!
//! Pure, and used by both sides: the vault refuses what is not signed enough, and every client
//! refuses a vault that did not.

mod lines;

use std::collections::BTreeSet;

pub use lines::lines;

use super::{Person, Role, Roster, RosterError};
use crate::domain::canonical::CanonicalError;
use crate::domain::ids::{Digest, PersonId};

/// Whose signatures a change needs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Needs {
    /// This many custodians of the version before.
    Custodians(u8),
    /// One operator and one custodian, two people.
    OperatorAndCustodian,
    /// Two operators: a policy that loosens nothing.
    TwoOperators,
    /// The custodian whose unlockers change, with one of her existing keys.
    Herself(PersonId),
}

impl Needs {
    /// Whether these people of the version before are enough. k custodians are always enough.
    #[must_use]
    pub fn met_by(&self, before: &Roster, signers: &BTreeSet<PersonId>) -> bool {
        let who = |role: Role| {
            let people = before.people.iter().filter(move |p| p.is(role));
            people.map(|p| &p.id).filter(|id| signers.contains(id))
        };
        let enough = |k: u8| who(Role::Custodian).count() >= usize::from(k);
        match self {
            Self::Custodians(k) => enough(*k),
            Self::Herself(person) => signers.contains(person) || enough(before.k),
            Self::TwoOperators => who(Role::Operator).count() >= 2 || enough(before.k),
            // Somebody who holds both roles counts once: the other must be somebody else.
            Self::OperatorAndCustodian => {
                who(Role::Operator).any(|o| who(Role::Custodian).any(|c| c != o))
                    || enough(before.k)
            }
        }
    }

    /// As people read it.
    #[must_use]
    pub fn words(&self) -> String {
        match self {
            Self::Custodians(k) => format!("{k} custodians"),
            Self::OperatorAndCustodian => "one operator and one custodian".to_owned(),
            Self::TwoOperators => "two operators".to_owned(),
            Self::Herself(person) => format!("{person} herself"),
        }
    }
}

/// Why a version cannot follow another.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ChangeError {
    /// Not one more than the version before.
    #[error("version {given} cannot follow version {before}")]
    Sequence {
        /// Its number.
        given: u32,
        /// The number in force.
        before: u32,
    },
    /// Written against another version.
    #[error("it was written against another version than the one in force")]
    Previous,
    /// Another vault's.
    #[error("it is of another vault")]
    Vault,
    /// Nothing in it is new.
    #[error("nothing differs from the version in force")]
    Same,
    /// A rule every roster must keep.
    #[error(transparent)]
    Rule(#[from] RosterError),
    /// No canonical form.
    #[error(transparent)]
    Canonical(#[from] CanonicalError),
}

/// Whose signatures make `after` the version in force.
///
/// # Errors
/// [`ChangeError`] when no signatures could.
pub fn check(
    before: &Roster,
    before_sha256: &Digest,
    after: &Roster,
) -> Result<Needs, ChangeError> {
    if after.vault != before.vault {
        return Err(ChangeError::Vault);
    }
    if Some(after.seq) != before.seq.checked_add(1) {
        return Err(ChangeError::Sequence {
            given: after.seq,
            before: before.seq,
        });
    }
    if after.prev_sha256 != Some(*before_sha256) {
        return Err(ChangeError::Previous);
    }
    after.check()?;
    let renumbered = Roster {
        seq: before.seq,
        prev_sha256: before.prev_sha256,
        ..after.clone()
    };
    if renumbered == *before {
        return Err(ChangeError::Same);
    }
    Ok(needs(before, after))
}

fn needs(before: &Roster, after: &Roster) -> Needs {
    let all = Needs::Custodians(before.k);
    let people = |roster: &Roster| roster.people.iter().map(|p| p.id.clone()).collect();
    let (old, new): (Vec<PersonId>, Vec<PersonId>) = (people(before), people(after));
    let kept = |from: &[PersonId], other: &[PersonId]| -> Vec<PersonId> {
        from.iter()
            .filter(|id| other.contains(id))
            .cloned()
            .collect()
    };
    let reordered = kept(&old, &new) != kept(&new, &old);
    let recipients = before.auditor_recipients != after.auditor_recipients;
    if (before.k, before.n) != (after.k, after.n) || recipients || reordered {
        return all;
    }
    let everybody: BTreeSet<&PersonId> = old.iter().chain(&new).collect();
    let kinds: Vec<Kind> = everybody
        .into_iter()
        .filter_map(|id| kind(before.person(id), after.person(id)))
        .collect();
    match kinds.as_slice() {
        [Kind::OwnUnlockers(person)] => Needs::Herself(person.clone()),
        some if !some.is_empty() && some.iter().all(|k| *k == Kind::Light) => {
            Needs::OperatorAndCustodian
        }
        _ => all,
    }
}

#[derive(PartialEq, Eq)]
enum Kind {
    Light,
    OwnUnlockers(PersonId),
    Heavy,
}

fn kind(before: Option<&Person>, after: Option<&Person>) -> Option<Kind> {
    if before == after {
        return None;
    }
    let responder = |p: Option<&Person>| p.is_none_or(|p| p.roles == [Role::Responder]);
    if responder(before) && responder(after) {
        return Some(Kind::Light);
    }
    let (Some(before), Some(after)) = (before, after) else {
        return Some(Kind::Heavy);
    };
    let reached = Person {
        contacts: after.contacts.clone(),
        time_zone: after.time_zone.clone(),
        ..before.clone()
    };
    let unlocked = Person {
        unlockers: after.unlockers.clone(),
        paper: after.paper.clone(),
        ..before.clone()
    };
    Some(if reached == *after {
        Kind::Light
    } else if unlocked == *after && before.is(Role::Custodian) {
        Kind::OwnUnlockers(before.id.clone())
    } else {
        Kind::Heavy
    })
}

/// Whether the change asks for a new epoch: a custodian joined or left, or k differs
/// (PROTOCOL §3).
#[must_use]
pub fn deals_anew(before: &Roster, after: &Roster) -> bool {
    let custodians = |roster: &Roster| -> BTreeSet<PersonId> {
        roster.custodians().map(|(_, p)| p.id.clone()).collect()
    };
    before.k != after.k || custodians(before) != custodians(after)
}

/// People of `before` who are not in `after`.
#[must_use]
pub fn removed<'a>(before: &'a Roster, after: &Roster) -> Vec<&'a Person> {
    let gone = |p: &&Person| after.person(&p.id).is_none();
    before.people.iter().filter(gone).collect()
}

/// Whether one operator's word is enough to lock a person out at once: what is left must be at
/// least k + 1 people who can approve (PROTOCOL §1). `eligible_after` counts them without her.
#[must_use]
pub fn may_lock_out(person: &Person, eligible_after: usize, k: u8) -> bool {
    !person.is(Role::Custodian) || eligible_after > usize::from(k)
}

#[cfg(test)]
mod tests {
    use super::super::tests::{person, roster};
    use super::*;

    fn next(change: impl FnOnce(&mut Roster)) -> (Roster, Digest, Roster) {
        let before = roster();
        let sha256 = before.sha256().unwrap();
        let mut after = Roster {
            seq: 2,
            prev_sha256: Some(sha256),
            ..before.clone()
        };
        change(&mut after);
        (before, sha256, after)
    }

    fn needed(change: impl FnOnce(&mut Roster)) -> Needs {
        let (before, sha256, after) = next(change);
        assert!(!lines(&before, &after).is_empty());
        check(&before, &sha256, &after).unwrap()
    }

    fn signers(names: &[&str]) -> BTreeSet<PersonId> {
        names.iter().map(|name| name.parse().unwrap()).collect()
    }

    #[test]
    fn each_kind_of_change_needs_the_signatures_the_protocol_names() {
        let k = Needs::Custodians(3);
        let heavy: &[fn(&mut Roster)] = &[
            |r| r.k = 2,
            |r| {
                r.people.push(person("gus", &[Role::Custodian]));
                r.n = 6;
            },
            |r| {
                r.people.remove(0);
                r.n = 4;
            },
            |r| r.people.push(person("gus", &[Role::Auditor])),
            |r| {
                r.people
                    .push(person("gus", &[Role::Responder, Role::Security]))
            },
            |r| r.people[5].roles.push(Role::Operator),
            |r| r.people[0].login_keys.push("ssh-ed25519 AAAAnew".into()),
            |r| r.people[0].name = "Adele".into(),
            |r| r.people[8].login_keys[0] = "ssh-ed25519 AAAAnew".into(),
            |r| r.people.swap(0, 1),
            |r| r.auditor_recipients.clear(),
            |r| {
                r.people[0].unlockers.truncate(1);
                r.people[0].single_unlocker = Some(true);
            },
            // Two at once are not one person's own business any more.
            |r| {
                r.people[0].unlockers.push("age1qqnew".into());
                r.people[1].unlockers.push("age1qqother".into());
            },
            |r| {
                r.people[0].unlockers.push("age1qqnew".into());
                r.people[0].contacts.mail = "new@example.org".into();
            },
        ];
        for (number, change) in heavy.iter().enumerate() {
            assert_eq!(needed(change), k, "{number}");
        }
        let light: &[fn(&mut Roster)] = &[
            |r| r.people.push(person("gus", &[Role::Responder])),
            |r| r.people[5].login_keys = vec!["ssh-ed25519 AAAAnew".into()],
            |r| r.people[0].contacts.pager = Some("ada".into()),
            |r| r.people[6].time_zone = "Asia/Tokyo".into(),
            |r| {
                r.people[5] = person("gus", &[Role::Responder]);
            },
        ];
        for (number, change) in light.iter().enumerate() {
            assert_eq!(needed(change), Needs::OperatorAndCustodian, "{number}");
        }
        let own = needed(|r| r.people[0].unlockers.push("age1qqnew".into()));
        assert_eq!(own, Needs::Herself("ada".parse().unwrap()));
        let sheet = needed(|r| {
            r.people[0].unlockers.push("age1qqsheet".into());
            r.people[0].paper = Some("age1qqsheet".into());
        });
        assert_eq!(sheet, Needs::Herself("ada".parse().unwrap()));
    }

    #[test]
    fn too_few_or_the_wrong_people_are_never_enough() {
        let before = roster();
        let k = Needs::Custodians(3);
        assert!(k.met_by(&before, &signers(&["ada", "ben", "cleo"])));
        assert!(!k.met_by(&before, &signers(&["ada", "ben", "otto", "sam", "rio"])));
        let two = Needs::OperatorAndCustodian;
        assert!(two.met_by(&before, &signers(&["otto", "ada"])));
        assert!(two.met_by(&before, &signers(&["ada", "ben", "cleo"])));
        for few in [&["otto"][..], &["ada"], &["ada", "ben"], &["otto", "rio"]] {
            assert!(!two.met_by(&before, &signers(few)), "{few:?}");
        }
        let herself = Needs::Herself("ada".parse().unwrap());
        assert!(herself.met_by(&before, &signers(&["ada"])));
        assert!(!herself.met_by(&before, &signers(&["otto", "ben"])));
    }

    #[test]
    fn somebody_with_both_roles_counts_once() {
        let mut before = roster();
        before.people[0].roles.push(Role::Operator);
        assert!(!Needs::OperatorAndCustodian.met_by(&before, &signers(&["ada"])));
        assert!(Needs::OperatorAndCustodian.met_by(&before, &signers(&["ada", "ben"])));
        assert!(!Needs::TwoOperators.met_by(&before, &signers(&["ada"])));
        assert!(Needs::TwoOperators.met_by(&before, &signers(&["ada", "otto"])));
    }

    #[test]
    fn only_the_next_version_of_this_vault_can_follow() {
        type Change = fn(&mut Roster);
        let cases: &[(Change, &str)] = &[
            (|r| r.seq = 3, "version 3 cannot follow version 1"),
            (
                |r| r.prev_sha256 = Some(Digest::of(b"other")),
                "another version",
            ),
            (|r| r.prev_sha256 = None, "another version"),
            (|r| r.vault = "prod-us".parse().unwrap(), "another vault"),
            (|r| r.people.truncate(3), "auditors"),
            (|_| {}, "nothing differs"),
        ];
        for (change, said) in cases {
            let (before, sha256, mut after) = next(|r| r.people[0].time_zone = "UTC".into());
            if *said == "nothing differs" {
                after.people = before.people.clone();
            }
            change(&mut after);
            if after.people.len() == 3 {
                after.n = 3;
            }
            let error = check(&before, &sha256, &after).unwrap_err().to_string();
            assert!(error.contains(said), "{error} does not say {said}");
        }
    }

    #[test]
    fn a_new_epoch_is_dealt_when_custodians_or_k_change_and_not_otherwise() {
        let (before, _, after) = next(|r| r.k = 2);
        assert!(deals_anew(&before, &after));
        let (before, _, after) = next(|r| r.people[8].roles.push(Role::Custodian));
        assert!(deals_anew(&before, &after));
        let (before, _, after) = next(|r| r.people[0].unlockers.push("age1qqn".into()));
        assert!(!deals_anew(&before, &after));
    }

    #[test]
    fn one_operators_word_locks_out_while_more_than_k_can_still_approve() {
        let roster = roster();
        assert!(may_lock_out(&roster.people[0], 4, 3));
        assert!(!may_lock_out(&roster.people[0], 3, 3));
        assert!(may_lock_out(&roster.people[5], 0, 3), "no custodian");
    }

    #[test]
    fn every_difference_has_a_line_and_no_key_is_printed_whole() {
        let (before, _, after) = next(|r| {
            r.k = 2;
            r.people[0].unlockers[1] = "age1qqreplaced0123456789".into();
            r.people[1].time_zone = "UTC".into();
            r.people[2].contacts.pager = Some("cleo".into());
            r.people[5] = person("gus", &[Role::Responder]);
        });
        let text = lines(&before, &after).join("\n");
        for part in [
            "3 of 5 shares → 2 of 5",
            "Ada: new unlocker",
            "Ada: loses unlocker",
            "Ben: time zone Europe/Berlin → UTC",
            "pager cleo",
            "− Rio leaves (responder)",
            "+ Gus joins as responder",
        ] {
            assert!(text.contains(part), "{part} in {text}");
        }
        assert!(!text.contains("age1qqreplaced0123456789"));
    }
}
