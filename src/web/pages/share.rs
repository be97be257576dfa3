//! S6 and S7: my share, and enrolling keys on this device.

use axum::extract::State;
use axum::response::IntoResponse;
use maud::{Markup, html};

use super::frame::{Here, Page, is_drill};
use super::gate::Seen;
use super::{PageResult, parts, when};
use crate::api::IncidentView;
use crate::app::App;
use crate::app::look::{Readiness, ShareState, Viewer};
use crate::domain::readiness::PROVE_AGAIN_MS;
use crate::domain::time::{DAY_MS, Timestamp};
use crate::web::words::frame::{DRILL, DRILL_MEANS};
use crate::web::words::share as words;

/// After so many days a proof is old (PROTOCOL §3).
const OLD_DAYS: i64 = 100;

/// My share.
pub(super) async fn page(State(app): State<App>, Seen(viewer, _): Seen) -> PageResult {
    let board = app.board().await?;
    let readiness = app.readiness().await?;
    let body = html! {
        h1 { (words::TITLE) }
        @match readiness.of(&viewer.person) {
            Some(share) => {
                (asked(&board.live, &viewer))
                (state(share, &readiness, &viewer, board.now))
                (unlockers(share, &viewer, board.now))
                (lost())
            }
            None => { div .box { p { (words::NONE) } p { strong { (words::NONE_RELEASED) } } p { (words::NONE_NOW) } } }
        }
    };
    Ok(Page::new(words::TITLE, body)
        .seen_by(&viewer, Here::Share)
        .into_response())
}

fn asked(live: &[IncidentView], viewer: &Viewer) -> Markup {
    let states = |view: &IncidentView| {
        let mine = view.custodians.iter();
        let mine = mine.filter(|c| c.person == viewer.person.as_str());
        mine.map(|c| c.state.clone()).next()
    };
    html! {
        @for view in live {
            @match states(view).as_deref() {
                Some("asked") if view.shares_in < view.needed => {
                    div .box.warn {
                        (drill(view))
                        p { strong { (words::asked(&view.requester_name, &view.id)) } }
                        p { a .button href=(format!("/i/{}/release", view.id)) { (words::LOOK) } }
                    }
                }
                Some("in") if view.phase == "collecting" => {
                    div .box.good {
                        (drill(view))
                        p { strong { (words::is_in(&view.id)) } }
                        (parts::command("withdraw", &format!("breakglass withdraw {}", view.id)))
                    }
                }
                _ => {}
            }
            @if view.phase == "open" {
                div class=(if is_drill(view) { "box warn" } else { "box bad" }) {
                    (drill(view))
                    p { strong { (words::open(&view.id)) } }
                    p { a .button.stop href=(format!("/i/{}/stop", view.id)) { (words::STOP) } }
                }
            }
        }
    }
}

/// What is asked for a drill says so before anything else.
fn drill(view: &IncidentView) -> Markup {
    html! { @if is_drill(view) { p { strong { (DRILL) } ": " (DRILL_MEANS) } } }
}

fn state(share: &ShareState, readiness: &Readiness, viewer: &Viewer, now: Timestamp) -> Markup {
    html! {
        p { (words::which(share.index, readiness.epoch, readiness.k, readiness.n)) }
        @match share.proved_at {
            Some(at) => {
                div .box.good {
                    p { "✓ " (words::PROVED) " " (when::both(at, &viewer.time_zone)) ", " (when::ago(at, now)) "." }
                    p .hint { (words::PROVE_NEXT) " " (when::both(next_proof(share, at), &viewer.time_zone)) "." }
                }
            }
            None => {
                div .box.warn {
                    p { strong { (words::NOT_PROVED) } }
                    p { (words::NOT_PROVED_NOW) }
                }
            }
        }
        div .actions { a .button.quiet href="/custodian/#prove" { (words::PROVE) } }
        (parts::command("prove", "breakglass prove"))
    }
}

/// When the vault begins to remind her: each unlocker opens something every ninety days, and one
/// that never did is as old as the proof.
fn next_proof(share: &ShareState, proved: Timestamp) -> Timestamp {
    let opened = share.unlockers.iter();
    let oldest = opened
        .map(|unlocker| unlocker.opened_at.unwrap_or(proved))
        .min();
    oldest.unwrap_or(proved).plus_ms(PROVE_AGAIN_MS)
}

fn unlockers(share: &ShareState, viewer: &Viewer, now: Timestamp) -> Markup {
    html! {
        h2 { (words::UNLOCKERS) }
        ul .cards {
            @for unlocker in &share.unlockers {
                li {
                    h3 .mono { (unlocker.name) }
                    @match unlocker.opened_at {
                        Some(at) => {
                            @let old = now.since_ms(at) > OLD_DAYS * DAY_MS;
                            p {
                                (parts::badge(if old { "warn" } else { "good" }, if old { words::OLD } else { words::OPENS }))
                                " " (when::ago(at, now))
                            }
                            p .hint { (when::both(at, &viewer.time_zone)) }
                        }
                        None => { p { (parts::badge("warn", words::NEVER)) } p .hint { (words::NEVER_NOW) } }
                    }
                }
            }
        }
        p { a href="/enrol" { (words::TO_ENROL) } }
    }
}

fn lost() -> Markup {
    html! {
        h2 { (words::LOST) }
        p { (words::LOST_NOW) }
        (parts::command("lost", "breakglass report-lost --stolen --reason 'bag taken at the airport'"))
    }
}

/// Enrol a key.
pub(super) async fn enrol(State(_): State<App>, Seen(viewer, _): Seen) -> PageResult {
    let body = html! {
        h1 { (words::ENROL) }
        p { (words::ENROL_LEAD) }
        ol { @for step in words::ENROL_STEPS { li { (step) } } }
        div .actions { a .button href="/custodian/#new" { (words::ENROL_PASSKEY) } }
        div .box { p { (words::ENROL_NO_PRF) } }
        h2 { (words::ENROL_COMMAND) }
        p { (words::ENROL_COMMAND_LEAD) }
        (parts::command("enrol", "breakglass enrol 'LINK' --key ~/.ssh/id_ed25519 --unlocker-key ~/.ssh/spare_ed25519"))
        p { (words::ENROL_WORDS) }
    };
    Ok(Page::new(words::ENROL, body)
        .seen_by(&viewer, Here::Share)
        .into_response())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::app::look::UnlockerState;

    #[test]
    fn the_next_proof_is_due_ninety_days_after_the_unlocker_that_opened_longest_ago() {
        let at = |days: i64| Timestamp(days * DAY_MS);
        let unlocker = |opened: Option<i64>| UnlockerState {
            name: "age1…wertz".to_owned(),
            opened_at: opened.map(at),
        };
        let share = |unlockers: Vec<UnlockerState>| ShareState {
            index: 1,
            person: "ada".parse().unwrap(),
            name: "Ada".to_owned(),
            time_zone: "UTC".to_owned(),
            proved_at: Some(at(100)),
            unlockers,
        };
        let due = |unlockers| next_proof(&share(unlockers), at(100));
        assert_eq!(due(vec![unlocker(Some(100)), unlocker(Some(40))]), at(130));
        assert_eq!(due(vec![unlocker(Some(120)), unlocker(None)]), at(190));
        assert_eq!(due(Vec::new()), at(190));
    }
}
