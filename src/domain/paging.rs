//! Whom to wake, and in which order (DESIGN §9): best local hour and freshest proof first, k + 1
//! people; after 3 minutes two more, after 5 everybody, after 10 the fallback list.
//!
//! Pure: the moment, the proofs and the roster are arguments. Knows nothing of channels.

use chrono::{DateTime, Timelike as _, Utc};
use chrono_tz::Tz;

use super::ids::PersonId;
use super::roster::{Person, Role, Roster};
use super::time::{MINUTE_MS, Timestamp};

/// When the second, third and last wave follow the first.
const MORE_MS: i64 = 3 * MINUTE_MS;
const ALL_MS: i64 = 5 * MINUTE_MS;
const FALLBACK_MS: i64 = 10 * MINUTE_MS;
/// How many the second wave adds.
const MORE: usize = 2;

/// A custodian who may be asked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Candidate {
    /// Who.
    pub person: PersonId,
    /// IANA time zone of the roster.
    pub time_zone: String,
    /// When she last proved that she can open her share; `None`: never in this epoch.
    pub proved_at: Option<Timestamp>,
}

/// People who are paged together.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Wave {
    /// 0 for the first.
    pub number: u8,
    /// When they are paged, unless enough shares are in.
    pub due_ms: Timestamp,
    /// Who; those who have answered meanwhile are left out then.
    pub people: Vec<PersonId>,
    /// Whether these are the people to call when custodians do not answer.
    pub fallback: bool,
}

/// Later than this, the waves after a late one are put off: people get the time that the first were
/// to have.
const LATE_MS: i64 = MINUTE_MS;

/// The waves that still follow one which is sent `now`. When that one is late, because enough shares
/// were in for a while or the vault was away, they keep their distance from it instead of falling
/// due together.
#[must_use]
pub fn put_off(sent: &Wave, following: Vec<Wave>, now: Timestamp) -> Vec<Wave> {
    let late_ms = now.since_ms(sent.due_ms);
    if late_ms < LATE_MS {
        return Vec::new();
    }
    let later = following.into_iter().filter(|w| w.number > sent.number);
    later
        .map(|wave| Wave {
            due_ms: wave.due_ms.plus_ms(late_ms),
            ..wave
        })
        .collect()
}

/// How well a local hour suits: 0 by day, 1 at the edges, 2 in the night.
#[must_use]
pub fn discomfort(hour: u32) -> u8 {
    match hour {
        8..=21 => 0,
        6 | 7 | 22 | 23 => 1,
        _ => 2,
    }
}

/// What time of the day it is for somebody.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Hours {
    /// She is up.
    Day,
    /// Early or late.
    Edge,
    /// She sleeps.
    Night,
}

impl Hours {
    /// The word in JSON.
    #[must_use]
    pub const fn word(self) -> &'static str {
        match self {
            Self::Day => "day",
            Self::Edge => "edge",
            Self::Night => "night",
        }
    }
}

/// What time of the day it is there, and what her clock shows: `09:10`.
#[must_use]
pub fn hours_there(at: Timestamp, time_zone: &str) -> (Hours, String) {
    let there = local(at, time_zone);
    let hours = match discomfort(there.hour()) {
        0 => Hours::Day,
        1 => Hours::Edge,
        _ => Hours::Night,
    };
    (hours, there.format("%H:%M").to_string())
}

/// Candidates, best first. Equal ones keep the order of the roster.
#[must_use]
pub fn order(mut candidates: Vec<Candidate>, now: Timestamp) -> Vec<PersonId> {
    let key = |c: &Candidate| {
        let band = discomfort(local(now, &c.time_zone).hour());
        // The freshest proof first, no proof last.
        (band, std::cmp::Reverse(c.proved_at))
    };
    candidates.sort_by_key(key);
    candidates.into_iter().map(|c| c.person).collect()
}

