//! Is a text surely one reading SQL statement? Chooses the words people see, and the class.
//!
//! Not a parser: it says yes only where no dialect setting could make the text anything else, and
//! no otherwise. Knows no routes and no scopes.

/// Verbs that begin a reading statement.
const READING: [&str; 6] = ["select", "show", "describe", "desc", "explain", "with"];

/// Words that make a `WITH` write, and functions by which a `SELECT` runs code or calls out.
const NOT_AFTER_WITH: [&str; 12] = [
    "insert",
    "update",
    "delete",
    "merge",
    "into",
    "overwrite",
    "create",
    "drop",
    "alter",
    "truncate",
    "replace",
    "call",
];
const CALLS_OUT: [&str; 7] = [
    "reflect",
    "java_method",
    "try_reflect",
    "http_request",
    "ai_query",
    "remote_query",
    "secret",
];

/// Whether the text is surely one SELECT, SHOW, DESCRIBE or EXPLAIN. Anything doubtful is no:
/// scripts, a second statement, quotes after a backslash (their meaning is a setting), nested
/// comments, `TRANSFORM … USING 'command'`, functions that run code.
pub fn surely_reads(text: &str) -> bool {
    let Some(tokens) = tokens(text) else {
        return false;
    };
    // One trailing semicolon is still one statement.
    let tokens = match tokens.as_slice() {
        [body @ .., Token::Semicolon] => body,
        all => all,
    };
    let Some(Token::Word(first)) = tokens.first() else {
        return false;
    };
    let words = || {
        tokens.iter().filter_map(|token| match token {
            Token::Word(word) => Some(word.as_str()),
            _ => None,
        })
    };
    let runs_command = tokens
        .windows(2)
        .any(|pair| matches!(pair, [Token::Word(word), Token::Quoted] if word == "using"));
    if tokens.contains(&Token::Semicolon)
        || runs_command
        || !READING.contains(&first.as_str())
        || words().any(|word| CALLS_OUT.contains(&word))
    {
        return false;
    }
    match first.as_str() {
        "with" => words().any(|w| w == "select") && !words().any(|w| NOT_AFTER_WITH.contains(&w)),
        "explain" => words().nth(1) != Some("analyze"),
        _ => true,
    }
}

#[derive(Debug, PartialEq, Eq)]
enum Token {
    /// An unquoted word in lower case.
    Word(String),
    /// A string or quoted identifier; its content does not matter.
    Quoted,
    Semicolon,
    Other,
}

/// The tokens without comments, or `None` where the text can be cut in more than one way.
fn tokens(text: &str) -> Option<Vec<Token>> {
    let bytes = text.as_bytes();
    let mut found = Vec::new();
    let mut at = 0;
    while at < bytes.len() {
        at = match bytes[at] {
            0 => return None,
            b'-' if bytes.get(at + 1) == Some(&b'-') => line_end(bytes, at)?,
            b'/' if bytes.get(at + 1) == Some(&b'*') => comment_end(bytes, at)?,
            quote @ (b'\'' | b'"' | b'`') => {
                found.push(Token::Quoted);
                quote_end(bytes, at, quote)?
            }
            b'$' if bytes.get(at + 1) == Some(&b'$') => return None,
            b';' => {
                found.push(Token::Semicolon);
                at + 1
            }
            byte if is_word(byte) => {
                let end = word_end(bytes, at);
                found.push(Token::Word(text.get(at..end)?.to_ascii_lowercase()));
                end
            }
            byte if byte.is_ascii_whitespace() => at + 1,
            _ => {
                found.push(Token::Other);
                at + 1
            }
        };
    }
    Some(found)
}

fn is_word(byte: u8) -> bool {
    // Bytes of other alphabets belong to the word they stand in, so they cannot hide one.
    byte.is_ascii_alphanumeric() || byte == b'_' || byte >= 0x80
}

