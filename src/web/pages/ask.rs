//! S2, ask for access: the decision tree, one question a page, then the facts of the opening. The
//! opening is a signed act: the page ends with the command that signs it.

use std::collections::BTreeMap;

use axum::extract::State;
use axum::response::{IntoResponse, Response};
use hyper::StatusCode;
use maud::{Markup, html};

use super::frame::{Here, Page};
use super::gate::Seen;
use super::given::{Form, Query};
use super::{PageResult, parts, when};
use crate::app::App;
use crate::app::look::Viewer;
use crate::domain::policy::{Leaf, Policy, Question, UseCase};
use crate::domain::terms::{MAX_REASON_CHARS, is_plain_text};
use crate::web::words::ask as words;
use crate::web::words::parts as parts_words;

/// What was typed, by field; answers of the tree have the ids of their questions.
type Typed = BTreeMap<String, String>;
type Answers = BTreeMap<String, bool>;

/// The tree, as far as it is answered.
pub(super) async fn page(
    State(app): State<App>,
    Seen(viewer, _): Seen,
    Query(typed): Query<Typed>,
) -> PageResult {
    let policy = app.policy();
    let answers = answers(&policy, &typed);
    let body = step(&policy, &answers, &typed, &[], &viewer);
    // Behind another door nobody is asked.
    if matches!(policy.walk(&answers), Some(Leaf::Door(_))) {
        return Ok(sent(&viewer, body, StatusCode::OK));
    }
    shown(&app, &viewer, &body, StatusCode::OK).await
}

/// The facts of the opening: the command, or the form again with everything that was typed.
pub(super) async fn opening(
    State(app): State<App>,
    Seen(viewer, _): Seen,
    Form(typed): Form<Typed>,
) -> PageResult {
    let policy = app.policy();
    let answers = answers(&policy, &typed);
    let faults = match policy.walk(&answers) {
        Some(Leaf::UseCase(case)) => faults(case, &typed),
        _ => Vec::new(),
    };
    match policy.walk(&answers) {
        Some(Leaf::UseCase(case)) if faults.is_empty() => {
            let body = ready(case, &answers, &typed);
            shown(&app, &viewer, &body, StatusCode::OK).await
        }
        _ => {
            let body = step(&policy, &answers, &typed, &faults, &viewer);
            shown(&app, &viewer, &body, StatusCode::UNPROCESSABLE_ENTITY).await
        }
    }
}

async fn shown(app: &App, viewer: &Viewer, body: &Markup, status: StatusCode) -> PageResult {
    let body = html! { (body) (who_is_asked(app, viewer).await?) };
    Ok(sent(viewer, body, status))
}

fn sent(viewer: &Viewer, body: Markup, status: StatusCode) -> Response {
    Page::new(words::TITLE, body)
        .seen_by(viewer, Here::Ask)
        .signing(viewer)
        .status(status)
        .error(status != StatusCode::OK)
        .into_response()
}

/// Only answers to questions of the tree, and only yes or no.
fn answers(policy: &Policy, typed: &Typed) -> Answers {
    let known = policy.tree.iter().filter_map(|question| {
        let yes = match typed.get(&question.id)?.as_str() {
            "yes" => true,
            "no" => false,
            _ => return None,
        };
        Some((question.id.clone(), yes))
    });
    known.collect()
}

fn step(
    policy: &Policy,
    answers: &Answers,
    typed: &Typed,
    faults: &[Fault],
    viewer: &Viewer,
) -> Markup {
    match policy.walk(answers) {
        Some(Leaf::Unanswered(question)) => asked(question, answers),
        Some(Leaf::Door(sentence)) => door(sentence),
        Some(Leaf::UseCase(case)) => {
            form(case, answers, typed, faults, &touch(case, answers, viewer))
        }
        None => html! { h1 { (words::TITLE) } p { (words::BROKEN_TREE) } },
    }
}

fn kept(answers: &Answers) -> Markup {
    html! {
        @for (id, yes) in answers {
            input type="hidden" name=(id) value=(if *yes { "yes" } else { "no" });
        }
    }
}

fn asked(question: &Question, answers: &Answers) -> Markup {
    html! {
        p .hint { (words::question(answers.len() + 1)) }
        h1 { (question.text) }
        form method="get" action="/ask" {
            (kept(answers))
            div .actions {
                button type="submit" name=(question.id) value="yes" { (words::YES) }
                button type="submit" name=(question.id) value="no" { (words::NO) }
            }
        }
        @if !answers.is_empty() { p { a href="/ask" { (words::START_AGAIN) } } }
    }
}

fn door(sentence: &str) -> Markup {
    html! {
        h1 { (words::ANOTHER_DOOR) }
        div .box.good role="status" {
            p { strong { (sentence) } }
            p { (words::NOTHING_OPENED) }
            p { (words::DOOR_NOW) }
        }
        p { a href="/ask" { (words::START_AGAIN) } }
    }
}

/// A field with what is wrong about it.
struct Fault {
    field: &'static str,
    why: String,
}

