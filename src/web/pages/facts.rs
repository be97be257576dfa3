//! The facts of an incident's terms, as every page that shows them does: who, why, what, how
//! long. Nothing is shown that is not in the terms.

use maud::{Markup, html};

use super::{parts, when};
use crate::api::IncidentView;
use crate::app::look::Viewer;
use crate::domain::scope::Scope;
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
            (special(&terms, viewer))
            (parts::fact(words::ASKED, &when::both(terms.asked_ms, &viewer.time_zone)))
            (parts::fact(words::EPOCH, &html! { (words::epoch(terms.epoch, terms.k, terms.n, terms.needed)) }))
            @if !terms.gates.is_empty() {
                (parts::fact(words::GATES, &html! { @for gate in &terms.gates { (gate.words()) ". " } }))
            }
            @if !terms.ticket.is_empty() {
                (parts::fact(words::TICKET, &html! { (terms.ticket) }))
            }
        }
        @if Scope::parse(&terms.scope).is_ok_and(|scope| scope.names_code()) {
            p { (words::code()) }
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

/// What most terms do not have, and nobody should overlook; and the way through the tree.
fn special(terms: &Terms, viewer: &Viewer) -> Markup {
    let answers = terms.answers.iter();
    let answers: Vec<String> = answers.map(|(id, yes)| words::answer(id, *yes)).collect();
    html! {
        @if !terms.grants_to.is_empty() {
            (parts::fact(words::ADMIN, &html! {
                @for grant in &terms.grants_to { (words::grant(grant.person.as_str(), grant.keep)) ". " }
            }))
        }
        @if let Some(odd) = &terms.session_secret {
            (parts::fact(words::SECRET, &html! { (odd.words()) }))
        }
        @if terms.not_before_ms > terms.asked_ms {
            (parts::fact(words::NOT_BEFORE, &when::both(terms.not_before_ms, &viewer.time_zone)))
        }
        @if let Some(other) = &terms.displaces {
            (parts::fact(words::DISPLACES, &html! { (words::displaces(other.as_str())) }))
        }
        @if let Some(other) = &terms.continues {
            (parts::fact(words::CONTINUES, &html! { (words::continues(other.as_str())) }))
        }
        @if !answers.is_empty() {
            (parts::fact(words::ANSWERS, &html! {
                ul .plain { @for answer in &answers { li { (answer) } } }
            }))
        }
    }
}

fn why(terms: &Terms) -> Markup {
    html! {
        @if !terms.use_case.is_empty() { (terms.use_case.replace('-', " ")) ": " }
        q { (terms.reason) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::VERSION;
    use crate::domain::ids::Digest;
    use crate::domain::manifest::Kind;
    use crate::domain::terms::{Purpose, Requester, Target};
    use crate::domain::time::Timestamp;

    fn terms() -> Terms {
        let sha256 = Digest::of(b"x");
        Terms {
            v: VERSION.into(),
            purpose: Purpose::Incident,
            kind: Kind::Live,
            incident: "INC-7".parse().unwrap(),
            vault: "prod-eu".parse().unwrap(),
            epoch: 1,
            k: 3,
            n: 5,
            needed: 3,
            gates: vec![],
            recipient: String::new(),
            requester: Requester::Vault,
            request_sha256: None,
            claim_key: None,
            use_case: "outage".into(),
            answers: [("platform_down".to_owned(), true)].into(),
            reason: "r".into(),
            ticket: String::new(),
            target: Target::default(),
            scope: vec![],
            grants_to: vec!["u_ben:keep".parse().unwrap(), "u_ada".parse().unwrap()],
            max_minutes: 60,
            not_before_ms: Timestamp(3_600_000),
            continues: Some("INC-5".parse().unwrap()),
            displaces: Some("INC-6".parse().unwrap()),
            roster_sha256: sha256,
            manifest_sha256: sha256,
            policy_sha256: sha256,
            asked_ms: Timestamp(0),
            expires_ms: Timestamp(7_200_000),
            nonce: String::new(),
            session_secret: None,
        }
    }

    fn viewer() -> Viewer {
        Viewer {
            vault: "prod-eu".into(),
            person: "u_ada".parse().unwrap(),
            name: "ada".into(),
            roles: vec![],
            time_zone: "UTC".into(),
            passkey: false,
        }
    }

    #[test]
    fn what_most_terms_do_not_have_is_among_the_facts_and_only_then() {
        let page = special(&terms(), &viewer()).into_string();
        for wanted in [
            "u_ben, who KEEPS it",
            "u_ada, until the close",
            words::NOT_BEFORE,
            "INC-6, whose session ends",
            "INC-5, which broke",
            "platform down: yes",
        ] {
            assert!(page.contains(wanted), "{wanted}: {page}");
        }
        let plain = Terms {
            answers: Default::default(),
            grants_to: vec![],
            not_before_ms: Timestamp(0),
            continues: None,
            displaces: None,
            ..terms()
        };
        assert_eq!(special(&plain, &viewer()).into_string(), "");
    }
}
