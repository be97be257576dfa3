//! What happened in an incident, as pictures with their tables: timeline, calls by risk, writes,
//! refused calls, calls by route.

use std::collections::BTreeMap;

use maud::{Markup, html};

use super::pictures::{Group, Tally, bars, lanes};
use super::tables::{Column, number, table, text};
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

fn timeline(story: &Story, viewer: &Viewer) -> Markup {
    let columns = [text(words::AT_UTC), text(words::LANE), text(words::EVENT)];
    let rows = lanes::rows(story).into_iter().map(|(at, lane, says)| {
        vec![
            when::in_table(at, &viewer.time_zone),
            html! { (lane) },
            html! { (says) },
        ]
    });
    table(words::TIMELINE, Some(words::TIMELINE), &columns, rows)
}

fn bar_table(bars: &[bars::Bar], step: i64, viewer: &Viewer) -> Markup {
    let groups = Group::ALL.map(|group| number(picture_words::group(group.style())));
    let columns: Vec<Column<'_>> = [text(words::FROM_UTC)].into_iter().chain(groups).collect();
    let filled = bars.iter().filter(|bar| bar.tally != Tally::default());
    let rows = filled.map(|bar| {
        let mut row = vec![when::in_table(bar.from, &viewer.time_zone)];
        row.extend(Group::ALL.map(|group| html! { (bar.tally.of_group(group)) }));
        row
    });
    let caption = words::each(&when::length(step));
    table(words::BARS, Some(&caption), &columns, rows)
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
    let columns = [
        text(words::AT_UTC),
        text(words::CLASS),
        text(words::CALL),
        text(words::CAME_OF_IT),
        text(words::ENTRY),
    ];
    let rows = calls.iter().take(MAX_LISTED).map(|call| {
        vec![
            when::in_table(call.at, &viewer.time_zone),
            html! { (call.class) },
            call_words(&call.method, &call.route),
            html! { (came_of_it(call)) },
            html! { a href=(format!("/log/{}", call.seq)) { (call.seq) } },
        ]
    });
    let caption = words::listed(calls.len(), MAX_LISTED);
    table(name, Some(&caption), &columns, rows)
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
    let columns = [
        text(words::CLASS),
        text(words::CALL),
        number(words::HOW_OFTEN),
    ];
    let rows = groups
        .iter()
        .rev()
        .map(|((group, class, method, route), count)| {
            vec![
                html! { (class) @if *group == Group::Denied { " (" (words::REFUSED_HERE) ")" } },
                call_words(method, route),
                html! { (count) },
            ]
        });
    table(words::GROUPS, None, &columns, rows)
}
