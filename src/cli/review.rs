//! `breakglass review`: an auditor who took no part reads the case and signs it off.
//!
//! The record is hashed here, shown, and that hash is what the signature covers.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use serde_json::{Value, json};

use super::client::Client;
use super::{CliError, Exit, Globals, Output, escape, files, terms_check, text};
use crate::api::{IncidentView, ReviewList, ReviewView};
use crate::domain::act::Deed;
use crate::domain::canonical;
use crate::domain::ids::{Digest, IncidentId};
use crate::domain::policy::ReviewQuestion;
use crate::domain::review::{self, Finding, OpenItem, Severity, Verdict};
use crate::domain::roster::Roster;
use crate::domain::time::Timestamp;

/// Arguments of `review`.
#[derive(Debug, clap::Args)]
pub struct Args {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, clap::Subcommand)]
enum Command {
    /// List reviews that wait for a signature
    #[command(after_help = "Example:\n  breakglass review list")]
    List,
    /// Show a case: its record, questions and open items
    #[command(after_help = "Example:\n  breakglass review show INC-7")]
    Show {
        /// The incident
        #[arg(value_name = "INC")]
        incident: IncidentId,
    },
    /// Answer everything and sign
    #[command(
        after_help = "Example:\n  breakglass review sign INC-7 --answers answers.toml \\\n      --finding 'minor: the runbook named a dead link' --verdict justified\n\nThe answers file holds one line for each question and item:\n  emergency_real = \"the identity provider was down\"\n  mismatch_1 = \"a typing mistake, harmless\""
    )]
    Sign(SignArgs),
}

#[derive(Debug, clap::Args)]
struct SignArgs {
    /// The incident
    #[arg(value_name = "INC")]
    incident: IncidentId,
    /// TOML file of answers; what is missing is asked for
    #[arg(long, value_name = "FILE")]
    answers: Option<PathBuf>,
    /// A finding: `note`, `minor` or `major`, a colon, the text. May be repeated
    #[arg(long, value_name = "'SEVERITY: TEXT'", value_parser = finding)]
    finding: Vec<Finding>,
    /// Your judgement of the whole
    #[arg(long, value_parser = verdict, value_name = "justified|findings|unjustified")]
    verdict: Verdict,
    /// Sign without asking again
    #[arg(long)]
    yes: bool,
}

/// Runs the subcommand.
///
/// # Errors
/// [`CliError`].
pub async fn run(args: Args, globals: &Globals, out: &Output) -> Result<Exit, CliError> {
    let mut client = Client::open(globals)?;
    match args.command {
        Command::List => list(&mut client, out).await,
        Command::Show { incident } => show(&mut client, &incident, out).await,
        Command::Sign(args) => sign(&mut client, args, out).await,
    }
}

async fn list(client: &mut Client, out: &Output) -> Result<Exit, CliError> {
    let list: ReviewList = client.get_again("/reviews").await?;
    client.head().await?;
    let lines = list.reviews.iter().map(|each| {
        let overdue = if each.overdue { "  OVERDUE" } else { "" };
        format!(
            "{}  due {}{overdue}",
            each.incident,
            Timestamp(each.due_ms).date_clock_utc()
        )
    });
    let text = lines.collect::<Vec<_>>().join("\n");
    let text = if text.is_empty() {
        "No review waits.".to_owned()
    } else {
        text
    };
    let object =
        serde_json::to_value(&list).map_err(|why| CliError::failed("json", why.to_string()))?;
    out.result(object, &text);
    Ok(Exit::DONE)
}

/// A case whose record was hashed here.
struct Case {
    view: ReviewView,
    record_sha256: Digest,
    questions: Vec<ReviewQuestion>,
    items: Vec<OpenItem>,
}

