//! Refusals in Databricks' shape, so that clients show them and stop.

use bytes::Bytes;
use http_body_util::Full;
use hyper::header::{
    CONNECTION, CONTENT_TYPE, HeaderName, HeaderValue, RETRY_AFTER, WWW_AUTHENTICATE,
};
use hyper::{Response, StatusCode};
use serde_json::{Value, json};

/// A refusal, ready to be sent.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Refusal {
    /// Status.
    pub status: StatusCode,
    /// Databricks' code; clients switch on it.
    pub error_code: &'static str,
    /// The sentence for the person.
    pub message: String,
    /// `reason` of an ErrorInfo detail.
    pub reason: Option<&'static str>,
    /// Extra header.
    pub header: Option<(HeaderName, &'static str)>,
}

impl Refusal {
    /// A refusal of this status, code and message.
    pub fn new(status: StatusCode, error_code: &'static str, message: impl Into<String>) -> Self {
        Self {
            status,
            error_code,
            message: message.into(),
            reason: None,
            header: None,
        }
    }

    /// 403, for calls the scope or the never-list refuses.
    pub fn denied(message: impl Into<String>) -> Self {
        Self::new(StatusCode::FORBIDDEN, "PERMISSION_DENIED", message)
    }

    /// 400, for targets and bodies without one meaning.
    pub fn malformed(message: impl Into<String>) -> Self {
        Self::new(StatusCode::BAD_REQUEST, "MALFORMED_REQUEST", message)
    }

    /// The never-list's answer: some of them make clients fall back.
    pub fn never(reason: crate::domain::never::NeverReason) -> Self {
        let (status, code) = reason.answer();
        let status = StatusCode::from_u16(status).unwrap_or(StatusCode::FORBIDDEN);
        Self {
            reason: reason.detail(),
            ..Self::new(status, code, reason.sentence())
        }
    }

    /// The answer to a judged call: the sentence, and how to ask for it.
    pub fn of(denied: &crate::domain::judge::Denied) -> Self {
        use crate::domain::judge::Denied;
        match denied {
            Denied::Never(reason) => Self::never(*reason),
            Denied::TooLarge(most_bytes) => Self::too_large(*most_bytes),
            Denied::Scope { sentence, hint, .. } if hint.is_empty() => Self::denied(sentence),
            Denied::Scope { sentence, hint, .. } => {
                Self::denied(format!("{sentence}; to ask for it: {hint}"))
            }
            Denied::Compressed
            | Denied::Unread
            | Denied::Json(_)
            | Denied::Thrift(_)
            | Denied::Body(_)
            | Denied::BeyondUndo => Self::malformed(denied.to_string()),
        }
    }

    /// 401, for no token or one that was never ours.
    pub fn unauthenticated() -> Self {
        Self {
            header: Some((WWW_AUTHENTICATE, "Bearer realm=\"DatabricksRealm\"")),
            ..Self::new(
                StatusCode::UNAUTHORIZED,
                "UNAUTHENTICATED",
                "this session token is not known here",
            )
        }
    }

    /// 403, for a session that has ended: never 429 or 503, which clients repeat for minutes.
    pub fn session_ended() -> Self {
        Self {
            header: Some((
                HeaderName::from_static("x-databricks-reason-phrase"),
                "Break-glass session ended",
            )),
            ..Self::denied("the break-glass session of this token has ended")
        }
    }

    /// As [`Refusal::session_ended`], for a token whose incident is known.
    pub fn session_over(incident: &str, reason: &str) -> Self {
        Self {
            message: format!("the break-glass session of {incident} has ended: {reason}"),
            ..Self::session_ended()
        }
    }

    /// 403, for a call of a drill that would have gone through; nothing was sent.
    pub fn drill() -> Self {
        Self {
            header: Some((
                HeaderName::from_static("x-databricks-reason-phrase"),
                "Break-glass DRILL",
            )),
            ..Self::denied(
                "DRILL: this call was allowed and logged, and not sent: a drill reaches no \
                 Databricks",
            )
        }
    }

    /// 429, while too many calls of the session are under way; nothing was sent.
    pub fn busy(most: usize) -> Self {
        Self {
            header: Some((RETRY_AFTER, "1")),
            ..Self::new(
                StatusCode::TOO_MANY_REQUESTS,
                "RESOURCE_EXHAUSTED",
                format!("this session may have {most} calls under way at once"),
            )
        }
    }

