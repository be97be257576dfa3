//! What every page has around it: head, navigation, the headers that keep it closed to others.

use axum::response::{IntoResponse, Response};
use hyper::StatusCode;
use hyper::header::{CONTENT_SECURITY_POLICY, CONTENT_TYPE, HeaderName, HeaderValue};
use maud::{DOCTYPE, Markup, html};

use super::static_files;
use crate::api::IncidentView;
use crate::app::look::Viewer;
use crate::domain::roster::Role;
use crate::domain::time::Timestamp;
use crate::web::words::frame as words;

/// Only our own files, no inline script or style, nothing framed, nothing sent elsewhere, and no
/// text that becomes markup (Trusted Types with no policy at all).
const POLICY: HeaderValue = HeaderValue::from_static(
    "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; \
     img-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'; \
     require-trusted-types-for 'script'; trusted-types 'none'",
);
const REFERRER_POLICY: HeaderName = HeaderName::from_static("referrer-policy");
const OPENER_POLICY: HeaderName = HeaderName::from_static("cross-origin-opener-policy");
const RESOURCE_POLICY: HeaderName = HeaderName::from_static("cross-origin-resource-policy");
const FRAME_OPTIONS: HeaderName = HeaderName::from_static("x-frame-options");
const PERMISSIONS: HeaderName = HeaderName::from_static("permissions-policy");

/// Seconds after which a page that shows something live asks again where there is no script.
const REFRESH_S: u32 = 10;

/// The part of the console a page belongs to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::web) enum Here {
    Board,
    Ask,
    Share,
    Incidents,
    Reviews,
    Custodians,
    Log,
    /// None of them.
    Elsewhere,
}

/// A page before it is sent.
pub(in crate::web) struct Page<'a> {
    title: String,
    body: Markup,
    here: Here,
    status: StatusCode,
    viewer: Option<&'a Viewer>,
    live: Option<String>,
    now: Option<Timestamp>,
    scripts: Vec<String>,
    error: bool,
    drill: bool,
}

impl<'a> Page<'a> {
    pub(in crate::web) fn new(title: impl Into<String>, body: Markup) -> Self {
        Self {
            title: title.into(),
            body,
            here: Here::Elsewhere,
            status: StatusCode::OK,
            viewer: None,
            live: None,
            now: None,
            scripts: Vec::new(),
            error: false,
            drill: false,
        }
    }

    /// For whom, and where in the console.
    pub(in crate::web) fn seen_by(mut self, viewer: &'a Viewer, here: Here) -> Self {
        self.viewer = Some(viewer);
        self.here = here;
        self
    }

    /// About an incident: one that is a drill is marked in the title and above everything.
    pub(in crate::web) fn about(mut self, view: &IncidentView) -> Self {
        self.drill = is_drill(view);
        self
    }

    /// Answers with another status than 200.
    pub(in crate::web) fn status(mut self, status: StatusCode) -> Self {
        self.status = status;
        self
    }

    /// Something on it went wrong: the title says so first (WCAG: found without seeing).
    pub(in crate::web) fn error(mut self, error: bool) -> Self {
        self.error = error;
        self
    }

    /// Kept fresh by events from this path, and by plain refreshing without script; `now` lets
    /// the script count down by the vault's clock.
    pub(in crate::web) fn live(mut self, path: impl Into<String>, now: Timestamp) -> Self {
        self.live = Some(path.into());
        self.now = Some(now);
        self
    }

    /// Loads one more script of ours.
    pub(in crate::web) fn script(mut self, path: impl Into<String>) -> Self {
        self.scripts.push(path.into());
        self
    }

    /// Acts on it can be signed by a touch, if this person has a passkey.
    pub(in crate::web) fn signing(self, viewer: &Viewer) -> Self {
        if viewer.passkey {
            self.script(super::parts::SIGNING)
        } else {
            self
        }
    }