/// The waves for people in this order, `needed` shares being asked for from `asked` on. A wave
/// without anybody is left out.
#[must_use]
pub fn waves(
    ordered: &[PersonId],
    needed: u8,
    fallback: &[PersonId],
    asked: Timestamp,
) -> Vec<Wave> {
    let first = (usize::from(needed) + 1).min(ordered.len());
    let second = (first + MORE).min(ordered.len());
    let parts = [
        (0, &ordered[..first], false),
        (MORE_MS, &ordered[first..second], false),
        (ALL_MS, &ordered[second..], false),
        (FALLBACK_MS, fallback, true),
    ];
    let made = parts
        .into_iter()
        .filter(|(_, people, _)| !people.is_empty());
    (0..)
        .zip(made)
        .map(|(number, (after_ms, people, fallback))| Wave {
            number,
            due_ms: asked.plus_ms(after_ms),
            people: people.to_vec(),
            fallback,
        })
        .collect()
}

/// Whom to call when custodians do not answer: the configured people, by id or name, who are still on the roster;
/// without a list, security and operators. Nobody who is a custodian: she is paged already.
#[must_use]
pub fn fallback(configured: &[String], roster: &Roster) -> Vec<PersonId> {
    let listed = |p: &&Person| {
        if configured.is_empty() {
            p.is(Role::Security) || p.is(Role::Operator)
        } else {
            let is = |text: &String| text == p.id.as_str() || *text == p.name;
            configured.iter().any(is)
        }
    };
    let people = roster.people.iter().filter(listed);
    people
        .filter(|p| !p.is(Role::Custodian))
        .map(|p| p.id.clone())
        .collect()
}

/// A moment on somebody's wall clock; an unknown zone counts as UTC.
fn local(at: Timestamp, time_zone: &str) -> DateTime<Tz> {
    let zone: Tz = time_zone.parse().unwrap_or(Tz::UTC);
    let utc = DateTime::<Utc>::from_timestamp_millis(at.0).unwrap_or_default();
    utc.with_timezone(&zone)
}

