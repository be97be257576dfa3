//! `breakglass doctor`: what is wrong with this host and this vault, how old each answer is, and
//! how to mend it.
//!
//! Runs on the host, beside `serve`. What the host shows it reads itself; what only the running
//! vault knows it reads from the metrics; what only Databricks knows it asks once, with a
//! credential that is given for it. What it could not see it says: nothing unseen counts as good.

mod access;
mod host;
mod live;
mod page;
mod places;
mod standing;
mod vault;

use std::path::PathBuf;

use secrecy::SecretString;
use serde_json::json;

use super::vault_parts::config_error;
use super::{CliError, Exit, Globals, Output, escape};
use crate::config::{Config, read_secret};

/// Arguments of `doctor`.
#[derive(Debug, clap::Args)]
#[command(
    after_help = "Examples:\n  breakglass doctor --config breakglass.toml\n  breakglass doctor \
    --config breakglass.toml --json\n  breakglass doctor --config breakglass.toml \
    --credential-file secret.txt\n\nExit 0 when nothing is red or unseen, 1 otherwise. Amber: works, \
    but see to it. With --credential-file it asks Databricks what a sealed vault cannot; a secret that a \
    person has seen must be rotated or deleted afterwards."
)]
pub struct Args {
    /// File with the client secret, to run every live check once
    #[arg(long, value_name = "FILE")]
    credential_file: Option<PathBuf>,
}

/// What is asked about with a credential only.
const DATABRICKS: &str = "databricks";

/// How bad one answer is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Light {
    /// In order.
    Green,
    /// Works; see to it.
    Amber,
    /// Could not be seen.
    Unseen,
    /// Wrong.
    Red,
}

impl Light {
    fn word(self) -> &'static str {
        match self {
            Self::Green => "green",
            Self::Amber => "amber",
            Self::Unseen => "unseen",
            Self::Red => "red",
        }
    }

    fn mark(self) -> &'static str {
        match self {
            Self::Green => "✓",
            Self::Amber => "!",
            Self::Unseen => "?",
            Self::Red => "✗",
        }
    }
}

/// One answer.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Answer {
    /// What was asked: `swap`, `credential expiry`, …
    about: &'static str,
    light: Light,
    /// What was found.
    found: String,
    /// How to mend it; empty when there is nothing to mend.
    mend: String,
    /// Names behind it, for `--json`; bounded by whoever found them.
    who: Vec<String>,
}

impl Answer {
    fn green(about: &'static str, found: impl Into<String>) -> Self {
        Self {
            about,
            light: Light::Green,
            found: found.into(),
            mend: String::new(),
            who: Vec::new(),
        }
    }

    fn bad(
        about: &'static str,
        light: Light,
        found: impl Into<String>,
        mend: impl Into<String>,
    ) -> Self {
        Self {
            about,
            light,
            found: found.into(),
            mend: mend.into(),
            who: Vec::new(),
        }
    }

    /// With the names behind it.
    fn with(mut self, who: Vec<String>) -> Self {
        self.who = who;
        self
    }

    fn json(&self) -> serde_json::Value {
        let (about, light) = (self.about, self.light.word());
        let mut shown =
            json!({"about": about, "light": light, "found": self.found, "mend": self.mend});
        if !self.who.is_empty() {
            shown["who"] = json!(self.who);
        }
        shown
    }

    fn line(&self) -> String {
        let mend = if self.mend.is_empty() {
            String::new()
        } else {
            format!("\n    mend: {}", escape::line(&self.mend))
        };
        let (mark, found) = (self.light.mark(), escape::line(&self.found));
        format!("{mark} {:<20} {found}{mend}", self.about)
    }
}

/// Looks at everything and prints a table.
///
/// # Errors
/// A configuration that cannot be used.
pub async fn run(args: Args, globals: &Globals, out: &Output) -> Result<Exit, CliError> {
    let path = globals.config.clone().ok_or_else(|| {
        CliError::usage("which configuration?").hint("breakglass doctor --config breakglass.toml")
    })?;
    let (config, _) = Config::read(&path).map_err(|e| config_error(&e))?;
    let mut answers = host::answers(&config);
    answers.extend(standing::answers(&config).await);
    answers.extend(vault::answers(&config).await);
    answers.push(page::answer(&config).await);
    match &args.credential_file {
        Some(file) => {
            let secret = read_secret(file).map_err(|e| config_error(&e))?;
            answers.extend(live::answers(&config, &secret).await?);
        }
        None => answers.push(Answer::bad(
            DATABRICKS,
            Light::Unseen,
            "a sealed vault cannot see Databricks",
            "breakglass doctor --config … --credential-file FILE asks it once",
        )),
    }
    let lines: Vec<String> = answers.iter().map(Answer::line).collect();
    let shown: Vec<_> = answers.iter().map(Answer::json).collect();
    let healthy = is_healthy(&answers);
    out.result(
        json!({"healthy": healthy, "answers": shown}),
        &lines.join("\n"),
    );
    Ok(if healthy { Exit::DONE } else { Exit::FAILED })
}

/// Nothing is worse than amber. What only Databricks knows counts when it was asked.
fn is_healthy(answers: &[Answer]) -> bool {
    let not_asked = |a: &Answer| a.about == DATABRICKS && a.light == Light::Unseen;
    answers
        .iter()
        .all(|a| a.light <= Light::Amber || not_asked(a))
}

/// Every live check as lines to read, and whether one is red: for whoever holds a secret already.
///
/// # Errors
/// A configuration that cannot be used.
pub(super) async fn live_table(
    config: &Config,
    secret: &SecretString,
) -> Result<(bool, Vec<String>), CliError> {
    let answers = live::answers(config, secret).await?;
    let red = answers.iter().any(|answer| answer.light == Light::Red);
    Ok((red, answers.iter().map(Answer::line).collect()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_could_not_be_seen_is_not_healthy_but_databricks_need_not_be_asked() {
        let green = Answer::green("swap", "none");
        let bad = |about, light| vec![green.clone(), Answer::bad(about, light, "found", "mend")];
        assert!(is_healthy(&bad("backup", Light::Amber)));
        assert!(is_healthy(&bad(DATABRICKS, Light::Unseen)));
        for (about, light) in [
            ("log", Light::Unseen),
            ("log", Light::Red),
            (DATABRICKS, Light::Red),
        ] {
            assert!(!is_healthy(&bad(about, light)), "{about} {light:?}");
        }
    }
}
