//! The log: looking through it, one entry with its proof, and whether a checkpoint somebody kept
//! still is a beginning of it. What the vault says about its own log is worth what its host is
//! worth, and the page says so: the export is checked elsewhere.

use axum::extract::{Path, State};
use axum::response::IntoResponse;
use hyper::StatusCode;
use maud::{Markup, html};
use serde::Deserialize;

use super::frame::{Here, Page};
use super::gate::Seen;
use super::given::{Form, Query};
use super::tables::{number, table, text as column};
use super::{DeadEnd, PageResult, dead_end, parts, when};
use crate::api::EntryProof;
use crate::app::App;
use crate::app::look::{LogCheck, LogLine, LogPage, LogQuery, Viewer};
use crate::audit::checkpoint::{Checkpoint, parse_hash};
use crate::audit::merkle::{Hash, leaf_hash};
use crate::audit::merkle_proof::{verify_consistency, verify_inclusion};
use crate::audit::note::VerifierKey;
use crate::domain::log_epoch::split_origin;
use crate::domain::time::Timestamp;
use crate::web::words::log as words;

/// The filter as it is typed.
#[derive(Debug, Default, Deserialize)]
pub(super) struct Filter {
    #[serde(default)]
    kind: String,
    #[serde(default)]
    incident: String,
    #[serde(default)]
    text: String,
    #[serde(default)]
    before: String,
}

impl Filter {
    fn query(&self) -> LogQuery {
        LogQuery {
            before: self.before.parse().ok(),
            kind: self.kind.trim().to_ascii_lowercase(),
            incident: self.incident.trim().to_ascii_uppercase(),
            text: self.text.trim().to_owned(),
        }
    }

    /// The same filter further back.
    fn older(&self, before: u64) -> String {
        let mut query = form_urlencoded::Serializer::new(String::from("/log?"));
        for (name, value) in [
            ("kind", &self.kind),
            ("incident", &self.incident),
            ("text", &self.text),
        ] {
            if !value.is_empty() {
                query.append_pair(name, value);
            }
        }
        query.append_pair("before", &before.to_string());
        query.finish()
    }
}

/// A checkpoint as it is pasted.
#[derive(Debug, Default, Deserialize)]
pub(super) struct Pasted {
    #[serde(default)]
    note: String,
}

/// Looking through the log.
pub(super) async fn page(
    State(app): State<App>,
    Seen(viewer, _): Seen,
    Query(filter): Query<Filter>,
) -> PageResult {
    let found = app.log_page(&filter.query()).await?;
    let body = html! {
        h1 { (words::TITLE) }
        (checked(&app.log_check(), &viewer))
        (search(&filter))
        (lines(&found, &viewer))
        @if let Some(before) = found.older_before {
            p .actions { a .button.quiet href=(filter.older(before)) { (words::older(found.read_to)) } }
        }
        (checkpoint(&app))
        (compare_form("", None))
        (elsewhere())
    };
    Ok(Page::new(words::TITLE, body)
        .seen_by(&viewer, Here::Log)
        .into_response())
}

/// What the vault found when it hashed the whole log again after its start.
fn checked(state: &LogCheck, viewer: &Viewer) -> Markup {
    html! {
        @match state {
            LogCheck::NotAsked => { div .box #check { p { (words::CHECK_NONE) } } }
            LogCheck::Checking { checked, of } => {
                div .box #check { p role="status" { (words::checking(*checked, *of)) } }
            }
            LogCheck::Whole { entries, at } => {
                div .box.good #check {
                    p { "✓ " (words::checked(*entries)) " " (when::both(*at, &viewer.time_zone)) "." }
                    p .hint { (words::OWN_WORD) }
                }
            }
            LogCheck::Broken { why, at } => {
                div .box.bad #check role="alert" {
                    p { strong { (words::CHECK_BROKEN) } " " (when::both(*at, &viewer.time_zone)) ": " (why) }
                    p { (words::CHECK_BROKEN_MEANS) }
                    p { strong { (words::FORKED_NOW) } }
                }
            }
        }
    }
}

