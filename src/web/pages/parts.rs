//! Small parts that several pages are made of.

use maud::{Markup, html};

use crate::web::words::parts as words;

/// A command to run, with a button that copies it where there is script.
pub(super) fn command(id: &str, text: &str) -> Markup {
    html! {
        div .command {
            pre #(id) tabindex="0" role="group" aria-label=(words::COMMAND) { code { (text) } }
            button type="button" .quiet data-copy=(id) hidden { (words::COPY) }
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
    fn a_shell_gets_one_word_whatever_was_typed() {
        assert_eq!(quoted("it's $HOME `x`"), r"'it'\''s $HOME `x`'");
    }
}
