//! A webhook receiver that checks Standard Webhooks signatures before it keeps a body.
//!
//! For loopback demos. A request whose signature does not verify is answered 401 and counted.

use std::convert::Infallible;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use hmac::{Hmac, KeyInit, Mac};
use http_body_util::{BodyExt, Empty, Limited};
use hyper::body::Incoming;
use hyper::service::service_fn;
use hyper::{HeaderMap, Method, Request, Response, StatusCode};
use hyper_util::rt::{TokioIo, TokioTimer};
use sha2::Sha256;
use tokio::net::TcpListener;
use tokio::sync::watch;
use tokio::task::JoinHandle;

const MAX_BODY_BYTES: usize = 1 << 20;

/// One verified delivery. The same `id` may come twice: a sender repeats what it is unsure of.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Delivered {
    /// `webhook-id`.
    pub id: String,
    /// `webhook-timestamp`, unix seconds as text.
    pub timestamp: String,
    /// The body whose signature verified.
    pub body: Vec<u8>,
}

/// A running receiver; it ends when this is dropped.
#[derive(Debug)]
pub struct WebhookSink {
    /// Where it listens.
    pub address: std::net::SocketAddr,
    kept: Arc<Kept>,
    count: watch::Receiver<usize>,
    accepting: JoinHandle<()>,
}

struct Kept {
    key: Vec<u8>,
    delivered: Mutex<Vec<Delivered>>,
    refused: Mutex<usize>,
    count: watch::Sender<usize>,
}

impl std::fmt::Debug for Kept {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        out.write_str("Kept(***)")
    }
}

impl WebhookSink {
    /// Serves on `listener`, verifying with the `whsec_` secret. `None` when the secret is not
    /// `whsec_` and base64, or the listener has no address.
    pub fn start(listener: TcpListener, secret: &str) -> Option<WebhookSink> {
        let address = listener.local_addr().ok()?;
        let key = STANDARD
            .decode(secret.trim().strip_prefix("whsec_")?)
            .ok()?;
        let (sender, count) = watch::channel(0);
        let kept = Arc::new(Kept {
            key,
            delivered: Mutex::default(),
            refused: Mutex::default(),
            count: sender,
        });
        let accepting = tokio::spawn(accept(listener, kept.clone()));
        Some(WebhookSink {
            address,
            kept,
            count,
            accepting,
        })
    }

    /// Every verified delivery so far, in order of arrival.
    pub fn delivered(&self) -> Vec<Delivered> {
        self.kept
            .delivered
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .clone()
    }

    /// How many requests did not verify.
    pub fn refused(&self) -> usize {
        *self
            .kept
            .refused
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
    }

    /// Waits until at least `wanted` deliveries have verified.
    pub async fn wait_for(&self, wanted: usize) {
        let mut count = self.count.clone();
        // The sender lives as long as `self`, so this cannot fail early.
        let _ = count.wait_for(|count| *count >= wanted).await;
    }
}

impl Drop for WebhookSink {
    fn drop(&mut self) {
        self.accepting.abort();
    }
}

async fn accept(listener: TcpListener, kept: Arc<Kept>) {
    let mut connections = tokio::task::JoinSet::new();
    while let Ok((stream, _)) = listener.accept().await {
        while connections.try_join_next().is_some() {}
        let kept = kept.clone();
        connections.spawn(async move {
            let answer = service_fn(|request| {
                let kept = kept.clone();
                async move {
                    let mut response = Response::new(Empty::<Bytes>::new());
                    *response.status_mut() = receive(request, &kept).await;
                    Ok::<_, Infallible>(response)
                }
            });
            // A connection that breaks is the sender's to notice.
            let _ = hyper::server::conn::http1::Builder::new()
                .timer(TokioTimer::new())
                .header_read_timeout(Duration::from_secs(5))
                .serve_connection(TokioIo::new(stream), answer)
                .await;
        });
    }
}

async fn receive(request: Request<Incoming>, kept: &Kept) -> StatusCode {
    if request.method() != Method::POST {
        return StatusCode::METHOD_NOT_ALLOWED;
    }
    let (head, body) = request.into_parts();
    let Ok(body) = Limited::new(body, MAX_BODY_BYTES).collect().await else {
        return StatusCode::PAYLOAD_TOO_LARGE;
    };
    let Some(delivered) = verified(&kept.key, &head.headers, &body.to_bytes()) else {
        *kept.refused.lock().unwrap_or_else(PoisonError::into_inner) += 1;
        return StatusCode::UNAUTHORIZED;
    };
    let mut all = kept
        .delivered
        .lock()
        .unwrap_or_else(PoisonError::into_inner);
    all.push(delivered);
    kept.count.send_replace(all.len());
    StatusCode::NO_CONTENT
}

/// Checks the signature over `id.timestamp.body` in constant time; any one of several may fit.
/// The age of the timestamp is not judged: a demo shows deliveries, it does not act on them.
fn verified(key: &[u8], headers: &HeaderMap, body: &[u8]) -> Option<Delivered> {
    let text = |name: &str| headers.get(name).and_then(|value| value.to_str().ok());
    let (id, timestamp) = (text("webhook-id")?, text("webhook-timestamp")?);
    let mut mac = Hmac::<Sha256>::new_from_slice(key).ok()?;
    for part in [id.as_bytes(), b".", timestamp.as_bytes(), b".", body] {
        mac.update(part);
    }
    let good = text("webhook-signature")?.split(' ').any(|each| {
        let claimed = each
            .strip_prefix("v1,")
            .and_then(|text| STANDARD.decode(text).ok());
        claimed.is_some_and(|claimed| mac.clone().verify_slice(&claimed).is_ok())
    });
    good.then(|| Delivered {
        id: id.to_owned(),
        timestamp: timestamp.to_owned(),
        body: body.to_vec(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    // The example of the Standard Webhooks libraries' own tests.
    const SECRET: &str = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw";
    const BODY: &str = r#"{"test": 2432232314}"#;
    const SIGNATURE: &str = "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=";

    async fn post(sink: &WebhookSink, signature: &str, body: &'static str) -> u16 {
        let client = reqwest::Client::builder().no_proxy().build().unwrap();
        let request = client
            .post(format!("http://{}/hook", sink.address))
            .header("webhook-id", "msg_p5jXN8AQM9LWM0D4loKWxJek")
            .header("webhook-timestamp", "1614265330")
            .header("webhook-signature", signature);
        request.body(body).send().await.unwrap().status().as_u16()
    }

    #[tokio::test]
    async fn only_what_verifies_is_kept() {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let sink = WebhookSink::start(listener, SECRET).unwrap();
        assert_eq!(post(&sink, SIGNATURE, BODY).await, 204);
        assert_eq!(
            post(&sink, &format!("v2,x v1,AAAA {SIGNATURE}"), BODY).await,
            204
        );
        assert_eq!(post(&sink, SIGNATURE, r#"{"test": 2432232315}"#).await, 401);
        assert_eq!(post(&sink, "v1,AAAA", BODY).await, 401);
        assert_eq!(post(&sink, "", BODY).await, 401);
        sink.wait_for(2).await;
        assert_eq!((sink.delivered().len(), sink.refused()), (2, 3));
        assert_eq!(sink.delivered()[0].body, BODY.as_bytes());
    }
}
