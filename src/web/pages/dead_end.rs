//! Pages on which something did not go on: what happened, whether anything was released, what to
//! do now. Never repeats what was sent.

use axum::response::{IntoResponse, Response};
use hyper::StatusCode;
use maud::{Markup, html};

use super::frame::{Here, Page};
use super::parts::with_commands;
use crate::app::AppError;
use crate::app::look::Viewer;
use crate::web::problem::Problem;
use crate::web::words::dead_end as words;
use crate::web::words::dead_end::Sentences;

/// Ends that no step was asked about.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::web) enum DeadEnd {
    /// Another site's page sent it.
    CrossSite,
    /// A post that is not a form.
    NotAForm,
    /// A form longer than any of ours.
    TooLong,
    /// An address with a query that cannot be read.
    OddAddress,
    /// No page of that name.
    NoSuchPage,
    /// A page that takes no such method.
    WrongMethod,
    /// The login ended meanwhile.
    SignedOut,
}

impl DeadEnd {
    fn status(self) -> StatusCode {
        match self {
            Self::CrossSite => StatusCode::FORBIDDEN,
            Self::NotAForm => StatusCode::UNSUPPORTED_MEDIA_TYPE,
            Self::TooLong => StatusCode::PAYLOAD_TOO_LARGE,
            Self::OddAddress => StatusCode::BAD_REQUEST,
            Self::NoSuchPage => StatusCode::NOT_FOUND,
            Self::WrongMethod => StatusCode::METHOD_NOT_ALLOWED,
            Self::SignedOut => StatusCode::UNAUTHORIZED,
        }
    }

    fn sentences(self) -> Sentences {
        match self {
            Self::CrossSite => words::CROSS_SITE,
            Self::NotAForm => words::NOT_A_FORM,
            Self::TooLong => words::TOO_LONG,
            Self::OddAddress => words::ODD_ADDRESS,
            Self::NoSuchPage => words::NO_SUCH_PAGE,
            Self::WrongMethod => words::WRONG_METHOD,
            Self::SignedOut => words::SIGNED_OUT,
        }
    }
}

/// The page of a dead end.
pub(in crate::web) fn page(end: DeadEnd) -> Response {
    let sentences = end.sentences();
    let [title, happened, released, now] = [
        sentences.title,
        sentences.happened,
        sentences.released,
        sentences.now,
    ];
    Page::new(title, three_parts(title, [happened, released, now], None))
        .status(end.status())
        .error(true)
        .into_response()
}

/// The page of a step that did not succeed.
pub(in crate::web) fn of_error(error: &AppError, viewer: Option<&Viewer>) -> Response {
    let problem = Problem::told(error);
    let told = problem.told_on_pages();
    let parts = [&told.happened, told.released, &told.now];
    let body = three_parts(told.title, parts, told.exactly.as_deref());
    let page = Page::new(told.title, body)
        .status(problem.status())
        .error(true);
    match viewer {
        Some(viewer) => page.seen_by(viewer, Here::Elsewhere).into_response(),
        None => page.into_response(),
    }
}

/// What happened, whether anything was released, what to do now; and the vault's own sentence.
pub(in crate::web) fn three_parts(
    title: &str,
    [happened, released, now]: [&str; 3],
    exactly: Option<&str>,
) -> Markup {
    html! {
        h1 { (title) }
        div .box.bad role="alert" tabindex="-1" data-focus {
            p { (with_commands(happened)) }
            p { strong { (released) } }
            p { (with_commands(now)) }
            @if let Some(exactly) = exactly {
                p .hint { (words::EXACTLY) " " (with_commands(exactly)) }
            }
        }
        p { a .button href="/" { (words::TO_BOARD) } }
    }
}
