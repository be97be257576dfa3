//! Server-sent events: a page that is open is told that something changed, never what. The page
//! then asks for itself again, with its own login.

use std::convert::Infallible;
use std::time::Duration;

use axum::response::sse::{Event, KeepAlive, Sse};
use axum::response::{IntoResponse, Response};
use futures_util::stream;
use hyper::header::CACHE_CONTROL;

use crate::app::App;
use crate::app::look::MAX_WAIT;
use crate::domain::ids::IncidentId;

/// Events of one stream; then the browser connects again, and with it its login is looked at.
const MAX_ROUNDS: u32 = 60;
/// Changes closer together than this are told once.
const PAUSE: Duration = Duration::from_millis(200);
/// What keeps a silent stream open through things in between.
const KEEP_ALIVE: Duration = Duration::from_secs(15);

/// An event whenever anything about any incident has changed.
pub(super) fn whole_vault(app: &App) -> Response {
    let told = stream::unfold((app.watch(), 0), |(mut changes, round)| async move {
        if round >= MAX_ROUNDS {
            return None;
        }
        match tokio::time::timeout(MAX_WAIT, changes.changed()).await {
            Ok(Ok(())) => {
                tokio::time::sleep(PAUSE).await;
                changes.mark_unchanged();
                Some((changed(), (changes, round + 1)))
            }
            // The process is ending.
            Ok(Err(_)) => None,
            Err(_) => Some((Event::default().comment("still here"), (changes, round + 1))),
        }
    });
    answer(told)
}

/// An event whenever one incident has changed.
pub(super) fn incident(app: &App, id: IncidentId, version: i64) -> Response {
    let start = (app.clone(), id, version, 0);
    let told = stream::unfold(start, |(app, id, version, round)| async move {
        if round >= MAX_ROUNDS {
            return None;
        }
        let mut changes = app.watch();
        let view = app.show_after(&id, version, MAX_WAIT).await.ok()?;
        // A rotation's progress leaves the version as it is; a wait that ended early saw one.
        let seen = view.version != version || changes.has_changed().unwrap_or(false);
        changes.mark_unchanged();
        let event = if seen {
            changed()
        } else {
            Event::default().comment("still here")
        };
        tokio::time::sleep(PAUSE).await;
        Some((event, (app, id, view.version, round + 1)))
    });
    answer(told)
}

/// Browsers drop an event without data, so it has some; the page does not read it.
fn changed() -> Event {
    Event::default().event("changed").data("now")
}

fn answer(told: impl stream::Stream<Item = Event> + Send + 'static) -> Response {
    use futures_util::StreamExt as _;
    let events = told.map(Ok::<_, Infallible>);
    let events = Sse::new(events).keep_alive(KeepAlive::new().interval(KEEP_ALIVE));
    // As everything else: `no-cache`, which events bring, would let a browser keep them.
    ([(CACHE_CONTROL, "no-store")], events).into_response()
}
