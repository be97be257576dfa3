//! Moments as people read them: her own clock first, UTC always, with the UTC date when it is
//! another day there. Zones come from the roster; nothing here asks the browser.

use chrono::{DateTime, Timelike as _, Utc};
use chrono_tz::Tz;
use maud::{Markup, html};

use crate::domain::paging::discomfort;
use crate::domain::time::{HOUR_MS, MINUTE_MS, SECOND_MS, Timestamp};
use crate::web::words::when as words;

/// The zone of a roster's text; UTC where nobody knows it.
pub(super) fn zone(name: &str) -> Tz {
    name.parse().unwrap_or(Tz::UTC)
}

fn utc(at: Timestamp) -> DateTime<Utc> {
    DateTime::from_timestamp_millis(at.0).unwrap_or_default()
}

/// `Sat 21 Nov, 03:07 CET (02:07 UTC)`; with the UTC date when it differs.
pub(super) fn text(at: Timestamp, zone_name: &str) -> String {
    let (there, utc) = (utc(at).with_timezone(&zone(zone_name)), utc(at));
    if zone(zone_name) == Tz::UTC {
        return utc.format("%a %-d %b %Y, %H:%M UTC").to_string();
    }
    let same_day = there.date_naive() == utc.date_naive();
    let in_utc = utc.format(if same_day {
        "%H:%M UTC"
    } else {
        "%Y-%m-%d %H:%M UTC"
    });
    format!("{} ({in_utc})", there.format("%a %-d %b, %H:%M %Z"))
}

/// A moment in the viewer's own time and UTC.
pub(super) fn both(at: Timestamp, zone_name: &str) -> Markup {
    html! { time datetime=(at.rfc3339()) { (text(at, zone_name)) } }
}

/// `03:07 CET (02:07 UTC)`: a moment of these hours, the whole of it in the title.
pub(super) fn clock(at: Timestamp, zone_name: &str) -> Markup {
    let there = utc(at).with_timezone(&zone(zone_name));
    html! {
        time datetime=(at.rfc3339()) title=(text(at, zone_name)) {
            (there.format("%H:%M %Z").to_string())
            @if zone(zone_name) != Tz::UTC { " (" (at.clock_utc()) ")" }
        }
    }
}

/// A moment in a table: UTC to the second under a heading that says so, local in the title.
pub(super) fn in_table(at: Timestamp, zone_name: &str) -> Markup {
    html! {
        time datetime=(at.rfc3339()) title=(text(at, zone_name)) {
            (utc(at).format("%Y-%m-%d %H:%M:%S").to_string())
        }
    }
}

/// `21:07` where somebody is now.
pub(super) fn hour_there(now: Timestamp, zone_name: &str) -> String {
    utc(now)
        .with_timezone(&zone(zone_name))
        .format("%H:%M")
        .to_string()
}

/// Whether people sleep there now.
pub(super) fn is_night(now: Timestamp, zone_name: &str) -> bool {
    let hour = utc(now).with_timezone(&zone(zone_name)).hour();
    discomfort(hour) > 1
}

/// How long until a moment, to be counted down by the script; whole minutes without it.
pub(super) fn until(then: Timestamp, now: Timestamp) -> Markup {
    html! {
        span .countdown data-until=(then.0) data-left=(words::LEFT) data-over=(words::OVER) { (words::left(then.since_ms(now))) }
    }
}

/// How long ago: days, hours or minutes.
pub(super) fn ago(then: Timestamp, now: Timestamp) -> String {
    let passed = now.since_ms(then).max(0);
    words::ago(passed / MINUTE_MS)
}

/// A length of time to the second.
pub(super) fn length(ms: i64) -> String {
    let seconds = ms.max(0) / SECOND_MS;
    if ms >= HOUR_MS {
        return format!("{} h {:02} min", seconds / 3_600, seconds / 60 % 60);
    }
    format!("{}:{:02} min", seconds / 60, seconds % 60)
}

#[cfg(test)]
mod tests {
    use super::*;

    const NIGHT: Timestamp = Timestamp(1_795_226_820_000);

    #[test]
    fn the_utc_date_is_told_when_it_is_another_day() {
        assert_eq!(
            text(NIGHT, "America/New_York"),
            "Fri 20 Nov, 21:07 EST (2026-11-21 02:07 UTC)"
        );
        assert_eq!(
            text(NIGHT, "Europe/Berlin"),
            "Sat 21 Nov, 03:07 CET (02:07 UTC)"
        );
        assert_eq!(text(NIGHT, "nowhere"), "Sat 21 Nov 2026, 02:07 UTC");
    }

    #[test]
    fn an_hour_that_comes_twice_is_told_apart_by_utc() {
        let first = Timestamp(1_792_888_200_000);
        let again = first.plus_ms(HOUR_MS);
        assert_eq!(
            text(first, "Europe/London"),
            "Sun 25 Oct, 01:30 BST (00:30 UTC)"
        );
        assert_eq!(
            text(again, "Europe/London"),
            "Sun 25 Oct, 01:30 GMT (01:30 UTC)"
        );
    }
}
