//! The play: an emergency from the page to the signed review (DESIGN §3), told as it happens.

use std::time::Duration;

use serde_json::Value;

use super::actors::{Actor, dispatch};
use super::checks::{self, Promises};
use super::stage::{PEOPLE, Stage};
use crate::cli::{CliError, Output};

/// How long the play waits for something it has caused.
const PATIENCE: Duration = Duration::from_secs(120);
/// The walk through the decision tree.
const ANSWERS: &str =
    "harm_within_hour=yes,admin_can_sign_in=no,rollback_elsewhere=no,platform_down=yes";

/// Plays it and checks what was promised.
pub(super) async fn play(stage: &mut Stage, out: &Output) -> Result<Promises, CliError> {
    enrol(stage, out).await?;
    let rio = Actor::of(stage, "rio");
    out.talk("\n02:07. Nobody can sign in, jobs are failing. rio asks for emergency access.");
    let (incident, opened) = open_and_release(stage, &rio, out).await?;
    out.talk(&format!(
        "  ✓ {incident} is open; rio's client claimed the session token"
    ));
    let calls = work(stage, &rio, &incident, out).await?;
    let closed = close(&rio, &incident, out).await?;
    let dead = checks::token_is_dead(&calls).await?;
    review(stage, &incident, out).await?;
    let export = audit(stage, out).await?;
    out.talk("\nChecking every promise against the other side's own record.");
    checks::all(stage, &incident, &opened, &calls, &closed, dead, &export).await
}

pub(super) async fn enrol(stage: &Stage, out: &Output) -> Result<(), CliError> {
    out.talk("\nA quiet day: everyone pins the vault with the line otto gave her.");
    for (name, role, _) in PEOPLE {
        let actor = Actor::of(stage, name);
        let link = stage.genesis["people"]
            .as_array()
            .and_then(|people| people.iter().find(|p| p["name"] == name))
            .and_then(|p| p["link"].as_str())
            .ok_or_else(|| CliError::failed("demo", format!("init printed no line for {name}")))?;
        let (key, spare) = (actor.file("id_ed25519"), actor.file("spare_ed25519"));
        let mut arguments = vec!["enrol", link, "--key", &key];
        if role == "custodian" {
            arguments.extend(["--unlocker-key", &spare]);
        }
        actor.does(&arguments).await?;
        if role == "custodian" {
            actor.does(&["prove", "--yes"]).await?;
        }
    }
    out.talk(
        "  ✓ five custodians opened their share on their own machine and proved it; none left it",
    );
    Ok(())
}

/// rio opens and waits; three custodians release. Gives back the incident and what `open` printed.
async fn open_and_release(
    stage: &Stage,
    rio: &Actor,
    out: &Output,
) -> Result<(String, Value), CliError> {
    let workspace = stage.databricks["workspace_id"]
        .as_str()
        .unwrap_or("")
        .to_owned();
    let (cli, output, kept) = rio.prepared(&[
        "open",
        "--because",
        "catastrophic-outage",
        "--answers",
        ANSWERS,
        "--workspace",
        &workspace,
        "--account",
        "--for",
        "30m",
        "--ticket",
        "OPS-8812",
        "identity provider change locked out all workspace admins",
    ])?;
    let waiting = tokio::spawn(dispatch(cli, output));
    let (incident, phrase) = until("the phrase on rio's screen", || async {
        let screen = kept.stderr();
        Some((incident_in(&screen)?, phrase_in(&screen)?))
    })
    .await?;
    out.talk(&format!(
        "  … {incident}; rio reads three words on the bridge: {phrase}"
    ));
    stranger_fails(stage, &incident, out).await?;
    for name in ["ada", "ben", "cleo"] {
        let custodian = Actor::of(stage, name);
        let done = custodian
            .does(&["approve", &incident, "--phrase", &phrase])
            .await?;
        let shares = done["shares_in"].as_u64().unwrap_or(0);
        out.talk(&format!(
            "  ✓ {name} checked the terms, heard the words, released her share ({shares} of 3)"
        ));
    }
    let exit = tokio::time::timeout(PATIENCE, waiting).await;
    match exit {
        Ok(Ok(exit)) if exit == crate::cli::Exit::DONE => {}
        _ => {
            let said = kept.stderr();
            return Err(CliError::failed(
                "demo",
                format!("rio `open` did not end well: {}", said.trim()),
            ));
        }
    }
    let opened = serde_json::from_str(&kept.stdout()).unwrap_or(Value::Null);
    Ok((incident, opened))
}

/// What must not work: the responder approving, and a custodian who heard other words.
async fn stranger_fails(stage: &Stage, incident: &str, out: &Output) -> Result<(), CliError> {
    let rio = Actor::of(stage, "rio")
        .runs(&["approve", incident, "--phrase", "none"])
        .await?;
    let emil = Actor::of(stage, "emil")
        .runs(&["approve", incident, "--phrase", "able able able"])
        .await?;
    if rio.0 == 0 || emil.0 != 5 {
        return Err(CliError::failed(
            "demo",
            "an approval that must fail did not",
        ));
    }
    out.talk(
        "  ✓ rio cannot approve her own incident; emil picked other words and released nothing",
    );
    Ok(())
}

