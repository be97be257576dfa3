//! The readiness grid: each custodian's share and unlockers by the age of their last proof.

use maud::{Markup, html};

use crate::app::look::{Readiness, ShareState};
use crate::domain::time::{DAY_MS, Timestamp};
use crate::web::words::pictures as words;

/// After so many days a proof is old (PROTOCOL §3).
const OLD_DAYS: i64 = 100;
const CELL: i64 = 60;
const ROW: i64 = 30;
const LEFT: i64 = 150;

/// How fresh a proof is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::web::pages) enum Age {
    Fresh,
    Old,
    Never,
}

impl Age {
    pub(in crate::web::pages) fn of(at: Option<Timestamp>, now: Timestamp) -> Self {
        match at {
            None => Self::Never,
            Some(at) if now.since_ms(at) > OLD_DAYS * DAY_MS => Self::Old,
            Some(_) => Self::Fresh,
        }
    }

    fn look(self) -> (&'static str, &'static str) {
        match self {
            Self::Fresh => ("good", "✓"),
            Self::Old => ("warn", "!"),
            Self::Never => ("bad", "–"),
        }
    }
}

/// The picture.
pub(in crate::web::pages) fn picture(readiness: &Readiness, now: Timestamp) -> Markup {
    let columns = readiness.shares.iter().map(|s| s.unlockers.len()).max();
    let columns = 1 + i64::try_from(columns.unwrap_or(0)).unwrap_or(0);
    let rows = i64::try_from(readiness.shares.len()).unwrap_or(0);
    let (width, height) = (LEFT + columns * CELL + 10, 30 + rows * ROW);
    html! {
        svg .picture.small role="img" aria-label=(words::GRID_LABEL)
            viewBox=(format!("0 0 {width} {height}")) {
            @for column in 0..columns {
                text x=(LEFT + column * CELL + CELL / 2) y="18" text-anchor="middle" {
                    (words::grid_column(column))
                }
            }
            @for (number, share) in readiness.shares.iter().enumerate() {
                (row(share, now, 30 + ROW * i64::try_from(number).unwrap_or(0)))
            }
        }
    }
}

fn row(share: &ShareState, now: Timestamp, top: i64) -> Markup {
    let ages = std::iter::once(share.proved_at).chain(share.unlockers.iter().map(|u| u.opened_at));
    html! {
        text x="4" y=(top + 19) { (share.index) " " (share.name) }
        @for (column, at) in ages.enumerate() {
            @let (style, letter) = Age::of(at, now).look();
            @let x = LEFT + CELL * i64::try_from(column).unwrap_or(0);
            rect class=(format!("mark {style}")) x=(x + 4) y=(top + 2) width=(CELL - 8) height=(ROW - 4) rx="4" {}
            text .letter x=(x + CELL / 2) y=(top + 19) { (letter) }
        }
    }
}
