//! S4 and S5 and the stop: what a person is asked before she signs. The signing is done by the
//! custodian's own page or by the command line; both are one press away.

use axum::extract::State;
use axum::response::IntoResponse;
use maud::{Markup, html};

use super::facts::short;
use super::frame::{Here, Page};
use super::gate::Seen;
use super::given::Named;
use super::{PageResult, dead_end, parts};
use crate::api::IncidentView;
use crate::app::App;
use crate::app::look::Viewer;
use crate::domain::ids::IncidentId;
use crate::domain::roster::Role;
use crate::web::words::answer as words;

/// Release your share?
pub(super) async fn release(
    State(app): State<App>,
    Seen(viewer, _): Seen,
    Named(id): Named,
) -> PageResult {
    let view = app
        .show(&id)
        .await
        .map_err(|e| dead_end::of_error(&e, Some(&viewer)))?;
    let now = app.now();
    let body = html! { div data-part="release" { (release_body(&app, &view, &viewer)) } };
    Ok(Page::new(words::RELEASE, body)
        .about(&view)
        .seen_by(&viewer, Here::Share)
        .live(format!("/i/{id}/live"), now)
        .into_response())
}

/// Why there is nothing to release, if there is nothing.
fn nothing_to_release(view: &IncidentView, viewer: &Viewer) -> Option<[&'static str; 3]> {
    let mine = view
        .custodians
        .iter()
        .find(|c| c.person == viewer.person.as_str());
    let takes = matches!(view.phase.as_str(), "collecting" | "closing");
    match mine.map(|c| c.state.as_str()) {
        None => Some(words::NO_SHARE),
        Some("excluded") => Some(words::OWN_INCIDENT),
        Some("in" | "paper" | "opener") if takes => Some(words::ALREADY_IN),
        Some("refused") => Some(words::REFUSED_ALREADY),
        Some("paused") => Some(words::PAUSED),
        _ if view.phase == "lapsed" => Some(words::LAPSED),
        _ if !takes || view.shares_in >= view.needed => Some(words::NOT_NEEDED),
        _ => None,
    }
}

fn release_body(app: &App, view: &IncidentView, viewer: &Viewer) -> Markup {
    let id = &view.id;
    if let Some([happened, released, now]) = nothing_to_release(view, viewer) {
        return html! {
            h1 { (words::NOTHING_TO_DO) }
            div .box role="status" { p { (happened) } p { strong { (released) } } p { (now) } }
            p { a .button href=(format!("/i/{id}")) { (words::to_incident(id)) } }
        };
    }
    html! {
        h1 data-say=(words::shares_in(view.shares_in, view.needed)) { (words::RELEASE_QUESTION) }
        (short(view, viewer))
        @if rotates(view) { div .box { p { strong { (words::ROTATION_ONLY) } } p { (words::ROTATION_MEANS) } } }
        p { (words::shares_in(view.shares_in, view.needed)) }
        div .box.warn { p { (words::BEFORE) } }
        div .actions {
            a .button href=(format!("/custodian/#{id}")) { (words::WITH_PASSKEY) }
            a .button.quiet href=(format!("/i/{id}/refuse")) { (words::REFUSE) }
        }
        details open {
            summary { (words::WITH_COMMAND) }
            (parts::command("approve", &format!("breakglass approve {id}")))
        }
        details { summary { (words::LOOKS_DIFFERENT) } p { (words::LOOKS_DIFFERENT_DO) } (security(app)) }
        p { a href=(format!("/i/{id}")) { (words::ALL_FACTS) } }
    }
}

/// Whether shares are asked for a rotation and nothing else, be it of an incident that closes.
fn rotates(view: &IncidentView) -> bool {
    view.purpose == "rotate" || view.phase == "closing"
}

/// Refuse?
pub(super) async fn refuse(
    State(app): State<App>,
    Seen(viewer, _): Seen,
    Named(id): Named,
) -> PageResult {
    let view = app
        .show(&id)
        .await
        .map_err(|e| dead_end::of_error(&e, Some(&viewer)))?;
    let body = html! {
        h1 { (words::REFUSE_QUESTION) }
        (short(&view, &viewer))
        p { (words::REFUSE_MEANS) }
        div .actions { a .button href=(format!("/custodian/#{id}")) { (words::REFUSE_PASSKEY) } }
        h2 { (words::WITH_COMMAND) }
        @for (number, reason) in words::REFUSALS.iter().enumerate() {
            (parts::command(&format!("refuse-{number}"),
                &format!("breakglass refuse {id} --reason {}", parts::quoted(reason))))
        }
        div .box.warn { p { (words::ATTACKER) } (security(&app)) }
        p { a href=(format!("/i/{id}/release")) { (words::BACK) } }
    };
    Ok(Page::new(words::REFUSE, body)
        .about(&view)
        .seen_by(&viewer, Here::Share)
        .into_response())
}

