//! Where a command's words go: data to stdout, talk to stderr (DESIGN §13).
//!
//! Everything passes `escape`, so that no server and no person can steer a reader's terminal.
//! With `--json` stdout holds exactly one object, whose `…_ms` members are RFC 3339 times.

use std::io::{self, IsTerminal as _, Write};
use std::sync::{Arc, Mutex, PoisonError};

use serde_json::{Map, Value, json};

use super::error::CliError;
use super::escape;
use super::tree::Globals;
use crate::domain::time::Timestamp;

type Sink = Arc<Mutex<dyn Write + Send>>;

/// Documents whose exact members matter to whoever hashes them: times in them stay numbers.
const EXACT: [&str; 7] = [
    "terms", "request", "roster", "policy", "manifest", "record", "entry",
];

/// The output of one command.
#[derive(Clone)]
pub struct Output {
    /// One JSON object in place of text.
    pub json: bool,
    /// Line per event.
    pub plain: bool,
    quiet: bool,
    terminal: bool,
    out: Sink,
    err: Sink,
}

/// What a command wrote when nobody was looking: for the demo and for tests.
#[derive(Clone, Default)]
pub struct Captured {
    out: Arc<Mutex<Vec<u8>>>,
    err: Arc<Mutex<Vec<u8>>>,
}

impl Captured {
    /// What it wrote to stdout.
    #[must_use]
    pub fn stdout(&self) -> String {
        text_of(&self.out)
    }

    /// What it wrote to stderr.
    #[must_use]
    pub fn stderr(&self) -> String {
        text_of(&self.err)
    }
}

fn text_of(bytes: &Mutex<Vec<u8>>) -> String {
    let bytes = bytes.lock().unwrap_or_else(PoisonError::into_inner);
    String::from_utf8_lossy(&bytes).into_owned()
}

impl Output {
    /// The process's own stdout and stderr.
    #[must_use]
    pub fn standard(globals: &Globals) -> Self {
        Self {
            json: globals.json,
            plain: globals.plain,
            quiet: globals.quiet,
            terminal: io::stdin().is_terminal() && io::stderr().is_terminal(),
            out: Arc::new(Mutex::new(io::stdout())),
            err: Arc::new(Mutex::new(io::stderr())),
        }
    }

    /// An output that is kept, without a terminal.
    #[must_use]
    pub fn captured(globals: &Globals) -> (Self, Captured) {
        let kept = Captured::default();
        let output = Self {
            json: globals.json,
            plain: true,
            quiet: globals.quiet,
            terminal: false,
            out: kept.out.clone(),
            err: kept.err.clone(),
        };
        (output, kept)
    }

    /// Whether a person can be asked something.
    #[must_use]
    pub fn can_ask(&self) -> bool {
        self.terminal
    }

    /// A line for people, on stderr; silent with `-q`.
    pub fn talk(&self, text: &str) {
        if !self.quiet {
            write(&self.err, &escape::lines(text));
        }
    }

    /// A line for people that `-q` does not silence.
    pub fn warn(&self, text: &str) {
        write(&self.err, &escape::lines(text));
    }

    /// The result: one object with `--json`, else the text.
    pub fn result(&self, object: Value, text: &str) {
        if self.json {
            write(&self.out, &with_times(object).to_string());
        } else if !text.is_empty() {
            write(&self.out, &escape::lines(text));
        }
    }

    /// An error, for people and with `--json` also as an object.
    pub fn error(&self, error: &CliError) {
        if self.json {
            let object = json!({"error": {"code": error.code, "message": error.message,
                "hint": error.hint, "runbook": error.runbook, "exit": error.exit.0}});
            write(&self.out, &object.to_string());
        }
        let mut text = format!("breakglass: {}", escape::line(&error.message));
        if !error.hint.is_empty() {
            text.push_str("\n  next: ");
            text.push_str(&escape::line(&error.hint));
        }
        if !error.runbook.is_empty() {
            text.push_str("\n  help: runbooks/");
            text.push_str(&escape::line(&error.runbook));
            text.push_str(".md");
        }
        write(&self.err, &text);
    }

