//! S9, the incidents: one line each, and the same as CSV and JSON.

use axum::extract::State;
use axum::response::{IntoResponse, Response};
use hyper::header::{CONTENT_DISPOSITION, CONTENT_TYPE};
use maud::{Markup, html};
use serde::Deserialize;
use serde_json::{Value, json};

use super::facts::terms_of;
use super::frame::{Here, Page, is_drill};
use super::gate::Seen;
use super::given::Query;
use super::pictures::Tally;
use super::tables::{number, text};
use super::{PageResult, parts, tables, when};
use crate::api::IncidentView;
use crate::app::look::Viewer;
use crate::app::{App, AppError};
use crate::domain::time::Timestamp;
use crate::web::words::frame::DRILL;
use crate::web::words::incident as words;

/// One line.
struct Line {
    view: IncidentView,
    asked: Timestamp,
    use_case: String,
    quorum_ms: Option<i64>,
    tally: Tally,
}

/// Incidents on one page: each of them has its entries counted.
const PAGE: usize = 10;

/// Which page, from 0.
#[derive(Debug, Default, Deserialize)]
pub(super) struct Asked {
    #[serde(default)]
    page: String,
}

async fn lines(app: &App, views: &[IncidentView]) -> Result<Vec<Line>, AppError> {
    let mut lines = Vec::new();
    for view in views.iter().cloned() {
        let Ok(id) = view.id.parse() else { continue };
        let numbers = app.numbers(&id).await?;
        let terms = terms_of(&view);
        let asked = terms.as_ref().map_or(Timestamp(0), |t| t.asked_ms);
        lines.push(Line {
            asked,
            use_case: terms.map(|t| t.use_case).unwrap_or_default(),
            quorum_ms: numbers.unsealed_at.map(|at| at.since_ms(asked)),
            tally: Tally::of_numbers(&numbers),
            view,
        });
    }
    Ok(lines)
}

/// The table.
pub(super) async fn page(
    State(app): State<App>,
    Seen(viewer, _): Seen,
    Query(asked): Query<Asked>,
) -> PageResult {
    let views = app.incident_list().await?.incidents;
    // A page past the end is the last one: it must not say that there was no incident.
    let last = views.len().saturating_sub(1) / PAGE;
    let number = asked.page.parse::<usize>().unwrap_or(0).min(last);
    let from = number.saturating_mul(PAGE).min(views.len());
    let to = from.saturating_add(PAGE).min(views.len());
    let lines = lines(&app, &views[from..to]).await?;
    let body = html! {
        h1 { (words::LIST) }
        @if lines.is_empty() { p { (words::NONE) } }
        @else {
            (table(&lines, &viewer, &words::list_caption(from + 1, to, views.len())))
            p .actions {
                @if number > 0 { a .button.quiet href=(format!("/incidents?page={}", number - 1)) { (words::NEWER) } }
                @if to < views.len() { a .button.quiet href=(format!("/incidents?page={}", number + 1)) { (words::OLDER) } }
            }
            p { a href="/incidents.csv" { (words::AS_CSV) } " · " a href="/incidents.json" { (words::AS_JSON) } }
        }
    };
    Ok(Page::new(words::LIST, body)
        .seen_by(&viewer, Here::Incidents)
        .into_response())
}

fn table(lines: &[Line], viewer: &Viewer, caption: &str) -> Markup {
    let columns = [
        text(words::INCIDENT).head(),
        text(words::STANDS),
        text(words::ASKED_UTC),
        text(words::BY),
        text(words::REASON),
        number(words::SHARES),
        number(words::TO_QUORUM),
        number(words::CALLS),
        number(words::WRITES),
        number(words::DENIED),
    ];
    let row = |line: &Line| {
        vec![
            html! { a href=(format!("/i/{}", line.view.id)) { (line.view.id) } },
            html! {
                @if is_drill(&line.view) { (parts::badge("", DRILL)) " " }
                (parts::badge(kind_of(&line.view.phase), words::phase_word(&line.view.phase)))
            },
            when::in_table(line.asked, &viewer.time_zone),
            html! { (line.view.requester_name) },
            html! { (line.use_case.replace('-', " ")) },
            html! { (line.view.shares_in) "/" (line.view.needed) },
            html! { @if let Some(ms) = line.quorum_ms { (when::length(ms)) } @else { "–" } },
            html! { (line.tally.calls()) },
            html! { (line.tally.writes) },
            html! { (line.tally.denied) },
        ]
    };
    tables::table(words::LIST, Some(caption), &columns, lines.iter().map(row))
}