fn faults(case: &UseCase, typed: &Typed) -> Vec<Fault> {
    let mut faults = Vec::new();
    let mut say = |field, why: String| faults.push(Fault { field, why });
    let text = |name: &str| typed.get(name).map_or("", |text| text.trim());
    let reason = text("reason");
    if reason.is_empty() {
        say("reason", words::REASON_MISSING.to_owned());
    } else if reason.chars().count() > MAX_REASON_CHARS {
        say(
            "reason",
            words::too_long(reason.chars().count(), MAX_REASON_CHARS),
        );
    } else if !is_plain_text(reason) {
        say("reason", words::REASON_ODD.to_owned());
    }
    if !text("workspace").bytes().all(|b| b.is_ascii_digit()) {
        say("workspace", words::WORKSPACE_ODD.to_owned());
    }
    if text("workspace").is_empty() && text("account").is_empty() {
        say("workspace", words::TARGET_MISSING.to_owned());
    }
    let minutes = text("minutes").parse::<u32>().ok();
    if minutes.is_none_or(|m| m == 0 || m > case.max_minutes) {
        say("minutes", words::minutes_odd(case.max_minutes));
    }
    if !is_plain_text(text("ticket")) || text("ticket").chars().count() > 80 {
        say("ticket", words::TICKET_ODD.to_owned());
    }
    faults
}

/// The opening by a touch, in the form whose fields it signs.
fn touch(case: &UseCase, answers: &Answers, viewer: &Viewer) -> Markup {
    // Booleans by name: JSON without a case in which it fails.
    let given = serde_json::to_string(answers).unwrap_or_default();
    html! {
        @if viewer.passkey {
            div .by-passkey data-act="open" data-vault=(viewer.vault) data-person=(viewer.person)
                data-answers=(given) data-use-case=(case.id) {
                div .actions {
                    button type="button" data-sign data-busy=(parts_words::TOUCH) { (words::TOUCH) }
                }
                p .hint.no-claim { (words::TOUCH_KEY) }
            }
        }
    }
}

fn form(
    case: &UseCase,
    answers: &Answers,
    typed: &Typed,
    faults: &[Fault],
    touch: &Markup,
) -> Markup {
    let text = |name: &str| typed.get(name).map_or("", String::as_str);
    let minutes = typed.get("minutes").cloned();
    let minutes = minutes.unwrap_or_else(|| case.max_minutes.to_string());
    html! {
        p .hint { (words::TREE_LEADS) }
        h1 { (case.title) }
        (summary(faults))
        form method="post" action="/ask" {
            (kept(answers))
            (label("reason", words::REASON, faults))
            textarea #reason name="reason" required maxlength="500" aria-describedby="reason-hint"
                aria-invalid=[invalid("reason", faults)] { (text("reason")) }
            p #reason-hint .hint { (words::REASON_HINT) }
            fieldset {
                legend { (words::TARGET) }
                (label("workspace", words::WORKSPACE, faults))
                input #workspace type="text" name="workspace" inputmode="numeric" autocomplete="off"
                    value=(text("workspace")) aria-invalid=[invalid("workspace", faults)];
                label .choice { input type="checkbox" name="account" value="yes" checked[!text("account").is_empty()]; (words::ACCOUNT) }
            }
            (label("minutes", &words::minutes(case.max_minutes), faults))
            input #minutes type="text" name="minutes" inputmode="numeric" value=(minutes)
                aria-invalid=[invalid("minutes", faults)];
            (label("ticket", words::TICKET, faults))
            input #ticket type="text" name="ticket" autocomplete="off" value=(text("ticket"))
                aria-invalid=[invalid("ticket", faults)];
            (touch)
            div .actions { button type="submit" .quiet[!touch.0.is_empty()] { (words::GO_ON) } }
        }
        details { summary { (words::SCOPE) } ul { @for pattern in &case.scope { li { code { (pattern) } } } } }
        @if case.delay_minutes > 0 { p .hint { (words::delay(case.delay_minutes)) } }
        p { a href="/ask" { (words::START_AGAIN) } }
    }
}

/// Each fault with a link to its field; the box takes the focus.
fn summary(faults: &[Fault]) -> Markup {
    html! {
        @if !faults.is_empty() {
            div .box.bad role="alert" tabindex="-1" data-focus {
                p { strong { (words::NOT_YET) } }
                ul { @for fault in faults { li { a href=(format!("#{}", fault.field)) { (fault.why) } } } }
                p { (words::NOTHING_SENT) }
            }
        }
    }
}

fn label(field: &str, word: &str, faults: &[Fault]) -> Markup {
    let wrong = faults.iter().find(|fault| fault.field == field);
    html! {
        label for=(field) { (word) }
        @if let Some(fault) = wrong { p .wrong { (fault.why) } }
    }
}

fn invalid(field: &str, faults: &[Fault]) -> Option<&'static str> {
    faults.iter().any(|f| f.field == field).then_some("true")
}