async fn fetch(client: &mut Client, id: &IncidentId) -> Result<Case, CliError> {
    let view: ReviewView = client.get_again(&format!("/reviews/{id}")).await?;
    let bytes = canonical::value_to_bytes(&view.record)
        .map_err(|why| CliError::log_broken(format!("the case record has no hash: {why}")))?;
    let record_sha256 = Digest::of(&bytes);
    if record_sha256.hex() != view.record_sha256 {
        return Err(CliError::log_broken(
            "the case record is not the one its hash names",
        ));
    }
    let shape = |why: serde_json::Error| CliError::failed("answer", why.to_string());
    let questions = serde_json::from_value(view.questions.clone()).map_err(shape)?;
    let items = serde_json::from_value(view.items.clone()).map_err(shape)?;
    Ok(Case {
        view,
        record_sha256,
        questions,
        items,
    })
}

async fn show(client: &mut Client, id: &IncidentId, out: &Output) -> Result<Exit, CliError> {
    let documents = client.documents().await?;
    let case = fetch(client, id).await?;
    let object = serde_json::to_value(&case.view)
        .map_err(|why| CliError::failed("json", why.to_string()))?;
    out.result(object, &page(&case, &documents.roster));
    Ok(Exit::DONE)
}

fn page(case: &Case, roster: &Roster) -> String {
    let shown = readable(&case.view.record, roster);
    let record = serde_json::to_string_pretty(&shown).unwrap_or_default();
    let mut text = format!(
        "{}  record {}\n{}\n",
        case.view.incident,
        case.record_sha256,
        escape::lines(&record)
    );
    text.push_str("Questions:\n");
    for question in &case.questions {
        text.push_str(&format!(
            "  {:<16} {}\n",
            question.id,
            escape::line(&question.text)
        ));
    }
    if !case.items.is_empty() {
        text.push_str("Open items:\n");
    }
    for item in &case.items {
        text.push_str(&format!(
            "  {:<16} {}: {} ({}×)\n",
            item.id,
            escape::line(&named(&item.about, roster)),
            escape::line(&item.why),
            item.count
        ));
    }
    if let Some(due) = case.view.due_ms {
        text.push_str(&format!("Due {}.", Timestamp(due).date_clock_utc()));
    }
    text.trim_end().to_owned()
}

/// A record as people read it: names for ids, moments in UTC. The hash is that of the record
/// itself, which `--json` shows.
fn readable(value: &Value, roster: &Roster) -> Value {
    match value {
        Value::String(text) => Value::from(named(text, roster)),
        Value::Array(list) => list.iter().map(|v| readable(v, roster)).collect(),
        Value::Object(members) => members
            .iter()
            .map(|(name, value)| {
                let moment = name == "ts" || name.ends_with("_ms");
                let shown = match value.as_i64().filter(|_| moment) {
                    Some(ms) => Value::from(Timestamp(ms).date_clock_utc()),
                    None => readable(value, roster),
                };
                (name.clone(), shown)
            })
            .collect(),
        other => other.clone(),
    }
}

/// Words that are ids of people become their names.
fn named(text: &str, roster: &Roster) -> String {
    let name = |word: &str| {
        let person = word.parse().ok().and_then(|id| roster.person(&id).cloned());
        person.map_or_else(|| word.to_owned(), |p| p.name)
    };
    text.split(' ').map(name).collect::<Vec<_>>().join(" ")
}

async fn sign(client: &mut Client, args: SignArgs, out: &Output) -> Result<Exit, CliError> {
    let id = &args.incident;
    let documents = client.documents().await?;
    let case = fetch(client, id).await?;
    let mut answers = args
        .answers
        .as_deref()
        .map(read_answers)
        .transpose()?
        .unwrap_or_default();
    // What is signed is shown, `-q` or not.
    out.warn(&page(&case, &documents.roster));
    // Before anyone types answers: a participant cannot sign, and the vault would say so at the end.
    if case
        .view
        .participants
        .contains(&client.kept.settings.person.to_string())
    {
        let error = CliError::new(
            Exit::NOT_ALLOWED,
            "participant",
            "who took part in an incident cannot review it",
        );
        return Err(error
            .hint("ask an auditor who took no part")
            .page("auditor"));
    }
    ask_missing(&case, &mut answers, out).await?;
    review::complete(&case.questions, &case.items, &answers, &args.finding).map_err(|why| {
        CliError::new(Exit(why.exit_code()), why.code(), why.to_string())
            .hint(why.hint())
            .page("auditor")
    })?;
    if !args.yes && out.can_ask() {
        text::confirm(out, "Sign this review?", "--yes").await?;
    }
    let view: IncidentView = client.incident(id).await?;
    let terms_sha256 = terms_check::terms_hash(&view, id)?;
    let deed = Deed::Review {
        answers,
        findings: args.finding,
        verdict: args.verdict,
        record_sha256: case.record_sha256,
    };
    let act = client.sign_act(&documents.head, Some((id, terms_sha256)), deed)?;
    let answer: Value = client
        .api
        .post(&format!("/reviews/{id}/sign"), &act)
        .await?;
    out.result(
        json!({"incident": id, "record_sha256": case.record_sha256, "signed": true, "answer": answer}),
        &format!("Signed the review of {id}."),
    );
    Ok(Exit::DONE)
}

