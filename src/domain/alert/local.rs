//! The moments of a mail on its reader's own clock: every `2026-11-21 02:07 UTC` is followed by her
//! local time in brackets, with her date where it is another day there (facts on custody §3.5, §3.7).
//!
//! UTC always stays: it is what the log says, and what two people on the phone can agree on.

use std::collections::{BTreeMap, BTreeSet};

use chrono::{DateTime, NaiveDateTime};
use chrono_tz::Tz;

use super::Audience;
use crate::domain::roster::Roster;

/// What a moment looks like in our texts, and how long that is.
const MOMENT: &str = "%Y-%m-%d %H:%M UTC";
const MOMENT_CHARS: usize = "2026-11-21 03:22 UTC".len();

/// The body once for each text that it becomes on people's clocks, with the mail addresses of those
/// who read it so. People whose clocks show the same share a mail.
#[must_use]
pub fn by_local_time(
    body: &str,
    audience: &Audience,
    roster: &Roster,
) -> BTreeMap<String, BTreeSet<String>> {
    let mut texts: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
    // An address that two people share gets one mail: by the clock of the first.
    let mut served = BTreeSet::new();
    for person in roster.people.iter().filter(|p| audience.names(p)) {
        if served.insert(person.contacts.mail.clone()) {
            let text = with_local_times(body, &person.time_zone);
            let mails = texts.entry(text).or_default();
            mails.insert(person.contacts.mail.clone());
        }
    }
    texts
}

/// The text with local times; unchanged for UTC and for a zone that is not known.
#[must_use]
pub fn with_local_times(text: &str, time_zone: &str) -> String {
    let zone: Tz = match time_zone.parse() {
        Ok(Tz::UTC) | Err(_) => return text.to_owned(),
        Ok(zone) => zone,
    };
    let (mut out, mut rest) = (String::with_capacity(text.len() + 64), text);
    while let Some(at) = rest.find(" UTC") {
        let end = at + " UTC".len();
        out.push_str(&rest[..end]);
        if let Some(local) = local_of(&rest[..end], zone) {
            out.push_str(&local);
        }
        rest = &rest[end..];
    }
    out.push_str(rest);
    out
}

/// Whose clock a stored mail shows: those of `zones` on which its first moment reads as it stands
/// there, or UTC where it stands alone. Empty where the text has no moment, and every clock fits; or
/// where people's zones have changed since.
#[must_use]
pub fn clocks_shown<'a>(text: &str, zones: &BTreeSet<&'a str>) -> Vec<&'a str> {
    let ends = text.match_indices(" UTC").map(|(at, word)| at + word.len());
    let mut moments = ends.filter(|end| {
        let start = end.checked_sub(MOMENT_CHARS);
        let moment = start.and_then(|start| text.get(start..*end));
        // One in brackets follows a local time that somebody else wrote.
        let bare = moment.is_some() && !text[..end - MOMENT_CHARS].ends_with('(');
        bare && moment.is_some_and(|moment| NaiveDateTime::parse_from_str(moment, MOMENT).is_ok())
    });
    let Some(end) = moments.next() else {
        return Vec::new();
    };
    let (moment, rest) = text.split_at(end);
    let alone = !rest.starts_with(" (");
    let reads = |zone: &&str| {
        let local = zone.parse().ok().and_then(|zone| local_of(moment, zone));
        local.map_or(alone, |local| rest.starts_with(&local))
    };
    zones.iter().copied().filter(reads).collect()
}

