//! S3, an incident as it is now: where it stands, who has answered, how long it lasts, what to do.

use axum::extract::State;
use axum::response::{IntoResponse, Redirect, Response};
use maud::{Markup, html};
use serde::Deserialize;

use super::answer::{may_stop, may_veto};
use super::asked::asked;
use super::facts::{facts, terms_of};
use super::frame::{Here, Page, is_drill};
use super::gate::Seen;
use super::given::{Form, Named};
use super::tables::{table, text};
use super::{PageError, PageResult, dead_end, live, parts, when};
use crate::api::{CustodianView, IncidentView};
use crate::app::look::{AlertLine, Story, Viewer};
use crate::app::{App, AppError};
use crate::domain::time::Timestamp;
use crate::web::words::incident as words;

/// A note.
#[derive(Deserialize)]
pub(super) struct Note {
    #[serde(default)]
    text: String,
}

/// The live page.
pub(super) async fn page(
    State(app): State<App>,
    Seen(viewer, _): Seen,
    Named(id): Named,
) -> PageResult {
    let view = app.show(&id).await.map_err(|e| seen(&e, &viewer))?;
    let story = app.story(&id).await?;
    Ok(shown(&app, &viewer, &view, &story, None))
}

/// Tells an open page when its incident has changed.
pub(super) async fn events(State(app): State<App>, Seen(..): Seen, Named(id): Named) -> PageResult {
    let view = app.show(&id).await?;
    Ok(live::incident(&app, id, view.version))
}

/// Writes a note; on bad input the page comes back with what was typed.
pub(super) async fn note(
    State(app): State<App>,
    Seen(viewer, caller): Seen,
    Named(id): Named,
    Form(typed): Form<Note>,
) -> PageResult {
    match app.note(&id, &caller, typed.text.clone()).await {
        Ok(()) => Ok(Redirect::to(&format!("/i/{id}#notes")).into_response()),
        Err(error) if error.is_no() => {
            let view = app.show(&id).await.map_err(|e| seen(&e, &viewer))?;
            let story = app.story(&id).await?;
            Ok(shown(
                &app,
                &viewer,
                &view,
                &story,
                Some((&typed.text, &error)),
            ))
        }
        Err(error) => Err(error.into()),
    }
}

fn seen(error: &AppError, viewer: &Viewer) -> PageError {
    dead_end::of_error(error, Some(viewer)).into()
}

fn shown(
    app: &App,
    viewer: &Viewer,
    view: &IncidentView,
    story: &Story,
    failed: Option<(&str, &AppError)>,
) -> Response {
    let now = app.now();
    let body = html! {
        div data-part="standing" { (standing(view, viewer, now)) (asked(view)) }
        div data-part="actions" { (details(app, view)) (actions(view, viewer)) }
        div data-part="custodians" { (custodians(view, viewer, now)) }
        h2 { (words::WHAT) }
        (facts(view, viewer))
        div data-part="alerts" { (alerts(&story.alerts, viewer)) }
        (notes(view, story, viewer, failed))
        p { a href=(format!("/reviews/{}", view.id)) { (words::WHOLE_STORY) } }
    };
    Page::new(words::title(&view.id), body)
        .about(view)
        .seen_by(viewer, Here::Incidents)
        .live(format!("/i/{}/live", view.id), now)
        .signing(viewer)
        .error(failed.is_some())
        .into_response()
}

/// The big line: phase, shares, time.
fn standing(view: &IncidentView, viewer: &Viewer, now: Timestamp) -> Markup {
    let said = words::said(&view.phase, view.shares_in, view.needed);
    html! {
        p .hint { (words::kind(&view.purpose)) " " (view.id) }
        h1 .phase data-say=(said) {
            (words::phase_word(&view.phase))
            small { (second_line(view, now)) }
        }
        @if view.phase == "closing" && !is_drill(view) {
            div .box.bad { p { strong { (words::NOT_SAFE_YET) } } p { (words::NOT_SAFE_YET_NOW) } }
        }
        @if view.rotation_owed {
            div .box.bad { p { strong { (words::ROTATION_OWED) } } p { (parts::with_commands(words::ROTATION_OWED_NOW)) } }
        }
        @if let Some(end) = words::end_of(&view.phase, view.asked.vetoed.is_some()) { div .box { p { (end) } } }
        @if let Some(at) = view.fully_safe_at_ms.filter(|_| !is_drill(view)) {
            (safe(Timestamp(at), viewer, now))
        }
    }
}

