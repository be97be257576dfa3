//! S10, the review desk: what happened, in pictures and the same numbers in tables; the questions;
//! the signature.

use std::collections::BTreeMap;

use axum::extract::State;
use axum::response::{IntoResponse, Redirect, Response};
use hyper::header::{CONTENT_DISPOSITION, CONTENT_TYPE};
use maud::{Markup, html};
use serde::Deserialize;

use super::facts::facts;
use super::frame::{Here, Page, is_drill};
use super::gate::Seen;
use super::given::{Form, Named};
use super::{PageResult, dead_end, parts, story, when};
use crate::api::{AnswerRequest, FindingRequest, IncidentView, ReviewView};
use crate::app::look::{Caller, Story, Viewer};
use crate::app::{App, AppError};
use crate::domain::ids::IncidentId;
use crate::domain::policy::ReviewQuestion;
use crate::domain::review::{Finding, OpenItem};
use crate::domain::roster::Role;
use crate::domain::time::Timestamp;
use crate::web::words::dead_end::sentence;
use crate::web::words::frame::DRILL;
use crate::web::words::review as words;

type Answers = BTreeMap<String, String>;

/// Everything the page needs, and what did not go on.
struct Desk {
    view: IncidentView,
    review: ReviewView,
    story: Story,
    questions: Vec<ReviewQuestion>,
    items: Vec<OpenItem>,
    answers: Answers,
    findings: Vec<Finding>,
    failed: Option<String>,
    typed_finding: FindingRequest,
}

impl Desk {
    async fn load(app: &App, id: &IncidentId, viewer: &Viewer) -> Result<Self, Response> {
        let wrong = |error| dead_end::of_error(&error, Some(viewer));
        let review = app.review_view(id).await.map_err(wrong)?;
        // What `app` made of its own types a moment ago has their form.
        Ok(Self {
            view: app.show(id).await.map_err(wrong)?,
            story: app.story(id).await.map_err(wrong)?,
            questions: serde_json::from_value(review.questions.clone()).unwrap_or_default(),
            items: serde_json::from_value(review.items.clone()).unwrap_or_default(),
            answers: serde_json::from_value(review.answers.clone()).unwrap_or_default(),
            findings: serde_json::from_value(review.findings.clone()).unwrap_or_default(),
            review,
            failed: None,
            typed_finding: FindingRequest {
                severity: String::new(),
                text: String::new(),
            },
        })
    }

    /// What wants an answer: the policy's questions, then what the log shows.
    fn wanted(&self) -> Vec<(String, String, String)> {
        let asked = self.questions.iter();
        let asked = asked.map(|q| (q.id.clone(), q.text.clone(), String::new()));
        let items = self.items.iter().map(|item| {
            let about = words::item(&item.kind, &item.about, item.count);
            (
                item.id.clone(),
                about,
                sentence(&item.why.replace('_', " ")),
            )
        });
        asked.chain(items).collect()
    }

    fn open(&self) -> usize {
        let wanted = self.wanted();
        let open = wanted.iter().filter(|(id, _, _)| {
            self.answers
                .get(id)
                .is_none_or(|answer| answer.trim().is_empty())
        });
        open.count()
    }
}

/// The reviews that wait, and those of the past.
pub(super) async fn list(State(app): State<App>, Seen(viewer, _): Seen) -> PageResult {
    let waiting = app.reviews().await?.reviews;
    let past = app.incident_list().await?.incidents;
    let body = html! {
        h1 { (words::LIST) }
        @if waiting.is_empty() { p { (words::NONE_WAIT) } }
        ul .cards { @for review in &waiting {
            li {
                h2 {
                    a href=(format!("/reviews/{}", review.incident)) { (review.incident) }
                    @if review.drill { " " (parts::badge("", DRILL)) }
                }
                p {
                    @if review.overdue { (parts::badge("bad", words::OVERDUE)) } @else { (parts::badge("warn", words::WAITS)) }
                }
                p { (words::DUE) " " (when::both(Timestamp(review.due_ms), &viewer.time_zone)) }
            }
        } }
        h2 { (words::PAST) }
        @if !past.iter().any(|v| v.phase == "reviewed") { p { (words::NONE_SIGNED) } }
        ul .list { @for view in past.iter().filter(|v| v.phase == "reviewed") {
            li { a href=(format!("/reviews/{}", view.id)) { (view.id) } ", "
                @if is_drill(view) { (parts::badge("", DRILL)) " " }
                (words::asked_by(&view.requester_name)) }
        } }
    };
    Ok(Page::new(words::LIST, body)
        .seen_by(&viewer, Here::Reviews)
        .into_response())
}

