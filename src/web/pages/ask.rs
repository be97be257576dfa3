//! S2, ask for access: the decision tree, one question a page, then the facts of the opening; beside
//! them the reasons there are, the whole tree, and who would be woken. The opening is a signed act:
//! the page ends with the command that signs it.

mod form;
mod tree;

use std::collections::BTreeMap;

use axum::extract::State;
use axum::response::{IntoResponse, Response};
use hyper::StatusCode;
use maud::{Markup, html};

use self::form::{Fault, Minutes, conditions, faults, form, touch};
use super::frame::{Here, Page};
use super::gate::Seen;
use super::given::{Form, Query};
use super::{PageResult, parts, waking};
use crate::app::App;
use crate::app::look::Viewer;
use crate::domain::policy::{Leaf, Policy, Question, UseCase};
use crate::domain::time::Timestamp;
use crate::web::words::ask as words;

/// What was typed, by field; answers of the tree have the ids of their questions.
type Typed = BTreeMap<String, String>;
type Answers = BTreeMap<String, bool>;

/// Fields besides the answers, which every page of this hands on.
const FIELDS: [&str; 6] = [
    "reason",
    "workspace",
    "account",
    "minutes",
    "minutes_other",
    "ticket",
];

/// The tree, as far as it is answered.
pub(super) async fn page(
    State(app): State<App>,
    Seen(viewer, _): Seen,
    Query(typed): Query<Typed>,
) -> PageResult {
    let policy = app.policy();
    let answers = answers(&policy, &typed);
    let body = step(&policy, &answers, &typed, &[], &viewer, app.now());
    // Behind another door nobody is asked.
    if matches!(policy.walk(&answers), Some(Leaf::Door(_))) {
        let beside = tree::beside(&policy, &answers, &typed);
        return Ok(sent(&viewer, &body, &beside, StatusCode::OK));
    }
    shown(&app, &viewer, (&answers, &typed), &body, StatusCode::OK).await
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
    let (body, status) = match policy.walk(&answers) {
        Some(Leaf::UseCase(case)) if faults.is_empty() => {
            (ready(case, &answers, &typed), StatusCode::OK)
        }
        _ => (
            step(&policy, &answers, &typed, &faults, &viewer, app.now()),
            StatusCode::UNPROCESSABLE_ENTITY,
        ),
    };
    shown(&app, &viewer, (&answers, &typed), &body, status).await
}

async fn shown(
    app: &App,
    viewer: &Viewer,
    (answers, typed): (&Answers, &Typed),
    body: &Markup,
    status: StatusCode,
) -> PageResult {
    let order = app.waking_order(Some(&viewer.person)).await?;
    let beside = html! {
        h2 #waking { (words::WHO_IS_WOKEN) }
        (waking::order(&order))
        p .hint { (words::WHO_ELSE) }
        (tree::beside(&app.policy(), answers, typed))
    };
    Ok(sent(viewer, body, &beside, status))
}

fn sent(viewer: &Viewer, body: &Markup, beside: &Markup, status: StatusCode) -> Response {
    let body =
        html! { div .beside { div { (body) } aside aria-label=(words::BESIDE) { (beside) } } };
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
    now: Timestamp,
) -> Markup {
    match policy.walk(answers) {
        Some(Leaf::Unanswered(question)) => asked(question, answers, typed),
        Some(Leaf::Door(sentence)) => door(sentence),
        Some(Leaf::UseCase(case)) => html! {
            (form(case, answers, typed, faults, &touch(case, answers, viewer)))
            (conditions(case, &policy.office_hours, now))
            p { a href="/ask" { (words::START_AGAIN) } }
        },
        None => html! { h1 { (words::TITLE) } p { (words::BROKEN_TREE) } },
    }
}

/// Answers, for the next page.
fn kept(answers: &Answers) -> Markup {
    html! {
        @for (id, yes) in answers {
            input type="hidden" name=(id) value=(if *yes { "yes" } else { "no" });
        }
    }
}

/// What was typed besides, for a page that does not show it.
fn kept_fields(typed: &Typed) -> Markup {
    html! {
        @for name in FIELDS {
            @if let Some(text) = typed.get(name) { input type="hidden" name=(name) value=(text); }
        }
    }
}

