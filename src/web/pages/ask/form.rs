//! The facts of an opening as a form: what is wrong about each field, and the field itself with
//! everything that was typed.

use maud::{Markup, html};

use super::{Answers, Typed, kept};
use crate::app::look::Viewer;
use crate::domain::policy::{OfficeHours, UseCase};
use crate::domain::terms::{MAX_REASON_CHARS, is_plain_text};
use crate::domain::time::Timestamp;
use crate::web::words::ask as words;
use crate::web::words::parts as parts_words;

/// Lengths of a session that are offered to be chosen, minutes.
const OFFERED_MINUTES: [u32; 3] = [15, 30, 60];
/// What is chosen before anybody chose.
const USUAL_MINUTES: u32 = 30;
/// The choice beside which a number is typed.
const OTHER: &str = "other";

/// A field with what is wrong about it.
pub(super) struct Fault {
    pub(super) field: &'static str,
    why: String,
}

/// What is wrong about what was typed.
pub(super) fn faults(case: &UseCase, typed: &Typed) -> Vec<Fault> {
    let mut faults = Vec::new();
    let mut say = |field, why: String| faults.push(Fault { field, why });
    let text = |name: &str| typed.get(name).map_or("", |text| text.trim());
    let reason = text("reason");
    if reason.is_empty() {
        say("reason", words::REASON_MISSING.to_owned());
    } else if reason.chars().count() > MAX_REASON_CHARS {
        say(
            "reason",
            words::too_long(reason.chars().count(), MAX_REASON_CHARS),
        );
    } else if !is_plain_text(reason) {
        say("reason", words::REASON_ODD.to_owned());
    }
    if !text("workspace").bytes().all(|b| b.is_ascii_digit()) {
        say("workspace", words::WORKSPACE_ODD.to_owned());
    }
    if text("workspace").is_empty() && text("account").is_empty() {
        say("workspace", words::TARGET_MISSING.to_owned());
    }
    match Minutes::of(case, typed).said() {
        Ok(_) => {}
        Err(Odd::Number) => say("minutes", words::minutes_odd(case.max_minutes)),
        Err(Odd::Two(chosen, written)) => say("minutes", words::minutes_twice(&chosen, &written)),
    }
    if !is_plain_text(text("ticket")) || text("ticket").chars().count() > 80 {
        say("ticket", words::TICKET_ODD.to_owned());
    }
    faults
}

/// The minutes as they were chosen and typed.
pub(super) struct Minutes {
    /// Those offered under this use case's limit.
    offered: Vec<u32>,
    most: u32,
    /// One of those offered, or [`OTHER`].
    chosen: String,
    /// What stands in the field beside [`OTHER`].
    written: String,
}

/// Why no number of minutes was said.
pub(super) enum Odd {
    /// None, or beyond the limit.
    Number,
    /// One was chosen and another one typed.
    Two(String, String),
}

impl Minutes {
    /// As typed. A number that is not offered, such as one of `open --page --for 45m`, stands in the
    /// field.
    pub(super) fn of(case: &UseCase, typed: &Typed) -> Self {
        let most = case.max_minutes;
        let mut offered: Vec<u32> = OFFERED_MINUTES.into_iter().filter(|m| *m <= most).collect();
        if offered.is_empty() {
            offered.push(most);
        }
        let usual = offered.iter().rev().find(|m| **m <= USUAL_MINUTES);
        let usual = usual.unwrap_or(&offered[0]).to_string();
        let written = typed.get("minutes_other").map_or("", |text| text.trim());
        let (chosen, written) = match typed.get("minutes").map(|text| text.trim()) {
            None => (usual, written),
            Some(text) if text == OTHER || offered.iter().any(|m| m.to_string() == text) => {
                (text.to_owned(), written)
            }
            Some(text) => (OTHER.to_owned(), text),
        };
        Self {
            offered,
            most,
            chosen,
            written: written.to_owned(),
        }
    }

    /// The number that was said.
    ///
    /// # Errors
    /// [`Odd`].
    pub(super) fn said(&self) -> Result<u32, Odd> {
        let other = self.chosen == OTHER;
        // Without script nothing chooses the field that was typed into.
        if !other && !self.written.is_empty() && self.written != self.chosen {
            return Err(Odd::Two(self.chosen.clone(), self.written.clone()));
        }
        let text = if other { &self.written } else { &self.chosen };
        let minutes = text.parse().ok().filter(|m| (1..=self.most).contains(m));
        minutes.ok_or(Odd::Number)
    }

