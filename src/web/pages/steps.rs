//! Where an epoch stands, step by step: dealt, proved, ready, the one before erased, the next one.

use maud::{Markup, html};

use super::parts;
use crate::app::look::Readiness;
use crate::web::words::steps as words;

/// How far a step is.
#[derive(Clone, Copy, PartialEq, Eq)]
enum State {
    Done,
    /// Under way; what it waits for stands beside it.
    Now,
    /// Not yet.
    Later,
}

impl State {
    fn of(done: bool, reached: bool) -> Self {
        match (done, reached) {
            (true, _) => Self::Done,
            (false, true) => Self::Now,
            (false, false) => Self::Later,
        }
    }
}

/// The steps of the epoch in force.
pub(super) fn steps(readiness: &Readiness) -> Markup {
    let ready = readiness.is_ready();
    let missing: Vec<&str> = readiness
        .shares
        .iter()
        .filter(|share| share.proved_at.is_none())
        .map(|share| share.name.as_str())
        .collect();
    html! {
        ol .steps {
            (step(State::Done, &words::dealt(readiness.epoch, readiness.k, readiness.n), &html! {}))
            (step(
                State::of(missing.is_empty(), !ready),
                &words::proved(readiness.proved(), readiness.n),
                &html! { @if !missing.is_empty() { (parts::with_commands(&words::missing(&missing.join(", ")))) } },
            ))
            (step(State::of(ready, false), &words::ready(readiness.proofs_needed), &html! {}))
            @if readiness.epoch > 1 {
                (step(
                    State::of(!readiness.former_kept, ready),
                    &words::erased(readiness.epoch - 1),
                    &html! { @if readiness.former_kept { (words::KEPT) } },
                ))
            }
            (next(readiness))
        }
    }
}

/// The epoch that follows, when one is needed or being made.
fn next(readiness: &Readiness) -> Markup {
    let wanted = readiness.owed.is_some() || readiness.replaced_by.is_some();
    let state = if wanted { State::Now } else { State::Later };
    step(
        state,
        &words::next(readiness.epoch + 1),
        &html! {
            @if let Some(why) = &readiness.owed { (words::owed(why)) " " }
            @match &readiness.replaced_by {
                Some(incident) => { (words::UNDER_WAY) " " a href=(format!("/i/{incident}")) { (incident) } }
                None if wanted => { (words::WILL_BE_ASKED) }
                None => { (words::NOT_NEEDED) }
            }
        },
    )
}

fn step(state: State, what: &str, more: &Markup) -> Markup {
    let (kind, word) = match state {
        State::Done => ("good", words::DONE),
        State::Now => ("warn", words::NOW),
        State::Later => ("", words::LATER),
    };
    html! {
        li aria-current=[(state == State::Now).then_some("step")] {
            (parts::badge(kind, word)) " " (what)
            @if !more.0.is_empty() { br; span .hint { (more) } }
        }
    }
}