    /// 413, for a body above what the policy reads.
    pub fn too_large(most_bytes: usize) -> Self {
        Self::new(
            StatusCode::PAYLOAD_TOO_LARGE,
            "INVALID_PARAMETER_VALUE",
            format!("the body of this call may hold at most {most_bytes} bytes"),
        )
    }

    /// 503, when the log cannot be written before anything was sent.
    pub fn audit_unavailable() -> Self {
        Self {
            header: Some((RETRY_AFTER, "5")),
            ..Self::new(
                StatusCode::SERVICE_UNAVAILABLE,
                "AUDIT_UNAVAILABLE",
                "the log cannot be written, so nothing was sent",
            )
        }
    }

    /// 502, when the call was sent and its end cannot be logged; says nothing of the reply.
    pub fn outcome_unknown() -> Self {
        Self::new(
            StatusCode::BAD_GATEWAY,
            "AUDIT_OUTCOME_UNKNOWN",
            "the call was sent and its outcome could not be logged; look before repeating it",
        )
    }

    /// 502, when Databricks could not be reached or did not answer.
    pub fn upstream_unreachable() -> Self {
        Self::new(
            StatusCode::BAD_GATEWAY,
            "UPSTREAM_UNREACHABLE",
            "databricks did not answer; whether the call had an effect is not known",
        )
    }

    /// 502, when it is certain that nothing was done at Databricks.
    pub fn not_sent(why: impl std::fmt::Display) -> Self {
        Self::new(
            StatusCode::BAD_GATEWAY,
            "UPSTREAM_UNREACHABLE",
            format!("the call had no effect: {why}"),
        )
    }

    /// The body as JSON.
    pub fn body(&self) -> Value {
        let details: Vec<Value> = self
            .reason
            .iter()
            .map(|reason| {
                json!({
                    "@type": "type.googleapis.com/google.rpc.ErrorInfo",
                    "reason": reason,
                    "domain": "breakglass",
                    "metadata": {},
                })
            })
            .collect();
        json!({"error_code": self.error_code, "message": self.message, "details": details})
    }

    /// The reply. With `close` the connection ends with it: an unread request body follows.
    pub fn reply(&self, close: bool) -> Response<Full<Bytes>> {
        let mut response = Response::new(Full::new(Bytes::from(self.body().to_string())));
        *response.status_mut() = self.status;
        let headers = response.headers_mut();
        headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
        headers.insert("cache-control", HeaderValue::from_static("no-store"));
        if let Some((name, value)) = &self.header {
            headers.insert(name.clone(), HeaderValue::from_static(value));
        }
        if close {
            headers.insert(CONNECTION, HeaderValue::from_static("close"));
        }
        response
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::never::NeverReason;

    #[test]
    fn no_refusal_uses_words_on_which_clients_try_again() {
        let all = [
            Refusal::unauthenticated(),
            Refusal::session_ended(),
            Refusal::too_large(5),
            Refusal::audit_unavailable(),
            Refusal::outcome_unknown(),
            Refusal::upstream_unreachable(),
            Refusal::never(NeverReason::ResultLinks),
        ];
        for refusal in all {
            let text = refusal.message.to_ascii_lowercase();
            for word in [
                "unexpected error",
                "try again",
                "token bucket",
                "timed out",
                "deadline exceeded",
                "not found",
            ] {
                assert!(!text.contains(word), "{text}");
            }
        }
    }

    #[test]
    fn after_close_the_answer_is_403_with_a_reason_phrase() {
        let reply = Refusal::session_ended().reply(true);
        assert_eq!(reply.status(), 403);
        assert!(reply.headers().contains_key("x-databricks-reason-phrase"));
        assert_eq!(reply.headers()[CONNECTION], "close");
    }

    #[test]
    fn the_refusal_of_presigned_addresses_carries_the_detail_sdks_fall_back_on() {
        let body = Refusal::never(NeverReason::PresignedUrl).body();
        assert_eq!(body["error_code"], "PERMISSION_DENIED");
        assert_eq!(body["details"][0]["reason"], "FILES_API_API_IS_NOT_ENABLED");
    }
}
