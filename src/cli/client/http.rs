//! The vault's API over HTTP: one client with limits, one place where errors are read.
//!
//! Trusts the enrolled CA alone where there is one; follows no redirect and no proxy for loopback.

use std::time::Duration;

use reqwest::{Method, Response, StatusCode};
use secrecy::SecretString;
use serde::Serialize;
use serde::de::DeserializeOwned;

use super::link;
use super::state::token_text;
use crate::api::ErrorBody;
use crate::cli::error::CliError;

/// Longest answer that is read, in bytes: an entry bundle of 256 longest entries fits.
const MAX_ANSWER_BYTES: usize = 32 << 20;
/// Longest wait for one answer; a long poll takes 20 s of it.
const TIMEOUT: Duration = Duration::from_secs(60);
const CONNECT_TIMEOUT: Duration = Duration::from_secs(10);

/// The vault, dialled.
pub(crate) struct Api {
    client: reqwest::Client,
    origin: String,
    token: Option<SecretString>,
}

impl Api {
    /// A client for one origin; with a PEM, only that CA is trusted.
    ///
    /// # Errors
    /// Usage for an address that may not be dialled, failed when TLS cannot be set up.
    pub(crate) fn new(server: &str, ca_pem: Option<&[u8]>) -> Result<Self, CliError> {
        let origin = link::origin(server).map_err(|why| CliError::usage(why.to_string()))?;
        let mut builder = limited();
        if let Some(pem) = ca_pem {
            let roots = reqwest::Certificate::from_pem_bundle(pem).map_err(|why| {
                CliError::failed("ca", format!("the CA file is no certificate: {why}"))
            })?;
            builder = builder.tls_certs_only(roots);
        }
        if origin.starts_with("http://") {
            builder = builder.no_proxy();
        }
        Ok(Self {
            client: built(builder)?,
            origin,
            token: None,
        })
    }

    /// The origin as dialled: what a login signs.
    pub(crate) fn origin(&self) -> &str {
        &self.origin
    }

    /// Sends this token from now on.
    pub(crate) fn set_token(&mut self, token: SecretString) {
        self.token = Some(token);
    }

    /// Whether a token is sent.
    pub(crate) fn has_token(&self) -> bool {
        self.token.is_some()
    }

    /// A JSON answer.
    ///
    /// # Errors
    /// What the server says, or that it was not reached.
    pub(crate) async fn get<T: DeserializeOwned>(&self, path: &str) -> Result<T, CliError> {
        read_json(&self.send::<()>(Method::GET, path, None).await?)
    }

    /// Bytes, for log files and checkpoints.
    ///
    /// # Errors
    /// As [`Api::get`].
    pub(crate) async fn get_bytes(&self, path: &str) -> Result<Vec<u8>, CliError> {
        self.send::<()>(Method::GET, path, None).await
    }

    /// Bytes of a page outside the API, which needs no login.
    ///
    /// # Errors
    /// As [`Api::get`].
    pub(crate) async fn get_page(&self, path: &str) -> Result<Vec<u8>, CliError> {
        let answer = self.client.get(format!("{}{path}", self.origin)).send();
        let answer = answer.await.map_err(|why| self.unreached(&why, false))?;
        let status = answer.status();
        if !status.is_success() {
            return Err(CliError::failed("answer", format!("{path}: {status}")));
        }
        limited_body(answer).await.map_err(|why| match why {
            Some(why) => self.unreached(&why, false),
            None => CliError::failed("answer", format!("{path} is too long")),
        })
    }

    /// Sends JSON, gets JSON. An answer that was lost is told as such: the deed may have happened.
    ///
    /// # Errors
    /// As [`Api::get`].
    pub(crate) async fn post<B: Serialize, T: DeserializeOwned>(
        &self,
        path: &str,
        body: &B,
    ) -> Result<T, CliError> {
        read_json(&self.send(Method::POST, path, Some(body)).await?)
    }

    async fn send<B: Serialize>(
        &self,
        method: Method,
        path: &str,
        body: Option<&B>,
    ) -> Result<Vec<u8>, CliError> {
        let changes = method == Method::POST;
        let mut request = self
            .client
            .request(method, format!("{}/api/v1{path}", self.origin));
        if let Some(token) = &self.token {
            request = request.bearer_auth(token_text(token));
        }
        if let Some(body) = body {
            request = request.json(body);
        }
        let answer = request
            .send()
            .await
            .map_err(|why| self.unreached(&why, changes))?;
        let status = answer.status();
        let bytes = limited_body(answer).await.map_err(|why| match why {
            Some(why) => self.unreached(&why, changes),
            None => CliError::failed("answer", "the vault's answer is too long"),
        })?;
        if status.is_success() {
            Ok(bytes)
        } else {
            Err(refused(status, &bytes))
        }
    }

    fn unreached(&self, why: &reqwest::Error, changes: bool) -> CliError {
        let origin = &self.origin;
        if why.is_connect() || why.is_builder() {
            return CliError::failed(
                "unreachable",
                format!("the vault at {origin} was not reached: {}", root_cause(why)),
            )
            .hint("check address, network and certificate, then run the command again")
            .page("vault-unreachable");
        }
        let text = if changes {
            "sent, but its answer was lost: it may have happened"
        } else {
            "no answer"
        };
        CliError::failed(
            "answer_lost",
            format!("the vault at {origin}: {text} ({})", root_cause(why)),
        )
        .hint("breakglass status shows what happened")
        .page("vault-unreachable")
    }
}