/// One incident's review.
pub(super) async fn page(
    State(app): State<App>,
    Seen(viewer, _): Seen,
    Named(id): Named,
) -> PageResult {
    let desk = Desk::load(&app, &id, &viewer).await?;
    Ok(shown(&desk, &viewer))
}

/// Keeps the draft answers; what was not taken comes back as typed.
pub(super) async fn answers(
    State(app): State<App>,
    Seen(viewer, caller): Seen,
    Named(id): Named,
    Form(typed): Form<Answers>,
) -> PageResult {
    let mut desk = Desk::load(&app, &id, &viewer).await?;
    desk.failed = keep_answers(&app, (&id, &caller), &desk, &typed).await?;
    // A finding that was begun and not added stays in its field.
    let begun = typed
        .get("text")
        .is_some_and(|text| !text.trim().is_empty());
    if desk.failed.is_some() || begun {
        let of = |name: &str| typed.get(name).cloned().unwrap_or_default();
        desk.typed_finding = FindingRequest {
            severity: of("severity"),
            text: of("text"),
        };
        desk.answers.extend(typed);
        return Ok(shown(&desk, &viewer));
    }
    Ok(Redirect::to(&format!("/reviews/{id}#sign")).into_response())
}

/// Keeps what is new of the draft answers; why one was not taken.
///
/// # Errors
/// When the vault could not keep one.
async fn keep_answers(
    app: &App,
    (id, caller): (&IncidentId, &Caller),
    desk: &Desk,
    typed: &Answers,
) -> Result<Option<String>, AppError> {
    let mut failed = None;
    for (question, _, _) in desk.wanted() {
        let Some(text) = typed.get(&question) else {
            continue;
        };
        let same = desk.answers.get(&question) == Some(text);
        if same || text.trim().is_empty() {
            continue;
        }
        let request = AnswerRequest {
            id: question,
            text: text.clone(),
        };
        if let Err(error) = app.review_answer(id, caller, &request).await {
            if !error.is_no() {
                return Err(error);
            }
            failed = Some(error.to_string());
        }
    }
    Ok(failed)
}

/// A finding, and the answers as they stood in their fields beside it.
#[derive(Deserialize)]
pub(super) struct Found {
    severity: String,
    text: String,
    #[serde(flatten)]
    answers: Answers,
}

/// Keeps a draft finding, and with it the answers that were typed and not yet saved.
pub(super) async fn finding(
    State(app): State<App>,
    Seen(viewer, caller): Seen,
    Named(id): Named,
    Form(typed): Form<Found>,
) -> PageResult {
    let mut desk = Desk::load(&app, &id, &viewer).await?;
    desk.failed = keep_answers(&app, (&id, &caller), &desk, &typed.answers).await?;
    desk.typed_finding = FindingRequest {
        severity: typed.severity,
        text: typed.text,
    };
    if desk.failed.is_none() {
        match app.review_finding(&id, &caller, &desk.typed_finding).await {
            Ok(()) => {
                return Ok(Redirect::to(&format!("/reviews/{id}#findings")).into_response());
            }
            Err(error) if error.is_no() => desk.failed = Some(error.to_string()),
            Err(error) => return Err(error.into()),
        }
    }
    desk.answers.extend(typed.answers);
    Ok(shown(&desk, &viewer))
}

