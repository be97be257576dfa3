//! What a browser gives a page: form fields, the query, the incident in the path. What cannot be
//! read is answered by a page in three parts, never by a bare line of text.

use axum::extract::rejection::FormRejection;
use axum::extract::{FromRequest, FromRequestParts, Request};
use axum::response::Response;
use hyper::StatusCode;
use hyper::http::request::Parts;
use serde::de::DeserializeOwned;

use super::dead_end::{DeadEnd, of_error, page};
use crate::app::AppError;
use crate::app::look::Viewer;
use crate::domain::ids::IncidentId;
use crate::domain::incident::Refusal;
use crate::web::read;
use crate::web::words::dead_end as words;

/// The fields of a form.
pub(super) struct Form<T>(pub T);

impl<T: DeserializeOwned, S: Send + Sync> FromRequest<S> for Form<T> {
    type Rejection = Response;

    async fn from_request(request: Request, state: &S) -> Result<Self, Response> {
        match axum::extract::Form::<T>::from_request(request, state).await {
            Ok(axum::extract::Form(fields)) => Ok(Self(fields)),
            Err(FormRejection::BytesRejection(lost)) if is_too_long(lost.status()) => {
                Err(page(DeadEnd::TooLong))
            }
            Err(_) => Err(page(DeadEnd::NotAForm)),
        }
    }
}

fn is_too_long(status: StatusCode) -> bool {
    status == StatusCode::PAYLOAD_TOO_LARGE
}

/// The query of an address.
pub(super) struct Query<T>(pub T);

impl<T: DeserializeOwned, S: Send + Sync> FromRequestParts<S> for Query<T> {
    type Rejection = Response;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Response> {
        let query = axum::extract::Query::<T>::from_request_parts(parts, state).await;
        let axum::extract::Query(fields) = query.map_err(|_| page(DeadEnd::OddAddress))?;
        Ok(Self(fields))
    }
}

/// The incident that the path names.
pub(super) struct Named(pub IncidentId);

impl<S: Send + Sync> FromRequestParts<S> for Named {
    type Rejection = Response;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Response> {
        let viewer = parts.extensions.get::<Viewer>().cloned();
        match read::Named::from_request_parts(parts, state).await {
            Ok(read::Named(id)) => Ok(Self(id)),
            Err(_) => {
                let unknown = AppError::from(Refusal::NoSuchIncident(words::UNREAD_NAME.into()));
                Err(of_error(&unknown, viewer.as_ref()))
            }
        }
    }
}
