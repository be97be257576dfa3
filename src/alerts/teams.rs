//! Microsoft Teams by a Workflows webhook: one adaptive card in a message.
//!
//! The flow behind the address posts what it gets; its `202` says that it took the card over. No
//! button approves: a link leads to the vault, and approving needs the share (DESIGN §9).

use futures_util::future::BoxFuture;
use serde_json::{Value, json};

use super::config::{BuildError, ReadSecret, TeamsConfig};
use super::slack::shortened;
use super::{Channel, Delivery, Message, SendError, Severity, http};

/// Longest message Teams takes, bytes of JSON ("28 KB" in its documentation).
const MESSAGE_BYTES: usize = 28_000;
/// A card of this version is shown everywhere, phones included.
const CARD_VERSION: &str = "1.4";

/// A channel of a Teams team.
pub struct TeamsChannel {
    name: String,
    url: reqwest::Url,
    client: reqwest::Client,
}

impl std::fmt::Debug for TeamsChannel {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        // The query of the address holds the secret.
        write!(
            out,
            "TeamsChannel({}, {:?})",
            self.name,
            self.url.host_str()
        )
    }
}

impl TeamsChannel {
    /// Checks the configuration and reads its files. Does no network call.
    ///
    /// # Errors
    /// [`BuildError`]: a file that cannot be read, or that holds no usable address.
    pub fn new(
        config: &TeamsConfig,
        read_secret: &mut ReadSecret<'_>,
    ) -> Result<TeamsChannel, BuildError> {
        let fail = |why: String| BuildError::new(&config.name, why);
        let secret = read_secret(&config.url_file).map_err(fail)?;
        Ok(TeamsChannel {
            name: config.name.clone(),
            url: http::secret_address("url_file", &secret).map_err(fail)?,
            client: http::client(config.ca_file.as_deref(), config.timeout_ms).map_err(fail)?,
        })
    }
}

impl Channel for TeamsChannel {
    fn name(&self) -> &str {
        &self.name
    }

    fn kind(&self) -> &'static str {
        "teams"
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

/// The message; a body too long for Teams loses its end and says so, the checkpoint stays.
fn payload(message: &Message) -> Value {
    let body = message.body.trim_end();
    let fits = |card: &Value| card.to_string().len() <= MESSAGE_BYTES;
    let whole = card(message, body);
    if fits(&whole) {
        return whole;
    }
    // Lines and escapes cost unevenly, so the longest beginning that fits is searched for.
    let (mut short, mut long) = (0, body.chars().count());
    while long - short > 1 {
        let middle = short.midpoint(long);
        if fits(&card(message, &shortened(body, middle))) {
            short = middle;
        } else {
            long = middle;
        }
    }
    card(message, &shortened(body, short))
}

fn card(message: &Message, body: &str) -> Value {
    let color = match message.severity {
        Severity::Alarm => "Attention",
        Severity::Action => "Warning",
        Severity::Info => "Default",
    };
    let block = |text: &str| json!({"type": "TextBlock", "text": plain(text), "wrap": true});
    let mut blocks = vec![
        json!({"type": "TextBlock", "text": plain(&message.full_subject()),
        "wrap": true, "size": "Large", "weight": "Bolder", "color": color}),
    ];
    // A line break needs two in a card's text; one block for each line keeps them apart.
    blocks.extend(body.lines().filter(|l| !l.trim().is_empty()).map(block));
    blocks.push(block("Log checkpoint (keep this message):"));
    blocks.push(
        json!({"type": "TextBlock", "text": message.checkpoint, "wrap": true,
        "fontType": "Monospace", "size": "Small"}),
    );
    json!({
        "type": "message",
        "attachments": [{
            "contentType": "application/vnd.microsoft.card.adaptive",
            "contentUrl": null,
            "content": {
                "$schema": "http://adaptivecards.io/schemas/adaptive-card.json",
                "type": "AdaptiveCard",
                "version": CARD_VERSION,
                "msteams": {"width": "Full"},
                "body": blocks,
            },
        }],
    })
}

/// Text in which nobody can hide a link: a card's text knows `[words](address)`.
fn plain(text: &str) -> String {
    text.replace("](", "] (")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::alerts::message::tests::example;

    #[test]
    fn the_shape_is_one_adaptive_card_in_a_message() {
        let mut message = example();
        message.body = "Break glass is open.\n\nBy [Rio](https://evil.example)".into();
        let expected = json!({
            "type": "message",
            "attachments": [{
                "contentType": "application/vnd.microsoft.card.adaptive",
                "contentUrl": null,
                "content": {
                    "$schema": "http://adaptivecards.io/schemas/adaptive-card.json",
                    "type": "AdaptiveCard",
                    "version": "1.4",
                    "msteams": {"width": "Full"},
                    "body": [
                        {"type": "TextBlock", "wrap": true, "size": "Large", "weight": "Bolder",
                         "color": "Attention",
                         "text": "[OPEN] Break glass INC-2041 prod-eu until 03:22 UTC"},
                        {"type": "TextBlock", "wrap": true, "text": "Break glass is open."},
                        {"type": "TextBlock", "wrap": true,
                         "text": "By [Rio] (https://evil.example)"},
                        {"type": "TextBlock", "wrap": true,
                         "text": "Log checkpoint (keep this message):"},
                        {"type": "TextBlock", "wrap": true, "text": message.checkpoint,
                         "fontType": "Monospace", "size": "Small"},
                    ],
                },
            }],
        });
        assert_eq!(payload(&message), expected);
    }

    #[test]
    fn a_message_too_long_for_teams_is_cut_before_the_checkpoint() {
        for body in ["\u{e9}\"".repeat(30_000), "line\n".repeat(9_000)] {
            let message = Message { body, ..example() };
            let value = payload(&message);
            assert!(value.to_string().len() <= MESSAGE_BYTES);
            assert!(value.to_string().len() > MESSAGE_BYTES / 2, "cut too much");
            let blocks = value["attachments"][0]["content"]["body"]
                .as_array()
                .unwrap();
            assert_eq!(blocks.last().unwrap()["text"], message.checkpoint);
            let cut = blocks[blocks.len() - 3]["text"].as_str().unwrap();
            assert!(cut.ends_with('\u{2026}'), "{cut}");
        }
    }

    #[test]
    fn a_drill_is_marked() {
        let message = Message {
            drill: true,
            ..example()
        };
        assert!(payload(&message).to_string().contains("[DRILL"));
    }
}