/// Fetches a CA's PEM before anything is trusted; the caller compares its hash with the line's.
///
/// # Errors
/// When the server is not reached.
pub(crate) async fn fetch_ca(server: &str) -> Result<Vec<u8>, CliError> {
    let origin = link::origin(server).map_err(|why| CliError::usage(why.to_string()))?;
    // Nothing is sent, and what comes back is worth only its hash.
    let client = built(limited().tls_danger_accept_invalid_certs(true))?;
    Api {
        client,
        origin,
        token: None,
    }
    .get_bytes("/ca")
    .await
}

fn limited() -> reqwest::ClientBuilder {
    reqwest::Client::builder()
        .user_agent(concat!("breakglass/", env!("CARGO_PKG_VERSION")))
        .redirect(reqwest::redirect::Policy::none())
        .referer(false)
        .connect_timeout(CONNECT_TIMEOUT)
        .timeout(TIMEOUT)
}

fn built(builder: reqwest::ClientBuilder) -> Result<reqwest::Client, CliError> {
    builder
        .build()
        .map_err(|why| CliError::failed("tls", format!("no https client: {why}")))
}

/// The body, or `None` as error when it is longer than the limit.
async fn limited_body(mut answer: Response) -> Result<Vec<u8>, Option<reqwest::Error>> {
    let mut bytes = Vec::new();
    while let Some(piece) = answer.chunk().await.map_err(Some)? {
        if bytes.len() + piece.len() > MAX_ANSWER_BYTES {
            return Err(None);
        }
        bytes.extend_from_slice(&piece);
    }
    Ok(bytes)
}

fn refused(status: StatusCode, bytes: &[u8]) -> CliError {
    match serde_json::from_slice::<ErrorBody>(bytes) {
        Ok(body) => CliError::from_server(body.error),
        Err(_) if status == StatusCode::UNAUTHORIZED => CliError::login_needed(),
        Err(_) => CliError::failed(
            "answer",
            format!("the vault answered {status} without saying why"),
        ),
    }
}

fn read_json<T: DeserializeOwned>(bytes: &[u8]) -> Result<T, CliError> {
    serde_json::from_slice(bytes).map_err(|why| {
        CliError::failed(
            "answer",
            format!(
                "the vault's answer has another form than this version knows (line {}, column {})",
                why.line(),
                why.column()
            ),
        )
        .hint("compare `breakglass --version` with the version in `breakglass status`")
    })
}

/// The innermost reason, which names the trouble; outer ones repeat the address.
fn root_cause(why: &reqwest::Error) -> String {
    let mut cause: &dyn std::error::Error = why;
    while let Some(inner) = cause.source() {
        cause = inner;
    }
    cause.to_string()
}

#[cfg(test)]
mod tests {
    use super::*;
    use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};

    /// A server that reads one request and answers with these bytes, then hangs up.
    async fn answering(bytes: &'static [u8]) -> String {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        tokio::spawn(async move {
            let (mut stream, _) = listener.accept().await.unwrap();
            let mut room = [0; 4096];
            let _ = stream.read(&mut room).await.unwrap();
            stream.write_all(bytes).await.unwrap();
        });
        format!("http://{address}")
    }

    #[tokio::test]
    async fn what_the_server_refuses_comes_with_its_code_and_exit_code() {
        let server = answering(b"HTTP/1.1 409 Conflict\r\ncontent-type: application/json\r\nconnection: close\r\n\r\n{\"error\":{\"code\":\"own_incident\",\"message\":\"m\",\"hint\":\"h\",\"runbook\":\"custodian\"}}").await;
        let api = Api::new(&server, None).unwrap();
        let error = api
            .post::<_, serde_json::Value>("/x", &serde_json::json!({}))
            .await
            .unwrap_err();
        assert_eq!((error.code.as_str(), error.exit.0), ("own_incident", 9));
    }

    #[tokio::test]
    async fn a_lost_answer_says_that_the_deed_may_have_happened() {
        let server = answering(b"").await;
        let api = Api::new(&server, None).unwrap();
        let error = api
            .post::<_, serde_json::Value>("/x", &serde_json::json!({}))
            .await
            .unwrap_err();
        assert_eq!(error.code, "answer_lost");
        assert!(error.message.contains("may have happened"));
    }

    #[tokio::test]
    async fn a_server_that_is_not_there_is_told_as_such() {
        // Bound and silent: no other test of this process gets the port meanwhile.
        let held = tokio::net::TcpSocket::new_v4().unwrap();
        held.bind("127.0.0.1:0".parse().unwrap()).unwrap();
        let server = format!("http://{}", held.local_addr().unwrap());
        let error = Api::new(&server, None)
            .unwrap()
            .get_bytes("/ca")
            .await
            .unwrap_err();
        assert_eq!(error.code, "unreachable");
    }

    #[test]
    fn plain_http_to_another_machine_is_never_dialled() {
        assert!(Api::new("http://vault.example", None).is_err());
    }
}
