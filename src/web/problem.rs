//! What a request that did not succeed is answered: one status by kind, one shape of body.

use axum::Json;
use axum::response::{IntoResponse, Response};
use hyper::StatusCode;
use hyper::header::{HeaderValue, RETRY_AFTER};

use crate::api::{ErrorBody, ErrorDetail, ErrorParts};
use crate::app::AppError;
use crate::domain::incident::Refusal;
use crate::web::words::refusals::{self, Told};

/// Seconds after which an overloaded vault may be asked again.
const RETRY_AFTER_S: HeaderValue = HeaderValue::from_static("1");

/// An answer that says no.
#[derive(Debug)]
pub(super) struct Problem {
    status: StatusCode,
    error: ErrorDetail,
}

impl Problem {
    /// A request that no step was asked about; `message` never repeats it.
    pub(super) fn door(status: StatusCode, code: &str, message: &str, hint: &str) -> Self {
        let [code, message, hint] = [code, message, hint].map(str::to_owned);
        let runbook = "responder".to_owned();
        Self {
            status,
            error: ErrorDetail {
                code,
                message,
                hint,
                runbook,
                parts: None,
            },
        }
    }

    /// Nothing of this name, for paths whose parts do not even have the right form.
    pub(super) fn unknown(what: &str) -> Self {
        AppError::NotFound(what.to_owned()).into()
    }
}

impl From<AppError> for Problem {
    fn from(error: AppError) -> Self {
        Self::told(&error)
    }
}

impl Problem {
    /// What is told of an error; what broke inside goes to the operator only.
    pub(super) fn told(error: &AppError) -> Self {
        let status = status_of(error);
        let message = match error {
            // What broke is for the operator: it may name files and statements.
            AppError::LogLost(_) => "the log could not be written".to_owned(),
            AppError::Store(_)
            | AppError::Conflict(_)
            | AppError::Untakeable(_)
            | AppError::Inconsistent(_) => "something in the vault broke".to_owned(),
            told => told.to_string(),
        };
        if status.is_server_error() {
            tracing::error!(%error, code = error.code(), "a request failed");
        }
        let [code, hint, runbook] =
            [error.code(), error.hint(), error.runbook()].map(str::to_owned);
        Self {
            status,
            error: ErrorDetail {
                code,
                message,
                hint,
                runbook,
                parts: None,
            },
        }
    }

    pub(super) fn status(&self) -> StatusCode {
        self.status
    }

    /// The three parts in which a page tells it.
    pub(super) fn told_on_pages(&self) -> Told {
        let ErrorDetail {
            code,
            message,
            hint,
            ..
        } = &self.error;
        refusals::told(code, message, hint)
    }

    /// The body of an answer: pages that run by script show its parts, and have no words of their own
    /// for what the vault refuses.
    fn body(&self) -> ErrorBody {
        let told = self.told_on_pages();
        let parts = ErrorParts {
            happened: told.happened,
            released: told.released.to_owned(),
            now: told.now,
            exactly: told.exactly,
        };
        let error = ErrorDetail {
            parts: Some(parts),
            ..self.error.clone()
        };
        ErrorBody { error }
    }
}

impl IntoResponse for Problem {
    fn into_response(self) -> Response {
        let overloaded = self.error.code == "overloaded";
        let mut response = (self.status, Json(self.body())).into_response();
        if overloaded {
            response.headers_mut().insert(RETRY_AFTER, RETRY_AFTER_S);
        }
        response
    }
}

fn status_of(error: &AppError) -> StatusCode {
    match error {
        AppError::Refused(refusal) => refused(refusal),
        AppError::Share(_) => StatusCode::UNPROCESSABLE_ENTITY,
        AppError::LoginNeeded(_) => StatusCode::UNAUTHORIZED,
        AppError::NotAllowed(_) => StatusCode::FORBIDDEN,
        AppError::BadDocument(_) => StatusCode::BAD_REQUEST,
        AppError::NotFound(_) => StatusCode::NOT_FOUND,
        AppError::Sealed(_) => StatusCode::CONFLICT,
        AppError::Databricks(_) => StatusCode::BAD_GATEWAY,
        AppError::LogLost(_) | AppError::Shut(_) | AppError::Overloaded => {
            StatusCode::SERVICE_UNAVAILABLE
        }
        AppError::Store(_)
        | AppError::Conflict(_)
        | AppError::Untakeable(_)
        | AppError::Inconsistent(_) => StatusCode::INTERNAL_SERVER_ERROR,
    }
}

