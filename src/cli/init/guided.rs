//! `breakglass init --guided`: asks step by step what a vault needs, checks each answer at once
//! against Databricks and this host, and writes the three files for the real `init`.
//!
//! A file that is there already is kept as it is and only checked, so it may be run again at any
//! point. The secret is typed or read, never written. What only a person can do (a role, an IP
//! list) it names and goes on.

mod account;
mod ask;
mod network;
mod people;
mod place;
mod workspaces;

use std::path::{Path, PathBuf};

use secrecy::SecretString;

use self::ask::Asker;
use super::Args;
use crate::cli::vault_parts::config_error;
use crate::cli::{CliError, Exit, Globals, Output, doctor, files};
use crate::config::Config;
use crate::databricks;

/// What a person chose: the files are written and every answer was checked.
pub(super) struct Chosen {
    pub config: PathBuf,
    pub roster: PathBuf,
    pub policy: PathBuf,
    pub secret: SecretString,
    pub secret_id: Option<String>,
    /// Somebody's second unlocker was waived, and the person at the terminal took it.
    pub allow_single_unlocker: bool,
}

/// The policy that a vault begins with, in the words of the file.
const POLICY: &str = "\
# Use cases, decision tree and review questions: the built-in ones. `breakglass policy show` prints
# them; later versions change by signatures (`breakglass policy propose`).
use = \"built_in\"

# What everybody reads when a session opens, at most 400 characters, part of what is signed;
# `breakglass policy show` previews it:
# access_details = \"Begin at the platform team's page.\"

# Shorter sessions, or another scope, for one use case:
# [change.catastrophic-outage]
# max_minutes = 30
";

/// The bearer with which `doctor` and a monitor read what the vault measures.
const METRICS_TOKEN: &str = "metrics.token";

/// Makes that bearer, unless there is one: without it `doctor` sees half of the vault.
fn metrics_bearer(path: &Path) -> Result<(), CliError> {
    if path.exists() {
        return Ok(());
    }
    let mut bearer = [0; 32];
    getrandom::fill(&mut bearer)
        .map_err(|why| CliError::failed("random", format!("no randomness: {why}")))?;
    files::write_private(path, hex::encode(bearer).as_bytes())
}

/// Asks, checks, writes. `None`: the files stand, and the person wants to look at them first.
///
/// # Errors
/// Nobody to ask (2), a file that cannot be written, or answers that ended before their time.
pub(super) async fn prepare(
    args: &Args,
    globals: &Globals,
    out: &Output,
) -> Result<Option<Chosen>, CliError> {
    if !out.can_ask() {
        return Err(CliError::usage("nobody is here to be asked")
            .hint("at a terminal, or write the three files: README, \"Set up a vault\""));
    }
    let asker = Asker { out };
    let config = globals.config.clone();
    let config = config.unwrap_or_else(|| PathBuf::from("breakglass.toml"));
    let folder = config.parent().unwrap_or(Path::new(".")).to_owned();
    let beside = |given: &Option<PathBuf>, name: &str| {
        let path = given.clone();
        path.unwrap_or_else(|| folder.join(name))
    };
    let (roster, policy) = (
        beside(&args.roster, "roster.toml"),
        beside(&args.policy, "policy.toml"),
    );
    out.talk("Enter takes what stands in brackets. Ctrl-C ends; nothing is lost but the secret.");
    let secret = configure(&asker, &config, &folder).await?;
    let (secret, secret_id) = match secret {
        Some(known) => known,
        None => given_again(&asker, &config).await?,
    };
    let (kept, _) = Config::read(&config).map_err(|e| config_error(&e))?;
    let mut allowed = args.allow_single_unlocker;
    people::settle(&asker, &roster, &kept.vault, &mut allowed).await?;
    if !policy.exists() {
        files::write_private(&policy, POLICY.as_bytes())?;
        out.talk(&format!("Wrote {} (the built-in rules).", policy.display()));
    }
    let go_on = look_once_more(&asker, &kept, &secret).await?;
    let chosen = Chosen {
        config,
        roster,
        policy,
        secret,
        secret_id: args.secret_id.clone().or(secret_id),
        allow_single_unlocker: allowed,
    };
    Ok(go_on.then_some(chosen))
}

/// The secret, and Databricks' id of it where several are alive.
type Known = (SecretString, Option<String>);

/// Writes the configuration from answers; nothing where one stands already.
async fn configure(
    asker: &Asker<'_>,
    config: &Path,
    folder: &Path,
) -> Result<Option<Known>, CliError> {
    if config.exists() {
        asker.say(&format!("{} is there and is kept.", config.display()));
        return Ok(None);
    }
    asker.head("1 of 5 · The vault and its addresses");
    let place = place::ask(asker, folder).await?;
    asker.head("2 of 5 · Databricks");
    let found = account::ask(asker).await?;
    asker.head("3 of 5 · Ways to people");
    let channels = place::channels(asker, folder, &place.vault).await?;
    let text = format!(
        "# Written by `breakglass init --guided`; every key: README, \"Set up a vault\".\n\
         {}\n{}\n{channels}\n[watch]\nmetrics_token_file = \"{METRICS_TOKEN}\"\n",
        place.text(),
        account::text(&found.config)
    );
    metrics_bearer(&folder.join(METRICS_TOKEN))?;
    files::write_private(config, text.as_bytes())?;
    asker.say(&format!("Wrote {} (mode 600).", config.display()));
    Config::read(config).map_err(|e| config_error(&e))?;
    Ok(Some((found.secret, found.secret_id)))
}

/// The secret for a configuration that stands: asked until it mints.
async fn given_again(asker: &Asker<'_>, config: &Path) -> Result<Known, CliError> {
    let (config, _) = Config::read(config).map_err(|e| config_error(&e))?;
    let client = databricks::Client::new(&config.databricks)
        .map_err(|e| CliError::usage(format!("databricks: {e}")))?;
    let (secret, bearer) = account::secret(asker, &client).await?;
    let secret_id = account::which_secret(asker, &client, &bearer).await?;
    Ok((secret, secret_id))
}

/// Every live check of `doctor`, then the last question.
async fn look_once_more(
    asker: &Asker<'_>,
    config: &Config,
    secret: &SecretString,
) -> Result<bool, CliError> {
    asker.head("5 of 5 · What Databricks says to all this");
    let (red, lines) = doctor::live_table(config, secret).await?;
    for line in &lines {
        asker.say(line);
    }
    asker.say("What no program sees, and somebody must (runbooks/real-account.md):");
    for line in account::by_hand(config.databricks.cloud) {
        asker.say(&format!("  · {line}"));
    }
    asker.say("`init` replaces the secret you gave, proves it dead and seals only its successor.");
    if red {
        let question = "Something is red. Go on all the same?";
        return asker.yes(question, false).await;
    }
    asker.yes("Make the vault now?", true).await
}

/// What to run when the person wants to look first.
pub(super) fn later(globals: &Globals, out: &Output) -> Exit {
    let config = globals.config.as_deref();
    let config = config.unwrap_or(Path::new("breakglass.toml"));
    let command = format!("breakglass init --guided --config {}", config.display());
    out.result(
        serde_json::json!({"made": false, "next": command}),
        &format!("Nothing was made. Look at the files, then:\n  {command}"),
    );
    Exit::DONE
}
