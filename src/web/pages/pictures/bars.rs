//! Calls over time, stacked by what they might do. Bars, not pies; each piece carries its letter
//! where it is high enough.

use maud::{Markup, html};

use super::{Axis, Group, Tally, WIDTH};
use crate::app::look::Call;
use crate::domain::time::{MINUTE_MS, SECOND_MS, Timestamp};
use crate::web::words::pictures as words;

const LEFT: i64 = 90;
const HEIGHT: i64 = 160;
const TOP: i64 = 10;
const MAX_BARS: i64 = 60;

/// Calls of one stretch of time.
pub(in crate::web::pages) struct Bar {
    /// When it begins.
    pub from: Timestamp,
    /// What was called.
    pub tally: Tally,
}

/// Calls by equal stretches of time: a minute, or as long as keeps the bars few.
pub(in crate::web::pages) fn bars(calls: &[Call]) -> (i64, Vec<Bar>) {
    let Some((first, last)) = calls.first().zip(calls.last()) else {
        return (MINUTE_MS, Vec::new());
    };
    let length = last.at.since_ms(first.at);
    let steps = [SECOND_MS, 10 * SECOND_MS, MINUTE_MS];
    let step = steps.into_iter().find(|step| length / step < MAX_BARS);
    let step = step.unwrap_or((length / MAX_BARS / MINUTE_MS + 1) * MINUTE_MS);
    let start = first.at.0.div_euclid(step);
    let end = last.at.0.div_euclid(step);
    let bar = |number: i64| {
        let (from, until) = (number * step, (number + 1) * step);
        let inside = calls.iter().filter(|c| (from..until).contains(&c.at.0));
        Bar {
            from: Timestamp(from),
            tally: Tally::of(&inside.cloned().collect::<Vec<_>>()),
        }
    };
    (step, (start..=end).map(bar).collect())
}

fn total(tally: &Tally) -> i64 {
    i64::try_from(tally.calls() + tally.denied).unwrap_or(i64::MAX)
}

/// The picture; none without calls.
pub(in crate::web::pages) fn picture(step: i64, bars: &[Bar]) -> Option<Markup> {
    let last = bars.last()?.from.plus_ms(step);
    let axis = Axis::over(bars.iter().map(|b| b.from).chain([last]), LEFT)?;
    let most = bars.iter().map(|bar| total(&bar.tally)).max()?.max(1);
    let bottom = TOP + HEIGHT;
    Some(html! {
        svg .picture role="img" aria-label=(words::BARS_LABEL)
            viewBox=(format!("0 0 {WIDTH} {}", bottom + 30)) {
            @for (x, word) in axis.ticks() {
                text x=(x) y=(bottom + 18) text-anchor="middle" { (word) }
            }
            text x="4" y=(bottom + 18) { (words::UTC) }
            text x=(LEFT - 8) y=(TOP + 10) text-anchor="end" { (most) }
            line .lane x1=(LEFT) y1=(TOP) x2=(WIDTH - 20) y2=(TOP) {}
            @for bar in bars { (column(bar, step, &axis, most)) }
            line .axis x1=(LEFT) y1=(bottom) x2=(WIDTH - 20) y2=(bottom) {}
        }
    })
}

fn column(bar: &Bar, step: i64, axis: &Axis, most: i64) -> Markup {
    let x = axis.x(bar.from);
    let width = (axis.x(bar.from.plus_ms(step)) - x - 1).max(2);
    let mut y = TOP + HEIGHT;
    html! {
        @for group in Group::ALL {
            @let count = i64::try_from(bar.tally.of_group(group)).unwrap_or(0);
            @if count > 0 {
                @let height = (count * HEIGHT / most).max(2);
                @let y = pushed(&mut y, height);
                g {
                    title { (words::bar(group.style(), count, bar.from)) }
                    rect class=(format!("cls {}", group.style())) x=(x) y=(y) width=(width) height=(height) {}
                    @if height >= 14 && width >= 10 {
                        text .letter x=(x + width / 2) y=(y + height / 2 + 4) { (group.letter()) }
                    }
                }
            }
        }
    }
}

/// Lifts the top of a column by one more piece.
fn pushed(top: &mut i64, height: i64) -> i64 {
    *top -= height;
    *top
}

/// What each colour and letter means.
pub(in crate::web::pages) fn legend() -> Markup {
    html! {
        ul .legend {
            @for group in Group::ALL {
                li {
                    svg .picture.key viewBox="0 0 18 18" aria-hidden="true" {
                        rect class=(format!("cls {}", group.style())) x="0" y="0" width="18" height="18" {}
                        text .letter x="9" y="13" { (group.letter()) }
                    }
                    " " (words::group(group.style()))
                }
            }
        }
    }
}