/// ` (03:07 CET)` for the moment at the end of the text; none where there is no moment, and where
/// it stands in brackets itself: then a local time is before it.
fn local_of(text: &str, zone: Tz) -> Option<String> {
    let start = text.len().checked_sub(MOMENT_CHARS)?;
    let moment = NaiveDateTime::parse_from_str(text.get(start..)?, MOMENT).ok()?;
    if text[..start].ends_with('(') {
        return None;
    }
    let utc = moment.and_utc();
    let local: DateTime<Tz> = utc.with_timezone(&zone);
    // Under whatever name: a clock that shows UTC needs no brackets.
    if local.format("%Z").to_string() == "UTC" {
        return None;
    }
    let form = if local.date_naive() == moment.date() {
        " (%H:%M %Z)"
    } else {
        " (%a %-d %b, %H:%M %Z)"
    };
    Some(local.format(form).to_string())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::roster::tests::roster;

    #[test]
    fn a_moment_is_followed_by_the_readers_time_and_by_her_date_where_it_is_another_day() {
        let text = "Ends 2026-11-21 02:37 UTC, fully safe at 2026-11-21 12:00 UTC. In UTC.";
        assert_eq!(
            with_local_times(text, "Europe/Berlin"),
            "Ends 2026-11-21 02:37 UTC (03:37 CET), fully safe at 2026-11-21 12:00 UTC (13:00 CET). \
             In UTC."
        );
        assert_eq!(
            with_local_times(text, "America/New_York"),
            "Ends 2026-11-21 02:37 UTC (Fri 20 Nov, 21:37 EST), fully safe at 2026-11-21 12:00 UTC \
             (07:00 EST). In UTC."
        );
        for zone in ["UTC", "Etc/UTC", "nowhere"] {
            assert_eq!(with_local_times(text, zone), text, "{zone}");
        }
    }

    #[test]
    fn a_stored_text_tells_whose_clock_it_shows() {
        let zones = BTreeSet::from(["America/New_York", "Europe/Berlin", "Europe/Paris", "UTC"]);
        let text = "Ends 2026-11-21 02:37 UTC, safe at 2026-11-21 12:00 UTC.";
        for (zone, clocks) in [
            ("Europe/Paris", ["Europe/Berlin", "Europe/Paris"].as_slice()),
            ("America/New_York", &["America/New_York"]),
            ("UTC", &["UTC"]),
        ] {
            let stored = with_local_times(text, zone);
            assert_eq!(clocks_shown(&stored, &zones), clocks, "{stored}");
        }
        // Their zones have changed since; a text without a moment fits every clock.
        let moved = with_local_times(text, "Asia/Tokyo");
        assert_eq!(clocks_shown(&moved, &zones), [] as [&str; 0]);
        for text in [
            "until 03:22 UTC",
            "Sat (2026-11-21 02:07 UTC)",
            "\u{e4} UTC (03:37 CET)",
        ] {
            assert_eq!(clocks_shown(text, &zones), [] as [&str; 0], "{text}");
        }
    }

    #[test]
    fn both_hours_of_the_night_when_clocks_are_set_back_are_told_apart() {
        let text = "2026-10-25 00:30 UTC and 2026-10-25 01:30 UTC";
        assert_eq!(
            with_local_times(text, "Europe/London"),
            "2026-10-25 00:30 UTC (01:30 BST) and 2026-10-25 01:30 UTC (01:30 GMT)"
        );
    }

    #[test]
    fn a_moment_in_brackets_and_what_is_none_stay_as_they_are() {
        for text in [
            "Sat 21 Nov, 03:07 CET (2026-11-21 02:07 UTC)",
            "until 03:22 UTC",
            "2026-13-41 99:99 UTC",
            "\u{e4} UTC",
            " UTC",
        ] {
            assert_eq!(with_local_times(text, "Europe/Berlin"), text);
        }
    }

    #[test]
    fn people_whose_clocks_show_the_same_share_a_mail_and_nobody_gets_two() {
        let mut roster = roster();
        for (at, zone) in [(0, "Asia/Tokyo"), (1, "Europe/Paris"), (2, "UTC")] {
            roster.people[at].time_zone = zone.to_owned();
        }
        roster.people[3].contacts.mail = roster.people[0].contacts.mail.clone();
        let body = "Ends 2026-11-21 02:37 UTC.";
        let texts = by_local_time(body, &Audience::Everyone, &roster);
        let of = |text: &str| texts[text].iter().map(String::as_str).collect::<Vec<_>>();
        assert_eq!(texts.len(), 3, "{texts:?}");
        assert_eq!(
            of("Ends 2026-11-21 02:37 UTC (11:37 JST)."),
            ["ada@example.org"]
        );
        assert_eq!(of(body), ["cleo@example.org"]);
        let rest = of("Ends 2026-11-21 02:37 UTC (03:37 CET).");
        assert!(rest.contains(&"ben@example.org") && rest.contains(&"emil@example.org"));
        let all: Vec<&String> = texts.values().flatten().collect();
        let once: BTreeSet<&String> = all.iter().copied().collect();
        assert_eq!(all.len(), once.len());
        assert_eq!(once.len(), roster.people.len() - 1);
    }
}
