//! S11, custodians and epochs: who holds what, how fresh it is, who would be called first.

use axum::extract::State;
use axum::response::IntoResponse;
use maud::{Markup, html};

use super::frame::{Here, Page};
use super::gate::Seen;
use super::pictures::grid;
use super::{PageResult, parts, when};
use crate::app::App;
use crate::app::look::{Readiness, Viewer};
use crate::domain::roster::Roster;
use crate::domain::time::Timestamp;
use crate::web::words::custodians as words;
use crate::web::words::pictures as picture_words;

/// The page.
pub(super) async fn page(State(app): State<App>, Seen(viewer, _): Seen) -> PageResult {
    let readiness = app.readiness().await?;
    let (roster, now) = (app.roster(), app.now());
    let body = html! {
        h1 { (words::TITLE) }
        (epoch(&readiness, &viewer, now))
        h2 { (picture_words::GRID) }
        figure {
            div .scroll tabindex="0" role="region" aria-label=(picture_words::GRID) { (grid::picture(&readiness, now)) }
            figcaption { (picture_words::GRID_KEY) }
        }
        (table(&readiness, &viewer, now))
        h2 { (words::PEOPLE) }
        (people(&roster, now))
        h2 { (words::CHANGES) }
        ul { @for line in words::CHANGES_HOW { li { (line) } } }
    };
    Ok(Page::new(words::TITLE, body)
        .seen_by(&viewer, Here::Custodians)
        .into_response())
}

fn epoch(readiness: &Readiness, viewer: &Viewer, now: Timestamp) -> Markup {
    html! {
        div class=(if readiness.is_ready() { "box good" } else { "box warn" }) {
            p { strong { (words::epoch(readiness.epoch, readiness.is_ready())) } }
            p { (words::proofs(readiness.proved(), readiness.proofs_needed, readiness.n)) }
        }
        dl .facts {
            (parts::fact(words::OPENS, &html! { (words::any(readiness.k, readiness.n)) }))
            (parts::fact(words::MADE, &when::both(readiness.made_at, &viewer.time_zone)))
            (parts::fact(words::SECRET, &html! {
                (crate::web::words::board::expires_in(readiness.secret_expires_at.since_ms(now)))
            }))
        }
    }
}

fn table(readiness: &Readiness, viewer: &Viewer, now: Timestamp) -> Markup {
    html! {
        div .scroll tabindex="0" role="region" aria-label=(words::TABLE) {
            table {
                caption { (words::TABLE) }
                thead { tr {
                    th scope="col" { (words::SHARE) } th scope="col" { (words::CUSTODIAN) }
                    th scope="col" { (words::LOCAL) } th scope="col" { (words::PROVED_UTC) } th scope="col" { (words::UNLOCKERS) }
                } }
                tbody { @for share in &readiness.shares {
                    tr {
                        td { (share.index) }
                        th scope="row" { (share.name) }
                        td { (when::hour_there(now, &share.time_zone)) " " span .hint { (share.time_zone.replace('_', " ")) } }
                        td { @match share.proved_at {
                            Some(at) => { (when::in_table(at, &viewer.time_zone)) br; span .hint { (when::ago(at, now)) } }
                            None => { (parts::badge("warn", words::NOT_PROVED)) }
                        } }
                        td { ul .plain { @for unlocker in &share.unlockers {
                            li { span .mono { (unlocker.name) } ", "
                                @match unlocker.opened_at {
                                    Some(at) => { (words::opened(&when::ago(at, now))) }
                                    None => { (words::NEVER) }
                                }
                            }
                        } } }
                    }
                } }
            }
        }
    }
}

fn people(roster: &Roster, now: Timestamp) -> Markup {
    html! {
        div .scroll tabindex="0" role="region" aria-label=(words::PEOPLE) {
            table {
                caption { (words::roster(roster.seq)) }
                thead { tr { th scope="col" { (words::PERSON) } th scope="col" { (words::ROLES) } th scope="col" { (words::LOCAL) } } }
                tbody { @for person in &roster.people {
                    tr {
                        th scope="row" { (person.name) }
                        td { (person.roles.iter().map(|r| r.word()).collect::<Vec<_>>().join(", ")) }
                        td { (when::hour_there(now, &person.time_zone)) " " span .hint { (person.time_zone.replace('_', " ")) } }
                    }
                } }
            }
        }
    }
}