fn search(filter: &Filter) -> Markup {
    html! {
        form method="get" action="/log" role="search" {
            label for="kind" { (words::KIND) }
            input #kind type="text" name="kind" value=(filter.kind) autocapitalize="none" spellcheck="false" autocomplete="off";
            label for="incident" { (words::INCIDENT) }
            input #incident type="text" name="incident" value=(filter.incident) autocomplete="off";
            label for="text" { (words::TEXT) }
            input #text type="search" name="text" value=(filter.text) autocomplete="off";
            div .actions { button type="submit" { (words::SEARCH) } a .button.quiet href="/log" { (words::ALL) } }
        }
    }
}

fn lines(found: &LogPage, viewer: &Viewer) -> Markup {
    let columns = [
        number(words::ENTRY).head(),
        column(words::AT_UTC),
        column(words::KIND_SHORT),
        column(words::INCIDENT_SHORT),
        column(words::WHO),
    ];
    let row = |line: &LogLine| {
        vec![
            html! { a href=(format!("/log/{}", line.seq)) { (line.seq) } },
            when::in_table(line.at, &viewer.time_zone),
            html! { span .mono { (line.kind) } },
            html! { @if !line.incident.is_empty() { a href=(format!("/i/{}", line.incident)) { (line.incident) } } },
            html! { (line.who) },
        ]
    };
    let caption = words::shown(found.lines.len(), found.size);
    html! {
        @if found.lines.is_empty() { p role="status" { (words::nothing(found.read_to)) } }
        @else { (table(words::TITLE, Some(&caption), &columns, found.lines.iter().map(row))) }
    }
}

fn checkpoint(app: &App) -> Markup {
    html! {
        h2 { (words::CHECKPOINT) }
        p { (words::CHECKPOINT_LEAD) }
        (parts::command("checkpoint", &app.checkpoint()))
        p .hint { (words::KEY) " " code { (app.settings().log_vkey) } }
    }
}

fn elsewhere() -> Markup {
    html! {
        h2 { (words::ELSEWHERE) }
        p { (words::ELSEWHERE_LEAD) }
        (parts::command("export", "breakglass log export case && breakglass log verify case"))
    }
}

fn compare_form(typed: &str, outcome: Option<&Markup>) -> Markup {
    html! {
        section #compare {
            h2 { (words::COMPARE) }
            @if let Some(outcome) = outcome { (outcome) }
            form method="post" action="/log/compare" {
                label for="note" { (words::PASTE) }
                textarea #note name="note" rows="6" required spellcheck="false" aria-describedby="note-hint" { (typed) }
                p #note-hint .hint { (words::PASTE_HINT) }
                div .actions { button type="submit" { (words::COMPARE_BUTTON) } }
            }
        }
    }
}

/// What came of a comparison.
enum Compared {
    /// It is a beginning of today's log.
    Extends { old: u64, new: u64 },
    /// It is signed by the log, and is no beginning of it.
    Forked { old: u64, new: u64 },
    /// It is no checkpoint of this log.
    NotOurs(String),
}

