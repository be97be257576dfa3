//! Makes text from servers and people safe to print: a terminal obeys control characters, and
//! bidirectional marks can make a line read as something else than what is signed.

/// The text with every control and bidirectional character written as `\u{…}`; a newline stays
/// only where `keep_newlines` says so.
fn escaped(text: &str, keep_newlines: bool) -> String {
    let mut safe = String::with_capacity(text.len());
    for c in text.chars() {
        if (c == '\n' && keep_newlines) || !is_dangerous(c) {
            safe.push(c);
        } else {
            safe.extend(c.escape_unicode());
        }
    }
    safe
}

/// One line of foreign text.
#[must_use]
pub fn line(text: &str) -> String {
    escaped(text, false)
}

/// Several lines that this program put together; only newlines are kept as they are.
#[must_use]
pub fn lines(text: &str) -> String {
    escaped(text, true)
}

/// C0, DEL and C1 controls, line and paragraph separators, bidirectional marks and the byte
/// order mark (the set of `domain::terms::is_plain_text`).
fn is_dangerous(c: char) -> bool {
    c.is_control()
        || matches!(
            c,
            '\u{200e}' | '\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}'
                | '\u{061c}' | '\u{2028}' | '\u{2029}' | '\u{feff}'
        )
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::terms::is_plain_text;

    #[test]
    fn terminal_orders_and_bidi_marks_are_shown_and_not_obeyed() {
        let nasty = "ok\u{1b}[2J\u{9b}31m\r\u{202e}evil\u{2066}\u{7f}\n";
        let safe = line(nasty);
        assert!(is_plain_text(&safe), "{safe}");
        assert!(safe.starts_with("ok\\u{1b}[2J\\u{9b}31m"));
        assert!(safe.ends_with("\\u{a}"));
    }

    #[test]
    fn ordinary_text_of_any_language_stays() {
        for text in ["IdP change", "Störung über Nacht", "障害", "عطل", "🚨"] {
            assert_eq!(line(text), text);
        }
    }

    #[test]
    fn lines_keeps_newlines_and_nothing_else() {
        assert_eq!(lines("a\nb\tc\u{1b}"), "a\nb\\u{9}c\\u{1b}");
    }
}