/// `Fri 20 Nov, 21:07 EST (2026-11-21 02:07 UTC)`: local first, and never without UTC, because
/// a clock that is set back shows some minutes twice (facts on custody §3.7).
#[must_use]
pub fn local_words(at: Timestamp, time_zone: &str) -> String {
    let shown = local(at, time_zone).format("%a %-d %b, %H:%M %Z");
    format!("{shown} ({})", at.date_clock_utc())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::roster::tests::roster;
    use crate::domain::time::{DAY_MS, HOUR_MS};

    /// 2026-11-21 02:07 UTC.
    const NIGHT: Timestamp = Timestamp(1_795_226_820_000);

    fn person(n: usize) -> PersonId {
        format!("p{n}").parse().unwrap()
    }

    fn candidate(n: usize, time_zone: &str, proved_days_ago: Option<i64>) -> Candidate {
        Candidate {
            person: person(n),
            time_zone: time_zone.to_owned(),
            proved_at: proved_days_ago.map(|days| NIGHT.plus_ms(-days * DAY_MS)),
        }
    }

    #[test]
    fn the_best_local_hour_comes_first_and_the_freshest_proof_among_equals() {
        let asked = vec![
            candidate(1, "Europe/Berlin", Some(1)),       // 03:07
            candidate(2, "America/New_York", None),       // 21:07, never proved
            candidate(3, "Asia/Tokyo", Some(40)),         // 11:07
            candidate(4, "Asia/Kolkata", Some(1)),        // 07:37
            candidate(5, "America/Los_Angeles", Some(3)), // 18:07
        ];
        let expected: Vec<PersonId> = [5, 3, 2, 4, 1].map(person).into();
        assert_eq!(order(asked, NIGHT), expected);
    }

    #[test]
    fn an_unknown_time_zone_counts_as_utc_and_equal_people_keep_their_place() {
        let asked = vec![
            candidate(2, "Nowhere/City", None),
            candidate(1, "UTC", None),
        ];
        assert_eq!(order(asked, NIGHT), [person(2), person(1)]);
    }

    #[test]
    fn the_waves_are_k_and_one_then_two_then_all_then_the_fallback_list() {
        let people: Vec<PersonId> = (1..=9).map(person).collect();
        let waves = waves(&people, 3, &[person(20)], NIGHT);
        let seen: Vec<(i64, usize, bool)> = waves
            .iter()
            .map(|w| {
                (
                    w.due_ms.since_ms(NIGHT) / MINUTE_MS,
                    w.people.len(),
                    w.fallback,
                )
            })
            .collect();
        assert_eq!(
            seen,
            [(0, 4, false), (3, 2, false), (5, 3, false), (10, 1, true)]
        );
        let numbers: Vec<u8> = waves.iter().map(|w| w.number).collect();
        assert_eq!(numbers, [0, 1, 2, 3]);
    }

    #[test]
    fn the_fallback_list_is_read_by_id_and_by_name_and_never_holds_a_custodian() {
        let mut roster = roster();
        // Ids are small letters, names begin with a capital one.
        let listed = |list: &[&str], roster: &Roster| -> Vec<String> {
            let list: Vec<String> = list.iter().map(|&text| text.to_owned()).collect();
            let people = fallback(&list, roster);
            people.iter().map(ToString::to_string).collect()
        };
        assert_eq!(listed(&["otto"], &roster), ["otto"]);
        assert_eq!(listed(&["Otto"], &roster), ["otto"]);
        assert_eq!(
            listed(&["otto", "Vera", "Otto"], &roster),
            ["vera", "otto"],
            "each once, in the roster's order"
        );
        assert_eq!(listed(&["Ada", "ben", "rio"], &roster), ["rio"]);
        assert_eq!(listed(&["OTTO", "somebody-who-left"], &roster), [""; 0]);
        assert_eq!(listed(&[], &roster), ["otto", "sam"], "operators, security");
        let otto = roster.people.iter_mut().find(|p| p.name == "Otto").unwrap();
        otto.roles.push(Role::Custodian);
        assert_eq!(listed(&[], &roster), ["sam"], "she is paged as custodian");
        assert_eq!(listed(&["Otto"], &roster), [""; 0]);
    }

    #[test]
    fn waves_after_a_late_one_keep_their_distance_from_it() {
        let people: Vec<PersonId> = (1..=9).map(person).collect();
        let all = waves(&people, 3, &[person(20)], NIGHT);
        let on_time = NIGHT.plus_ms(MINUTE_MS - 1);
        assert!(put_off(&all[0], all.clone(), on_time).is_empty());
        let late = put_off(&all[1], all.clone(), NIGHT.plus_ms(60 * MINUTE_MS));
        let seen: Vec<(u8, i64)> = late
            .iter()
            .map(|w| (w.number, w.due_ms.since_ms(NIGHT) / MINUTE_MS))
            .collect();
        assert_eq!(seen, [(2, 62), (3, 67)]);
    }

    #[test]
    fn a_small_vault_has_no_empty_waves() {
        let people: Vec<PersonId> = (1..=3).map(person).collect();
        let waves = waves(&people, 3, &[], NIGHT);
        assert_eq!(waves.len(), 1);
        assert_eq!(waves[0].people, people);
    }

    #[test]
    fn nobody_is_paged_twice_and_nobody_is_forgotten() {
        for n in 0..=15 {
            for needed in 2..=15 {
                let people: Vec<PersonId> = (0..n).map(person).collect();
                let paged: Vec<PersonId> = waves(&people, needed, &[], NIGHT)
                    .into_iter()
                    .flat_map(|w| w.people)
                    .collect();
                assert_eq!(paged, people, "{needed} of {n}");
            }
        }
    }

    #[test]
    fn local_time_is_never_without_utc_and_shows_the_other_date() {
        assert_eq!(
            local_words(NIGHT, "America/New_York"),
            "Fri 20 Nov, 21:07 EST (2026-11-21 02:07 UTC)"
        );
        // The hour that London sees twice: 2026-10-25, 00:30 and 01:30 UTC.
        let first = Timestamp(1_792_888_200_000);
        let words = [first, first.plus_ms(HOUR_MS)].map(|at| local_words(at, "Europe/London"));
        assert!(words[0].starts_with("Sun 25 Oct, 01:30 BST (2026-10-25 00:30 UTC"));
        assert!(words[1].starts_with("Sun 25 Oct, 01:30 GMT (2026-10-25 01:30 UTC"));
    }
}