/// Who may never (403), what is not there (404), what the state forbids (409), what is over (410),
/// and documents that cannot be accepted as they are (422).
fn refused(refusal: &Refusal) -> StatusCode {
    match refusal {
        Refusal::WrongRole { .. }
        | Refusal::OwnIncident
        | Refusal::NoShare { .. }
        | Refusal::WrongClaimKey
        | Refusal::Participant
        | Refusal::NotInGrants { .. }
        | Refusal::OutsideTarget { .. }
        | Refusal::NotAuditor => StatusCode::FORBIDDEN,
        Refusal::NoSuchIncident(_) => StatusCode::NOT_FOUND,
        Refusal::SessionEnded { .. } | Refusal::Lapsed { .. } => StatusCode::GONE,
        Refusal::NotInPhase { .. }
        | Refusal::OtherTerms
        | Refusal::OtherManifest { .. }
        | Refusal::OtherRecord
        | Refusal::AlreadyApproved
        | Refusal::RefusedBefore { .. }
        | Refusal::NothingToWithdraw
        | Refusal::Paper(_)
        | Refusal::Paused { .. }
        | Refusal::Replayed
        | Refusal::TooMany(_)
        | Refusal::OverrideNeeded { .. }
        | Refusal::NothingToOverride { .. }
        | Refusal::CoApproverMissing { .. }
        | Refusal::TooEarly { .. }
        | Refusal::BadExtension { .. }
        | Refusal::TooFewEligible { .. }
        | Refusal::Busy(_)
        | Refusal::NoQuorum { .. }
        | Refusal::NoAlertConfirmed
        | Refusal::SignedBefore
        | Refusal::DeadCredential { .. }
        | Refusal::SecondStop => StatusCode::CONFLICT,
        Refusal::OtherIndex { .. }
        | Refusal::ClockApart { .. }
        | Refusal::TreeSaysNo { .. }
        | Refusal::BadOpening { .. }
        | Refusal::Unanswered { .. }
        | Refusal::BadVersion { .. }
        | Refusal::BadText { .. } => StatusCode::UNPROCESSABLE_ENTITY,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::app::Shut;
    use http_body_util::BodyExt as _;

    async fn answered(error: AppError) -> (StatusCode, ErrorDetail, Option<String>) {
        let response = Problem::from(error).into_response();
        let retry = response.headers().get(RETRY_AFTER);
        let retry = retry.map(|value| value.to_str().unwrap().to_owned());
        let status = response.status();
        let body = response.into_body().collect().await.unwrap().to_bytes();
        let body: ErrorBody = serde_json::from_slice(&body).unwrap();
        (status, body.error, retry)
    }

    #[tokio::test]
    async fn each_kind_of_error_has_its_status_and_code() {
        let cases = [
            (Refusal::OwnIncident.into(), 403, "own_incident"),
            (
                Refusal::NoSuchIncident("INC-7".into()).into(),
                404,
                "no_such_incident",
            ),
            (Refusal::Replayed.into(), 409, "replayed"),
            (
                Refusal::SessionEnded {
                    incident: "INC-7".parse().unwrap(),
                }
                .into(),
                410,
                "session_ended",
            ),
            (Refusal::BadText { what: "reason" }.into(), 422, "bad_text"),
            (AppError::LoginNeeded("x"), 401, "login_needed"),
            (AppError::NotAllowed("x".into()), 403, "not_allowed"),
            (AppError::BadDocument("x".into()), 400, "bad_document"),
            (AppError::NotFound("x".into()), 404, "not_found"),
            (AppError::Sealed("x"), 409, "sealed"),
            (AppError::LogLost("x".into()), 503, "log_lost"),
            (Shut::DiskFull.into(), 503, "disk_full"),
            (Shut::Ending.into(), 503, "ending"),
            (Shut::Forked.into(), 503, "log_broken"),
            (AppError::Overloaded, 503, "overloaded"),
            (AppError::Inconsistent("x".into()), 500, "broken"),
        ];
        for (error, status, code) in cases {
            let (found, detail, retry) = answered(error).await;
            assert_eq!((found.as_u16(), detail.code.as_str()), (status, code));
            assert_eq!(retry.is_some(), code == "overloaded", "{code}");
        }
    }

    #[tokio::test]
    async fn every_answer_carries_the_three_parts_for_pages() {
        let (_, detail, _) = answered(Refusal::BadText { what: "reason" }.into()).await;
        let parts = detail.parts.unwrap();
        let told = refusals::told("bad_text", &detail.message, &detail.hint);
        assert_eq!((parts.happened, parts.now), (told.happened, told.now));
        assert_eq!(parts.released, told.released);
        let exactly = "The reason is empty, too long or holds control characters.";
        assert_eq!(parts.exactly.as_deref(), Some(exactly));

        let door = Problem::door(StatusCode::CONFLICT, "moon", "the moon is full", "wait");
        let body = door.into_response().into_body().collect().await.unwrap();
        let body: ErrorBody = serde_json::from_slice(&body.to_bytes()).unwrap();
        let parts = body.error.parts.unwrap();
        assert_eq!(
            (parts.happened.as_str(), parts.now.as_str()),
            ("The moon is full.", "Wait.")
        );
        assert_eq!(parts.exactly, None);
    }

    #[tokio::test]
    async fn what_broke_inside_is_not_told_outside() {
        for error in [
            AppError::Inconsistent("table share, /srv/vault.db".into()),
            AppError::LogLost("disk /srv full".into()),
        ] {
            let (_, detail, _) = answered(error).await;
            assert!(!detail.message.contains("srv"), "{}", detail.message);
        }
    }
}
