//! What only the running vault knows: whether it answers, and from its metrics log, epoch,
//! credential, channels, backup, and how old each measurement is.

use super::{Answer, Light};
use crate::api::Health;
use crate::cli::CliError;
use crate::cli::client::Api;
use crate::config::{Config, read_secret};

const DAY_S: f64 = 86_400.0;

const RUNNING: &str = "running vault";
const METRICS: &str = "metrics";

/// Everything the vault says of itself; one answer when it does not answer.
pub(super) async fn answers(config: &Config) -> Vec<Answer> {
    match health(config).await {
        Ok((health, api)) => {
            let mut answers = vec![running(&health, config)];
            answers.extend(measured(config, api).await);
            answers
        }
        Err(why) => vec![red(RUNNING, why.message, "runbooks/vault-unreachable.md")],
    }
}

fn red(about: &'static str, found: String, mend: &'static str) -> Answer {
    Answer::bad(about, Light::Red, found, mend)
}

/// What everybody may ask, over the address that people dial.
async fn health(config: &Config) -> Result<(Health, Api), CliError> {
    let ca = config.tls.as_ref().and_then(|tls| tls.ca_file.as_ref());
    let ca = ca.and_then(|path| std::fs::read(path).ok());
    let api = Api::new(&config.console.url, ca.as_deref())?;
    Ok((api.get("/health").await?, api))
}

fn running(health: &Health, config: &Config) -> Answer {
    let found = format!(
        "{}, {}, version {}",
        health.vault_phase, health.status, health.version
    );
    if health.vault != config.vault.as_str() {
        let found = format!("{} answers at {}", health.vault, config.console.url);
        return red(RUNNING, found, "mend console.url, or the name it leads to");
    }
    match health.status.as_str() {
        "ok" => Answer::green(RUNNING, found),
        "checking" => Answer::bad(
            RUNNING,
            Light::Amber,
            found,
            "wait: it hashes its whole log again after the start",
        ),
        _ => red(RUNNING, found, "runbooks/log-broken.md"),
    }
}

/// The metrics, judged.
async fn measured(config: &Config, mut api: Api) -> Vec<Answer> {
    let Some(file) = &config.watch.metrics_token_file else {
        return vec![without_bearer()];
    };
    match read_secret(file) {
        Err(why) => return vec![red(METRICS, why.to_string(), "mend the file")],
        Ok(bearer) => api.set_token(bearer),
    }
    match api.get_bytes("/metrics").await {
        Ok(bytes) => judge(&String::from_utf8_lossy(&bytes)),
        Err(why) => vec![red(
            METRICS,
            why.message,
            "restart the vault if the bearer was changed; runbooks/vault-unreachable.md",
        )],
    }
}

fn without_bearer() -> Answer {
    Answer::bad(
        METRICS,
        Light::Unseen,
        "log, epoch, rotation, credential and channels were not looked at: no bearer for them",
        "set [watch] metrics_token_file to a file with a long random text, mode 600",
    )
}

/// The samples of one metric: labels as they stand, and the value.
fn samples<'a>(text: &'a str, name: &str) -> Vec<(&'a str, f64)> {
    let of_line = |line: &'a str| {
        let rest = line.strip_prefix(name)?;
        let (labels, value) = rest.rsplit_once(' ')?;
        let ours = labels.is_empty() || labels.starts_with('{');
        ours.then_some((labels, value.parse().ok()?))
    };
    text.lines().filter_map(of_line).collect()
}

fn one(text: &str, name: &str) -> Option<f64> {
    samples(text, name).first().map(|(_, value)| *value)
}

/// One number, judged; a number that the vault did not tell is unseen.
fn number(
    text: &str,
    about: &'static str,
    name: &str,
    judged: impl FnOnce(f64) -> Answer,
) -> Answer {
    match one(text, name) {
        Some(value) => judged(value),
        None => Answer::bad(about, Light::Unseen, "never measured", ""),
    }
}

fn days(seconds: f64) -> String {
    format!("{:.0} days", (seconds / DAY_S).floor())
}

