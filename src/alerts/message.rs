//! What is sent: the same message for every channel, and the marks no channel may forget.

use serde::Serialize;

/// How much a message should disturb its reader.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Severity {
    /// For the record.
    Info,
    /// Somebody named in it has something to do.
    Action,
    /// Something is wrong, or a way in is open.
    Alarm,
}

/// One message to people. Every field is text that may be read by anyone who reads the mail.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Message {
    /// Unique and stable over retries; becomes Message-ID and `webhook-id`.
    pub id: String,
    /// Mail addresses; a webhook ignores them.
    pub to: Vec<String>,
    /// One line, from [`subject`].
    pub subject: String,
    /// Plain text.
    pub body: String,
    /// The incident whose thread it joins.
    pub incident: Option<String>,
    /// The log's newest checkpoint, a whole signed note; every inbox is a witness.
    pub checkpoint: String,
    /// A rehearsal: marked in subject and body, whatever else they say.
    pub drill: bool,
    /// How much to disturb.
    pub severity: Severity,
    /// The entry type of its event, such as `incident.open`.
    pub kind: String,
    /// When the event happened, unix milliseconds.
    pub event_at_ms: i64,
}

/// The mark of a rehearsal.
const DRILL: &str = "[DRILL \u{2013} no real incident]";

/// A subject in the usual form: `[OPEN] Break glass INC-2041 prod-eu until 03:22 UTC`.
pub fn subject(tag: &str, incident: &str, target: &str, rest: &str) -> String {
    let mut line = format!("[{tag}] Break glass {incident} {target}");
    if !rest.is_empty() {
        line.push(' ');
        line.push_str(rest);
    }
    line
}

impl Message {
    /// The subject as sent: one line, marked in a drill.
    pub fn full_subject(&self) -> String {
        let line: String = self
            .subject
            .chars()
            .map(|c| if c.is_control() { ' ' } else { c })
            .collect();
        if self.drill {
            format!("{DRILL} {line}")
        } else {
            line
        }
    }

    /// The body as sent: marked in a drill, ending with the checkpoint.
    pub fn full_body(&self) -> String {
        let mark = if self.drill {
            format!("{DRILL}\n\n")
        } else {
            String::new()
        };
        let note = &self.checkpoint;
        format!(
            "{mark}{}\n\nLog checkpoint (keep this message):\n\n{note}",
            self.body.trim_end()
        )
    }
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;

    pub(crate) fn example() -> Message {
        Message {
            id: "a1-17".into(),
            to: vec!["ada@example.org".into(), "ben@example.org".into()],
            subject: subject("OPEN", "INC-2041", "prod-eu", "until 03:22 UTC"),
            body: "Break glass is open.".into(),
            incident: Some("INC-2041".into()),
            checkpoint: "bg.example/log/v/e1\n4\nAAAA\n\n\u{2014} bg.example/log/v/e1 AbCd\n"
                .into(),
            drill: false,
            severity: Severity::Alarm,
            kind: "incident.open".into(),
            event_at_ms: 1_795_231_320_000,
        }
    }

    /// The same, of another kind of event.
    pub(crate) fn about(kind: &str) -> Message {
        Message {
            kind: kind.into(),
            ..example()
        }
    }

    #[test]
    fn a_subject_has_the_usual_form_and_is_one_line() {
        let mut message = example();
        assert_eq!(
            message.full_subject(),
            "[OPEN] Break glass INC-2041 prod-eu until 03:22 UTC"
        );
        message.subject = "x\r\nBcc: tess@example.org".into();
        assert!(!message.full_subject().contains(['\r', '\n']));
    }

    #[test]
    fn a_drill_is_marked_in_subject_and_body() {
        let message = Message {
            drill: true,
            ..example()
        };
        assert!(message.full_subject().starts_with("[DRILL "));
        assert!(message.full_body().starts_with("[DRILL "));
    }

    #[test]
    fn the_body_ends_with_the_checkpoint() {
        let message = example();
        assert!(message.full_body().ends_with(&message.checkpoint));
    }
}
