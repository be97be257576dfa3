//! What is counted about one session's calls: seats, addresses, refusals.

use std::net::IpAddr;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use super::burst::{Burst, Noted};

/// Refusals of a session written one by one, per second.
const DENIALS_PER_SECOND: u32 = 100;
/// Addresses remembered per token; who comes from more is known to be everywhere.
const MOST_ADDRESSES: usize = 64;
/// Shortest time between two messages about calls outside the scope.
const TELL_EVERY_MS: i64 = 60_000;

/// Counters of one session.
#[derive(Debug, Default)]
pub(in crate::app) struct Desk {
    under_way: Arc<AtomicUsize>,
    addresses: Mutex<Vec<IpAddr>>,
    denials: Mutex<Burst>,
    untold: Mutex<Untold>,
}

#[derive(Debug, Default)]
struct Untold {
    told_at_ms: Option<i64>,
    count: u64,
}

/// One call's place among those under way; given back when the last who holds it drops it.
#[derive(Debug)]
pub struct Seat(Arc<AtomicUsize>);

impl Drop for Seat {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::AcqRel);
    }
}

fn locked<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    // Each holder leaves the counters consistent at every step.
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Desk {
    /// A seat for one call, while fewer than `most` are taken.
    pub(super) fn seat(&self, most: usize) -> Option<Seat> {
        let one_more = |taken: usize| (taken < most).then_some(taken + 1);
        self.under_way
            .fetch_update(Ordering::AcqRel, Ordering::Acquire, one_more)
            .ok()?;
        Some(Seat(Arc::clone(&self.under_way)))
    }

    /// The first address, when this one is new and not the first.
    pub(super) fn foreign(&self, peer: IpAddr) -> Option<IpAddr> {
        let mut addresses = locked(&self.addresses);
        if addresses.contains(&peer) || addresses.len() >= MOST_ADDRESSES {
            return None;
        }
        addresses.push(peer);
        addresses.first().copied().filter(|first| *first != peer)
    }

    /// A new token has no address yet.
    pub(in crate::app) fn forget_addresses(&self) {
        locked(&self.addresses).clear();
    }

    /// One more refusal.
    pub(super) fn denied(&self, now_ms: i64) -> Noted {
        locked(&self.denials).note(now_ms, DENIALS_PER_SECOND)
    }

    /// Refusals that were only counted.
    pub(super) fn counted_denials(&self) -> u64 {
        locked(&self.denials).take()
    }

    /// One more call outside the scope: how many to tell people of now, if any.
    pub(super) fn to_tell(&self, now_ms: i64) -> Option<u64> {
        let mut untold = locked(&self.untold);
        untold.count += 1;
        let is_due = untold
            .told_at_ms
            .is_none_or(|told| now_ms - told >= TELL_EVERY_MS);
        is_due.then(|| {
            untold.told_at_ms = Some(now_ms);
            std::mem::take(&mut untold.count)
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_new_address_of_a_token_is_told_once() {
        let desk = Desk::default();
        let [first, second] = [[127, 0, 0, 1], [127, 0, 0, 2]].map(IpAddr::from);
        assert_eq!(desk.foreign(first), None);
        assert_eq!(desk.foreign(second), Some(first));
        assert_eq!(desk.foreign(second), None);
        assert_eq!(desk.foreign(first), None);
        desk.forget_addresses();
        assert_eq!(desk.foreign(second), None);
        assert_eq!(desk.foreign(first), Some(second));
    }

    #[test]
    fn people_are_told_at_once_and_then_once_a_minute_with_a_count() {
        let desk = Desk::default();
        assert_eq!(desk.to_tell(0), Some(1));
        assert_eq!(desk.to_tell(10), None);
        assert_eq!(desk.to_tell(20), None);
        assert_eq!(desk.to_tell(60_000), Some(3));
    }

    #[test]
    fn there_are_as_many_calls_at_once_as_seats() {
        let desk = Desk::default();
        let taken: Vec<_> = std::iter::from_fn(|| desk.seat(8)).take(1_000).collect();
        assert_eq!(taken.len(), 8);
        drop(taken);
        assert!(desk.seat(8).is_some());
    }
}