fn judge(text: &str) -> Vec<Answer> {
    let flag = |about, name: &str, good: &'static str, bad: &'static str, mend: &'static str| {
        number(text, about, name, |value| {
            if value > 0.5 {
                Answer::green(about, good)
            } else {
                Answer::bad(about, Light::Red, bad, mend)
            }
        })
    };
    let age = |about, name: &str, amber_days: f64, what: &str, mend: &'static str| {
        number(text, about, name, |value| {
            let found = format!("{what} {} ago", days(value));
            if value > amber_days * DAY_S {
                Answer::bad(about, Light::Amber, found, mend)
            } else {
                Answer::green(about, found)
            }
        })
    };
    let mut answers = vec![
        flag(
            "log",
            "breakglass_log_writable",
            "is written",
            "cannot be written: nobody gets in",
            "runbooks/log-broken.md",
        ),
        flag(
            "epoch",
            "breakglass_epoch_ready",
            "ready",
            "too few custodians have proved their shares",
            "custodians: breakglass prove",
        ),
        age(
            "oldest proof",
            "breakglass_oldest_proof_age_seconds",
            100.0,
            "proved",
            "that custodian: breakglass prove",
        ),
        number(text, "restored", "breakglass_database_stale", |stale| {
            if stale > 0.5 {
                let found = "a later epoch was dealt: the credential sealed here is dead";
                return Answer::bad("restored", Light::Red, found, "runbooks/host-lost.md");
            }
            Answer::green("restored", "the database is not older than the last epoch")
        }),
        backup(text),
        drill(text),
        number(
            text,
            "rotation",
            "breakglass_rotation_owed_seconds",
            |owed| {
                if owed > 0.0 {
                    let found = format!("owed since {}", days(owed));
                    let mend = "runbooks/rotation-stuck.md";
                    return Answer::bad("rotation", Light::Red, found, mend);
                }
                Answer::green("rotation", "none owed")
            },
        ),
        number(
            text,
            "credential",
            "breakglass_credential_expires_seconds",
            |left| {
                let found = format!("expires in {}", days(left));
                let light = match left / DAY_S {
                    d if d < 7.0 => Light::Red,
                    d if d < 60.0 => Light::Amber,
                    _ => return Answer::green("credential", found),
                };
                Answer::bad(
                    "credential",
                    light,
                    found,
                    "rotate it: runbooks/operator.md",
                )
            },
        ),
    ];
    answers.extend(channels(text));
    answers
}

/// Its age, and whether it holds the epoch in force: one that does not opens a dead secret.
fn backup(text: &str) -> Answer {
    let amber = |found| Answer::bad("backup", Light::Amber, found, "breakglass backup DIR");
    let held = one(text, "breakglass_backup_epoch");
    let Some((held, epoch)) = held.zip(one(text, "breakglass_epoch")) else {
        return Answer::bad("backup", Light::Unseen, "not told", "");
    };
    let Some(age) = one(text, "breakglass_backup_age_seconds") else {
        return amber("never made: with this host the credential would be lost".to_owned());
    };
    if held < epoch {
        return amber(format!(
            "holds epoch {held}, in force is {epoch}: with this host the credential would be lost"
        ));
    }
    let found = format!("made {} ago, holds epoch {held}", days(age));
    if age > 7.0 * DAY_S {
        return amber(found);
    }
    Answer::green("backup", found)
}

/// How long ago people rehearsed: quarterly is the habit.
fn drill(text: &str) -> Answer {
    let mend = "breakglass drill \"the quarterly drill\"";
    let Some(custodians) = one(text, "breakglass_drilled_custodians") else {
        return Answer::bad("drill", Light::Unseen, "not told", "");
    };
    let Some(age) = one(text, "breakglass_drill_age_seconds") else {
        let found = "never: nobody has rehearsed an emergency";
        return Answer::bad("drill", Light::Amber, found, mend);
    };
    let found = format!(
        "{} ago; {custodians} custodians gave a share in one within a year",
        days(age)
    );
    if age > 100.0 * DAY_S {
        return Answer::bad("drill", Light::Amber, found, mend);
    }
    Answer::green("drill", found)
}