fn second_line(view: &IncidentView, now: Timestamp) -> Markup {
    let lapses = terms_of(view).map(|terms| terms.expires_ms);
    let waits = view.asked.waits_until_ms.map(Timestamp);
    html! {
        @match (view.phase.as_str(), &view.session) {
            ("waiting", _) => {
                (words::asked_by(&view.requester_name))
                @if let Some(at) = waits { " · " (words::OPENS_IN) " " (when::until(at, now)) }
            }
            ("cooling", _) => {
                (words::shares_in(view.shares_in, view.needed))
                @if let Some(at) = waits { " · " (words::VETO_UNTIL) " " (when::until(at, now)) }
            }
            ("open", Some(session)) => { (when::until(Timestamp(session.exp_ms), now)) }
            ("collecting", _) => {
                (words::shares_in(view.shares_in, view.needed))
                @if let Some(at) = lapses { " · " (words::LAPSES) " " (when::until(at, now)) }
            }
            _ => {
                @if let Some(cause) = &view.close_cause { (words::ended(cause)) }
                @else { (words::asked_by(&view.requester_name)) }
            }
        }
    }
}

fn safe(at: Timestamp, viewer: &Viewer, now: Timestamp) -> Markup {
    html! {
        @if now < at {
            div .box.warn {
                p { strong { (words::SAFE_AT) " " (when::both(at, &viewer.time_zone)) } " (" (when::until(at, now)) ")" }
                p { (words::SAFE_THEN) }
            }
        } @else {
            div .box.good { p { (words::SAFE) } }
        }
    }
}

/// What this person can do now, by touch where a passkey can, and always by command.
fn actions(view: &IncidentView, viewer: &Viewer) -> Markup {
    let mine = view.requester == viewer.person.as_str();
    let me = view
        .custodians
        .iter()
        .find(|c| c.person == viewer.person.as_str());
    let collecting = view.phase == "collecting" || view.phase == "cooling";
    let takes = (collecting || view.phase == "closing") && view.shares_in < view.needed;
    let id = &view.id;
    html! {
        @if takes && me.is_some_and(|c| c.state == "asked") {
            div .actions {
                a .button href=(format!("/i/{id}/release")) { (words::TO_RELEASE) }
                a .button.quiet href=(format!("/i/{id}/refuse")) { (words::TO_REFUSE) }
            }
        }
        @if collecting && me.is_some_and(|c| c.state == "in") {
            p { (words::YOURS_IS_IN) }
            (parts::command("withdraw", &format!("breakglass withdraw {id}")))
        }
        @if mine && view.phase == "waiting" {
            p { (words::TAKE_BACK) }
            (parts::command("take-back", &format!("breakglass withdraw {id}")))
            (parts::by_passkey("withdraw", id, viewer, (words::WITHDRAW, "quiet"), &html! {}))
        }
        @if mine && collecting {
            h2 { (words::PHRASE) }
            @if viewer.passkey {
                p #phrase .large data-phrase data-incident=(id) data-vault=(viewer.vault)
                    data-person=(viewer.person) {}
            }
            div .by-command {
                p { (words::PHRASE_WHERE) }
                (parts::command("phrase-command", &format!("breakglass status {id}")))
            }
            p { (words::PHRASE_WHY) }
            details { summary { (words::NOBODY_ANSWERS) } (nobody_answers(id, viewer)) }
        }
        @if mine && view.phase == "open" {
            h2 { (words::WORK) }
            (parts::command("run", &format!("breakglass run {id} -- databricks current-user me")))
            p { (words::WORK_NOTE) }
            (parts::command("close", &format!("breakglass close {id}")))
            (parts::by_passkey("close", id, viewer, (words::CLOSE, "quiet"), &html! {}))
        }
        (ends(view, viewer))
    }
}

/// Who may end it for everybody: the session, or the asking.
fn ends(view: &IncidentView, viewer: &Viewer) -> Markup {
    html! {
        @if may_stop(view, viewer) {
            div .actions { a .button.stop href=(format!("/i/{}/stop", view.id)) { (words::TO_STOP) } }
        }
        @if may_veto(view, viewer) {
            div .actions { a .button.stop href=(format!("/i/{}/veto", view.id)) { (words::TO_VETO) } }
        }
    }
}

/// What the policy says to whoever works now: where the machines are, whom to call.
fn details(app: &App, view: &IncidentView) -> Markup {
    html! {
        @if view.phase == "open" && let Some(text) = &app.policy().access_details {
            div .box { p { strong { (words::ACCESS_DETAILS) } } p .lines { (text) } }
        }
    }
}

