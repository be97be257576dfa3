//! What an incident waits for besides shares, and each no with its reason: everybody reads them.

use maud::{Markup, html};

use super::parts;
use crate::api::{AskedView, ExtensionView, IncidentView, NoView};
use crate::web::words::asked as words;

/// Everything that was said and is missing; nothing where there is nothing to tell.
pub(super) fn asked(view: &IncidentView) -> Markup {
    let AskedView {
        vetoed,
        no_waits,
        refusals,
        ..
    } = &view.asked;
    html! {
        @if let Some(by) = vetoed { (no("box bad", &words::vetoed(&by.name), by)) }
        @if let Some(by) = no_waits {
            div .box.bad {
                p { strong { (words::no_waits(&by.name)) } " " q { (by.reason) } }
                p { (words::NO_WAITS_NOW) }
            }
        }
        @for by in refusals { (no("box warn", &words::refused(&by.name), by)) }
        (missing(view))
        @if view.phase == "open" && let Some(extension) = &view.asked.extension {
            (longer(&view.id, extension))
        }
    }
}

fn no(style: &str, who: &str, by: &NoView) -> Markup {
    html! { div class=(style) { p { strong { (who) } " " q { (by.reason) } } } }
}

fn missing(view: &IncidentView) -> Markup {
    let asked = &view.asked;
    html! {
        @if let Some(co) = asked.co_approver.as_ref().filter(|co| co.name.is_some() || is_asked_for(view)) {
            div class=(if co.name.is_some() { "box good" } else { "box warn" }) {
                p { (words::co_approver(&co.role, co.name.as_deref())) }
                // While it waits nobody can agree yet.
                @if co.name.is_none() && view.phase != "waiting" {
                    (parts::command("co-approve", &format!("breakglass approve {}", view.id)))
                }
            }
        }
        @for paper in &asked.papers {
            div class=(if paper.released { "box good" } else { "box warn" }) { p { (words::paper(paper)) } }
        }
        @for lifted in &asked.lifted { div .box.good { p { (words::lifted(&lifted.name, &lifted.gates)) } } }
        @if asked.override_needed && asked.lifted.is_empty() && is_asked_for(view) {
            div .box.warn {
                p { strong { (words::OVERRIDE) } }
                p { (words::OVERRIDE_NOW) }
                (parts::command("override", &format!("breakglass override {}", view.id)))
            }
        }
        @if let Some(what) = asked.missing.as_ref().or(view.waits_for.as_ref()) {
            div .box.warn { p { (words::missing(what)) } }
        }
    }
}

/// Whether anybody may still say yes to it.
fn is_asked_for(view: &IncidentView) -> bool {
    matches!(view.phase.as_str(), "waiting" | "collecting" | "cooling")
}

fn longer(id: &str, extension: &ExtensionView) -> Markup {
    html! {
        div .box.warn {
            p { strong { (words::extension(extension.max_minutes, extension.signed.len(), extension.needed)) } }
            p { (words::EXTENSION_NOW) }
            (parts::command("agree", &format!("breakglass extend {id} --minutes {}", extension.max_minutes)))
        }
    }
}
