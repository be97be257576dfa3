//! The account and the principal: each answer is held against Databricks as soon as it can be.

use std::collections::BTreeMap;

use secrecy::SecretString;

use super::ask::{Asker, quoted};
use super::{network, workspaces};
use crate::cli::{CliError, clock};
use crate::databricks::{Client, Cloud, Config, Minted, Upstream, Waits, WorkspaceAdmin};
use crate::domain::time::{DAY_MS, MINUTE_MS, SECOND_MS};

/// With more live secrets than this a rotation has no room (a principal has at most five).
const ROOM: usize = 3;

/// What was found out.
pub(super) struct Found {
    pub config: Config,
    pub secret: SecretString,
    pub secret_id: Option<String>,
}

/// Asks for everything about Databricks.
///
/// # Errors
/// The terminal is gone, or the client cannot be built.
pub(super) async fn ask(asker: &Asker<'_>) -> Result<Found, CliError> {
    let mut config = host(asker).await?;
    let uuid = |text: &str| {
        is_uuid(text)
            .then(|| text.to_owned())
            .ok_or_else(|| "it looks like 2f1c7a90-0000-4000-8000-000000000001".to_owned())
    };
    let question = "Account id (account console, menu of your name)";
    config.account_id = asker.until(question, "", uuid).await?;
    asker.say(
        "A service principal of its own: outside SCIM, Terraform and every daily group, with the \
         role account admin and one OAuth secret.",
    );
    if config.cloud == Cloud::Azure {
        asker.say(
            "  · on Azure a *Databricks managed* one: the secrets of an Entra application are outside \
             the rotation, and Entra may be what is down",
        );
    }
    let question = "Its application id (the OAuth client id)";
    let (secret, bearer) = loop {
        config.application_id = asker.until(question, "", uuid).await?;
        let client = client(&config)?;
        let (secret, bearer) = secret(asker, &client).await?;
        match client.find_principal(&bearer).await {
            Ok(Some(found)) => {
                config.principal_id = found.id;
                let groups: Vec<&str> = found.groups.iter().map(|g| g.name.as_str()).collect();
                principal(asker, found.is_account_admin(), &groups);
                break (secret, bearer);
            }
            Ok(None) => asker.say("  ✗ the account has no service principal with that id"),
            Err(why) => {
                asker.say(&format!("  ! the account does not show it: {why}"));
                let read = |text: &str| text.parse().map_err(|_| "digits only".to_owned());
                let question = "Its numeric id (account console, the address of its page)";
                config.principal_id = asker.until(question, "", read).await?;
                break (secret, bearer);
            }
        }
    };
    // The client made before did not know the numeric id.
    let client = client(&config)?;
    let secret_id = which_secret(asker, &client, &bearer).await?;
    workspaces::ask(asker, &mut config, &client, &secret, &bearer).await?;
    config.egress_addresses = network::egress(asker).await?;
    Ok(Found {
        config,
        secret,
        secret_id,
    })
}

fn client(config: &Config) -> Result<Client, CliError> {
    Client::new(config).map_err(|e| CliError::usage(format!("databricks: {e}")))
}

fn is_uuid(text: &str) -> bool {
    let parts: Vec<usize> = text.split('-').map(str::len).collect();
    parts == [8, 4, 4, 4, 12] && text.bytes().all(|b| b == b'-' || b.is_ascii_hexdigit())
}