/// The badge of a phase.
pub(super) fn kind_of(phase: &str) -> &'static str {
    match phase {
        "open" | "opening" | "closing" => "bad",
        "collecting" | "cooling" | "waiting" | "in_review" => "warn",
        "reviewed" => "good",
        _ => "",
    }
}

/// Names of a line's fields, for other programs.
const FIELDS: [&str; 12] = [
    "incident",
    "phase",
    "asked_utc",
    "by",
    "use_case",
    "shares_in",
    "needed",
    "ms_to_quorum",
    "calls",
    "writes",
    "refused",
    "purpose",
];

impl Line {
    /// Its fields in the order of [`FIELDS`].
    fn fields(&self) -> [Value; 12] {
        let view = &self.view;
        [
            json!(view.id),
            json!(view.phase),
            json!(self.asked.rfc3339()),
            json!(view.requester_name),
            json!(self.use_case),
            json!(view.shares_in),
            json!(view.needed),
            json!(self.quorum_ms),
            json!(self.tally.calls()),
            json!(self.tally.writes),
            json!(self.tally.denied),
            json!(view.purpose),
        ]
    }
}

/// The table for other programs.
pub(super) async fn csv(State(app): State<App>, Seen(..): Seen) -> PageResult {
    let mut text = format!("{}\r\n", FIELDS.join(","));
    let views = app.incident_list().await?.incidents;
    for line in lines(&app, &views).await? {
        let plain = |field: Value| match field {
            Value::Null => String::new(),
            Value::String(text) => text,
            number => number.to_string(),
        };
        text.push_str(&line.fields().map(|field| cell(&plain(field))).join(","));
        text.push_str("\r\n");
    }
    Ok(file("text/csv; charset=utf-8", "incidents.csv", text))
}

/// The same lines as JSON: numbers are numbers, and what never came is null.
pub(super) async fn as_json(State(app): State<App>, Seen(..): Seen) -> PageResult {
    let views = app.incident_list().await?.incidents;
    let lines = lines(&app, &views).await?;
    let object = |line: &Line| -> Value {
        let names = FIELDS.iter().map(|name| (*name).to_owned());
        Value::Object(names.zip(line.fields()).collect())
    };
    let incidents: Vec<Value> = lines.iter().map(object).collect();
    let text = json!({ "incidents": incidents }).to_string();
    Ok(file("application/json", "incidents.json", text))
}

fn file(kind: &'static str, name: &str, text: String) -> Response {
    let kind = (CONTENT_TYPE, kind.to_owned());
    let name = (
        CONTENT_DISPOSITION,
        format!("attachment; filename=\"{name}\""),
    );
    ([kind, name], text).into_response()
}

/// Quoted as RFC 4180 wants it; what a spreadsheet would take for a formula is kept a text.
fn cell(text: &str) -> String {
    let formula = text.starts_with(['=', '+', '-', '@', '\t', '\r']);
    let text = text.replace('"', "\"\"");
    if formula {
        format!("\"'{text}\"")
    } else if text.contains([',', '"', '\n', '\r']) {
        format!("\"{text}\"")
    } else {
        text
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_cannot_become_a_formula_or_another_column() {
        assert_eq!(cell("=1+1"), "\"'=1+1\"");
        assert_eq!(cell("a,\"b\""), "\"a,\"\"b\"\"\"");
        assert_eq!(cell("INC-1"), "INC-1");
    }
}
