//! Requests that a listener refused before any handler knew a session: logged like other refusals,
//! counted when there are very many (PROTOCOL §11).

use std::net::IpAddr;
use std::sync::PoisonError;
use std::time::Duration;

use serde_json::Value;

use super::App;
use super::permit::{Noted, WINDOW_MS};
use super::step::draft;

/// Refusals of one second that have an entry each; the rest of it is one number.
const WRITTEN_EACH: u32 = 5;

impl App {
    /// Notes a request that reached no door. `why` is the listener's own word for it.
    pub fn note_refused_at_door(&self, why: &'static str, peer: IpAddr) {
        let noted = {
            let doors = self.inner.memory.doors.lock();
            let mut doors = doors.unwrap_or_else(PoisonError::into_inner);
            doors.note(self.inner.clock.boot_ms(), WRITTEN_EACH)
        };
        let app = self.clone();
        match noted {
            Noted::Counted => {}
            Noted::Write => self.spawn(async move {
                let entry = draft(
                    "door.refused",
                    [
                        ("why", Value::from(why)),
                        ("from", Value::from(peer.to_string())),
                    ],
                );
                app.log_refusal(entry).await;
            }),
            Noted::First => self.spawn(async move {
                tokio::time::sleep(Duration::from_millis(WINDOW_MS.unsigned_abs())).await;
                let n = {
                    let doors = app.inner.memory.doors.lock();
                    doors.unwrap_or_else(PoisonError::into_inner).take()
                };
                let entry = draft(
                    "door.burst",
                    [
                        ("n", Value::from(n)),
                        ("from", Value::from(peer.to_string())),
                    ],
                );
                app.log_refusal(entry).await;
            }),
        }
    }
}
