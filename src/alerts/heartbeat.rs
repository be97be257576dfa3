//! The sign of life for an outside monitor: one call every few minutes. Silence is what it
//! notices (DESIGN §10), so nothing here tries again.

use secrecy::SecretString;

use super::{SendError, http};

/// Longest wait for the monitor's answer.
const TIMEOUT_MS: u64 = 20_000;

/// A monitor's address.
pub struct Heartbeat {
    url: reqwest::Url,
    client: reqwest::Client,
}

impl std::fmt::Debug for Heartbeat {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        // Whoever knows the whole address can hide the vault's silence.
        write!(out, "Heartbeat({:?})", self.url.host_str())
    }
}

impl Heartbeat {
    /// Checks the address: https, or http on loopback. Does no network call.
    ///
    /// # Errors
    /// What is wrong with it, without repeating it.
    pub fn new(url: &SecretString) -> Result<Self, String> {
        Ok(Self {
            url: http::secret_address("heartbeat_url_file", url)?,
            client: http::client(None, TIMEOUT_MS)?,
        })
    }

    /// Calls once.
    ///
    /// # Errors
    /// [`SendError`]; the monitor then hears nothing, which is what it is for.
    pub async fn call(&self, now_at_ms: i64) -> Result<(), SendError> {
        let request = self.client.get(self.url.clone());
        http::deliver("heartbeat", request, now_at_ms)
            .await
            .map(drop)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn neither_an_error_nor_its_debug_form_repeats_the_address() {
        let secret = |text: &str| SecretString::from(text.to_owned());
        let good = Heartbeat::new(&secret("https://monitor.example.com/ping/canary\n")).unwrap();
        assert!(!format!("{good:?}").contains("canary"));
        for wrong in ["http://monitor.example.com/canary", "canary"] {
            let why = Heartbeat::new(&secret(wrong)).unwrap_err();
            assert!(why.starts_with("heartbeat_url_file"), "{why}");
            assert!(!why.contains("canary"), "{why}");
        }
    }
}