/// Whether a kept checkpoint still is a beginning of the log.
pub(super) async fn compare(
    State(app): State<App>,
    Seen(viewer, _): Seen,
    Form(pasted): Form<Pasted>,
) -> PageResult {
    let compared = compared(&app, &pasted.note).await?;
    let failed = !matches!(compared, Compared::Extends { .. });
    let status = if matches!(compared, Compared::NotOurs(_)) {
        StatusCode::UNPROCESSABLE_ENTITY
    } else {
        StatusCode::OK
    };
    let outcome = match &compared {
        Compared::Extends { old, new } => html! {
            div .box.good role="status" tabindex="-1" data-focus { p { "✓ " (words::extends(*old, *new)) } p { (words::OWN_WORD) } }
        },
        Compared::Forked { old, new } => html! {
            div .box.bad role="alert" tabindex="-1" data-focus {
                p { strong { (words::forked(*old, *new)) } } p { (words::FORKED_RELEASED) } p { (words::FORKED_NOW) }
            }
        },
        Compared::NotOurs(why) => html! {
            div .box.bad role="alert" tabindex="-1" data-focus {
                p { (words::not_ours(why)) } p { strong { (words::NOT_OURS_RELEASED) } } p { (words::NOT_OURS_NOW) }
            }
        },
    };
    let body = html! { h1 { (words::TITLE) } (compare_form(&pasted.note, Some(&outcome))) (checkpoint(&app)) };
    Ok(Page::new(words::TITLE, body)
        .seen_by(&viewer, Here::Log)
        .status(status)
        .error(failed)
        .into_response())
}

/// The epoch of this log that a note is of, where that is an earlier one.
fn former_epoch(note: &str, origin: &str) -> Option<u32> {
    let (base, now) = split_origin(origin)?;
    let (old_base, before) = split_origin(note.lines().next()?.trim())?;
    (base == old_base && before < now).then_some(before)
}

async fn compared(app: &App, pasted: &str) -> Result<Compared, crate::app::AppError> {
    // Browsers send lines with CR LF, and mails indent; the note itself has neither.
    let note: String = pasted
        .trim()
        .lines()
        .map(|line| format!("{}\n", line.trim_end()))
        .collect();
    let key = VerifierKey::parse(&app.settings().log_vkey);
    let key =
        key.map_err(|_| crate::app::AppError::Inconsistent("the log's key is none".into()))?;
    let old = match Checkpoint::open(note.as_bytes(), &key) {
        Ok(old) => old,
        Err(why) => {
            let former = former_epoch(&note, key.name());
            let why = former.map_or_else(|| why.to_string(), words::of_former_epoch);
            return Ok(Compared::NotOurs(why));
        }
    };
    let head = app.checkpoint();
    let new = Checkpoint::open(head.as_bytes(), &key)
        .map_err(|e| crate::app::AppError::Inconsistent(e.to_string()))?;
    let (a, b) = (old.size, new.size);
    if a > b {
        return Ok(Compared::Forked { old: a, new: b });
    }
    let proof = app.consistency(a, Some(b)).await?.proof;
    let proof: Vec<Hash> = proof.iter().filter_map(|hash| parse_hash(hash)).collect();
    Ok(
        match verify_consistency(a, &old.root, b, &new.root, &proof) {
            Ok(()) => Compared::Extends { old: a, new: b },
            Err(_) => Compared::Forked { old: a, new: b },
        },
    )
}

/// One entry with its inclusion proof.
pub(super) async fn entry(
    State(app): State<App>,
    Seen(viewer, _): Seen,
    Path(seq): Path<String>,
) -> PageResult {
    let Ok(seq) = seq.parse::<u64>() else {
        return Ok(dead_end(DeadEnd::NoSuchPage));
    };
    let proof = app
        .entry_proof(seq, None)
        .await
        .map_err(|e| dead_end::of_error(&e, Some(&viewer)))?;
    let body = html! {
        h1 { (words::entry(seq)) }
        (text(&proof, &viewer))
        (inclusion(&app, &proof))
        p .actions {
            @if seq > 0 { a .button.quiet href=(format!("/log/{}", seq - 1)) { (words::BEFORE) } }
            a .button.quiet href=(format!("/log/{}", seq + 1)) { (words::AFTER) }
            a .button.quiet href="/log" { (words::TO_LOG) }
        }
    };
    Ok(Page::new(words::entry(seq), body)
        .seen_by(&viewer, Here::Log)
        .into_response())
}

