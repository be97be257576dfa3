//! Slack by an incoming webhook: a heading, the text, the checkpoint.
//!
//! There is no button: a chat name is no signature, and approving needs the share (DESIGN §9).
//! Moments become date tokens, which Slack shows in each reader's own time zone.

use chrono::NaiveDateTime;
use futures_util::future::BoxFuture;
use serde_json::{Value, json};

use super::config::{BuildError, ReadSecret, SlackConfig};
use super::{Channel, Delivery, Message, SendError, Severity, http};

/// Longest heading Slack takes, characters (Block Kit, header block).
const HEADER_CHARS: usize = 150;
/// Longest text of one section, characters (Block Kit, section block).
const SECTION_CHARS: usize = 3_000;
/// Longest body and subject sent along, characters: escaped they stay below 50 blocks and the
/// 40,000 characters of a text.
const BODY_CHARS: usize = 8_000;
const SUBJECT_CHARS: usize = 1_000;
/// What a moment looks like in our texts, and how long that is.
const MOMENT: &str = "%Y-%m-%d %H:%M UTC";
const MOMENT_CHARS: usize = "2026-11-21 03:22 UTC".len();

/// A channel of a Slack workspace.
pub struct SlackChannel {
    name: String,
    url: reqwest::Url,
    client: reqwest::Client,
}

impl std::fmt::Debug for SlackChannel {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        // The path of the address is the secret.
        write!(
            out,
            "SlackChannel({}, {:?})",
            self.name,
            self.url.host_str()
        )
    }
}

impl SlackChannel {
    /// Checks the configuration and reads its files. Does no network call.
    ///
    /// # Errors
    /// [`BuildError`]: a file that cannot be read, or that holds no usable address.
    pub fn new(
        config: &SlackConfig,
        read_secret: &mut ReadSecret<'_>,
    ) -> Result<SlackChannel, BuildError> {
        let fail = |why: String| BuildError::new(&config.name, why);
        let secret = read_secret(&config.url_file).map_err(fail)?;
        Ok(SlackChannel {
            name: config.name.clone(),
            url: http::secret_address("url_file", &secret).map_err(fail)?,
            client: http::client(config.ca_file.as_deref(), config.timeout_ms).map_err(fail)?,
        })
    }
}

impl Channel for SlackChannel {
    fn name(&self) -> &str {
        &self.name
    }

    fn kind(&self) -> &'static str {
        "slack"
    }

    fn send<'a>(
        &'a self,
        message: &'a Message,
        now_at_ms: i64,
    ) -> BoxFuture<'a, Result<Delivery, SendError>> {
        let request = self.client.post(self.url.clone()).json(&payload(message));
        Box::pin(http::deliver(&self.name, request, now_at_ms))
    }
}

/// `text` is what a phone's notification shows; the blocks are the message itself.
fn payload(message: &Message) -> Value {
    let subject = shortened(&message.full_subject(), SUBJECT_CHARS);
    let body = shortened(message.body.trim_end(), BODY_CHARS);
    let mark = match message.severity {
        Severity::Alarm => ":rotating_light: ",
        Severity::Action => ":bell: ",
        Severity::Info => "",
    };
    let heading = json!({"type": "header", "text":
        {"type": "plain_text", "text": shortened(&subject, HEADER_CHARS)}});
    let mut blocks = vec![heading];
    for part in sections(&with_dates(&escaped(&body))) {
        blocks.push(json!({"type": "section", "text": {"type": "mrkdwn", "text": part}}));
    }
    let note = format!(
        "Log checkpoint (keep this message):\n```{}```",
        escaped(&message.checkpoint)
    );
    for part in sections(&note) {
        blocks.push(json!({"type": "section", "text": {"type": "mrkdwn", "text": part}}));
    }
    json!({
        "text": format!("{mark}{}", with_dates(&escaped(&subject))),
        "blocks": blocks,
        "unfurl_links": false,
    })
}

/// The three characters that Slack's text gives a meaning.
fn escaped(text: &str) -> String {
    text.replace('&', "&amp;")
        .replace('<', "&lt;")
        .replace('>', "&gt;")
}