/// Cloud, account host and the way to it; the host must answer.
async fn host(asker: &Asker<'_>) -> Result<Config, CliError> {
    let read = |text: &str| match text {
        "aws" => Ok(Cloud::Aws),
        "azure" => Ok(Cloud::Azure),
        "gcp" => Ok(Cloud::Gcp),
        _ => Err("aws, azure or gcp".to_owned()),
    };
    let cloud = asker.until("Cloud (aws, azure, gcp)", "aws", read).await?;
    let usual = match cloud {
        Cloud::Aws => "https://accounts.cloud.databricks.com",
        Cloud::Azure => "https://accounts.azuredatabricks.net",
        Cloud::Gcp => "https://accounts.gcp.databricks.com",
    };
    let mut config = Config {
        account_host: usual.to_owned(),
        // Any id that may stand in a path: the host is asked for its clock only.
        account_id: "unknown".to_owned(),
        workspaces: BTreeMap::new(),
        application_id: "unknown".to_owned(),
        principal_id: 0,
        cloud,
        proxy: None,
        ca_file: None,
        workspace_address: None,
        egress_addresses: Vec::new(),
        workspace_admin: WorkspaceAdmin::AtOpen,
        waits: Waits::default(),
    };
    loop {
        let usual = config.account_host.clone();
        config.account_host = asker.line("Account host", &usual).await?;
        network::way_out(asker, &mut config).await?;
        let reached = match Client::new(&config) {
            Ok(client) => client.date().await.map_err(|why| why.to_string()),
            Err(why) => Err(why.to_string()),
        };
        match reached {
            Ok(theirs) => {
                let apart = clock::now().since_ms(theirs).abs() / SECOND_MS;
                asker.say(&format!("  ✓ it answers; the clocks are {apart} s apart"));
                return Ok(config);
            }
            Err(why) => asker.say(&format!("  ✗ {why}")),
        }
    }
}

/// Asks for the secret until Databricks mints a token with it.
///
/// # Errors
/// The terminal is gone.
pub(super) async fn secret(
    asker: &Asker<'_>,
    client: &Client,
) -> Result<(SecretString, Minted), CliError> {
    loop {
        let secret = asker.hidden("Its OAuth secret").await?;
        let now = clock::now();
        match client.mint(&Upstream::Account, &secret, now.0).await {
            Ok(bearer) => {
                let minutes = (bearer.expires_at_ms - now.0) / MINUTE_MS;
                asker.say(&format!(
                    "  ✓ it mints; a token lives {minutes} minutes, also after a close"
                ));
                return Ok((secret, bearer));
            }
            Err(why) if why.is_invalid_client() => {
                asker.say("  ✗ Databricks refuses it for this application id");
            }
            Err(why) => asker.say(&format!("  ✗ {why}")),
        }
    }
}

fn principal(asker: &Asker<'_>, admin: bool, groups: &[&str]) {
    if admin {
        asker.say("  ✓ it is account admin");
    } else {
        asker.say(
            "  ✗ it is no account admin: it could not rotate its own secrets. Give it the role now",
        );
    }
    if !groups.is_empty() {
        let names = groups.join(", ");
        asker.say(&format!(
            "  ! it is in {names}: keep it out of every group that daily tools manage"
        ));
    }
}

/// Which of the live secrets was given; `None` when there is only one.
///
/// # Errors
/// The terminal is gone.
pub(super) async fn which_secret(
    asker: &Asker<'_>,
    client: &Client,
    bearer: &Minted,
) -> Result<Option<String>, CliError> {
    let listed = match client.list_secrets(bearer).await {
        Ok(listed) => listed,
        Err(why) => {
            asker.say(&format!("  ✗ its secrets cannot be listed: {why}"));
            return Ok(None);
        }
    };
    let now = clock::now();
    let live: Vec<_> = listed.iter().filter(|one| one.is_live(now.0)).collect();
    for one in &live {
        let made = crate::domain::time::Timestamp(one.create_at_ms).rfc3339();
        let end = match one.expire_at_ms {
            Some(end) => format!("ends in {} days", (end - now.0) / DAY_MS),
            None => "never ends".to_owned(),
        };
        asker.say(&format!("  · secret {}, made {made}, {end}", one.id));
    }
    if live.len() > ROOM {
        asker.say("  ✗ a rotation needs room for two more of at most five: delete some");
    }
    let newest = live.iter().max_by_key(|one| one.create_at_ms);
    let Some(newest) = newest.filter(|_| live.len() > 1) else {
        return Ok(None);
    };
    let ids: Vec<String> = live.iter().map(|one| one.id.clone()).collect();
    let read = |text: &str| {
        let known = ids.iter().find(|id| *id == text);
        known
            .cloned()
            .ok_or_else(|| format!("one of {}", ids.join(", ")))
    };
    let question = "Several are alive; the id of the one you gave";
    asker.until(question, &newest.id, read).await.map(Some)
}

