//! How often strangers may knock: requests that anybody may send, counted by where they come from
//! and in all, in bounded room. Pure: the time is an argument.

use std::collections::HashMap;
use std::net::IpAddr;

use super::permit::{Burst, Noted};

/// Requests one source may make in a second.
const PER_SOURCE: u32 = 100;
/// Requests all sources together may make in a second.
const IN_ALL: u32 = 1_000;
/// Sources remembered; those beyond share one count.
const MAX_SOURCES: usize = 1_024;
/// Where requests count that have no count of their own.
const EVERYWHERE: &str = "everywhere";

/// The counts of one process.
#[derive(Debug, Default)]
pub(super) struct Knocks {
    sources: HashMap<String, Burst>,
}

impl Knocks {
    /// Notes a request; also the name its count goes by, for [`Knocks::take`].
    pub(super) fn note(&mut self, from: &str, now_ms: i64) -> (String, Noted) {
        let in_all = self.sources.entry(EVERYWHERE.to_owned()).or_default();
        let noted = in_all.note(now_ms, IN_ALL);
        if noted != Noted::Write {
            return (EVERYWHERE.to_owned(), noted);
        }
        let source = source(from);
        if self.sources.len() >= MAX_SOURCES && !self.sources.contains_key(&source) {
            self.sources.retain(|_, burst| !burst.is_over(now_ms));
        }
        if self.sources.len() >= MAX_SOURCES && !self.sources.contains_key(&source) {
            // All of them knock at this moment: a stranger more counts among all.
            return (source, noted);
        }
        let noted = self
            .sources
            .entry(source.clone())
            .or_default()
            .note(now_ms, PER_SOURCE);
        (source, noted)
    }

    /// Takes out what was counted by a name.
    pub(super) fn take(&mut self, source: &str) -> u64 {
        self.sources.get_mut(source).map_or(0, Burst::take)
    }
}

/// Who has one address of version 6 has 2^64 of them: the network counts.
fn source(from: &str) -> String {
    match from.parse::<IpAddr>().map(|address| address.to_canonical()) {
        Ok(IpAddr::V6(address)) => {
            let [a, b, c, d, ..] = address.segments();
            format!("{a:x}:{b:x}:{c:x}:{d:x}::/64")
        }
        Ok(IpAddr::V4(address)) => address.to_string(),
        Err(_) => from.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_source_is_held_back_and_another_is_not() {
        let mut knocks = Knocks::default();
        for _ in 0..PER_SOURCE {
            assert_eq!(knocks.note("192.0.2.1", 0).1, Noted::Write);
        }
        let (name, noted) = knocks.note("192.0.2.1", 1);
        assert_eq!((name.as_str(), noted), ("192.0.2.1", Noted::First));
        assert_eq!(knocks.note("192.0.2.1", 2).1, Noted::Counted);
        assert_eq!(knocks.note("192.0.2.2", 2).1, Noted::Write);
        assert_eq!(knocks.take("192.0.2.1"), 2);
        assert_eq!(knocks.note("192.0.2.1", 1_000).1, Noted::Write);
    }

    #[test]
    fn the_addresses_of_one_network_are_one_source() {
        let mut knocks = Knocks::default();
        for host in 0..PER_SOURCE {
            let from = format!("2001:db8:0:7::{host:x}");
            assert_eq!(knocks.note(&from, 0).1, Noted::Write);
        }
        let (name, noted) = knocks.note("2001:db8:0:7:ffff::1", 0);
        assert_eq!((name.as_str(), noted), ("2001:db8:0:7::/64", Noted::First));
        assert_eq!(knocks.note("2001:db8:0:8::1", 0).1, Noted::Write);
        assert_eq!(source("::ffff:192.0.2.1"), "192.0.2.1");
    }

    #[test]
    fn many_sources_take_bounded_room_and_are_held_back_together() {
        let mut knocks = Knocks::default();
        let address = |n: u32| format!("10.{}.{}.{}", n >> 16, n >> 8 & 255, n & 255);
        let written = (0..10_000)
            .filter(|n| knocks.note(&address(*n), 5).1 == Noted::Write)
            .count();
        assert_eq!(written, usize::try_from(IN_ALL).unwrap());
        assert_eq!(knocks.take(EVERYWHERE), 10_000 - u64::from(IN_ALL));
        for second in 1..20 {
            for n in 0..IN_ALL {
                knocks.note(&address(second * IN_ALL + n), i64::from(second) * 1_000);
            }
        }
        assert!(
            knocks.sources.len() <= MAX_SOURCES,
            "{}",
            knocks.sources.len()
        );
    }
}