fn nobody_answers(id: &str, viewer: &Viewer) -> Markup {
    html! {
        ul {
            @for line in words::NOBODY_ANSWERS_DO { li { (line) } }
        }
        p { (words::TAKE_BACK) }
        (parts::command("take-back", &format!("breakglass withdraw {id}")))
        (parts::by_passkey("withdraw", id, viewer, (words::WITHDRAW, "quiet"), &html! {}))
    }
}

fn custodians(view: &IncidentView, viewer: &Viewer, now: Timestamp) -> Markup {
    html! {
        h2 { (words::CUSTODIANS) }
        ul .cards { @for custodian in &view.custodians { (card(custodian, view, viewer, now)) } }
    }
}

fn card(custodian: &CustodianView, view: &IncidentView, viewer: &Viewer, now: Timestamp) -> Markup {
    let (kind, word) = words::answer(&custodian.state, &view.phase);
    // A rotation wakes nobody, so nobody waits for a page of it.
    let waits =
        view.phase == "collecting" && view.purpose != "rotate" && custodian.state == "asked";
    html! {
        li {
            h3 { (custodian.name) @if custodian.person == viewer.person.as_str() { " " (words::YOU) } }
            p {
                (parts::badge(kind, word)) " " (words::share(custodian.index))
                @if let Some(at) = custodian.at_ms { ", " (when::ago(Timestamp(at), now)) }
            }
            p .hint {
                (words::local_hour(&when::hour_there(now, &custodian.time_zone), &custodian.time_zone))
                @if let Some(at) = custodian.paged_at_ms.map(Timestamp) {
                    ". " (words::PAGED) " " (when::clock(at, &viewer.time_zone))
                } @else if waits { ". " (words::NOT_PAGED) }
            }
        }
    }
}

fn alerts(alerts: &[AlertLine], viewer: &Viewer) -> Markup {
    html! {
        h2 { (words::ALERTS) }
        @if alerts.is_empty() { p { (words::NO_ALERTS) } }
        @else { details data-fold="alerts" {
            summary { (words::alerts(alerts.len(), alerts.iter().filter(|a| a.sent_at.is_none()).count())) }
            (alert_table(alerts, viewer))
        } }
    }
}

fn alert_table(alerts: &[AlertLine], viewer: &Viewer) -> Markup {
    let columns = [
        text(words::EVENT).head(),
        text(words::AT_UTC),
        text(words::CHANNEL),
        text(words::TAKEN),
    ];
    let row = |alert: &AlertLine| {
        vec![
            html! { (words::event(&alert.kind)) },
            when::in_table(alert.queued_at, &viewer.time_zone),
            html! {
                (alert.channel)
                @if !alert.clocks.is_empty() { " " small { (words::readers(alert.recipients, &alert.clocks)) } }
            },
            html! { @match alert.sent_at {
                Some(at) => { "✓ " (when::in_table(at, &viewer.time_zone)) }
                None => { (parts::badge("warn", words::NOT_YET)) }
            } },
        ]
    };
    let caption = Some(words::ALERTS_CAPTION);
    table(words::ALERTS, caption, &columns, alerts.iter().map(row))
}

fn notes(
    view: &IncidentView,
    story: &Story,
    viewer: &Viewer,
    failed: Option<(&str, &AppError)>,
) -> Markup {
    let written: Vec<_> = story.moments.iter().filter(|m| m.kind == "note").collect();
    let path = format!("/i/{}/note", view.id);
    let takes = matches!(view.phase.as_str(), "open" | "closing" | "in_review");
    html! {
        section #notes {
            h2 { (words::NOTES) }
            @for note in &written {
                blockquote {
                    p { (note.detail) }
                    p .hint { (note.who) ", " (when::both(note.at, &viewer.time_zone)) }
                }
            }
            @if let Some((_, error)) = failed {
                div .box.bad role="alert" tabindex="-1" data-focus {
                    p { (words::note_failed(&error.to_string())) }
                    p { strong { (words::NOTE_FAILED_RELEASED) } }
                    p { a href="#text" { (words::NOTE_FAILED_NOW) } }
                }
            }
            @if takes || failed.is_some() {
                form method="post" action=(path) {
                    label for="text" { (words::NOTE) }
                    textarea #text name="text" required maxlength="4000"
                        aria-invalid=[failed.map(|_| "true")] aria-describedby="note-hint" {
                        (failed.map(|(text, _)| text).unwrap_or_default())
                    }
                    p #note-hint .hint { (words::NOTE_HINT) }
                    button type="submit" .quiet { (words::NOTE_BUTTON) }
                }
            } @else if written.is_empty() {
                p .hint { (words::NO_NOTES) }
            }
        }
    }
}
