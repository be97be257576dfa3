//! Asking for the phrase (PROTOCOL §5): four choices and "none", in random order; or `--phrase`.
//!
//! The phrase is computed here from the terms' hash and goes nowhere but to this terminal.

use crate::domain::ids::Digest;
use crate::domain::phrase::{self, Phrase};

use super::client::{Client, typed};
use super::terms_check::Case;
use super::{CliError, Output, show};
use crate::domain::act::Pick;
use crate::domain::ids::IncidentId;
use crate::domain::terms::Terms;

/// What came of asking.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Heard {
    /// The words of these terms.
    Matched,
    /// Not them.
    Not(Pick),
}

/// The phrase as people read it.
#[must_use]
pub(super) fn words(phrase: &Phrase) -> String {
    phrase.join(" · ")
}

/// The phrase in large type: apart from everything else, letters spaced.
#[must_use]
pub(super) fn large(phrase: &Phrase) -> String {
    let spaced = |word: &str| {
        word.to_uppercase()
            .chars()
            .map(String::from)
            .collect::<Vec<_>>()
            .join(" ")
    };
    let line = phrase
        .iter()
        .map(|word| spaced(word))
        .collect::<Vec<_>>()
        .join("    ");
    format!("\n        {line}\n        ({})\n", words(phrase))
}

/// Asks which phrase was heard; scripts pass it.
///
/// # Errors
/// Usage, when nothing was passed and nobody can be asked.
pub(super) async fn ask(
    client: &mut Client,
    out: &Output,
    case: &Case,
    terms_sha256: &Digest,
    given: Option<&str>,
) -> Result<Heard, CliError> {
    let incident = &case.terms.incident;
    let right = phrase::phrase(terms_sha256);
    if let Some(given) = given {
        return Ok(judge_words(given, right));
    }
    let others = phrases_of_others(client, incident).await;
    let list = phrase::choices(right, &others, &mut below);
    let mut question = format!(
        "{}Which phrase did the requester read to you?\n",
        show::mark(case.terms.purpose)
    );
    for (number, choice) in (1..).zip(&list) {
        question.push_str(&format!("  {number}) {}\n", choice.join(" ")));
    }
    question.push_str("  5) none of these / I heard nothing\n>");
    loop {
        let Some(answer) = out.ask(&question).await else {
            return Err(CliError::usage("the phrase must be chosen by a person")
                .hint("scripts pass --phrase \"word word word\", or --phrase none"));
        };
        if let Some(heard) = judge_number(&answer, &list, right) {
            return Ok(heard);
        }
    }
}

/// Phrases of other incidents that collect: the likeliest mix-up. Best effort, they are decoys.
async fn phrases_of_others(client: &mut Client, incident: &IncidentId) -> Vec<Phrase> {
    let views = client.incidents().await.unwrap_or_default();
    let others = views
        .iter()
        .filter(|view| view.id != incident.as_str() && view.phase == "collecting");
    others
        .filter_map(|view| typed::<Terms>("terms", &view.terms).ok()?.sha256().ok())
        .map(|sha256| phrase::phrase(&sha256))
        .collect()
}

fn judge_words(given: &str, right: Phrase) -> Heard {
    match phrase::normalise(given) {
        typed if typed == right.join(" ") => Heard::Matched,
        typed if typed.is_empty() || typed == "none" || typed == "nothing" => {
            Heard::Not(Pick::NothingHeard)
        }
        _ => Heard::Not(Pick::Wrong),
    }
}

/// `None` for what is no choice: ask again.
fn judge_number(answer: &str, list: &[Phrase], right: Phrase) -> Option<Heard> {
    match answer.trim().parse::<usize>() {
        Ok(number) if number == list.len() + 1 => Some(Heard::Not(Pick::NothingHeard)),
        Ok(number) => match list.get(number.checked_sub(1)?)? {
            picked if *picked == right => Some(Heard::Matched),
            _ => Some(Heard::Not(Pick::Wrong)),
        },
        Err(_) => None,
    }
}

/// A random number below `bound`; the bias of 2^32 mod 256 is none, of small bounds negligible.
fn below(bound: u32) -> u32 {
    let mut bytes = [0; 4];
    // Without randomness the order is fixed, which gives nothing away but the place of the phrase.
    if getrandom::fill(&mut bytes).is_err() {
        return 0;
    }
    u32::from_le_bytes(bytes) % bound.max(1)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn list() -> (Vec<Phrase>, Phrase) {
        let right = phrase::phrase(&Digest::of(b"terms"));
        (phrase::choices(right, &[], &mut below), right)
    }

    #[test]
    fn exactly_one_of_the_four_numbers_is_right() {
        for _ in 0..50 {
            let (list, right) = list();
            let heard: Vec<_> = (1..=4)
                .map(|n| judge_number(&n.to_string(), &list, right).unwrap())
                .collect();
            assert_eq!(heard.iter().filter(|h| **h == Heard::Matched).count(), 1);
            assert_eq!(
                heard
                    .iter()
                    .filter(|h| **h == Heard::Not(Pick::Wrong))
                    .count(),
                3
            );
        }
    }

    #[test]
    fn the_fifth_is_nothing_heard_and_anything_else_is_asked_again() {
        let (list, right) = list();
        assert_eq!(
            judge_number("5", &list, right),
            Some(Heard::Not(Pick::NothingHeard))
        );
        for other in ["0", "6", "", "-1", "jury lamp iron"] {
            assert_eq!(judge_number(other, &list, right), None, "{other}");
        }
    }

    #[test]
    fn words_passed_by_a_script_are_read_generously_but_must_match() {
        let (_, right) = list();
        let typed = right.join(" · ").to_uppercase();
        assert_eq!(judge_words(&typed, right), Heard::Matched);
        assert_eq!(judge_words("none", right), Heard::Not(Pick::NothingHeard));
        assert_eq!(
            judge_words("able able able", right),
            Heard::Not(Pick::Wrong)
        );
        let swapped = [right[1], right[0], right[2]].join(" ");
        assert_eq!(judge_words(&swapped, right), Heard::Not(Pick::Wrong));
    }

    #[test]
    fn large_type_holds_the_words_in_their_order() {
        let shown = large(&["jury", "lamp", "iron"]);
        assert!(shown.contains("J U R Y    L A M P    I R O N"));
        assert!(shown.contains("jury · lamp · iron"));
    }
}
