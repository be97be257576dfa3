//! S1, the board: one big word, and whether the vault is fit for the night.

use axum::extract::State;
use axum::response::{IntoResponse, Response};
use maud::{Markup, html};

use super::answer::{may_stop, may_veto};
use super::frame::{Here, Page, is_drill};
use super::gate::Seen;
use super::{PageResult, live, parts, when};
use crate::api::{IncidentView, ReviewSummary};
use crate::app::App;
use crate::app::look::{Board, Readiness, Viewer};
use crate::domain::roster::Role;
use crate::domain::time::Timestamp;
use crate::web::words::board as words;
use crate::web::words::frame::DRILL;
use crate::web::words::incident::{self as incident_words, phase_word};

/// The board.
pub(super) async fn page(State(app): State<App>, Seen(viewer, _): Seen) -> PageResult {
    let board = app.board().await?;
    let body = html! {
        div data-part="board" { (body(&app, &board, &viewer)) }
    };
    Ok(Page::new(words::TITLE, body)
        .seen_by(&viewer, Here::Board)
        .live("/live", board.now)
        .into_response())
}

/// Tells an open board when something happened.
pub(super) async fn events(State(app): State<App>, Seen(..): Seen) -> Response {
    live::whole_vault(&app)
}

fn body(app: &App, board: &Board, viewer: &Viewer) -> Markup {
    html! {
        h1 .phase data-say=(words::phase(&board.vault_phase)) {
            (words::phase(&board.vault_phase))
            @if let Some(first) = board.live.first() { small {
                (first.id) ": " @if is_drill(first) { (DRILL) ", " } (standing(first, board.now))
            } }
            @else { small { (words::AT_REST) } }
        }
        (alarms(board, viewer))
        @if !board.live.is_empty() {
            h2 { (words::NOW) }
            ul .cards { @for view in &board.live { (incident(app, view, board.now, viewer)) } }
        }
        @if viewer.is(Role::Responder) && board.live.iter().all(is_drill) {
            p .actions { a .button.stop href="/ask" { (words::ASK) } }
        }
        h2 { (words::FITNESS) }
        dl .facts {
            @if let Some(readiness) = &board.readiness { (fitness(readiness, board.now, viewer)) }
            @if let Some(chance) = board.chance_percent {
                (parts::fact(words::CHANCE, &html! { a href="/custodians" { (words::chance(chance)) } }))
            }
            @if let Some((id, at)) = &board.last_incident {
                (parts::fact(words::LAST_INCIDENT, &html! {
                    a href=(format!("/i/{id}")) { (id) } ", " (when::ago(*at, board.now))
                }))
            }
            (parts::fact(words::LAST_DRILL, &drilled(board)))
            (parts::fact(words::REVIEWS, &html! { a href="/reviews" {
                @if board.reviews.is_empty() { (words::NO_REVIEW_WAITS) }
                @else { (words::reviews_wait(board.reviews.len())) }
            } }))
            (parts::fact(words::ALERT_TEST, &tested(board)))
            (parts::fact(words::LOG, &html! { a href="/log" { (words::entries(board.log_size)) } }))
        }
    }
}

/// When every channel had shown that it reaches people.
fn tested(board: &Board) -> Markup {
    let oldest = board.channels.iter().min_by_key(|c| c.tested_at_ms);
    let read = board.channels.iter().all(|c| c.confirmed_at_ms.is_some());
    html! {
        @match oldest.and_then(|c| c.tested_at_ms.map(|at| (c, at))) {
            Some((channel, at)) => {
                (words::alert_test(&channel.name, &when::ago(Timestamp(at), board.now), read))
            }
            None => { (parts::with_commands(words::NEVER_TESTED)) }
        }
    }
}

/// How long ago people rehearsed, and how many of them.
fn drilled(board: &Board) -> Markup {
    let drills = board.drilled.iter().flatten();
    let people = drills.clone().count();
    html! {
        @match drills.max() {
            Some(last) => { (words::drilled(&when::ago(*last, board.now), people, board.drilled.len())) }
            None => { (parts::with_commands(words::NEVER_DRILLED)) }
        }
    }
}

/// Shares in, time left: the second line under the big word.
fn standing(view: &IncidentView, now: Timestamp) -> Markup {
    html! {
        @match (&view.session, view.phase.as_str()) {
            (Some(session), _) => { (when::until(Timestamp(session.exp_ms), now)) }
            (None, "collecting" | "cooling") => {
                (words::shares_in(view.shares_in, view.needed))
            }
            _ => { (phase_word(&view.phase)) }
        }
    }
}

