//! Small parts that several pages are made of.

use maud::{Markup, html};

use crate::app::look::Viewer;
use crate::web::words::parts as words;

/// The script that signs what a page shows.
pub(super) const SIGNING: &str = "/custodian/acts.js";

/// A command to run, with a button that copies it where there is script.
pub(super) fn command(id: &str, text: &str) -> Markup {
    html! {
        div .command {
            pre #(id) tabindex="0" role="group" aria-label=(words::COMMAND) { code { (unbroken(text)) } }
            button type="button" .quiet data-copy=(id) hidden { (words::COPY) }
        }
    }
}

/// A command whose options and incidents do not break at their hyphens, where a line ends.
fn unbroken(command: &str) -> Markup {
    html! {
        @for (place, word) in command.split(' ').enumerate() {
            @if place > 0 { " " }
            @if word.starts_with("--") || word.starts_with("INC-") { span .option { (word) } } @else { (word) }
        }
    }
}

/// An act by a touch, for who has a passkey; where no script runs it stays away, and the command
/// beside it does the same. `kind` is the button's class.
pub(super) fn by_passkey(
    act: &str,
    incident: &str,
    viewer: &Viewer,
    (label, kind): (&str, &str),
    inner: &Markup,
) -> Markup {
    html! {
        @if viewer.passkey {
            div .by-passkey data-act=(act) data-incident=(incident) data-vault=(viewer.vault)
                data-person=(viewer.person) {
                (inner)
                div .actions {
                    button type="button" class=(kind) data-sign data-busy=(words::TOUCH) { (label) }
                }
            }
        }
    }
}

/// A sentence of the vault in which commands stand between backticks.
pub(super) fn with_commands(text: &str) -> Markup {
    html! {
        @for (place, part) in text.split('`').enumerate() {
            @if place % 2 == 1 { code { (part) } } @else { (part) }
        }
    }
}

/// One fact and what it is.
pub(super) fn fact(name: &str, value: &Markup) -> Markup {
    html! { div { dt { (name) } dd { (value) } } }
}

/// A word in a coloured box; the word says it, the colour repeats it.
pub(super) fn badge(kind: &str, word: &str) -> Markup {
    html! { span class=(format!("badge {kind}")) { (word) } }
}

/// A word for scripts and the shell, in single quotes.
pub(super) fn quoted(text: &str) -> String {
    format!("'{}'", text.replace('\'', "'\\''"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_command_between_backticks_is_shown_as_one_and_stays_text() {
        let shown = with_commands("see `status <x>` first").into_string();
        assert_eq!(shown, "see <code>status &lt;x&gt;</code> first");
    }

    #[test]
    fn an_option_stays_whole_and_the_text_of_a_command_what_it_was() {
        let shown = unbroken("breakglass stop INC-1 --reason 'a  b' -- x").into_string();
        assert_eq!(
            shown,
            "breakglass stop <span class=\"option\">INC-1</span> <span class=\"option\">--reason</span> 'a  b' \
             <span class=\"option\">--</span> x"
        );
    }

    #[test]
    fn a_shell_gets_one_word_whatever_was_typed() {
        assert_eq!(quoted("it's $HOME `x`"), r"'it'\''s $HOME `x`'");
    }
}
