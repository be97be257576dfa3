//! Who could answer tonight: the chance of a quorum, and when a custodian is asked to prove her
//! share again (facts on custody §2.2, §2.3). Pure; the numbers are estimates and say so.

use super::paging::Hours;
use super::time::{DAY_MS, Timestamp};

/// Chance, in percent, that one custodian answers within ten minutes at night.
pub const NIGHT_PERCENT: u32 = 60;
/// The same in office hours.
pub const DAY_PERCENT: u32 = 80;
/// A share is proved again after this long.
pub const PROVE_AGAIN_MS: i64 = 90 * DAY_MS;
/// Pause between two reminders once the first two had no effect.
const REMIND_EVERY_MS: i64 = 7 * DAY_MS;

/// Chance, in whole percent, that at least `k` of `people` answer when each does so with
/// `each_percent`, independently.
#[must_use]
pub fn quorum_percent(people: u32, k: u32, each_percent: u32) -> u32 {
    let p = f64::from(each_percent.min(100)) / 100.0;
    let exactly = |answers: u32| {
        let ways = (0..answers).fold(1.0, |ways, i| {
            ways * f64::from(people - i) / f64::from(i + 1)
        });
        ways * p.powf(f64::from(answers)) * (1.0 - p).powf(f64::from(people - answers))
    };
    let chance: f64 = (k..=people).map(exactly).sum();
    (chance.clamp(0.0, 1.0) * 100.0).round() as u32
}

/// Chance, in whole percent, that at least `k` answer when each does so with her own percentage,
/// independently.
#[must_use]
pub fn quorum_percent_of(each_percent: &[u32], k: u32) -> u32 {
    // Chance of exactly so many answers, one more person at a time.
    let mut exactly = vec![1.0_f64];
    for percent in each_percent {
        let p = f64::from((*percent).min(100)) / 100.0;
        let mut next = vec![0.0; exactly.len() + 1];
        for (answers, chance) in exactly.iter().enumerate() {
            next[answers] += chance * (1.0 - p);
            next[answers + 1] += chance * p;
        }
        exactly = next;
    }
    let chance: f64 = exactly.iter().skip(k as usize).sum();
    (chance.clamp(0.0, 1.0) * 100.0).round() as u32
}

/// How likely somebody answers within ten minutes at her local hour, whole percent.
#[must_use]
pub fn answers_percent(hours: Hours) -> u32 {
    match hours {
        Hours::Day => DAY_PERCENT,
        Hours::Edge | Hours::Night => NIGHT_PERCENT,
    }
}

/// Whether a custodian should be reminded to prove her share.
///
/// Not proved in this epoch: 24 and 48 hours after it was dealt, then weekly. Proved: weekly from
/// 90 days after the oldest of her unlockers last opened a file.
#[must_use]
pub fn is_reminder_due(
    dealt: Timestamp,
    proved: bool,
    oldest_opened: Option<Timestamp>,
    last_told: Option<Timestamp>,
    now: Timestamp,
) -> bool {
    let steps: &[Timestamp] = &if proved {
        let Some(opened) = oldest_opened else {
            return false;
        };
        [
            opened.plus_ms(PROVE_AGAIN_MS),
            opened.plus_ms(PROVE_AGAIN_MS),
        ]
    } else {
        [dealt.plus_ms(DAY_MS), dealt.plus_ms(2 * DAY_MS)]
    };
    let reached = steps.iter().filter(|step| now >= **step).max();
    let Some(reached) = reached else {
        return false;
    };
    last_told.is_none_or(|told| told < *reached || now.since_ms(told) >= REMIND_EVERY_MS)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_chances_are_those_of_the_table() {
        for (people, k, each, chance) in [
            (5, 2, 60, 91),
            (5, 3, 60, 68),
            (7, 3, 60, 90),
            (7, 4, 60, 71),
            (9, 4, 60, 90),
            (5, 3, 80, 94),
            (2, 3, 80, 0),
            (3, 3, 100, 100),
        ] {
            assert_eq!(quorum_percent(people, k, each), chance, "{k} of {people}");
        }
    }

    #[test]
    fn people_with_the_same_odds_give_the_same_chance_one_by_one() {
        for (people, k, each) in [(5_u32, 3, 60), (7, 3, 60), (5, 3, 80), (2, 3, 80)] {
            let odds = vec![each; people as usize];
            let together = quorum_percent(people, k, each);
            assert_eq!(quorum_percent_of(&odds, k), together, "{k} of {people}");
        }
        assert_eq!(quorum_percent_of(&[100, 100, 0], 2), 100);
        assert_eq!(quorum_percent_of(&[100, 50], 2), 50);
        assert_eq!(quorum_percent_of(&[], 1), 0);
    }

    #[test]
    fn a_new_share_is_asked_for_after_one_day_two_days_and_then_weekly() {
        let dealt = Timestamp(0);
        let at = |days: i64| Timestamp(days * DAY_MS);
        let due = |told: Option<i64>, now: i64| {
            is_reminder_due(dealt, false, None, told.map(at), at(now))
        };
        assert!(!due(None, 0));
        assert!(due(None, 1) && !due(Some(1), 1));
        assert!(due(Some(1), 2) && !due(Some(2), 3));
        assert!(!due(Some(2), 8) && due(Some(2), 9));
    }

    #[test]
    fn a_proved_share_is_asked_for_again_after_ninety_days() {
        let at = |days: i64| Timestamp(days * DAY_MS);
        let due = |told: Option<i64>, now: i64| {
            is_reminder_due(at(0), true, Some(at(10)), told.map(at), at(now))
        };
        assert!(!due(None, 99) && due(None, 100));
        assert!(!due(Some(100), 101) && due(Some(100), 107));
        assert!(!is_reminder_due(at(0), true, None, None, at(500)));
    }
}