fn channels(text: &str) -> Vec<Answer> {
    let confirmed = samples(text, "breakglass_channel_confirmed_age_seconds");
    let judged = |(labels, failing): (&str, f64)| {
        let name = labels.split('"').nth(1).unwrap_or("-");
        if failing > 0.0 {
            let found = format!("{name}: {failing} alerts failed and are tried again");
            return Answer::bad("channel", Light::Red, found, "breakglass alert list");
        }
        match confirmed.iter().find(|(l, _)| *l == labels) {
            Some((_, age)) if *age <= 100.0 * DAY_S => {
                let found = format!("{name}: a person confirmed a test {} ago", days(*age));
                Answer::green("channel", found)
            }
            _ => {
                let found = format!("{name}: no person has confirmed a test for 100 days");
                let mend = format!("breakglass alert test {name}, then --confirm CODE");
                Answer::bad("channel", Light::Amber, found, mend)
            }
        }
    };
    samples(text, "breakglass_channel_failing")
        .into_iter()
        .map(judged)
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    const GOOD: &str = "breakglass_log_writable 1\nbreakglass_epoch_ready 1\n\
        breakglass_oldest_proof_age_seconds 864000\nbreakglass_backup_age_seconds 3600\n\
        breakglass_database_stale 0\nbreakglass_epoch 2\nbreakglass_backup_epoch 2\n\
        breakglass_rotation_owed_seconds 0\nbreakglass_credential_expires_seconds 8640000\n\
        breakglass_drill_age_seconds 864000\nbreakglass_drilled_custodians 3\n\
        breakglass_channel_failing{channel=\"mail\"} 0\n\
        breakglass_channel_confirmed_age_seconds{channel=\"mail\"} 86400\n";

    fn worst(text: &str) -> Light {
        judge(text).iter().map(|a| a.light).max().unwrap()
    }

    #[test]
    fn without_a_bearer_half_of_the_vault_is_unseen_which_is_not_healthy() {
        assert_eq!(without_bearer().light, Light::Unseen);
    }

    #[test]
    fn a_healthy_vault_is_green_and_each_fault_shows() {
        assert_eq!(worst(GOOD), Light::Green, "{:?}", judge(GOOD));
        for (was, is, light) in [
            ("log_writable 1", "log_writable 0", Light::Red),
            ("epoch_ready 1", "epoch_ready 0", Light::Red),
            ("owed_seconds 0", "owed_seconds 90000", Light::Red),
            (
                "expires_seconds 8640000",
                "expires_seconds 864000",
                Light::Amber,
            ),
            (
                "expires_seconds 8640000",
                "expires_seconds 86400",
                Light::Red,
            ),
            (
                "failing{channel=\"mail\"} 0",
                "failing{channel=\"mail\"} 2",
                Light::Red,
            ),
            (
                "confirmed_age_seconds{channel=\"mail\"} 86400",
                "x 1",
                Light::Amber,
            ),
            (
                "proof_age_seconds 864000",
                "proof_age_seconds 9640000",
                Light::Amber,
            ),
            ("backup_age_seconds 3600", "x 1", Light::Amber),
            ("age_seconds 3600", "age_seconds 693600", Light::Amber),
            ("backup_epoch 2", "backup_epoch 1", Light::Amber),
            ("database_stale 0", "database_stale 1", Light::Red),
            ("backup_epoch 2", "x 1", Light::Unseen),
            ("drill_age_seconds 864000", "x 1", Light::Amber),
            (
                "drill_age_seconds 864000",
                "drill_age_seconds 8640001",
                Light::Amber,
            ),
            ("drilled_custodians 3", "x 1", Light::Unseen),
        ] {
            let text = GOOD.replace(was, is);
            assert_ne!(text, GOOD, "{was}");
            assert_eq!(worst(&text), light, "{is}: {:?}", judge(&text));
        }
    }
}