/// Everything is said: the command that signs it.
fn ready(case: &UseCase, answers: &Answers, typed: &Typed) -> Markup {
    html! {
        h1 { (words::READY) }
        p { (words::READY_LEAD) }
        (parts::command("open", &command(case, answers, typed)))
        p { (words::READY_THEN) }
        form method="get" action="/ask" {
            (kept(answers))
            @for name in ["reason", "workspace", "account", "minutes", "ticket"] {
                @if let Some(text) = typed.get(name) { input type="hidden" name=(name) value=(text); }
            }
            button type="submit" .quiet { (words::CHANGE) }
        }
    }
}

/// The `open` line; every text that was typed is quoted for the shell.
fn command(case: &UseCase, answers: &Answers, typed: &Typed) -> String {
    let text = |name: &str| typed.get(name).map_or("", |text| text.trim());
    let given: Vec<String> = answers
        .iter()
        .map(|(id, yes)| format!("{id}={}", if *yes { "yes" } else { "no" }))
        .collect();
    let mut line = format!(
        "breakglass open --because {} --answers {} --for {}m",
        case.id,
        given.join(","),
        text("minutes")
    );
    if !text("workspace").is_empty() {
        line.push_str(&format!(" --workspace {}", text("workspace")));
    }
    if !text("account").is_empty() {
        line.push_str(" --account");
    }
    if !text("ticket").is_empty() {
        line.push_str(&format!(" --ticket {}", parts::quoted(text("ticket"))));
    }
    line.push(' ');
    line.push_str(&parts::quoted(text("reason")));
    line
}

/// Who would be asked, and what time it is there.
async fn who_is_asked(app: &App, viewer: &Viewer) -> Result<Markup, crate::app::AppError> {
    let readiness = app.readiness().await?;
    let now = app.now();
    Ok(html! {
        h2 { (words::WHO_IS_ASKED) }
        p { (words::needed(readiness.k)) }
        ul .cards {
            @for share in readiness.shares.iter().filter(|s| s.person != viewer.person) {
                li {
                    h3 { (share.name) }
                    p .hint { (crate::web::words::incident::local_hour(
                        &when::hour_there(now, &share.time_zone), &share.time_zone)) }
                }
            }
        }
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::policy::Policy;

    fn typed(pairs: &[(&str, &str)]) -> Typed {
        let pairs = pairs
            .iter()
            .map(|(a, b)| ((*a).to_owned(), (*b).to_owned()));
        pairs.collect()
    }

    fn policy() -> Policy {
        Policy::built_in("test-vault".parse().unwrap(), Vec::new())
    }

    const OUTAGE: [(&str, &str); 4] = [
        ("harm_within_hour", "yes"),
        ("admin_can_sign_in", "no"),
        ("rollback_elsewhere", "no"),
        ("platform_down", "yes"),
    ];

    #[test]
    fn the_command_quotes_what_was_typed() {
        let policy = policy();
        let mut all = OUTAGE.to_vec();
        all.extend([
            ("reason", " it's down; $(rm -rf /) "),
            ("workspace", "1234"),
            ("minutes", "30"),
        ]);
        let typed = typed(&all);
        let answers = answers(&policy, &typed);
        let Some(Leaf::UseCase(case)) = policy.walk(&answers) else {
            panic!("the tree leads elsewhere");
        };
        assert!(faults(case, &typed).is_empty());
        let line = command(case, &answers, &typed);
        assert!(
            line.starts_with("breakglass open --because catastrophic-outage --answers "),
            "{line}"
        );
        assert!(
            line.ends_with(r" --for 30m --workspace 1234 'it'\''s down; $(rm -rf /)'"),
            "{line}"
        );
    }

    #[test]
    fn each_fault_names_its_field_and_nothing_typed_is_lost() {
        let policy = policy();
        let mut all = OUTAGE.to_vec();
        all.extend([
            ("reason", ""),
            ("workspace", "12x"),
            ("minutes", "999"),
            ("ticket", "OPS-1 <b>"),
        ]);
        let typed = typed(&all);
        let answers = answers(&policy, &typed);
        let Some(Leaf::UseCase(case)) = policy.walk(&answers) else {
            panic!("the tree leads elsewhere");
        };
        let faults = faults(case, &typed);
        let fields: Vec<_> = faults.iter().map(|f| f.field).collect();
        assert_eq!(fields, ["reason", "workspace", "minutes"]);
        let page = form(case, &answers, &typed, &faults, &html! {}).into_string();
        for kept in [
            "12x",
            "999",
            "OPS-1 &lt;b&gt;",
            "aria-invalid=\"true\"",
            "href=\"#reason\"",
        ] {
            assert!(page.contains(kept), "{kept}: {page}");
        }
    }

    #[test]
    fn answers_to_questions_that_are_none_are_left_out() {
        let answers = answers(
            &policy(),
            &typed(&[("harm_within_hour", "perhaps"), ("x", "yes")]),
        );
        assert!(answers.is_empty());
    }
}