/// The draft answers as the file that `review sign --answers` reads.
pub(super) async fn file(
    State(app): State<App>,
    Seen(viewer, _): Seen,
    Named(id): Named,
) -> PageResult {
    let desk = Desk::load(&app, &id, &viewer).await?;
    let text = toml::to_string(&desk.answers).map_err(|e| AppError::Inconsistent(e.to_string()))?;
    let name = format!("attachment; filename=\"{id}-answers.toml\"");
    let headers = [
        (CONTENT_TYPE, "application/toml; charset=utf-8".to_owned()),
        (CONTENT_DISPOSITION, name),
    ];
    Ok((headers, text).into_response())
}

fn shown(desk: &Desk, viewer: &Viewer) -> Response {
    let waits = desk.review.phase == "in_review";
    let body = html! {
        p .hint { (words::REVIEW_OF) }
        h1 { (desk.view.id) " " (parts::badge(super::incidents::kind_of(&desk.view.phase),
            crate::web::words::incident::phase_word(&desk.view.phase))) }
        @if let Some(why) = &desk.failed {
            div .box.bad role="alert" tabindex="-1" data-focus {
                p { (words::not_taken(why)) }
                p { strong { (words::NOT_TAKEN_RELEASED) } }
                p { (words::NOT_TAKEN_NOW) }
            }
        }
        (outcome(desk, viewer))
        (signed(desk, viewer))
        (facts(&desk.view, viewer))
        (story::pictures(&desk.story, viewer))
        (story::tables(&desk.story, viewer))
        @if waits { (questions(desk)) (findings(desk)) (sign(desk, viewer)) }
        @else { (record(desk)) }
    };
    Page::new(words::title(&desk.view.id), body)
        .about(&desk.view)
        .seen_by(viewer, Here::Reviews)
        .signing(viewer)
        .error(desk.failed.is_some())
        .into_response()
}

/// How it ended, and what is proved.
fn outcome(desk: &Desk, viewer: &Viewer) -> Markup {
    html! {
        @if desk.view.old_secret_refused {
            div .box.good { p { "✓ " (words::PROVED_DEAD) } }
        } @else if desk.view.session.is_none() && desk.view.rotation.is_some() {
            div .box.warn { p { (words::NOT_PROVED_DEAD) } }
        }
        @if let Some(due) = desk.review.due_ms {
            p { (words::DUE) " " (when::both(Timestamp(due), &viewer.time_zone)) }
        }
        @if desk.story.cut { div .box.warn { p { (words::CUT) } } }
    }
}

/// Who signed it, when, and what for.
fn signed(desk: &Desk, viewer: &Viewer) -> Markup {
    let moments = &desk.story.moments;
    let found = moments.iter().rfind(|m| m.kind == "review.signed");
    html! {
        @if let Some(moment) = found {
            div .box.good {
                p {
                    "✓ " (words::VERDICT_WAS) " " (moment.who) ", " (when::both(moment.at, &viewer.time_zone))
                    ": " strong { (words::verdict(&moment.detail)) }
                }
                p { a href=(format!("/log/{}", moment.seq)) { (words::in_log(moment.seq)) } }
            }
        }
    }
}

fn questions(desk: &Desk) -> Markup {
    let wanted = desk.wanted();
    html! {
        section #questions {
            h2 { (words::QUESTIONS) }
            p { (words::open(desk.open(), wanted.len())) }
            form #answers method="post" action=(format!("/reviews/{}/answers", desk.view.id)) {
                @for (id, about, why) in &wanted {
                    label for=(id) { (about) }
                    @if !why.is_empty() { p #(format!("{id}-why")) .hint { (why) } }
                    textarea #(id) name=(id) maxlength="4000" rows="2"
                        aria-describedby=[(!why.is_empty()).then(|| format!("{id}-why"))] {
                        (desk.answers.get(id).map(String::as_str).unwrap_or_default())
                    }
                }
                div .actions { button type="submit" { (words::SAVE) } }
            }
        }
    }
}

