//! S11, custodians and epochs: who holds what, how fresh it is, where the epoch stands, who would be
//! called first, whether alerts reach people, and the commands that change any of it.

use axum::extract::State;
use axum::response::IntoResponse;
use maud::{Markup, html};

use super::frame::{Here, Page};
use super::gate::Seen;
use super::pictures::grid;
use super::tables::{table, text};
use super::{PageResult, parts, steps, waking, when};
use crate::api::ChannelState;
use crate::app::App;
use crate::app::look::{Readiness, ShareState, Viewer};
use crate::domain::roster::{Person, Roster};
use crate::domain::time::Timestamp;
use crate::web::words::custodians as words;
use crate::web::words::pictures as picture_words;

/// The page.
pub(super) async fn page(State(app): State<App>, Seen(viewer, _): Seen) -> PageResult {
    let readiness = app.readiness().await?;
    let (roster, now) = (app.roster(), app.now());
    let order = app.waking_order(None).await?;
    let channels = app.channel_list().await?.channels;
    let body = html! {
        h1 { (words::TITLE) }
        (epoch(&readiness, &viewer, now))
        h2 #epoch-steps { (words::STEPS) }
        (steps::steps(&readiness))
        h2 { (picture_words::GRID) }
        figure {
            div .scroll tabindex="0" role="region" aria-label=(picture_words::GRID) { (grid::picture(&readiness, now)) }
            figcaption { (picture_words::GRID_KEY) }
        }
        (shares(&readiness, &viewer, now))
        h2 #waking { (words::ORDER) }
        p { (words::ORDER_MEANS) }
        (waking::order(&order))
        h2 #alerts { (words::ALERTS) }
        (alerts(&channels, &viewer, now))
        h2 { (words::PEOPLE) }
        (people(&roster, now))
        h2 { (words::CHANGES) }
        @for (number, (what, command)) in words::CHANGES_HOW.iter().enumerate() {
            p { (what) }
            (parts::command(&format!("change-{number}"), command))
        }
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

/// The grid as a table.
fn shares(readiness: &Readiness, viewer: &Viewer, now: Timestamp) -> Markup {
    let columns = [
        text(words::SHARE),
        text(words::CUSTODIAN).head(),
        text(words::LOCAL),
        text(words::PROVED_UTC),
        text(words::UNLOCKERS),
    ];
    let row = |share: &ShareState| {
        vec![
            html! { (share.index) },
            html! { (share.name) },
            local(now, &share.time_zone),
            html! { @match share.proved_at {
                Some(at) => { (when::in_table(at, &viewer.time_zone)) br; span .hint { (when::ago(at, now)) } }
                None => { (parts::badge("warn", words::NOT_PROVED)) }
            } },
            html! { ul .plain { @for unlocker in &share.unlockers {
                li { span .mono { (unlocker.name) } ", "
                    @match unlocker.opened_at {
                        Some(at) => { (words::opened(&when::ago(at, now))) }
                        None => { (words::NEVER) }
                    }
                }
            } } },
        ]
    };
    let caption = Some(words::TABLE);
    table(
        words::TABLE,
        caption,
        &columns,
        readiness.shares.iter().map(row),
    )
}

fn local(now: Timestamp, time_zone: &str) -> Markup {
    html! { (when::hour_there(now, time_zone)) " " span .hint { (time_zone.replace('_', " ")) } }
}

/// Each channel: when it took a message last, what waits, and when a person last proved that it
/// reaches people.
fn alerts(channels: &[ChannelState], viewer: &Viewer, now: Timestamp) -> Markup {
    let columns = [
        text(words::CHANNEL).head(),
        text(words::TAKEN_UTC),
        text(words::WAITS),
        text(words::TESTED_UTC),
        text(words::READ_UTC),
    ];
    let moment = |ms: Option<i64>, none: &str| match ms.map(Timestamp) {
        Some(at) => html! {
            (when::in_table(at, &viewer.time_zone)) br; span .hint { (when::ago(at, now)) }
        },
        None => parts::badge("warn", none),
    };
    let row = |channel: &ChannelState| {
        vec![
            html! { (channel.name) " " span .hint { (channel.kind) } },
            moment(channel.delivered_at_ms, words::NEVER_TAKEN),
            html! { @match channel.failing {
                0 => { (words::waits(channel.waiting)) }
                failing => {
                    (parts::badge("bad", &words::fails(failing)))
                    @if let Some(why) = &channel.last_error { br; span .hint { (why) } }
                }
            } },
            moment(channel.tested_at_ms, words::NEVER_TESTED),
            moment(channel.confirmed_at_ms, words::NOT_READ),
        ]
    };
    let caption = Some(words::ALERTS_CAPTION);
    html! {
        @if channels.is_empty() { p .box.bad { (words::NO_CHANNEL) } }
        @else { (table(words::ALERTS, caption, &columns, channels.iter().map(row))) }
        p { (words::TEST) }
        (parts::command("alert-test", "breakglass alert test"))
        p { (words::CONFIRM) }
        (parts::command("alert-confirm", "breakglass alert test --confirm CODE"))
    }
}

fn people(roster: &Roster, now: Timestamp) -> Markup {
    let columns = [
        text(words::PERSON).head(),
        text(words::ROLES),
        text(words::LOCAL),
    ];
    let row = |person: &Person| {
        let roles: Vec<&str> = person.roles.iter().map(|r| r.word()).collect();
        vec![
            html! { (person.name) },
            html! { (roles.join(", ")) },
            local(now, &person.time_zone),
        ]
    };
    let caption = words::roster(roster.seq);
    let rows = roster.people.iter().map(row);
    table(words::PEOPLE, Some(&caption), &columns, rows)
}
