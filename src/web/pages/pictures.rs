//! Pictures made on the server: inline SVG without script or style, axes in UTC, a letter or shape
//! wherever there is a colour. Beside each stands a table with the same numbers.

pub(super) mod bars;
pub(super) mod grid;
pub(super) mod lanes;

use crate::app::look::{Call, CallEnd, Numbers};
use crate::domain::time::{DAY_MS, HOUR_MS, MINUTE_MS, SECOND_MS, Timestamp};

/// Width of a picture, in its own units.
pub(super) const WIDTH: i64 = 800;

/// Groups of risk classes, as pictures and tables show them: mildest first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Group {
    Read,
    Egress,
    Change,
    Danger,
    Denied,
}

impl Group {
    pub(super) const ALL: [Self; 5] = [
        Self::Read,
        Self::Egress,
        Self::Change,
        Self::Danger,
        Self::Denied,
    ];

    /// The group of a call.
    pub(super) fn of(call: &Call) -> Self {
        if matches!(call.end, CallEnd::Denied(_)) {
            return Self::Denied;
        }
        Self::of_class(&call.class)
    }

    fn of_class(class: &str) -> Self {
        match class {
            "read" => Self::Read,
            "egress" => Self::Egress,
            "change" => Self::Change,
            _ => Self::Danger,
        }
    }

    /// Its class in the style sheet.
    pub(super) fn style(self) -> &'static str {
        match self {
            Self::Read => "read",
            Self::Egress => "egress",
            Self::Change => "change",
            Self::Danger => "danger",
            Self::Denied => "denied",
        }
    }

    /// The letter that says what the colour says.
    pub(super) fn letter(self) -> &'static str {
        match self {
            Self::Read => "R",
            Self::Egress => "E",
            Self::Change => "C",
            Self::Danger => "D",
            Self::Denied => "×",
        }
    }
}

/// How many calls of each group.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Tally {
    counts: [usize; 5],
    /// Calls that may have changed something.
    pub writes: usize,
    /// Calls that were refused here.
    pub denied: usize,
}

impl Tally {
    pub(super) fn of(calls: &[Call]) -> Self {
        let mut tally = Self::default();
        for call in calls {
            tally.counts[Group::of(call) as usize] += 1;
        }
        tally.summed()
    }

    /// The same from what was counted already.
    pub(super) fn of_numbers(numbers: &Numbers) -> Self {
        let mut tally = Self::default();
        for (class, calls) in &numbers.calls {
            tally.counts[Group::of_class(class) as usize] += calls;
        }
        tally.counts[Group::Denied as usize] = numbers.denied;
        tally.summed()
    }

    fn summed(self) -> Self {
        let mut tally = self;
        tally.writes = tally.of_group(Group::Change) + tally.of_group(Group::Danger);
        tally.denied = tally.of_group(Group::Denied);
        tally
    }

    pub(super) fn of_group(&self, group: Group) -> usize {
        self.counts[group as usize]
    }

    /// Calls that went upstream.
    pub(super) fn calls(&self) -> usize {
        self.counts.iter().sum::<usize>() - self.denied
    }
}

/// A stretch of time on the horizontal axis.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Axis {
    from: i64,
    until: i64,
    left: i64,
}

impl Axis {
    /// From the first to the last moment, with `left` units kept free for words.
    pub(super) fn over(moments: impl Iterator<Item = Timestamp>, left: i64) -> Option<Self> {
        let (mut from, mut until) = (i64::MAX, i64::MIN);
        for moment in moments {
            from = from.min(moment.0);
            until = until.max(moment.0);
        }
        (from <= until).then(|| Self {
            from,
            until: until.max(from + SECOND_MS),
            left,
        })
    }

    /// Where a moment stands.
    pub(super) fn x(&self, at: Timestamp) -> i64 {
        // The last word needs half its width.
        let room = WIDTH - self.left - 40;
        let passed = (at.0 - self.from).clamp(0, self.until - self.from);
        self.left + passed * room / (self.until - self.from)
    }

    /// At most eight round moments with their words.
    pub(super) fn ticks(&self) -> Vec<(i64, String)> {
        const STEPS: [i64; 13] = [
            SECOND_MS,
            5 * SECOND_MS,
            15 * SECOND_MS,
            MINUTE_MS,
            5 * MINUTE_MS,
            10 * MINUTE_MS,
            30 * MINUTE_MS,
            HOUR_MS,
            3 * HOUR_MS,
            6 * HOUR_MS,
            DAY_MS,
            7 * DAY_MS,
            30 * DAY_MS,
        ];
        let step = STEPS
            .into_iter()
            .find(|step| (self.until - self.from) / step <= 7);
        let step = step.unwrap_or(365 * DAY_MS);
        let first = self.from.div_euclid(step) + i64::from(self.from.rem_euclid(step) > 0);
        (first..)
            .map(|number| Timestamp(number * step))
            .take_while(|at| at.0 <= self.until)
            .map(|at| (self.x(at), label(at, step)))
            .collect()
    }
}

fn label(at: Timestamp, step: i64) -> String {
    let text = at.rfc3339();
    let part = |from: usize, to: usize| text.get(from..to).unwrap_or_default().to_owned();
    if step < MINUTE_MS {
        part(11, 19)
    } else if step < DAY_MS {
        part(11, 16)
    } else {
        part(5, 10)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_axis_has_few_round_moments_inside_it() {
        let start = Timestamp(1_795_226_823_000);
        for length in [0, 900, 40_000, 45 * MINUTE_MS, 26 * HOUR_MS, 90 * DAY_MS] {
            let end = start.plus_ms(length);
            let axis = Axis::over([start, end].into_iter(), 100).unwrap();
            let ticks = axis.ticks();
            assert!(ticks.len() <= 8, "{length}: {ticks:?}");
            assert!(ticks.iter().all(|(x, _)| (100..=WIDTH - 20).contains(x)));
            assert_eq!(axis.x(start), 100);
        }
        assert_eq!(Axis::over(std::iter::empty(), 0), None);
    }

    #[test]
    fn calls_are_counted_by_what_they_might_do() {
        let call = |class: &str, end: CallEnd| Call {
            seq: 0,
            at: Timestamp(0),
            class: class.to_owned(),
            method: "GET".to_owned(),
            route: "/".to_owned(),
            end,
            took_ms: 0,
        };
        let calls = [
            call("read", CallEnd::Status(200)),
            call("change", CallEnd::Lost),
            call("privilege", CallEnd::Status(403)),
            call("destroy", CallEnd::Denied("scope".to_owned())),
        ];
        let tally = Tally::of(&calls);
        assert_eq!((tally.calls(), tally.writes, tally.denied), (3, 2, 1));
        let counted = ["read", "change", "privilege"].map(|class| (class.to_owned(), 1));
        let numbers = Numbers {
            calls: counted.into(),
            denied: 1,
            outside: 1,
            in_bursts: 0,
            unsealed_at: None,
        };
        assert_eq!(Tally::of_numbers(&numbers), tally);
    }
}
