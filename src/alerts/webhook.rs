//! A webhook signed as the Standard Webhooks specification says: `webhook-id`,
//! `webhook-timestamp`, and `webhook-signature: v1,<HMAC-SHA256 of id.timestamp.body>`.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use chrono::DateTime;
use futures_util::future::BoxFuture;
use hmac::{Hmac, KeyInit, Mac};
use secrecy::{ExposeSecret, SecretString};
use sha2::Sha256;
use zeroize::Zeroizing;

use super::config::{BuildError, ReadSecret, WebhookConfig};
use super::{Channel, Delivery, Message, SendError, http};

/// The specification's bounds for a signing secret.
const SECRET_BYTES: std::ops::RangeInclusive<usize> = 24..=64;

/// A signed webhook.
pub struct WebhookChannel {
    name: String,
    url: reqwest::Url,
    key: Zeroizing<Vec<u8>>,
    client: reqwest::Client,
}

impl std::fmt::Debug for WebhookChannel {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        // An address of a webhook often carries a secret in its path.
        write!(
            out,
            "WebhookChannel({}, {:?})",
            self.name,
            self.url.host_str()
        )
    }
}

impl WebhookChannel {
    /// Checks the configuration and reads its files. Does no network call.
    pub fn new(
        config: &WebhookConfig,
        read_secret: &mut ReadSecret<'_>,
    ) -> Result<WebhookChannel, BuildError> {
        let fail = |why: String| BuildError::new(&config.name, why);
        let url = http::address("url", &config.url).map_err(fail)?;
        let secret = read_secret(&config.secret_file).map_err(fail)?;
        let key = signing_key(&secret).ok_or_else(|| {
            fail("secret_file must hold whsec_ and the base64 of 24 to 64 bytes".to_owned())
        })?;
        let client = http::client(config.ca_file.as_deref(), config.timeout_ms).map_err(fail)?;
        Ok(WebhookChannel {
            name: config.name.clone(),
            url,
            key,
            client,
        })
    }

    async fn post(&self, message: &Message, now_at_ms: i64) -> Result<Delivery, SendError> {
        let body = payload(message);
        let seconds = now_at_ms.div_euclid(1000);
        let request = self
            .client
            .post(self.url.clone())
            .header("content-type", "application/json")
            .header("webhook-id", &message.id)
            .header("webhook-timestamp", seconds.to_string())
            .header(
                "webhook-signature",
                self.signature(&message.id, seconds, &body),
            )
            .body(body);
        http::deliver(&self.name, request, now_at_ms).await
    }

    fn signature(&self, id: &str, seconds: i64, body: &str) -> String {
        let mut mac =
            Hmac::<Sha256>::new_from_slice(&self.key).expect("HMAC takes a key of any length");
        mac.update(format!("{id}.{seconds}.{body}").as_bytes());
        format!("v1,{}", STANDARD.encode(mac.finalize().into_bytes()))
    }
}

impl Channel for WebhookChannel {
    fn name(&self) -> &str {
        &self.name
    }

    fn kind(&self) -> &'static str {
        "webhook"
    }

    fn send<'a>(
        &'a self,
        message: &'a Message,
        now_at_ms: i64,
    ) -> BoxFuture<'a, Result<Delivery, SendError>> {
        Box::pin(self.post(message, now_at_ms))
    }
}

/// `type`, `timestamp`, `data`: the shape the specification recommends.
fn payload(message: &Message) -> String {
    let time = DateTime::from_timestamp_millis(message.event_at_ms).unwrap_or_default();
    serde_json::json!({
        "type": message.kind,
        "timestamp": time.to_rfc3339_opts(chrono::SecondsFormat::Millis, true),
        "data": {
            "id": message.id,
            "incident": message.incident,
            "drill": message.drill,
            "severity": message.severity,
            "subject": message.full_subject(),
            "body": message.full_body(),
            "checkpoint": message.checkpoint,
        }
    })
    .to_string()
}

#[expect(
    clippy::disallowed_methods,
    reason = "the signature is made with these bytes"
)]
fn signing_key(secret: &SecretString) -> Option<Zeroizing<Vec<u8>>> {
    let text = secret.expose_secret().trim().strip_prefix("whsec_")?;
    let key = Zeroizing::new(STANDARD.decode(text).ok()?);
    SECRET_BYTES.contains(&key.len()).then_some(key)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_signature_is_the_one_of_the_specification() {
        // The example of the Standard Webhooks libraries' own tests.
        let secret = SecretString::from("whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw");
        let channel = WebhookChannel {
            name: "hook".into(),
            url: reqwest::Url::parse("https://hook.example.org").unwrap(),
            key: signing_key(&secret).unwrap(),
            client: reqwest::Client::builder().build().unwrap(),
        };
        let signed = channel.signature(
            "msg_p5jXN8AQM9LWM0D4loKWxJek",
            1_614_265_330,
            r#"{"test": 2432232314}"#,
        );
        assert_eq!(signed, "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=");
    }

    #[test]
    fn a_secret_of_the_wrong_form_is_refused() {
        for bad in [
            "MDEyMzQ1Njc4OWFiY2RlZjAxMjM0NTY3",
            "whsec_c2hvcnQ=",
            "whsec_???",
            "",
        ] {
            assert!(signing_key(&SecretString::from(bad)).is_none(), "{bad}");
        }
    }

    #[test]
    fn the_payload_marks_a_drill_and_carries_the_checkpoint() {
        let message = Message {
            drill: true,
            ..crate::alerts::message::tests::example()
        };
        let value: serde_json::Value = serde_json::from_str(&payload(&message)).unwrap();
        assert_eq!(value["type"], "incident.open");
        assert_eq!(value["data"]["drill"], true);
        assert_eq!(value["data"]["checkpoint"], message.checkpoint);
        assert!(
            value["data"]["subject"]
                .as_str()
                .unwrap()
                .starts_with("[DRILL")
        );
    }
}
