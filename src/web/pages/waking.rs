//! Who would be woken, wave by wave, and what time it is there: on the page that asks, and with the
//! custodians.

use maud::{Markup, html};

use super::{parts, when};
use crate::app::look::{WakingOrder, WakingWave};
use crate::domain::time::{MINUTE_MS, Timestamp};
use crate::web::words::waking as words;

/// The waves in their order.
pub(super) fn order(order: &WakingOrder) -> Markup {
    html! {
        @if order.eligible < usize::from(order.needed) {
            p .box.bad { (words::too_few(order.eligible, order.needed)) }
        } @else {
            p { (words::needed(order.needed, order.eligible)) }
        }
        ol .waves { @for wave in &order.waves { (shown(wave, order.now)) } }
    }
}

fn shown(wave: &WakingWave, now: Timestamp) -> Markup {
    html! {
        li {
            strong { (words::after(wave.after_ms / MINUTE_MS, wave.fallback)) }
            ul .plain { @for person in &wave.people {
                li {
                    (person.name) " " span .mono { (when::hour_there(now, &person.time_zone)) } " "
                    @if when::is_night(now, &person.time_zone) { (parts::badge("warn", words::NIGHT)) " " }
                    span .hint { (person.time_zone.replace('_', " ")) }
                }
            } }
        }
    }
}