fn asked(question: &Question, answers: &Answers, typed: &Typed) -> Markup {
    html! {
        p .hint { (words::question(answers.len() + 1)) }
        h1 { (question.text) }
        form method="get" action="/ask" {
            (kept(answers))
            (kept_fields(typed))
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

/// Everything is said: the command that signs it.
fn ready(case: &UseCase, answers: &Answers, typed: &Typed) -> Markup {
    html! {
        h1 { (words::READY) }
        p { (words::READY_LEAD) }
        (parts::command("open", &command(case, answers, typed)))
        p { (words::READY_THEN) }
        form method="get" action="/ask" {
            (kept(answers))
            (kept_fields(typed))
            button type="submit" .quiet { (words::CHANGE) }
        }
    }
}

/// The `open` line; every text that was typed is quoted for the shell.
fn command(case: &UseCase, answers: &Answers, typed: &Typed) -> String {
    let text = |name: &str| typed.get(name).map_or("", |text| text.trim());
    // Faults were looked for before: there is one.
    let minutes = Minutes::of(case, typed).said().unwrap_or(case.max_minutes);
    let given: Vec<String> = answers
        .iter()
        .map(|(id, yes)| format!("{id}={}", if *yes { "yes" } else { "no" }))
        .collect();
    let mut line = format!(
        "breakglass open --because {} --answers {} --for {}m",
        case.id,
        given.join(","),
        minutes
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
    fn minutes_are_chosen_or_typed_and_never_both() {
        let policy = policy();
        let answers = answers(&policy, &typed(&OUTAGE));
        let Some(Leaf::UseCase(case)) = policy.walk(&answers) else {
            panic!("the tree leads elsewhere");
        };
        let said = |pairs: &[(&str, &str)]| Minutes::of(case, &typed(pairs)).said().ok();
        assert_eq!(said(&[]), Some(30), "what is chosen before anybody chose");
        assert_eq!(said(&[("minutes", "15")]), Some(15));
        assert_eq!(said(&[("minutes", "60"), ("minutes_other", "")]), Some(60));
        let other = |text| said(&[("minutes", "other"), ("minutes_other", text)]);
        assert_eq!(other(" 45 "), Some(45));
        for odd in ["", "0", "61", "4.5", "-1"] {
            assert_eq!(other(odd), None, "{odd}");
        }
        // The address of `open --page --for 45m`.
        assert_eq!(said(&[("minutes", "45")]), Some(45));
        let both = [("minutes", "30"), ("minutes_other", "45")];
        assert_eq!(said(&both), None, "typed, but not chosen");
        let mut typed = typed(&both);
        typed.extend([
            ("reason".to_owned(), "down".to_owned()),
            ("account".to_owned(), "yes".to_owned()),
        ]);
        let faults = faults(case, &typed);
        assert_eq!(faults.len(), 1);
        let page = form(case, &answers, &typed, &faults, &html! {}).into_string();
        for kept in ["value=\"30\" checked", "value=\"45\"", "choose one"] {
            assert!(page.contains(kept), "{kept}: {page}");
        }
    }

    #[test]
    fn a_policy_with_a_short_limit_offers_only_what_it_allows() {
        let mut policy = policy();
        let answers = answers(&policy, &typed(&OUTAGE));
        for (most, offered) in [(10, "10"), (20, "15"), (240, "60")] {
            for case in &mut policy.use_cases {
                case.max_minutes = most;
            }
            let Some(Leaf::UseCase(case)) = policy.walk(&answers) else {
                panic!("the tree leads elsewhere");
            };
            let page = form(case, &answers, &Typed::new(), &[], &html! {}).into_string();
            let radios: Vec<&str> = page.split("name=\"minutes\" value=\"").skip(1).collect();
            let radios: Vec<&str> = radios
                .iter()
                .map(|r| r.split('"').next().unwrap())
                .collect();
            assert_eq!(radios[radios.len() - 2..], [offered, "other"], "{most}");
        }
    }

    #[test]
    fn every_page_of_the_tree_hands_on_what_was_typed_and_leads_back_to_each_answer() {
        let policy = policy();
        let typed = typed(&[
            ("harm_within_hour", "yes"),
            ("admin_can_sign_in", "no"),
            ("reason", "it's \"down\""),
            ("minutes", "45"),
        ]);
        let answers = answers(&policy, &typed);
        let Some(Leaf::Unanswered(question)) = policy.walk(&answers) else {
            panic!("the tree asks no more");
        };
        let page = asked(question, &answers, &typed).into_string();
        assert!(
            page.contains("name=\"reason\" value=\"it's &quot;down&quot;\""),
            "{page}"
        );
        let beside = tree::beside(&policy, &answers, &typed).into_string();
        let to_second = "/ask?harm_within_hour=yes&amp;reason=it%27s+%22down%22&amp;minutes=45";
        assert!(beside.contains(to_second), "{beside}");
        assert_eq!(beside.matches("aria-current=\"step\"").count(), 1);
        for case in &policy.use_cases {
            assert!(beside.contains(&case.title), "{beside}");
        }
        for question in &policy.tree {
            assert!(
                beside.contains(&html! { (question.text) }.into_string()),
                "{beside}"
            );
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