/// What the session did, and with what.
pub(super) struct Calls {
    /// Session token, for the check that it is dead afterwards.
    pub token: secrecy::SecretString,
    /// Proxy URL.
    pub proxy: String,
    /// A client that trusts the demo's authority.
    pub client: reqwest::Client,
    /// Requests that went upstream.
    pub upstream: u64,
    /// Requests the proxy refused.
    pub refused: u64,
}

async fn work(stage: &Stage, rio: &Actor, incident: &str, out: &Output) -> Result<Calls, CliError> {
    out.talk("\nrio works through the logging proxy, with a token that is not Databricks' own.");
    let environment = rio.does(&["env", incident]).await?;
    let calls = checks::work(stage, &environment).await?;
    out.talk(&format!(
        "  ✓ {} calls went upstream, each logged durably before it did; {} were refused by the terms",
        calls.upstream, calls.refused
    ));
    rio.does(&[
        "note",
        incident,
        "restored the admins group; restarted the nightly job",
    ])
    .await?;
    Ok(calls)
}

async fn close(rio: &Actor, incident: &str, out: &Output) -> Result<Value, CliError> {
    out.talk("\nrio closes. The vault goes back: session secret deleted, credential rotated.");
    let closed = rio.does(&["close", incident]).await?;
    out.talk("  ✓ the old secret is refused by Databricks; epoch 2 is sealed to new shares");
    Ok(closed)
}

async fn review(stage: &Stage, incident: &str, out: &Output) -> Result<(), CliError> {
    out.talk("\nNext morning: tess, an auditor who took no part, reviews.");
    let tess = Actor::of(stage, "tess");
    let shown = tess.does(&["review", "show", incident]).await?;
    let mut answers = String::new();
    for list in ["questions", "items"] {
        for entry in shown[list].as_array().into_iter().flatten() {
            let id = entry["id"].as_str().unwrap_or("");
            answers.push_str(&format!(
                "{id} = \"seen in the log; as expected in this rehearsal\"\n"
            ));
        }
    }
    let file = tess.file("answers.toml");
    std::fs::write(&file, answers).map_err(|e| CliError::failed("demo", e.to_string()))?;
    let ada = Actor::of(stage, "ada")
        .runs(&[
            "review",
            "sign",
            incident,
            "--answers",
            &file,
            "--verdict",
            "justified",
            "--yes",
        ])
        .await?;
    if ada.0 == 0 {
        return Err(CliError::failed(
            "demo",
            "a participant could sign the review",
        ));
    }
    tess.does(&[
        "review",
        "sign",
        incident,
        "--answers",
        &file,
        "--finding",
        "minor: the second admin had no emergency access",
        "--verdict",
        "justified",
        "--yes",
    ])
    .await?;
    out.talk("  ✓ ada, who took part, could not sign; tess answered every item and did");
    Ok(())
}

async fn audit(stage: &Stage, out: &Output) -> Result<Value, CliError> {
    let vera = Actor::of(stage, "vera");
    let export = super::stage::text(&stage.export_dir());
    // Her mails first: one that comes later names a log that has grown since the export.
    let mails = std::fs::read_dir(stage.dir.join("mail"))
        .map_err(|e| CliError::failed("demo", e.to_string()))?;
    let mails: Vec<_> = mails
        .flatten()
        .map(|mail| super::stage::text(&mail.path()))
        .collect();
    vera.does(&["log", "export", &export]).await?;
    let mut arguments = vec![
        "log".to_owned(),
        "verify".to_owned(),
        export,
        "--seen".to_owned(),
    ];
    arguments.extend(mails);
    let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
    let report = vera.does(&arguments).await?;
    out.talk(
        "  ✓ vera exported the log and verified it offline, against every checkpoint in her mails",
    );
    Ok(report)
}

fn incident_in(screen: &str) -> Option<String> {
    let at = screen.find("INC-")?;
    let digits = screen[at + 4..]
        .chars()
        .take_while(char::is_ascii_digit)
        .count();
    Some(screen[at..at + 4 + digits].to_owned()).filter(|_| digits > 0)
}

/// The three words stand in brackets, apart from everything else.
fn phrase_in(screen: &str) -> Option<String> {
    screen.lines().map(str::trim).find_map(|line| {
        let words = line.strip_prefix('(')?.strip_suffix(')')?;
        words
            .contains('·')
            .then(|| crate::domain::phrase::normalise(words))
    })
}

/// Asks again until there is an answer, for a bounded time.
pub(super) async fn until<T, F>(what: &str, mut ask: impl FnMut() -> F) -> Result<T, CliError>
where
    F: Future<Output = Option<T>>,
{
    let end = tokio::time::Instant::now() + PATIENCE;
    loop {
        if let Some(answer) = ask().await {
            return Ok(answer);
        }
        if tokio::time::Instant::now() >= end {
            return Err(CliError::failed(
                "demo",
                format!("waited in vain for {what}"),
            ));
        }
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}
