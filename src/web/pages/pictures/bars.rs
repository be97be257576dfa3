//! Calls over time, stacked by what they might do. Bars, not pies; each piece carries its letter, or,
//! where it is too low for one, has it in a circle above its column.

use maud::{Markup, html};

use super::{Axis, Group, Tally, WIDTH};
use crate::app::look::Call;
use crate::domain::time::{MINUTE_MS, SECOND_MS, Timestamp};
use crate::web::words::pictures as words;

const LEFT: i64 = 90;
const HEIGHT: i64 = 160;
const TOP: i64 = 10;
const MAX_BARS: i64 = 60;
/// A piece of less has no room for a letter.
const LETTER: i64 = 14;

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

/// Calls in the highest column; never zero.
fn most(bars: &[Bar]) -> i64 {
    let most = bars.iter().map(|bar| total(&bar.tally)).max();
    most.unwrap_or(1).max(1)
}

/// How many circles stand above a column at most.
fn circles(bars: &[Bar]) -> usize {
    let most = most(bars);
    let most = bars.iter().map(|bar| above(bar, most).count()).max();
    most.unwrap_or(0)
}

/// The picture; none without calls.
pub(in crate::web::pages) fn picture(step: i64, bars: &[Bar]) -> Option<Markup> {
    let last = bars.last()?.from.plus_ms(step);
    let axis = Axis::over(bars.iter().map(|b| b.from).chain([last]), LEFT)?;
    let most = most(bars);
    let top = TOP + LETTER * i64::try_from(circles(bars)).unwrap_or(0);
    let bottom = top + HEIGHT;
    Some(html! {
        svg .picture role="img" aria-label=(words::BARS_LABEL)
            viewBox=(format!("0 0 {WIDTH} {}", bottom + 30)) {
            @for (x, word) in axis.ticks() {
                text x=(x) y=(bottom + 18) text-anchor="middle" { (word) }
            }
            text x="4" y=(bottom + 18) { (words::UTC) }
            text x=(LEFT - 8) y=(top + 10) text-anchor="end" { (most) }
            line .lane x1=(LEFT) y1=(top) x2=(WIDTH - 20) y2=(top) {}
            @for bar in bars { (column(bar, (step, bottom), &axis, most)) }
            line .axis x1=(LEFT) y1=(bottom) x2=(WIDTH - 20) y2=(bottom) {}
        }
    })
}

/// The pieces of a column, from below: what, how many, how high.
fn pieces(bar: &Bar, most: i64) -> impl Iterator<Item = (Group, i64, i64)> {
    Group::ALL.into_iter().filter_map(move |group| {
        let count = i64::try_from(bar.tally.of_group(group)).unwrap_or(0);
        (count > 0).then(|| (group, count, (count * HEIGHT / most).max(2)))
    })
}

/// The pieces that are too low for their letter.
fn above(bar: &Bar, most: i64) -> impl Iterator<Item = Group> {
    let low = pieces(bar, most).filter(|(_, _, height)| *height < LETTER);
    low.map(|(group, ..)| group)
}

fn column(bar: &Bar, (step, bottom): (i64, i64), axis: &Axis, most: i64) -> Markup {
    let x = axis.x(bar.from);
    let width = (axis.x(bar.from.plus_ms(step)) - x - 1).max(2);
    let (middle, mut y) = (x + width / 2, bottom);
    html! {
        @for (group, count, height) in pieces(bar, most) {
            @let y = pushed(&mut y, height);
            g {
                title { (words::bar(group.style(), count, bar.from)) }
                rect class=(format!("cls {}", group.style())) x=(x) y=(y) width=(width) height=(height) {}
                @if height >= LETTER {
                    text .letter x=(middle) y=(y + height / 2 + 4) { (group.letter()) }
                }
            }
        }
        @for group in above(bar, most) {
            @let y = pushed(&mut y, LETTER);
            circle class=(format!("cls {}", group.style())) cx=(middle) cy=(y + LETTER / 2) r="6" {}
            text .letter x=(middle) y=(y + LETTER / 2 + 4) { (group.letter()) }
        }
    }
}

/// Lifts the top of a column by one more piece.
fn pushed(top: &mut i64, height: i64) -> i64 {
    *top -= height;
    *top
}

/// What each colour and letter means.
pub(in crate::web::pages) fn legend(bars: &[Bar]) -> Markup {
    html! {
        ul .legend {
            @if circles(bars) > 0 { li { (words::CIRCLES) } }
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::app::look::CallEnd;

    #[test]
    fn every_piece_of_a_column_has_its_letter_in_it_or_above() {
        let call = |class: &str| Call {
            seq: 0,
            at: Timestamp(1_795_226_823_000),
            class: class.to_owned(),
            method: "GET".to_owned(),
            route: "/".to_owned(),
            end: CallEnd::Status(200),
            took_ms: 0,
        };
        let mut calls = vec![call("read"); 500];
        calls.extend([call("destroy"), call("change")]);
        let (step, bars) = bars(&calls);
        let drawn = picture(step, &bars).unwrap().into_string();
        assert_eq!(drawn.matches("<g>").count(), 3, "{drawn}");
        assert_eq!(drawn.matches("class=\"letter\"").count(), 3, "{drawn}");
        assert_eq!(drawn.matches("<circle").count(), 2, "{drawn}");
        // The circles stand within the picture.
        let tops = drawn.split(" cy=\"").skip(1);
        let tops = tops.map(|after| after.split('"').next().unwrap().parse::<i64>().unwrap());
        assert!(tops.clone().all(|y| y >= 6), "{drawn}");
    }
}