async fn ask_missing(
    case: &Case,
    answers: &mut BTreeMap<String, String>,
    out: &Output,
) -> Result<(), CliError> {
    let questions = case
        .questions
        .iter()
        .map(|question| (&question.id, question.text.clone()));
    let items = case
        .items
        .iter()
        .map(|item| (&item.id, format!("{}: {}", item.about, item.why)));
    for (id, about) in questions.chain(items) {
        if !answers.contains_key(id)
            && let Some(answer) = out.ask(&format!("{}\n>", escape::line(&about))).await
        {
            answers.insert(id.clone(), answer);
        }
    }
    Ok(())
}

fn read_answers(path: &Path) -> Result<BTreeMap<String, String>, CliError> {
    let wrong = |why: &str| CliError::usage(format!("{}: {why}", path.display()));
    let text = String::from_utf8(files::read(path)?).map_err(|_| wrong("it is not text"))?;
    toml::from_str(&text).map_err(|why| wrong(why.message()))
}

fn finding(text: &str) -> Result<Finding, String> {
    let (severity, found) = text
        .split_once(':')
        .ok_or("a finding is 'SEVERITY: TEXT'")?;
    let severity = match severity.trim() {
        "note" => Severity::Note,
        "minor" => Severity::Minor,
        "major" => Severity::Major,
        other => return Err(format!("{other} is not note, minor or major")),
    };
    let text = found.trim();
    if text.is_empty() {
        return Err("the finding has no text".to_owned());
    }
    Ok(Finding {
        severity,
        text: text.to_owned(),
    })
}

fn verdict(text: &str) -> Result<Verdict, String> {
    match text {
        "justified" => Ok(Verdict::Justified),
        "findings" => Ok(Verdict::Findings),
        "unjustified" => Ok(Verdict::Unjustified),
        other => Err(format!("{other} is not justified, findings or unjustified")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn findings_are_read_with_their_severity() {
        let found = finding("minor: the runbook: line 3").unwrap();
        assert_eq!(
            (found.severity, found.text.as_str()),
            (Severity::Minor, "the runbook: line 3")
        );
        for wrong in ["minor", "huge: x", "note:  "] {
            assert!(finding(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn a_record_is_read_with_names_and_moments() {
        let roster = terms_check::tests::Scene::new().documents.roster;
        let record = json!({"timeline": [{"ts": 1_795_226_820_000_i64, "person": "rio", "seq": 7}],
            "terms": {"requester": "rio", "max_minutes": 60}, "about": "stop by rio"});
        let shown = readable(&record, &roster);
        let rio = roster.name_of(&"rio".parse().unwrap());
        assert_eq!(shown["timeline"][0]["ts"], "2026-11-21 02:07 UTC");
        assert_eq!(shown["timeline"][0]["person"], rio);
        assert_eq!(shown["terms"]["max_minutes"], 60);
        assert_eq!(shown["about"], format!("stop by {rio}"));
    }

    #[test]
    fn answers_come_from_a_flat_toml_file() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("answers.toml");
        std::fs::write(&path, "why = \"outage\"\ndeny-1 = \"typo\"\n").unwrap();
        let answers = read_answers(&path).unwrap();
        assert_eq!(answers.get("deny-1").map(String::as_str), Some("typo"));
        std::fs::write(&path, "why = 3\n").unwrap();
        assert_eq!(read_answers(&path).unwrap_err().exit, Exit::USAGE);
    }
}