/// Stop the session?
pub(super) async fn stop(
    State(app): State<App>,
    Seen(viewer, _): Seen,
    Named(id): Named,
) -> PageResult {
    let asked = Ending {
        act: "stop",
        title: words::STOP,
        question: words::STOP_QUESTION,
        means: words::STOP_MEANS,
        button: words::STOP_PASSKEY,
        who: words::STOP_WHO,
        nothing: words::NOT_OPEN,
        open: |view| stoppable(view),
        may: may_stop,
    };
    ending(&app, &viewer, &id, &asked).await
}

/// Veto it?
pub(super) async fn veto(
    State(app): State<App>,
    Seen(viewer, _): Seen,
    Named(id): Named,
) -> PageResult {
    let asked = Ending {
        act: "veto",
        title: words::VETO,
        question: words::VETO_QUESTION,
        means: words::VETO_MEANS,
        button: words::VETO_PASSKEY,
        who: words::VETO_WHO,
        nothing: words::NOTHING_TO_VETO,
        open: |view| vetoable(view),
        may: may_veto,
    };
    ending(&app, &viewer, &id, &asked).await
}

/// One of the two ways to end it for everybody, with its words.
struct Ending {
    act: &'static str,
    title: &'static str,
    question: &'static str,
    means: &'static str,
    button: &'static str,
    who: &'static str,
    nothing: &'static str,
    open: fn(&IncidentView) -> bool,
    may: fn(&IncidentView, &Viewer) -> bool,
}

async fn ending(app: &App, viewer: &Viewer, id: &IncidentId, asked: &Ending) -> PageResult {
    let view = app
        .show(id)
        .await
        .map_err(|e| dead_end::of_error(&e, Some(viewer)))?;
    let reason = parts::quoted(words::STOP_REASON);
    let command = format!("breakglass {} {id} --reason {reason}", asked.act);
    let body = html! {
        h1 { (asked.question) }
        (short(&view, viewer))
        @if !(asked.open)(&view) {
            div .box { p { (asked.nothing) } }
        } @else if (asked.may)(&view, viewer) {
            p { (asked.means) }
            (parts::by_passkey(asked.act, &view.id, viewer, (asked.button, "stop"), &html! {
                label for="reason" { (words::STOP_WHY) }
                input #reason type="text" name="reason" maxlength="500" value=(words::STOP_REASON);
            }))
            h2 { (words::WITH_COMMAND) }
            (parts::command(asked.act, &command))
        } @else {
            p { (asked.who) }
            (security(app))
        }
        p { a href=(format!("/i/{id}")) { (words::to_incident(&view.id)) } }
    };
    Ok(Page::new(asked.title, body)
        .about(&view)
        .seen_by(viewer, Here::Incidents)
        .signing(viewer)
        .into_response())
}

/// A session that a stop ends: open, or about to be (PROTOCOL §6).
fn stoppable(view: &IncidentView) -> bool {
    matches!(view.phase.as_str(), "opening" | "open") && view.purpose != "rotate"
}

fn vetoable(view: &IncidentView) -> bool {
    let before = ["waiting", "collecting", "cooling", "opening"];
    before.contains(&view.phase.as_str())
}

/// Responder, custodians, auditors and security may stop it (PROTOCOL §6).
pub(super) fn may_stop(view: &IncidentView, viewer: &Viewer) -> bool {
    let roles = [Role::Custodian, Role::Auditor, Role::Security];
    let may = view.requester == viewer.person.as_str() || roles.iter().any(|r| viewer.is(*r));
    may && stoppable(view)
}

/// Security may veto it, before a session is open.
pub(super) fn may_veto(view: &IncidentView, viewer: &Viewer) -> bool {
    viewer.is(Role::Security) && vetoable(view)
}

/// Whom to call, and where.
fn security(app: &App) -> Markup {
    let roster = app.roster();
    let people = roster.people.iter().filter(|p| p.is(Role::Security));
    let people: Vec<String> = people
        .map(|p| words::reach(&p.name, p.contacts.pager.as_deref()))
        .collect();
    html! {
        @if !people.is_empty() { p { strong { (words::SECURITY) } " " (people.join("; ")) } }
    }
}