    /// Rewrites the last line of a terminal; nothing with `--plain`, `-q` or without a terminal.
    pub fn redraw(&self, text: &str) {
        if self.terminal && !self.plain && !self.quiet {
            let mut sink = self.err.lock().unwrap_or_else(PoisonError::into_inner);
            // Nobody can be told that stderr is gone.
            let _ = write!(sink, "\r\u{1b}[2K{}", escape::line(text));
            let _ = sink.flush();
        }
    }

    /// Asks on stderr and reads a line; `None` when nobody is there.
    pub async fn ask(&self, question: &str) -> Option<String> {
        if !self.terminal {
            return None;
        }
        {
            let mut sink = self.err.lock().unwrap_or_else(PoisonError::into_inner);
            let _ = write!(sink, "{} ", escape::lines(question));
            let _ = sink.flush();
        }
        let read = tokio::task::spawn_blocking(|| {
            let mut line = String::new();
            (io::stdin().read_line(&mut line).unwrap_or(0) > 0).then_some(line)
        });
        let line = read.await.ok().flatten()?;
        Some(line.trim().to_owned())
    }
}

fn write(sink: &Sink, text: &str) {
    let mut sink = sink.lock().unwrap_or_else(PoisonError::into_inner);
    // A closed pipe is the reader's choice; the exit code still says what happened.
    let _ = writeln!(sink, "{text}");
    let _ = sink.flush();
}

/// Members named `…_ms` that hold a moment become RFC 3339 text without that ending.
fn with_times(value: Value) -> Value {
    match value {
        Value::Object(members) => {
            Value::Object(members.into_iter().map(with_time).collect::<Map<_, _>>())
        }
        Value::Array(items) => Value::Array(items.into_iter().map(with_times).collect()),
        other => other,
    }
}

fn with_time((name, value): (String, Value)) -> (String, Value) {
    if EXACT.contains(&name.as_str()) {
        return (name, value);
    }
    let Some(stem) = name.strip_suffix("_ms") else {
        return (name, with_times(value));
    };
    match value {
        Value::Number(ms) => {
            let at = ms.as_i64().map(|ms| Timestamp(ms).rfc3339());
            (stem.to_owned(), at.map_or(Value::Null, Value::from))
        }
        Value::Null => (stem.to_owned(), Value::Null),
        other => (name, other),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn json_times_are_rfc_3339_and_signed_documents_stay_exact() {
        let object = json!({"expires_ms": 1_800_000_000_000_i64, "closed_ms": null,
            "terms": {"asked_ms": 7}, "list": [{"at_ms": 0}]});
        let expected = json!({"expires": "2027-01-15T08:00:00Z", "closed": null,
            "terms": {"asked_ms": 7}, "list": [{"at": "1970-01-01T00:00:00Z"}]});
        assert_eq!(with_times(object), expected);
    }

    #[test]
    fn data_goes_to_stdout_and_talk_to_stderr() {
        let (out, kept) = Output::captured(&Globals::default());
        out.result(json!({}), "data");
        out.talk("talk\u{1b}[2J");
        assert_eq!(kept.stdout(), "data\n");
        assert_eq!(kept.stderr(), "talk\\u{1b}[2J\n");
    }

    #[test]
    fn an_error_is_one_object_on_stdout_when_json_is_asked_for() {
        let (out, kept) = Output::captured(&Globals {
            json: true,
            ..Globals::default()
        });
        out.error(&CliError::log_broken("history was cut"));
        let object: Value = serde_json::from_str(&kept.stdout()).unwrap();
        assert_eq!(object["error"]["exit"], 8);
        assert_eq!(object["error"]["code"], "log_broken");
        assert!(kept.stderr().contains("call security"));
    }
}
