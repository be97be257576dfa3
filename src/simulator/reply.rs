//! Replies and the error shapes of the real service (facts §1.4, §3.2, §5.1).
//!
//! Must not know: which call is answered.

use bytes::Bytes;
use hyper::StatusCode;
use serde_json::{Value, json};

/// What becomes of a reply.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fate {
    /// It is sent.
    Answer,
    /// The call was applied, but the connection is dropped instead (a lost reply).
    Drop,
}

/// A reply before the common headers are added.
#[derive(Debug)]
pub struct Reply {
    /// HTTP status.
    pub status: StatusCode,
    /// Headers besides the common ones.
    pub headers: Vec<(&'static str, String)>,
    /// Content type; empty for none.
    pub content_type: &'static str,
    /// The body in pieces.
    pub pieces: Vec<Bytes>,
    /// Sent with chunked encoding, one chunk for each piece.
    pub chunked: bool,
    /// Whether it is sent at all.
    pub fate: Fate,
}

/// Both arms are replies, so that a handler can leave early with `?`.
pub type Handled = Result<Reply, Reply>;

impl Reply {
    /// A reply with raw bytes.
    pub fn bytes(content_type: &'static str, pieces: Vec<Bytes>) -> Self {
        Self {
            status: StatusCode::OK,
            headers: Vec::new(),
            content_type,
            pieces,
            chunked: false,
            fate: Fate::Answer,
        }
    }

    /// 200 with a JSON body.
    pub fn json(value: &Value) -> Self {
        Self::bytes("application/json", vec![Bytes::from(value.to_string())])
    }

    /// 200 with an empty JSON object.
    pub fn done() -> Self {
        Self::bytes("application/json", vec![Bytes::from_static(b"{}")])
    }

    /// A status with no body.
    pub fn empty(status: StatusCode) -> Self {
        Self {
            status,
            ..Self::bytes("", Vec::new())
        }
    }

    /// The same reply with another status.
    pub fn with_status(mut self, status: StatusCode) -> Self {
        self.status = status;
        self
    }

    /// The same reply with one header more.
    pub fn with_header(mut self, name: &'static str, value: impl Into<String>) -> Self {
        self.headers.push((name, value.into()));
        self
    }

    /// The usual error form with a string code.
    pub fn error(status: StatusCode, code: &str, message: impl Into<String>) -> Self {
        Self::json(&json!({"error_code": code, "message": message.into()})).with_status(status)
    }

    /// 400 `INVALID_PARAMETER_VALUE`.
    pub fn invalid(message: impl Into<String>) -> Self {
        Self::error(StatusCode::BAD_REQUEST, "INVALID_PARAMETER_VALUE", message)
    }

    /// 404 `RESOURCE_DOES_NOT_EXIST`.
    pub fn missing(message: impl Into<String>) -> Self {
        Self::error(StatusCode::NOT_FOUND, "RESOURCE_DOES_NOT_EXIST", message)
    }

    /// 403 `PERMISSION_DENIED`: a valid token that may not.
    pub fn denied(message: impl Into<String>) -> Self {
        Self::error(StatusCode::FORBIDDEN, "PERMISSION_DENIED", message)
    }

    /// 404 `ENDPOINT_NOT_FOUND`.
    pub fn no_endpoint(method: &str, path: &str) -> Self {
        let path = path.strip_prefix("/api/2.0").unwrap_or(path);
        Self::error(
            StatusCode::NOT_FOUND,
            "ENDPOINT_NOT_FOUND",
            format!("No API found for '{method} {path}'"),
        )
    }

    /// 401: no usable Authorization header.
    pub fn no_credential(request_id: &str) -> Self {
        let message = format!(
            "Credential was not sent or was of an unsupported type for this API. [ReqId: {request_id}]"
        );
        Self::json(&json!({"error_code": 401, "message": message}))
            .with_status(StatusCode::UNAUTHORIZED)
            .with_header("www-authenticate", "Bearer realm=\"DatabricksRealm\"")
    }

    /// 403 with a numeric code: a bearer that is wrong, expired or revoked.
    pub fn dead_token(message: &str, reason: &str) -> Self {
        Self::json(&json!({"error_code": 403, "message": message}))
            .with_status(StatusCode::FORBIDDEN)
            .with_header("x-databricks-reason-phrase", reason)
            .with_header("cache-control", "no-cache, no-store, must-revalidate")
            .with_header("pragma", "no-cache")
            .with_header("expires", "0")
    }

    /// The SCIM error form; `kind` is `scimType`, empty for none.
    pub fn scim_error(status: StatusCode, kind: &str, detail: impl Into<String>) -> Self {
        let mut body = json!({
            "schemas": ["urn:ietf:params:scim:api:messages:2.0:Error"],
            "detail": detail.into(),
            "status": status.as_str(),
        });
        if !kind.is_empty() {
            body["scimType"] = json!(kind);
        }
        let mut reply = Self::json(&body).with_status(status);
        reply.content_type = "application/scim+json; charset=utf-8";
        reply
    }

    /// The OAuth error form of the token endpoint.
    pub fn oauth_error(status: StatusCode, error: &str, description: &str) -> Self {
        Self::json(&json!({"error": error, "error_description": description})).with_status(status)
    }
}
