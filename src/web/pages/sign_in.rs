//! The way in: by passkey where the script can, or by a code from the command line.

use axum::extract::State;
use axum::response::{IntoResponse, Redirect, Response};
use hyper::StatusCode;
use hyper::header::{HeaderMap, SET_COOKIE};
use maud::{Markup, html};
use serde::Deserialize;

use super::frame::Page;
use super::gate::Seen;
use super::given::{Form, Query};
use super::{PageResult, parts};
use crate::app::{App, AppError};
use crate::domain::time::SECOND_MS;
use crate::web::read::Source;
use crate::web::words::sign_in as words;
use crate::web::{cookie, guard};

/// Where to go afterwards.
#[derive(Debug, Deserialize)]
pub(super) struct Next {
    #[serde(default)]
    next: String,
}

/// What the form sends.
#[derive(Deserialize)]
pub(super) struct Typed {
    #[serde(default)]
    code: String,
    #[serde(default)]
    next: String,
}

/// The sign-in page.
pub(super) async fn page(Query(next): Query<Next>) -> Response {
    shown(&own_path(&next.next), None)
}

/// Takes a code from the command line.
pub(super) async fn sign_in(
    State(app): State<App>,
    Source(from): Source,
    Form(typed): Form<Typed>,
) -> PageResult {
    let next = own_path(&typed.next);
    let reply = match app.login_by_code(&typed.code, &from).await {
        Ok(reply) => reply,
        Err(AppError::LoginNeeded(_)) => return Ok(shown(&next, Some(&typed.code))),
        Err(error) => return Err(error.into()),
    };
    let seconds = (reply.expires_ms - app.now().0) / SECOND_MS;
    let kept = cookie::keep(&reply.token, seconds)
        .ok_or_else(|| AppError::Inconsistent("a token that no header can carry".into()))?;
    Ok(([(SET_COOKIE, kept)], Redirect::to(&next)).into_response())
}

/// Ends the login and forgets the cookie.
pub(super) async fn sign_out(
    State(app): State<App>,
    Seen(_, caller): Seen,
    headers: HeaderMap,
) -> PageResult {
    if let Some(token) = guard::login_token(&headers) {
        app.sign_out(token, &caller).await?;
    }
    Ok(([(SET_COOKIE, cookie::forget())], Redirect::to("/sign-in")).into_response())
}

/// A path of ours to go on to; anything else is the board. Never another host: `//host` and
/// `/\host` are such to a browser.
fn own_path(next: &str) -> String {
    let local = next.starts_with('/') && !next.starts_with("//") && !next.contains('\\');
    let plain = next.len() <= 512 && next.bytes().all(|b| b.is_ascii_graphic());
    if local && plain && !next.starts_with("/sign-") {
        next.to_owned()
    } else {
        "/".to_owned()
    }
}

/// With the code that did not count, if one was typed: a slip is mended, not typed again.
fn shown(next: &str, typed: Option<&str>) -> Response {
    let failed = typed.is_some();
    Page::new(words::TITLE, body(next, typed))
        .script("/custodian/sign-in.js")
        .error(failed)
        .status(if failed {
            StatusCode::UNAUTHORIZED
        } else {
            StatusCode::OK
        })
        .into_response()
}

fn body(next: &str, typed: Option<&str>) -> Markup {
    let failed = typed.is_some();
    html! {
        h1 { (words::TITLE) }
        @if failed {
            div .box.bad role="alert" tabindex="-1" data-focus {
                p { (words::FAILED) }
                p { strong { (words::FAILED_RELEASED) } }
                p { a href="#code" { (parts::with_commands(words::FAILED_NOW)) } }
            }
        }
        p { (words::LEAD) }
        // The passkey script fills this; without it the box stays away.
        section #passkey-sign-in data-next=(next) hidden {
            h2 { (words::BY_PASSKEY) }
            button type="button" data-passkey="sign-in" { (words::PASSKEY_BUTTON) }
        }
        section {
            h2 { (words::BY_COMMAND) }
            ol {
                li { (words::STEP_RUN) (parts::command("login-command", "breakglass login --page")) }
                li { (words::STEP_PASTE) }
            }
            form method="post" action="/sign-in" {
                input type="hidden" name="next" value=(next);
                label for="code" { (words::CODE) }
                input #code name="code" type="text" value=[typed] required autocomplete="one-time-code"
                    autocapitalize="characters" spellcheck="false" inputmode="text"
                    aria-invalid=[failed.then_some("true")] aria-describedby="code-hint";
                p #code-hint .hint { (words::CODE_HINT) }
                button type="submit" { (words::CODE_BUTTON) }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn after_signing_in_nobody_is_led_elsewhere() {
        for elsewhere in [
            "",
            "https://evil.example",
            "//evil.example",
            "/\\evil.example",
            "javascript:alert(1)",
            "/sign-in?next=/sign-in",
            "/i/INC-1\r\nSet-Cookie: x",
        ] {
            assert_eq!(own_path(elsewhere), "/", "{elsewhere}");
        }
        assert_eq!(own_path("/i/INC-1?x=1"), "/i/INC-1?x=1");
    }
}