    fn field(&self, faults: &[Fault]) -> Markup {
        html! {
            fieldset {
                legend { (words::MINUTES) }
                (wrong("minutes", faults))
                div .row {
                    @for (place, minutes) in self.offered.iter().enumerate() {
                        @let value = minutes.to_string();
                        label .choice {
                            input id=[(place == 0).then_some("minutes")] type="radio" name="minutes" value=(value) checked[self.chosen == value];
                            (value)
                        }
                    }
                    div .together {
                        label .choice {
                            input #minutes-typed type="radio" name="minutes" value=(OTHER) checked[self.chosen == OTHER];
                            (words::minutes_other(self.most))
                        }
                        input type="text" name="minutes_other" inputmode="numeric" autocomplete="off"
                            aria-label=(words::minutes_other(self.most)) data-chooses="minutes-typed"
                            value=(self.written) aria-invalid=[invalid("minutes", faults)];
                    }
                }
            }
        }
    }
}

/// The opening by a touch, in the form whose fields it signs.
pub(super) fn touch(case: &UseCase, answers: &Answers, viewer: &Viewer) -> Markup {
    // Booleans by name: JSON without a case in which it fails.
    let given = serde_json::to_string(answers).unwrap_or_default();
    html! {
        @if viewer.passkey {
            div .by-passkey data-act="open" data-vault=(viewer.vault) data-person=(viewer.person)
                data-answers=(given) data-use-case=(case.id) data-most=(case.max_minutes) {
                div .actions {
                    button type="button" data-sign data-busy=(parts_words::TOUCH) { (words::TOUCH) }
                }
                p .hint.no-claim { (words::TOUCH_KEY) }
            }
        }
    }
}

/// The form.
pub(super) fn form(
    case: &UseCase,
    answers: &Answers,
    typed: &Typed,
    faults: &[Fault],
    touch: &Markup,
) -> Markup {
    let text = |name: &str| typed.get(name).map_or("", String::as_str);
    html! {
        p .hint { (words::TREE_LEADS) }
        h1 { (case.title) }
        (summary(faults))
        form method="post" action="/ask" {
            (kept(answers))
            (label("reason", words::REASON, faults))
            textarea #reason name="reason" required maxlength="500" aria-describedby="reason-hint"
                aria-invalid=[invalid("reason", faults)] { (text("reason")) }
            p #reason-hint .hint { (words::REASON_HINT) }
            fieldset {
                legend { (words::TARGET) }
                (label("workspace", words::WORKSPACE, faults))
                input #workspace type="text" name="workspace" inputmode="numeric" autocomplete="off"
                    value=(text("workspace")) aria-invalid=[invalid("workspace", faults)];
                label .choice { input type="checkbox" name="account" value="yes" checked[!text("account").is_empty()]; (words::ACCOUNT) }
            }
            (Minutes::of(case, typed).field(faults))
            (label("ticket", words::TICKET, faults))
            input #ticket type="text" name="ticket" autocomplete="off" value=(text("ticket"))
                aria-invalid=[invalid("ticket", faults)];
            (touch)
            div .actions { button type="submit" .quiet[!touch.0.is_empty()] {
                @if touch.0.is_empty() { (words::GO_ON) } @else { (words::AS_COMMAND) }
            } }
        }
        details { summary { (words::SCOPE) } ul { @for pattern in &case.scope { li { code { (pattern) } } } } }
    }
}

/// What comes before anything opens, and who else must agree.
pub(super) fn conditions(case: &UseCase, office_hours: &OfficeHours, now: Timestamp) -> Markup {
    let delay = case.delay_minutes_at(office_hours, now);
    html! {
        @if delay > 0 { p { (words::delay(delay)) } }
        @if let Some(role) = case.co_approver { p { (words::co_approver(role.word())) } }
    }
}

/// Each fault with a link to its field; the box takes the focus.
fn summary(faults: &[Fault]) -> Markup {
    html! {
        @if !faults.is_empty() {
            div .box.bad role="alert" tabindex="-1" data-focus {
                p { strong { (words::NOT_YET) } }
                ul { @for fault in faults { li { a href=(format!("#{}", fault.field)) { (fault.why) } } } }
                p { (words::NOTHING_SENT) }
            }
        }
    }
}

fn label(field: &str, word: &str, faults: &[Fault]) -> Markup {
    html! { label for=(field) { (word) } (wrong(field, faults)) }
}

fn wrong(field: &str, faults: &[Fault]) -> Markup {
    let wrong = faults.iter().find(|fault| fault.field == field);
    html! { @if let Some(fault) = wrong { p .wrong { (fault.why) } } }
}

fn invalid(field: &str, faults: &[Fault]) -> Option<&'static str> {
    faults.iter().any(|f| f.field == field).then_some("true")
}
