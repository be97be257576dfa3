//! What happened in an incident, as pictures with their tables: timeline, calls by risk, writes,
//! refused calls, calls by route.

use std::collections::BTreeMap;

use maud::{Markup, html};

use super::pictures::{Group, Tally, bars, lanes};
use super::when;
use crate::app::look::{Call, CallEnd, Story, Viewer};
use crate::web::words::pictures as picture_words;
use crate::web::words::story as words;

/// Calls listed one by one; the rest is in the groups and in the export.
const MAX_LISTED: usize = 200;

/// Timeline and calls over time.
pub(super) fn pictures(story: &Story, viewer: &Viewer) -> Markup {
    let (step, bars) = bars::bars(&story.calls);
    html! {
        h2 { (picture_words::LANES) }
        @if let Some(picture) = lanes::picture(story) {
            figure {
                div .scroll tabindex="0" role="region" aria-label=(picture_words::LANES) { (picture) }
                figcaption { (picture_words::LANES_KEY) }
            }
        }
        details {
            summary { (picture_words::LANES_TABLE) }
            (timeline(story, viewer))
        }
        @if let Some(picture) = bars::picture(step, &bars) {
            h2 { (picture_words::BARS) }
            figure {
                div .scroll tabindex="0" role="region" aria-label=(picture_words::BARS) { (picture) }
                figcaption { (bars::legend(&bars)) }
            }
            details {
                summary { (picture_words::LANES_TABLE) }
                (bar_table(&bars, step, viewer))
            }
        }
    }
}

fn scrolled(name: &str, table: &Markup) -> Markup {
    html! { div .scroll tabindex="0" role="region" aria-label=(name) { (table) } }
}

fn timeline(story: &Story, viewer: &Viewer) -> Markup {
    scrolled(
        words::TIMELINE,
        &html! {
            table {
                caption { (words::TIMELINE) }
                thead { tr { th scope="col" { (words::AT_UTC) } th scope="col" { (words::LANE) } th scope="col" { (words::EVENT) } } }
                tbody { @for (at, lane, says) in lanes::rows(story) {
                    tr { td { (when::in_table(at, &viewer.time_zone)) } td { (lane) } td { (says) } }
                } }
            }
        },
    )
}

fn bar_table(bars: &[bars::Bar], step: i64, viewer: &Viewer) -> Markup {
    scrolled(
        words::BARS,
        &html! {
            table {
                caption { (words::each(&when::length(step))) }
                thead { tr {
                    th scope="col" { (words::FROM_UTC) }
                    @for group in Group::ALL { th scope="col" .number { (picture_words::group(group.style())) } }
                } }
                tbody { @for bar in bars.iter().filter(|bar| bar.tally != Tally::default()) {
                    tr {
                        td { (when::in_table(bar.from, &viewer.time_zone)) }
                        @for group in Group::ALL { td .number { (bar.tally.of_group(group)) } }
                    }
                } }
            }
        },
    )
}

/// Writes, refused calls, calls by route.
pub(super) fn tables(story: &Story, viewer: &Viewer) -> Markup {
    let of = |wanted: &[Group]| -> Vec<&Call> {
        let calls = story.calls.iter();
        calls
            .filter(|call| wanted.contains(&Group::of(call)))
            .collect()
    };
    let (writes, denied) = (of(&[Group::Change, Group::Danger]), of(&[Group::Denied]));
    html! {
        h2 { (words::WRITES) }
        @if writes.is_empty() { p { (words::NO_WRITES) } } @else { (calls(words::WRITES, &writes, viewer)) }
        h2 { (words::DENIED) }
        @if denied.is_empty() { p { (words::NO_DENIED) } } @else { (calls(words::DENIED, &denied, viewer)) }
        h2 { (words::GROUPS) }
        @if story.calls.is_empty() { p { (words::NO_CALLS) } } @else { (groups(story)) }
    }
}

fn calls(name: &str, calls: &[&Call], viewer: &Viewer) -> Markup {
    scrolled(
        name,
        &html! {
            table {
                caption { (words::listed(calls.len(), MAX_LISTED)) }
                thead { tr {
                    th scope="col" { (words::AT_UTC) } th scope="col" { (words::CLASS) }
                    th scope="col" { (words::CALL) } th scope="col" { (words::CAME_OF_IT) }
                    th scope="col" { (words::ENTRY) }
                } }
                tbody { @for call in calls.iter().take(MAX_LISTED) {
                    tr {
                        td { (when::in_table(call.at, &viewer.time_zone)) }
                        td { (call.class) }
                        td { (call_words(&call.method, &call.route)) }
                        td { (came_of_it(call)) }
                        td { a href=(format!("/log/{}", call.seq)) { (call.seq) } }
                    }
                } }
            }
        },
    )
}

/// Method and route; what fits no route is logged without its path.
fn call_words(method: &str, route: &str) -> Markup {
    html! {
        code { (method) @if route != "-" { " " (route) } }
        @if route == "-" { " " (words::NO_ROUTE) }
    }
}

fn came_of_it(call: &Call) -> String {
    match &call.end {
        CallEnd::Status(status) => words::status(*status, call.took_ms),
        CallEnd::Denied(why) => words::denied(why),
        CallEnd::Aborted => words::ABORTED.to_owned(),
        CallEnd::Lost => words::LOST.to_owned(),
        CallEnd::Running => words::RUNNING.to_owned(),
    }
}

fn groups(story: &Story) -> Markup {
    let mut groups: BTreeMap<(Group, &str, &str, &str), usize> = BTreeMap::new();
    for call in &story.calls {
        let key = (
            Group::of(call),
            call.class.as_str(),
            call.method.as_str(),
            call.route.as_str(),
        );
        *groups.entry(key).or_default() += 1;
    }
    scrolled(
        words::GROUPS,
        &html! {
            table {
                thead { tr {
                    th scope="col" { (words::CLASS) } th scope="col" { (words::CALL) } th scope="col" .number { (words::HOW_OFTEN) }
                } }
                tbody { @for ((group, class, method, route), count) in groups.iter().rev() {
                    tr {
                        td { (class) @if *group == Group::Denied { " (" (words::REFUSED_HERE) ")" } }
                        td { (call_words(method, route)) }
                        td .number { (count) }
                    }
                } }
            }
        },
    )
}
