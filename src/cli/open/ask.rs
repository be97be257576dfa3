//! What `open` asks a person: the decision tree and the reason.

use std::collections::BTreeMap;

use crate::cli::escape::line;
use crate::cli::{CliError, Exit, Output};
use crate::domain::policy::{Leaf, Policy, UseCase};
use crate::domain::terms::{MAX_REASON_CHARS, is_plain_text};

/// Reads one `id=yes` or `id=no`.
///
/// # Errors
/// A sentence for clap.
pub(super) fn answer(text: &str) -> Result<(String, bool), String> {
    let (id, word) = text
        .split_once('=')
        .ok_or_else(|| format!("{text} is not ID=yes or ID=no"))?;
    yes_or_no(word)
        .map(|yes| (id.to_owned(), yes))
        .ok_or_else(|| format!("{word} is neither yes nor no"))
}

fn yes_or_no(word: &str) -> Option<bool> {
    match word.trim().to_ascii_lowercase().as_str() {
        "yes" | "y" => Some(true),
        "no" | "n" => Some(false),
        _ => None,
    }
}

/// Walks the tree with the answers given, asks for the rest, and holds the end against `because`.
///
/// # Errors
/// Refused with the sentence of the door the tree leads to; usage when nobody can be asked.
pub(super) async fn walk<'a>(
    policy: &'a Policy,
    answers: &mut BTreeMap<String, bool>,
    because: Option<&str>,
    out: &Output,
) -> Result<&'a UseCase, CliError> {
    if let Some(wanted) = because
        && policy.use_case(wanted).is_none()
    {
        let known: Vec<&str> = policy
            .use_cases
            .iter()
            .map(|case| case.id.as_str())
            .collect();
        return Err(CliError::usage(format!("there is no use case {wanted}"))
            .hint(format!("one of: {}", known.join(", "))));
    }
    loop {
        match policy.walk(answers) {
            Some(Leaf::UseCase(found)) if because.is_none_or(|wanted| wanted == found.id) => {
                return Ok(found);
            }
            Some(Leaf::UseCase(found)) => {
                return Err(tree_says_no(format!(
                    "the answers lead to {}, not to {}",
                    found.id,
                    because.unwrap_or_default()
                )));
            }
            Some(Leaf::Door(sentence)) => {
                return Err(tree_says_no(format!(
                    "this is not for breaking glass: {sentence}"
                )));
            }
            Some(Leaf::Unanswered(question)) => {
                let asked = out.ask(&format!("{} [y/n]", line(&question.text))).await;
                let Some(word) = asked else {
                    return Err(CliError::usage(format!(
                        "not answered: {} ({})",
                        question.text, question.id
                    ))
                    .hint(format!(
                        "pass --answers {}=yes or {}=no",
                        question.id, question.id
                    )));
                };
                if let Some(yes) = yes_or_no(&word) {
                    answers.insert(question.id.clone(), yes);
                }
            }
            None => {
                return Err(CliError::failed(
                    "policy",
                    "the decision tree has no such leaf",
                ));
            }
        }
    }
}

/// The reason as given, or asked for; 1 to 500 plain characters.
///
/// # Errors
/// Usage.
pub(super) async fn reason(given: Option<&str>, out: &Output) -> Result<String, CliError> {
    let reason = match given {
        Some(reason) => reason.to_owned(),
        None => out
            .ask("Why? One sentence; custodians read it:")
            .await
            .unwrap_or_default(),
    };
    let chars = reason.chars().count();
    if reason.trim().is_empty() || chars > MAX_REASON_CHARS || !is_plain_text(&reason) {
        return Err(CliError::usage(format!(
            "the reason must be 1 to {MAX_REASON_CHARS} characters without control or bidirectional ones"
        )));
    }
    Ok(reason)
}

fn tree_says_no(message: String) -> CliError {
    CliError::new(Exit::REFUSED, "tree_says_no", message)
        .hint("take the door it names; nothing was asked")
        .page("decide")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cli::Globals;
    use crate::domain::policy::{Next, OfficeHours, Question};

    fn policy() -> Policy {
        let question = |id: &str, yes: Next, no: Next| Question {
            id: id.into(),
            text: format!("{id}?"),
            yes,
            no,
        };
        Policy {
            v: crate::domain::VERSION.into(),
            vault: "prod-eu".parse().unwrap(),
            seq: 1,
            prev_sha256: None,
            tree: vec![
                question(
                    "down",
                    Next::Question("other_admin".into()),
                    Next::Door("ask the help desk".into()),
                ),
                question(
                    "other_admin",
                    Next::Door("ask that admin".into()),
                    Next::UseCase("outage".into()),
                ),
            ],
            use_cases: vec![UseCase {
                id: "outage".into(),
                title: "Outage".into(),
                max_minutes: 60,
                scope: vec!["ws:read".into()],
                delay_minutes: 0,
                delay_when: None,
                co_approver: None,
            }],
            office_hours: OfficeHours {
                from_hour: 8,
                to_hour: 18,
                days: vec![1],
            },
            channels: vec![],
            review_questions: vec![],
            review_due_hours: 72,
            access_details: None,
            browser_unlockers: None,
        }
    }

    async fn walked(answers: &[(&str, bool)], because: Option<&str>) -> Result<String, CliError> {
        let (out, _) = Output::captured(&Globals::default());
        let mut answers = answers
            .iter()
            .map(|(id, yes)| ((*id).to_owned(), *yes))
            .collect();
        walk(&policy(), &mut answers, because, &out)
            .await
            .map(|found| found.id.clone())
    }

    #[tokio::test]
    async fn answers_lead_to_the_use_case() {
        let answers = [("down", true), ("other_admin", false)];
        assert_eq!(walked(&answers, Some("outage")).await.unwrap(), "outage");
        assert_eq!(walked(&answers, None).await.unwrap(), "outage");
    }

    #[tokio::test]
    async fn every_no_leaf_says_the_other_door_and_ends_with_5() {
        let error = walked(&[("down", false)], Some("outage"))
            .await
            .unwrap_err();
        assert_eq!(error.exit, Exit::REFUSED);
        assert!(error.message.contains("ask the help desk"), "{error}");
    }

    #[tokio::test]
    async fn a_missing_answer_is_named_when_nobody_can_be_asked() {
        let error = walked(&[("down", true)], None).await.unwrap_err();
        assert_eq!(error.exit, Exit::USAGE);
        assert!(error.hint.contains("other_admin=yes"), "{}", error.hint);
        assert!(
            walked(&[], Some("nothing"))
                .await
                .unwrap_err()
                .hint
                .contains("outage")
        );
    }

    #[test]
    fn answers_are_read_strictly() {
        assert_eq!(answer("down=yes"), Ok(("down".to_owned(), true)));
        for wrong in ["down", "down=maybe", "down="] {
            assert!(answer(wrong).is_err(), "{wrong}");
        }
    }
}