fn alarms(board: &Board, viewer: &Viewer) -> Markup {
    let readiness = board.readiness.as_ref();
    let mut live = board.live.iter();
    let asked = live.any(|v| v.phase == "closing" || v.purpose == "rotate");
    html! {
        @if !board.healthy { div .box.bad { p { (words::BROKEN) } } }
        @if let Some(since) = board.rotation_owed_since {
            div .box.bad {
                p { strong { (words::ROTATION_OWED) } " " (words::since()) " "
                    (when::both(since, &viewer.time_zone)) }
                p { @if asked { (words::ROTATION_ASKED) } @else { (words::ROTATION_OWED_NOW) } }
            }
        }
        @if readiness.is_none() { div .box.bad { p { (words::NO_EPOCH) } } }
        @if let Some(readiness) = readiness && !readiness.is_ready() {
            div .box.warn {
                p { strong { (words::not_ready(readiness.epoch)) } }
                p { (words::not_ready_now(readiness.proved(), readiness.proofs_needed)) }
                @if readiness.of(&viewer.person).is_some_and(|s| s.proved_at.is_none()) {
                    p { a .button href="/share" { (words::PROVE_YOURS) } }
                }
            }
        }
        @for review in &board.reviews { (review_box(review, board.now, viewer)) }
    }
}

fn review_box(review: &ReviewSummary, now: Timestamp, viewer: &Viewer) -> Markup {
    let due = Timestamp(review.due_ms);
    html! {
        div class=(if review.overdue && !review.drill { "box bad" } else { "box warn" }) {
            p {
                @if review.drill { (DRILL) ": " }
                strong { (words::review(&review.incident, review.overdue)) } " "
                (when::both(due, &viewer.time_zone))
                @if !review.overdue { " (" (when::until(due, now)) ")" }
            }
            @if review.overdue && !review.drill { p { (words::OVERDUE_MEANS) } }
            p { a href=(format!("/reviews/{}", review.incident)) { (words::TO_REVIEW) } }
        }
    }
}

fn incident(app: &App, view: &IncidentView, now: Timestamp, viewer: &Viewer) -> Markup {
    let path = format!("/i/{}", view.id);
    let mine = view
        .custodians
        .iter()
        .find(|c| c.person == viewer.person.as_str());
    let asked = mine.is_some_and(|c| c.state == "asked")
        && matches!(view.phase.as_str(), "collecting" | "closing");
    html! {
        li {
            h3 { a href=(path) { (view.id) } " "
                @if is_drill(view) { (parts::badge("", DRILL)) " " }
                (parts::badge(badge_kind(&view.phase), phase_word(&view.phase))) }
            p { (words::asked_by(&view.requester_name)) ": " (standing(view, now)) }
            @if asked && view.shares_in < view.needed {
                p { a .button href=(format!("{path}/release")) { (words::RELEASE) } }
            }
            @if view.phase == "open" && let Some(text) = &app.policy().access_details {
                p { strong { (incident_words::ACCESS_DETAILS) } } p .lines { (text) }
            }
            @if may_stop(view, viewer) {
                p { a .button.stop href=(format!("{path}/stop")) { (incident_words::TO_STOP) } }
            }
            @if may_veto(view, viewer) {
                p { a .button.stop href=(format!("{path}/veto")) { (incident_words::TO_VETO) } }
            }
        }
    }
}

fn badge_kind(phase: &str) -> &'static str {
    match phase {
        "open" | "opening" | "closing" => "bad",
        "reviewed" => "good",
        _ => "warn",
    }
}

fn fitness(readiness: &Readiness, now: Timestamp, viewer: &Viewer) -> Markup {
    let left = readiness.secret_expires_at.since_ms(now);
    html! {
        (parts::fact(words::SHARES, &html! {
            a href="/custodians" {
                (words::proved(readiness.proved(), readiness.shares.len()))
            }
            @if let Some(oldest) = readiness.oldest_proof() && let Some(at) = oldest.proved_at {
                ", " (words::oldest(&oldest.name, &when::ago(at, now)))
            }
        }))
        (parts::fact(words::EPOCH, &html! {
            (words::epoch(readiness.epoch, readiness.k, readiness.n)) " "
            (when::both(readiness.made_at, &viewer.time_zone))
        }))
        (parts::fact(words::SECRET, &html! { (words::expires_in(left)) }))
    }
}