fn text(proof: &EntryProof, viewer: &Viewer) -> Markup {
    let value: Option<serde_json::Value> = serde_json::from_str(&proof.entry).ok();
    let head = value.as_ref().and_then(|value| {
        let at = Timestamp(value.get("ts")?.as_i64()?);
        let kind = value.get("t")?.as_str()?.to_owned();
        Some(html! { strong .mono { (kind) } ", " (when::both(at, &viewer.time_zone)) })
    });
    let pretty = value.and_then(|value| serde_json::to_string_pretty(&value).ok());
    html! {
        @if let Some(head) = head { p { (head) } }
        pre tabindex="0" role="group" aria-label=(words::ENTRY) { (pretty.unwrap_or_else(|| proof.entry.clone())) }
        details {
            summary { (words::EXACT) }
            (parts::command("exact", &proof.entry))
        }
    }
}

fn inclusion(app: &App, proof: &EntryProof) -> Markup {
    let leaf = leaf_hash(proof.entry.as_bytes());
    let hashes: Vec<Hash> = proof
        .inclusion
        .iter()
        .filter_map(|h| parse_hash(h))
        .collect();
    let key = VerifierKey::parse(&app.settings().log_vkey).ok();
    let head = key.and_then(|key| Checkpoint::open(proof.checkpoint.as_bytes(), &key).ok());
    let holds = head.as_ref().is_some_and(|head| {
        verify_inclusion(proof.seq, head.size, &leaf, &hashes, &head.root).is_ok()
    });
    html! {
        h2 { (words::PROOF) }
        @if holds { div .box.good { p { "✓ " (words::PROOF_HOLDS) } } }
        @else { div .box.bad role="alert" { p { strong { (words::PROOF_FAILS) } } p { (words::FORKED_NOW) } } }
        p .hint { (words::LEAF) " " code { (crate::audit::checkpoint::format_hash(&leaf)) } }
        details {
            summary { (words::hashes(proof.inclusion.len())) }
            ol .mono { @for hash in &proof.inclusion { li { (hash) } } }
        }
        (parts::command("checkpoint", &proof.checkpoint))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_mail_of_the_log_before_a_new_epoch_is_told_what_to_do_with_it() {
        let note = |origin: &str| format!("{origin}\n7\nAAAA\n");
        let now = "v.example/log/v/e3";
        assert_eq!(former_epoch(&note("v.example/log/v/e2"), now), Some(2));
        for other in [now, "v.example/log/v/e4", "x.example/log/v/e1", "nothing"] {
            assert_eq!(former_epoch(&note(other), now), None, "{other}");
        }
        assert!(words::of_former_epoch(2).contains("log verify"));
    }

    #[test]
    fn the_page_says_how_far_the_whole_log_is_checked() {
        let viewer = Viewer {
            vault: "night-watch".to_owned(),
            person: "vera".parse().unwrap(),
            name: "Vera".to_owned(),
            roles: Vec::new(),
            time_zone: "Europe/Berlin".to_owned(),
            passkey: false,
        };
        let at = Timestamp(1_795_226_820_000);
        let said = |state: LogCheck| checked(&state, &viewer).into_string();
        assert!(said(LogCheck::NotAsked).contains("has not been checked"));
        let going = said(LogCheck::Checking {
            checked: 512,
            of: 18_233,
        });
        assert!(going.contains("512 of 18233 entries so far"), "{going}");
        let whole = said(LogCheck::Whole {
            entries: 18_233,
            at,
        });
        assert!(whole.contains("checked to entry 18232"), "{whole}");
        assert!(whole.contains("03:07 CET (02:07 UTC)"), "{whole}");
        let broken = said(LogCheck::Broken {
            why: "entry 7 is <missing>".to_owned(),
            at,
        });
        assert!(broken.contains("box bad"), "{broken}");
        assert!(broken.contains("entry 7 is &lt;missing&gt;"), "{broken}");
        assert!(broken.contains("call security by phone"), "{broken}");
    }
}