fn findings(desk: &Desk) -> Markup {
    html! {
        section #findings {
            h2 { (words::FINDINGS) }
            @if desk.findings.is_empty() { p { (words::NO_FINDINGS) } }
            ul { @for finding in &desk.findings {
                li { strong { (words::severity(finding.severity)) } ": " span data-finding=(finding.severity.word()) { (finding.text) } }
            } }
            // Part of the form above: whoever adds a finding loses no answer that she typed there.
            label for="severity" { (words::SEVERITY) }
            select #severity name="severity" form="answers" {
                @for word in ["note", "minor", "major"] { option value=(word) selected[word == desk.typed_finding.severity] { (words::severity_word(word)) } }
            }
            label for="finding" { (words::FINDING) }
            textarea #finding name="text" form="answers" maxlength="4000" { (desk.typed_finding.text) }
            div .actions {
                button type="submit" .quiet form="answers"
                    formaction=(format!("/reviews/{}/findings", desk.view.id)) { (words::ADD_FINDING) }
            }
        }
    }
}

/// Who may sign, and how.
fn sign(desk: &Desk, viewer: &Viewer) -> Markup {
    let took_part = desk
        .review
        .participants
        .iter()
        .any(|p| p == viewer.person.as_str());
    html! {
        section #sign {
            h2 { (words::SIGN) }
            @if took_part {
                div .box.warn { p { (words::PARTICIPANT) } }
            } @else if !viewer.is(Role::Auditor) {
                div .box { p { (words::NOT_AUDITOR) } }
            } @else {
                (by_passkey(desk, viewer))
                (by_command(desk))
            }
            (record(desk))
        }
    }
}

/// One press is the verdict, and a touch signs it with the answers as they stand in their fields.
fn by_passkey(desk: &Desk, viewer: &Viewer) -> Markup {
    html! {
        @if viewer.passkey {
            div .by-passkey data-act="review" data-incident=(desk.view.id)
                data-vault=(viewer.vault) data-person=(viewer.person) {
                h3 { (words::VERDICT) }
                p { (words::SIGN_TOUCH) }
                div .actions {
                    @for (word, text) in words::VERDICT_WORDS {
                        button type="button" .quiet data-sign data-verdict=(word)
                            data-busy=(crate::web::words::parts::TOUCH) { (text) }
                    }
                }
                h3 { (words::SIGN_COMMAND) }
            }
        }
    }
}

fn by_command(desk: &Desk) -> Markup {
    let id = &desk.view.id;
    html! {
            @if desk.open() > 0 {
                div .box.warn { p { (words::open(desk.open(), desk.wanted().len())) } p { (words::ANSWER_FIRST) } }
            } @else {
                p { (words::SIGN_LEAD) }
                ol {
                    li { a href=(format!("/reviews/{id}/answers.toml")) download { (words::DOWNLOAD) } }
                    li {
                        (words::SIGN_RUN)
                        (parts::command("sign", &command(desk)))
                    }
                }
                p .hint { (words::VERDICTS) }
            }
    }
}

fn command(desk: &Desk) -> String {
    let id = &desk.view.id;
    let mut line = format!("breakglass review sign {id} --answers {id}-answers.toml");
    for finding in &desk.findings {
        let text = format!(
            "{}: {}",
            words::severity_key(finding.severity),
            finding.text
        );
        line.push_str(&format!(" --finding {}", parts::quoted(&text)));
    }
    let verdict = if desk.findings.is_empty() {
        "justified"
    } else {
        "findings"
    };
    line.push_str(&format!(" --verdict {verdict}"));
    line
}

fn record(desk: &Desk) -> Markup {
    let text = serde_json::to_string_pretty(&desk.review.record).unwrap_or_default();
    html! {
        details {
            summary { (words::RECORD) }
            p .hint { (words::RECORD_HASH) " " code { (desk.review.record_sha256) } }
            pre tabindex="0" role="group" aria-label=(words::RECORD) data-record { (text) }
        }
    }
}