/// `[databricks]` and its workspaces as the file has them.
pub(super) fn text(config: &Config) -> String {
    let cloud = config.cloud.word().to_ascii_lowercase();
    let mut text = format!(
        "[databricks]\naccount_host = {}\naccount_id = {}\napplication_id = {}\nprincipal_id = {}\ncloud = {}\n",
        quoted(&config.account_host),
        quoted(&config.account_id),
        quoted(&config.application_id),
        config.principal_id,
        quoted(&cloud),
    );
    if config.workspace_admin == WorkspaceAdmin::Standing {
        text.push_str("workspace_admin = \"standing\"\n");
    }
    if let Some(proxy) = &config.proxy {
        text.push_str(&format!("proxy = {}\n", quoted(proxy)));
    }
    if let Some(file) = &config.ca_file {
        text.push_str(&format!(
            "ca_file = {}\n",
            quoted(&file.display().to_string())
        ));
    }
    if let Some(address) = config.workspace_address {
        text.push_str(&format!(
            "workspace_address = {}\n",
            quoted(&address.to_string())
        ));
    }
    if !config.egress_addresses.is_empty() {
        let all: Vec<String> = config
            .egress_addresses
            .iter()
            .map(|one| quoted(&one.to_string()))
            .collect();
        text.push_str(&format!("egress_addresses = [{}]\n", all.join(", ")));
    }
    text.push_str("\n[databricks.workspaces]\n");
    for (id, address) in &config.workspaces {
        text.push_str(&format!("{} = {}\n", quoted(id), quoted(address)));
    }
    text
}

/// What no program can look at, and somebody must (runbooks/real-account.md).
pub(super) fn by_hand(cloud: Cloud) -> [String; 3] {
    let owner = match cloud {
        Cloud::Aws => "whoever owns the AWS organisation's root, through support",
        Cloud::Azure => "a Global Administrator of the Entra tenant, who can become account admin",
        Cloud::Gcp => "whoever owns the Google Cloud organisation, through support",
    };
    [
        "Databricks' own emergency access stays, beside the vault: two named people with security \
         keys, tried every quarter"
            .to_owned(),
        "while single sign-on is down these must work: the custodians' keys and phones, this host, \
         its names and its certificate, a mail or pager outside the broken provider, the bridge for \
         the words"
            .to_owned(),
        format!("who can let somebody in besides all that: {owner}"),
    ]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_cloud_has_its_own_owner_who_can_let_somebody_in() {
        let owners = [Cloud::Aws, Cloud::Azure, Cloud::Gcp].map(|cloud| by_hand(cloud)[2].clone());
        for (owner, word) in owners.iter().zip(["AWS", "Entra", "Google"]) {
            assert!(owner.contains(word), "{owner}");
        }
    }

    #[test]
    fn what_is_written_reads_back_as_what_was_chosen() {
        let config: Config = toml::from_str(
            "account_host = 'https://accounts.azuredatabricks.net'\naccount_id = 'a'\n\
             application_id = 'b'\nprincipal_id = 7\ncloud = 'azure'\n\
             proxy = 'http://proxy.example.com:3128'\nworkspace_admin = 'standing'\n\
             ca_file = 'company-ca.pem'\nworkspace_address = '10.0.0.5'\n\
             egress_addresses = ['192.0.2.7', '2001:db8::7']\n[workspaces]\n\
             1 = 'https://adb-1.7.azuredatabricks.net'",
        )
        .unwrap();
        let whole: toml::Table = toml::from_str(&text(&config)).unwrap();
        let again: Config = whole["databricks"].clone().try_into().unwrap();
        assert_eq!(format!("{again:?}"), format!("{config:?}"));
    }

    #[test]
    fn ids_have_the_form_of_a_uuid() {
        assert!(is_uuid("2f1c7a90-0000-4000-8000-000000000001"));
        assert!(!is_uuid("2f1c7a90"));
        assert!(!is_uuid("2f1c7a90-0000-4000-8000-00000000000g"));
    }
}
