//! The swim-lane of an incident: alerts, shares, session, calls, the way back and the review, each
//! on its own line over the same hours.

use maud::{Markup, html};

use super::{Axis, WIDTH};
use crate::app::look::Story;
use crate::domain::time::Timestamp;
use crate::web::words::pictures as words;

const LEFT: i64 = 130;
const LANE: i64 = 44;
const TOP: i64 = 14;

/// A mark on a lane: where, how it looks, what its letter is, what it says.
struct Mark {
    at: Timestamp,
    style: &'static str,
    letter: &'static str,
    says: String,
}

struct Lane {
    name: &'static str,
    marks: Vec<Mark>,
    span: Option<(Timestamp, Timestamp)>,
}

/// The picture; none before anything has happened.
pub(in crate::web::pages) fn picture(story: &Story) -> Option<Markup> {
    let lanes = lanes(story);
    let moments = lanes.iter().flat_map(|lane| {
        let spans = lane.span.iter().flat_map(|(a, b)| [*a, *b]);
        lane.marks.iter().map(|mark| mark.at).chain(spans)
    });
    let axis = Axis::over(moments, LEFT)?;
    let height = TOP + LANE * i64::try_from(lanes.len()).unwrap_or(0);
    Some(html! {
        svg .picture role="img" aria-label=(words::LANES_LABEL)
            viewBox=(format!("0 0 {WIDTH} {}", height + 30)) {
            @for (x, word) in axis.ticks() {
                line .lane x1=(x) y1=(TOP) x2=(x) y2=(height) {}
                text x=(x) y=(height + 18) text-anchor="middle" { (word) }
            }
            text x="4" y=(height + 18) { (words::UTC) }
            @for (number, lane) in lanes.iter().enumerate() {
                (row(lane, &axis, TOP + LANE * i64::try_from(number).unwrap_or(0)))
            }
            line .axis x1=(LEFT) y1=(height) x2=(WIDTH - 20) y2=(height) {}
        }
    })
}

fn row(lane: &Lane, axis: &Axis, top: i64) -> Markup {
    let middle = top + LANE / 2;
    html! {
        text x="4" y=(middle + 4) { (lane.name) }
        line .lane x1=(LEFT) y1=(middle) x2=(WIDTH - 20) y2=(middle) {}
        @if let Some((from, until)) = lane.span {
            rect .span x=(axis.x(from)) y=(middle - 9) height="18"
                width=((axis.x(until) - axis.x(from)).max(2)) {}
        }
        @for mark in &lane.marks {
            @let x = axis.x(mark.at);
            g {
                title { (mark.says) }
                circle class=(format!("mark {}", mark.style)) cx=(x) cy=(middle) r="9" {}
                text .letter x=(x) y=(middle + 4) { (mark.letter) }
            }
        }
    }
}

fn lanes(story: &Story) -> [Lane; 6] {
    let marks = |of: &dyn Fn(&str) -> Option<(&'static str, &'static str)>| -> Vec<Mark> {
        let found = story.moments.iter().filter_map(|moment| {
            let (style, letter) = of(&moment.kind)?;
            Some(Mark {
                at: moment.at,
                style,
                letter,
                says: words::says(&moment.kind, &moment.who, moment.at),
            })
        });
        found.collect()
    };
    let lane = |name, marks, span| Lane { name, marks, span };
    [
        lane(words::LANE_ASKED, marks(&asked), None),
        lane(words::LANE_ALERTS, alerts(story), None),
        lane(words::LANE_SHARES, marks(&shares), None),
        lane(
            words::LANE_SESSION,
            marks(&session),
            span(story, "session.open", "session.close"),
        ),
        lane(words::LANE_CALLS, Vec::new(), calls(story)),
        lane(
            words::LANE_BACK,
            marks(&back),
            span(story, "session.close", "incident.closed"),
        ),
    ]
}

type Look = Option<(&'static str, &'static str)>;

fn asked(kind: &str) -> Look {
    match kind {
        "incident.opened" => Some(("", "?")),
        "incident.asked_again" => Some(("warn", "?")),
        "incident.refused" | "incident.withdrawn" | "incident.lapsed" => Some(("bad", "–")),
        "review.signed" => Some(("good", "✓")),
        _ => None,
    }
}

fn shares(kind: &str) -> Look {
    match kind {
        "share.accept" => Some(("good", "✓")),
        "share.reject" | "approve.refused" => Some(("bad", "×")),
        "approve.mismatch" => Some(("warn", "≠")),
        "approve.withdrawn" => Some(("warn", "–")),
        "unseal.begin" => Some(("", "k")),
        "unseal.failed" => Some(("bad", "!")),
        _ => None,
    }
}

fn session(kind: &str) -> Look {
    match kind {
        "session.claim" => Some(("", "t")),
        "session.address" | "session.token_seen" => Some(("bad", "!")),
        _ => None,
    }
}

fn back(kind: &str) -> Look {
    match kind {
        "secret.deleted" => Some(("", "d")),
        "incident.memory_lost" => Some(("bad", "!")),
        "incident.closed" => Some(("good", "✓")),
        kind if kind.starts_with("rotate.") => Some(("", "r")),
        _ => None,
    }
}

/// Alerts of one event reach several channels: one mark each event.
fn alerts(story: &Story) -> Vec<Mark> {
    let mut marks: Vec<Mark> = Vec::new();
    for alert in &story.alerts {
        let says = words::says(&alert.kind, &alert.channel, alert.queued_at);
        let taken = alert.sent_at.is_some();
        let mark = Mark {
            at: alert.queued_at,
            style: if taken { "" } else { "warn" },
            letter: if taken { "a" } else { "…" },
            says,
        };
        if marks.last().is_none_or(|last| last.at != mark.at) {
            marks.push(mark);
        }
    }
    marks
}

fn span(story: &Story, from: &str, until: &str) -> Option<(Timestamp, Timestamp)> {
    let at = |kind: &str| story.moments.iter().find(|m| m.kind == kind).map(|m| m.at);
    let start = at(from)?;
    let last = story.moments.last().map_or(start, |m| m.at);
    Some((start, at(until).unwrap_or(last)))
}

fn calls(story: &Story) -> Option<(Timestamp, Timestamp)> {
    Some((story.calls.first()?.at, story.calls.last()?.at))
}

/// The same in words: every mark of the picture, in order.
pub(in crate::web::pages) fn rows(story: &Story) -> Vec<(Timestamp, &'static str, String)> {
    let mut rows: Vec<_> = lanes(story)
        .into_iter()
        .flat_map(|lane| {
            let marks = lane.marks.into_iter();
            marks.map(move |mark| (mark.at, lane.name, mark.says))
        })
        .collect();
    rows.sort_by_key(|(at, _, _)| *at);
    rows
}
