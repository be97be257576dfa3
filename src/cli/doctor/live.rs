//! What only Databricks knows, asked once with a credential given for it: does the secret mint, is
//! the principal who it should be, what may it do, how many secrets live and how long, how far the
//! clocks are apart, by which way; who else could: `access`; account and workspaces: `places`.
//! Reads only.

use secrecy::SecretString;

use super::access::{self, Known};
use super::{Answer, Light, places};
use crate::cli::{CliError, clock};
use crate::config::Config;
use crate::databricks::{CallError, Client, Minted, Principal, Upstream};
use crate::domain::time::{DAY_MS, MINUTE_MS, SECOND_MS};

/// A clock further away than this opens nothing (PROTOCOL §11).
const CLOCK_MS: i64 = 60 * SECOND_MS;
/// With more live secrets than this a rotation has no room.
const ROOM: usize = 3;

/// Every live check.
///
/// # Errors
/// A configuration that cannot be used.
pub(super) async fn answers(
    config: &Config,
    secret: &SecretString,
) -> Result<Vec<Answer>, CliError> {
    let client =
        Client::new(&config.databricks).map_err(|e| CliError::usage(format!("databricks: {e}")))?;
    let mut answers = vec![way(config), clocks(&client).await];
    let minted = client.mint(&Upstream::Account, secret, clock::now().0);
    let (account, groups) = match minted.await {
        Ok(bearer) => {
            let minutes = (bearer.expires_at_ms - clock::now().0 + SECOND_MS) / MINUTE_MS;
            let words = format!("mints a token at the account; a token lives {minutes} minutes");
            answers.push(Answer::green("secret", words));
            let found = client.principal(&bearer).await;
            let groups = groups(&found);
            answers.push(principal(found, &groups));
            answers.push(secrets(&client, &bearer).await);
            let (found, known) = (client.who_else(&bearer).await, Known::read(config).await);
            answers.extend(access::answers(&found, &known, clock::now()));
            answers.extend(places::account(config, &client, &bearer).await);
            (bearer, groups)
        }
        Err(why) => {
            answers.push(failed("secret", &why));
            // A dead secret is asked for nothing else: every workspace would say the same.
            return Ok(answers);
        }
    };
    for id in config.databricks.workspaces.keys() {
        let at = Upstream::Workspace(id.clone());
        match client.mint(&at, secret, clock::now().0).await {
            Ok(bearer) => {
                answers.push(workspace(&client, &at, id, &bearer).await);
                answers.extend(places::workspace(config, &client, &at, &bearer, &groups).await);
                answers.push(places::federation(config, &client, id, &account).await);
            }
            Err(why) => answers.push(failed("workspace", &why)),
        }
    }
    Ok(answers)
}

pub(super) fn failed(about: &'static str, why: &CallError) -> Answer {
    let mend = if why.is_invalid_client() {
        "the secret is dead or belongs to another principal"
    } else {
        "check address, outbound proxy, private link and IP access lists from this host"
    };
    Answer::bad(about, Light::Red, why.to_string(), mend)
}

/// By which way every other answer came.
fn way(config: &Config) -> Answer {
    let databricks = &config.databricks;
    let account = match &databricks.proxy {
        Some(proxy) => format!("the account by the proxy {proxy}"),
        None => "the account directly".to_owned(),
    };
    let workspaces = match (databricks.workspace_address, &databricks.proxy) {
        (Some(address), _) => format!("every workspace by its private link at {address}"),
        (None, Some(_)) => "workspaces as well".to_owned(),
        (None, None) => "workspaces as well, no private link".to_owned(),
    };
    Answer::green("way", format!("{account}, {workspaces}"))
}

async fn clocks(client: &Client) -> Answer {
    match client.date().await {
        Ok(theirs) => {
            let apart = clock::now().since_ms(theirs).abs();
            let found = format!("{} s from Databricks'", apart / SECOND_MS);
            if apart > CLOCK_MS {
                return Answer::bad("clock", Light::Red, found, "runbooks/clock.md");
            }
            Answer::green("clock", found)
        }
        Err(why) => failed("clock", &why),
    }
}

/// The account's groups that hold the principal.
fn groups(found: &Result<Principal, CallError>) -> Vec<String> {
    let groups = found.iter().flat_map(|principal| &principal.groups);
    groups.map(|group| group.name.clone()).collect()
}

fn principal(found: Result<Principal, CallError>, groups: &[String]) -> Answer {
    match found {
        Ok(found) if !found.active => Answer::bad(
            "principal",
            Light::Red,
            "is not active",
            "activate it in the account console",
        ),
        Ok(found) if !found.is_account_admin() => Answer::bad(
            "principal",
            Light::Red,
            "is no account admin: it cannot rotate its own secrets",
            "give it the role account_admin",
        ),
        Ok(_) => {
            if groups.is_empty() {
                return Answer::green("principal", "account admin, in no group");
            }
            let words = format!("account admin, in {}", groups.join(", "));
            let mend = "keep it out of every group that daily tools manage";
            Answer::bad("principal", Light::Amber, words, mend)
        }
        Err(why) => failed("principal", &why),
    }
}

async fn secrets(client: &Client, bearer: &Minted) -> Answer {
    match client.list_secrets(bearer).await {
        Ok(all) => {
            let now = clock::now().0;
            let live = all.iter().filter(|s| s.is_live(now)).count();
            let ends = all.iter().filter(|s| s.is_live(now));
            let ends: Vec<String> = ends
                .map(|s| match s.expire_at_ms {
                    Some(end) => format!("{} days", (end - now) / DAY_MS),
                    None => "never".to_owned(),
                })
                .collect();
            let words = format!(
                "{live} of at most 5 are alive; they end in {}",
                ends.join(", ")
            );
            if live > ROOM {
                let mend = "delete the ones nobody needs: a rotation needs room for two";
                return Answer::bad("secrets", Light::Red, words, mend);
            }
            Answer::green("secrets", words)
        }
        Err(why) => failed("secrets", &why),
    }
}

async fn workspace(client: &Client, at: &Upstream, id: &str, bearer: &Minted) -> Answer {
    match client.me(at, bearer).await {
        Ok(me) if me.is_workspace_admin() => {
            Answer::green("workspace", format!("{id}: answers, admin"))
        }
        Ok(_) => Answer::bad(
            "workspace",
            Light::Amber,
            format!("{id}: answers, not an admin"),
            "the vault assigns it at each opening; or make it an admin for good",
        ),
        Err(why) => failed("workspace", &why),
    }
}
