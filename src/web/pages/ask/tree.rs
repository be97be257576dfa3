//! The reasons to break glass and the whole decision tree, beside the question or the form: where each
//! answer leads, what was answered, and the way back to each answer.

use maud::{Markup, html};

use super::{Answers, FIELDS, Typed};
use crate::domain::policy::{DelayWhen, Leaf, Next, Policy, Question};
use crate::web::pages::parts;
use crate::web::words::ask as words;

/// Reasons and tree.
pub(super) fn beside(policy: &Policy, answers: &Answers, typed: &Typed) -> Markup {
    let leaf = policy.walk(answers);
    let (reached, open) = match &leaf {
        Some(Leaf::UseCase(case)) => (Some(case.id.as_str()), None),
        Some(Leaf::Unanswered(question)) => (None, Some(question.id.as_str())),
        _ => (None, None),
    };
    html! {
        h2 { (words::REASONS) }
        ul .reasons { @for case in &policy.use_cases {
            li aria-current=[(reached == Some(case.id.as_str())).then_some("true")] {
                strong { (case.title) }
                @if reached == Some(case.id.as_str()) { " " (parts::badge("good", words::YOU_ARE_HERE)) }
                br;
                span .hint { (words::reason(case.max_minutes, case.delay_minutes, case.delay_when == Some(DelayWhen::OutOfHours))) }
            }
        } }
        h2 { (words::TREE) }
        ol .tree { @for question in &policy.tree {
            li aria-current=[(open == Some(question.id.as_str())).then_some("step")] {
                (question.text)
                @if open == Some(question.id.as_str()) { " " (parts::badge("warn", words::YOU_ARE_HERE)) }
                @if let Some(yes) = answers.get(&question.id) {
                    " " (parts::badge("good", if *yes { words::YOU_SAID_YES } else { words::YOU_SAID_NO })) " "
                    a href=(back(policy, question, answers, typed)) aria-label=(words::answer_anew(&question.text)) { (words::ANSWER_ANEW) }
                }
                ul .plain.hint {
                    li { (words::YES) " → " (leads(policy, &question.yes)) }
                    li { (words::NO) " → " (leads(policy, &question.no)) }
                }
            }
        } }
    }
}

/// Where an answer leads, in words.
fn leads(policy: &Policy, next: &Next) -> String {
    match next {
        Next::Question(id) => {
            let place = policy.tree.iter().position(|q| q.id == *id);
            words::question(place.map_or(0, |place| place + 1))
        }
        Next::UseCase(id) => {
            let case = policy.use_cases.iter().find(|case| case.id == *id);
            case.map_or_else(|| id.clone(), |case| case.title.clone())
        }
        Next::Door(sentence) => words::another_door(sentence),
    }
}

/// The question again, with the answers that led to it and everything that was typed.
fn back(policy: &Policy, question: &Question, answers: &Answers, typed: &Typed) -> String {
    let mut kept = Answers::new();
    // The path there, from the root on: each step asks for one answer more.
    while let Some(Leaf::Unanswered(next)) = policy.walk(&kept) {
        match answers.get(&next.id) {
            Some(yes) if next.id != question.id => kept.insert(next.id.clone(), *yes),
            _ => break,
        };
    }
    let word = |yes: &bool| if *yes { "yes" } else { "no" };
    let answered = kept.iter().map(|(id, yes)| (id.as_str(), word(yes)));
    let fields = FIELDS.iter().filter_map(|name| {
        let text = typed.get(*name)?;
        Some((*name, text.as_str()))
    });
    let query: String = form_urlencoded::Serializer::new(String::new())
        .extend_pairs(answered.chain(fields))
        .finish();
    format!("/ask?{query}")
}
