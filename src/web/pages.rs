//! The console's pages: what `app` shows, as HTML made on the server. A page decides nothing; each
//! deed that matters is a signed act, made by the passkey script or on the command line.
//!
//! Every page is readable without script, holds no inline script or style, and takes its sentences
//! from [`super::words`].

mod answer;
mod ask;
mod asked;
mod board;
mod custodians;
mod dead_end;
mod facts;
mod frame;
mod gate;
mod given;
mod incident;
mod incidents;
mod live;
mod log;
mod parts;
mod pictures;
mod reviews;
mod routes;
mod share;
mod sign_in;
mod static_files;
mod steps;
mod story;
mod tables;
mod waking;
mod when;

pub(super) use dead_end::{DeadEnd, page as dead_end};
pub use routes::table;

use axum::response::{IntoResponse, Response};

use crate::app::AppError;

/// What a page answers in place of itself.
pub(in crate::web) struct PageError(Response);

impl From<AppError> for PageError {
    fn from(error: AppError) -> Self {
        Self(dead_end::of_error(&error, None))
    }
}

impl From<Response> for PageError {
    fn from(response: Response) -> Self {
        Self(response)
    }
}

impl IntoResponse for PageError {
    fn into_response(self) -> Response {
        self.0
    }
}

/// What the handler of a page returns.
pub(in crate::web) type PageResult = Result<Response, PageError>;