    fn markup(&self) -> Markup {
        let mut title = self.title.clone();
        if self.drill {
            title = words::drill_title(&title);
        }
        if self.error {
            title = words::error_title(&title);
        }
        html! {
            (DOCTYPE)
            html lang=(words::LANG) dir=(words::DIR) {
                head {
                    meta charset="utf-8";
                    meta name="viewport" content="width=device-width, initial-scale=1";
                    meta name="color-scheme" content="light dark";
                    title { (words::document_title(&title, self.viewer.map(|v| v.vault.as_str()))) }
                    link rel="stylesheet" href=(static_files::path("console.css"));
                    link rel="icon" type="image/svg+xml" href=(static_files::path("icon.svg"));
                    script defer src=(static_files::path("console.js")) {}
                    @for script in &self.scripts { script type="module" src=(script) {} }
                    @if self.live.is_some() {
                        noscript { meta http-equiv="refresh" content=(REFRESH_S); }
                    }
                }
                body data-live=[self.live.as_deref()] data-now=[self.now.map(|now| now.0)] {
                    a .skip href="#main" { (words::SKIP) }
                    (header(self.viewer, self.here))
                    main id="main" tabindex="-1" {
                        @if self.drill {
                            div .box.warn { p { strong { (words::DRILL) } ": " (words::DRILL_MEANS) } }
                        }
                        (self.body)
                    }
                    (footer(self.viewer))
                    div #say .unseen role="status" aria-live="polite" {}
                }
            }
        }
    }
}

/// Whether an incident is a drill.
pub(in crate::web) fn is_drill(view: &IncidentView) -> bool {
    view.purpose == "drill"
}

impl IntoResponse for Page<'_> {
    fn into_response(self) -> Response {
        let html = self.markup().into_string();
        let mut response = (self.status, html).into_response();
        let headers = response.headers_mut();
        let fixed = |text: &'static str| HeaderValue::from_static(text);
        headers.insert(CONTENT_TYPE, fixed("text/html; charset=utf-8"));
        headers.insert(CONTENT_SECURITY_POLICY, POLICY);
        // Posts must name our origin; `no-referrer` would make browsers write `null` there.
        headers.insert(REFERRER_POLICY, fixed("same-origin"));
        headers.insert(OPENER_POLICY, fixed("same-origin"));
        headers.insert(RESOURCE_POLICY, fixed("same-origin"));
        headers.insert(FRAME_OPTIONS, fixed("DENY"));
        headers.insert(
            PERMISSIONS,
            fixed("camera=(), microphone=(), geolocation=()"),
        );
        response
    }
}

fn header(viewer: Option<&Viewer>, here: Here) -> Markup {
    html! {
        header .bar {
            a .brand href="/" { (words::BRAND) @if let Some(v) = viewer { " " span .vault { (v.vault) } } }
            @if let Some(viewer) = viewer {
                a .menu-open href="#menu" { (words::MENU) }
                nav #menu aria-label=(words::NAVIGATION) {
                    a .menu-close href="#main" { (words::MENU_CLOSE) }
                    @for (place, path, word) in places(viewer) {
                        a href=(path) aria-current=[(place == here).then_some("page")] { (word) }
                    }
                }
            }
        }
    }
}

/// Where this person may want to go, in the order of her work.
fn places(viewer: &Viewer) -> Vec<(Here, &'static str, &'static str)> {
    let mut places = vec![(Here::Board, "/", words::BOARD)];
    if viewer.is(Role::Responder) {
        places.push((Here::Ask, "/ask", words::ASK));
    }
    if viewer.is(Role::Custodian) {
        places.push((Here::Share, "/share", words::SHARE));
    }
    places.extend([
        (Here::Incidents, "/incidents", words::INCIDENTS),
        (Here::Reviews, "/reviews", words::REVIEWS),
        (Here::Custodians, "/custodians", words::CUSTODIANS),
        (Here::Log, "/log", words::LOG),
    ]);
    places
}

fn footer(viewer: Option<&Viewer>) -> Markup {
    html! {
        footer {
            @if let Some(viewer) = viewer {
                form method="post" action="/sign-out" {
                    span { (words::signed_in_as(&viewer.name, &viewer.roles)) }
                    button .quiet type="submit" { (words::SIGN_OUT) }
                }
            }
            p { (words::FOOT) }
        }
    }
}
