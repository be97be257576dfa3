//! The facts of an incident's terms, as every page that shows them does: who, why, what, how
//! long. Nothing is shown that is not in the terms.

use maud::{Markup, html};

use super::{parts, when};
use crate::api::IncidentView;
use crate::app::look::Viewer;
use crate::domain::terms::Terms;
use crate::web::words::facts as words;

/// The terms of a view; none only if the vault's own terms had another form.
pub(super) fn terms_of(view: &IncidentView) -> Option<Terms> {
    serde_json::from_value(view.terms.clone()).ok()
}

/// The four facts that a custodian reads before her button.
pub(super) fn short(view: &IncidentView, viewer: &Viewer) -> Markup {
    let Some(terms) = terms_of(view) else {
        return html! { p { (words::UNREADABLE) } };
    };
    html! {
        dl .facts {
            (parts::fact(words::WHO, &html! { (view.requester_name) }))
            (parts::fact(words::WHY, &html! { (why(&terms)) }))
            (parts::fact(words::TARGET, &html! { (terms.target.words()) ", " (words::minutes(terms.max_minutes)) }))
            (parts::fact(words::ASKED, &when::both(terms.asked_ms, &viewer.time_zone)))
        }
    }
}

/// All of them.
pub(super) fn facts(view: &IncidentView, viewer: &Viewer) -> Markup {
    let Some(terms) = terms_of(view) else {
        return html! { p { (words::UNREADABLE) } };
    };
    html! {
        dl .facts {
            (parts::fact(words::WHO, &html! { (view.requester_name) }))
            (parts::fact(words::WHY, &html! { (why(&terms)) }))
            (parts::fact(words::TARGET, &html! { (terms.target.words()) }))
            (parts::fact(words::HOW_LONG, &html! { (words::minutes(terms.max_minutes)) }))
            (parts::fact(words::ASKED, &when::both(terms.asked_ms, &viewer.time_zone)))
            (parts::fact(words::EPOCH, &html! { (words::epoch(terms.epoch, terms.k, terms.n, terms.needed)) }))
            @if !terms.gates.is_empty() {
                (parts::fact(words::GATES, &html! { @for gate in &terms.gates { (gate.words()) ". " } }))
            }
            @if !terms.ticket.is_empty() {
                (parts::fact(words::TICKET, &html! { (terms.ticket) }))
            }
        }
        details {
            summary { (words::SCOPE) }
            ul { @for pattern in &terms.scope { li { code { (pattern) } } } }
            p .hint { (words::TERMS_HASH) " " code { (view.terms_sha256) } }
            p .hint {
                a href=(format!("/log/{}", view.terms_seq)) { (words::in_log(view.terms_seq)) }
            }
        }
    }
}

fn why(terms: &Terms) -> Markup {
    html! {
        @if !terms.use_case.is_empty() { (terms.use_case.replace('-', " ")) ": " }
        q { (terms.reason) }
    }
}