fn word_end(bytes: &[u8], from: usize) -> usize {
    (from..bytes.len())
        .find(|at| !is_word(bytes[*at]))
        .unwrap_or(bytes.len())
}

/// The end of a `--` comment. A backslash before the line end continues it in some versions, and a
/// bare carriage return ends it in some: both are doubtful.
fn line_end(bytes: &[u8], from: usize) -> Option<usize> {
    let end = (from..bytes.len())
        .find(|at| bytes[*at] == b'\n')
        .unwrap_or(bytes.len());
    let comment = &bytes[from..end];
    let inner = comment.strip_suffix(b"\r").unwrap_or(comment);
    let doubtful = inner.contains(&b'\r') || inner.ends_with(b"\\");
    (!doubtful).then_some(end)
}

/// The end of a bracketed comment; nested ones end in different places in different versions.
fn comment_end(bytes: &[u8], from: usize) -> Option<usize> {
    let inner = &bytes[from + 2..];
    let length = inner.windows(2).position(|pair| pair == b"*/")?;
    let nested = inner[..length].windows(2).any(|pair| pair == b"/*");
    (!nested).then_some(from + 2 + length + 2)
}

/// The end of a quoted piece. A backslash before a quote is an escape or not, by a setting. A
/// doubled quote needs no care: it reads as two pieces side by side.
fn quote_end(bytes: &[u8], from: usize, quote: u8) -> Option<usize> {
    let end = (from + 1..bytes.len()).find(|at| bytes[*at] == quote)?;
    (quote == b'`' || bytes[end - 1] != b'\\').then_some(end + 1)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn plain_reading_statements_are_recognised() {
        for text in [
            "select 1",
            "SELECT * FROM a.b WHERE c = 'x;y' -- done",
            "/* why */ Show tables in x;",
            "describe extended t",
            "DESC t",
            "explain select 1",
            "with a as (select 1) select * from a",
            "select `drop`, \"a\" from t",
            "select 'it''s' from t;  \n",
        ] {
            assert!(surely_reads(text), "{text}");
        }
    }

    #[test]
    fn everything_doubtful_is_no() {
        for text in [
            "",
            ";",
            "select 1; drop table t",
            "select 1;;",
            "(select 1)",
            "begin select 1; end",
            "with a as (select 1) insert into t select * from a",
            "insert into t values (1)",
            "drop table t",
            "select '\\'; drop table t; --'",
            "/* a /* b */ drop table t -- */ select 1",
            "select 1 /* open",
            "select 'open",
            "from t insert into u select *",
            "select transform(a) using 'sh' from t",
            "select * from (map a using 'sh')",
            "select reflect('java.lang.Runtime', 'x')",
            "select http_request(conn => 'a')",
            "explain analyze delete from t",
            "execute immediate 'drop table t'",
            "$$ select 1 $$",
            "-- a\r drop table t\nselect 1",
            "set x = 1",
            "grant select on t to a",
            "SELECTdrop",
            "sel/**/ect 1",
            "select 1\0",
        ] {
            assert!(!surely_reads(text), "{text}");
        }
    }

    #[test]
    fn an_explain_of_a_write_runs_nothing_and_reads() {
        assert!(surely_reads("explain delete from t"));
    }

    /// Texts that begin as a reading statement does, of any characters and of those that matter.
    const BEGUN: &str = r#"(select|show|explain|with) (.{0,60}|[a-z ;'"`/*$\\\r\n-]{0,60})"#;

    proptest! {
        #[test]
        fn no_text_panics(text in ".{0,60}") {
            let _ = surely_reads(&text);
        }

        #[test]
        fn a_second_statement_never_reads(begun in BEGUN) {
            let _ = surely_reads(&begun);
            let two = format!("{begun};drop table t");
            // A quote or a bracket that swallowed the second statement would never end: only a
            // comment to the end of the line may.
            prop_assert!(begun.contains("--") || !surely_reads(&two), "{two:?}");
        }
    }
}