/// Every `2026-11-21 03:22 UTC` as a date token that falls back to the same words.
fn with_dates(text: &str) -> String {
    let (mut out, mut rest) = (String::with_capacity(text.len()), text);
    while let Some(at) = rest.find(" UTC") {
        let end = at + " UTC".len();
        let start = end.checked_sub(MOMENT_CHARS);
        let moment = start.and_then(|start| rest.get(start..end));
        let parsed = moment.and_then(|m| NaiveDateTime::parse_from_str(m, MOMENT).ok());
        match (start, moment, parsed) {
            (Some(start), Some(moment), Some(parsed)) => {
                out.push_str(&rest[..start]);
                let seconds = parsed.and_utc().timestamp();
                out.push_str(&format!(
                    "<!date^{seconds}^{{date_short_pretty}} {{time}}|{moment}>"
                ));
            }
            _ => out.push_str(&rest[..end]),
        }
        rest = &rest[end..];
    }
    out.push_str(rest);
    out
}

/// The text in parts that each fit one section, cut between lines where there are any.
fn sections(text: &str) -> Vec<String> {
    let (mut parts, mut part) = (Vec::new(), String::new());
    for line in text.split_inclusive('\n') {
        if part.chars().count() + line.chars().count() > SECTION_CHARS {
            parts.extend((!part.is_empty()).then(|| std::mem::take(&mut part)));
        }
        part.push_str(line);
        while part.chars().count() > SECTION_CHARS {
            let cut = part.char_indices().nth(SECTION_CHARS).map_or(0, |(i, _)| i);
            let tail = part.split_off(cut);
            parts.push(std::mem::replace(&mut part, tail));
        }
    }
    parts.extend((!part.trim().is_empty()).then_some(part));
    parts
}

/// The text, or its beginning and an ellipsis.
pub(super) fn shortened(text: &str, chars: usize) -> String {
    if text.chars().count() <= chars {
        return text.to_owned();
    }
    let kept: String = text.chars().take(chars.saturating_sub(1)).collect();
    format!("{kept}\u{2026}")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::alerts::message::tests::example;

    #[test]
    fn the_shape_is_a_heading_sections_and_a_fallback_text() {
        let mut message = example();
        message.body = "Opened until 2026-11-21 03:22 UTC.\nWhy: <b> & co".into();
        let expected = json!({
            "text": ":rotating_light: [OPEN] Break glass INC-2041 prod-eu until 03:22 UTC",
            "blocks": [
                {"type": "header", "text": {"type": "plain_text",
                    "text": "[OPEN] Break glass INC-2041 prod-eu until 03:22 UTC"}},
                {"type": "section", "text": {"type": "mrkdwn", "text":
                    "Opened until <!date^1795231320^{date_short_pretty} {time}|2026-11-21 03:22 UTC>.\nWhy: &lt;b&gt; &amp; co"}},
                {"type": "section", "text": {"type": "mrkdwn", "text": format!(
                    "Log checkpoint (keep this message):\n```{}```", message.checkpoint)}},
            ],
            "unfurl_links": false,
        });
        assert_eq!(payload(&message), expected);
    }

    #[test]
    fn a_drill_is_marked_and_a_long_subject_is_cut_for_the_heading_only() {
        let message = Message {
            drill: true,
            subject: "x".repeat(400),
            ..example()
        };
        let value = payload(&message);
        let heading = value["blocks"][0]["text"]["text"].as_str().unwrap();
        assert!(heading.starts_with("[DRILL") && heading.chars().count() == HEADER_CHARS);
        assert!(value["text"].as_str().unwrap().contains(&"x".repeat(400)));
    }

    #[test]
    fn a_long_body_becomes_sections_that_each_fit_and_lose_nothing() {
        for body in ["\u{e9}".repeat(7_000), "line\n".repeat(2_000)] {
            let parts = sections(&body);
            assert!(parts.iter().all(|p| p.chars().count() <= SECTION_CHARS));
            assert_eq!(parts.concat(), body);
        }
    }

    #[test]
    fn only_whole_moments_become_date_tokens() {
        for text in [
            "at 03:22 UTC",
            " UTC",
            "\u{e9}\u{e9}x-11-21 03:22 UTC",
            "2026-13-21 03:22 UTC",
        ] {
            assert_eq!(with_dates(text), text);
        }
    }
}
