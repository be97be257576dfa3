//! The people of roster 1: asked one by one, each key parsed at once, the whole held against the
//! rules of every roster.

use std::path::Path;

use super::ask::{Asker, filled};
use crate::cli::{CliError, files};
use crate::domain::ids::VaultId;
use crate::domain::roster::{Contacts, PersonEntry, Role, RosterFile};
use crate::sealed::login_key::LoginKey;
use crate::sealed::roster_keys;
use crate::sealed::unlocker::Unlocker;

/// A roster file that keeps every rule: written from answers, or one that stands.
///
/// # Errors
/// The terminal is gone, or the file cannot be written.
pub(super) async fn settle(
    asker: &Asker<'_>,
    path: &Path,
    vault: &VaultId,
    single_allowed: &mut bool,
) -> Result<(), CliError> {
    if path.exists() {
        asker.say(&format!("{} is there and is kept.", path.display()));
    } else {
        asker.head("4 of 5 · The people");
        let file = ask(asker, vault).await?;
        let text = toml::to_string(&file).map_err(|e| {
            CliError::failed("roster", format!("the roster cannot be written: {e}"))
        })?;
        let text = format!(
            "# Written by `breakglass init --guided`. Custodians get their share in this order.\n{text}"
        );
        files::write_private(path, text.as_bytes())?;
        asker.say(&format!("Wrote {} (mode 600).", path.display()));
    }
    loop {
        let waived = match check(path, vault) {
            Ok(waived) => waived,
            Err(why) => {
                asker.say(&format!("  ✗ {}: {why}", path.display()));
                let question = "Mend it in an editor; Enter reads it again";
                asker.line(question, "").await?;
                continue;
            }
        };
        if waived.is_empty() || *single_allowed {
            return Ok(());
        }
        let names = waived.join(", ");
        let question = format!("{names} would have a single unlocker; it is logged. Allow it?");
        *single_allowed = asker.yes(&question, false).await?;
        if !*single_allowed {
            let question = "Add a second one in an editor; Enter reads the file again";
            asker.line(question, "").await?;
        }
    }
}

/// As `init` will read it; names of those who waive the second unlocker.
fn check(path: &Path, vault: &VaultId) -> Result<Vec<String>, String> {
    let text = std::fs::read_to_string(path).map_err(|e| e.to_string())?;
    let file = RosterFile::parse(&text).map_err(|e| e.to_string())?;
    if file.vault != *vault {
        return Err(format!(
            "vault is {}, the configuration's is {vault}",
            file.vault
        ));
    }
    let waived = file.waivers().into_iter().map(str::to_owned).collect();
    let mut id_for = |person: &PersonEntry| super::super::opaque_id(vault.as_str(), &person.name);
    let roster = file.into_roster(&mut id_for).map_err(|e| e.to_string())?;
    roster_keys::check(&roster).map_err(|e| e.to_string())?;
    Ok(waived)
}

async fn ask(asker: &Asker<'_>, vault: &VaultId) -> Result<RosterFile, CliError> {
    asker.say(
        "At least one responder, two auditors (one of them nothing else), and two or more \
         custodians with two unlockers each. An empty name ends the list.",
    );
    let mut people: Vec<PersonEntry> = Vec::new();
    loop {
        let name = asker.line("Name", "").await?;
        if name.is_empty() {
            break;
        }
        if people.iter().any(|one| one.name == name) {
            asker.say("  ✗ that name is taken");
            continue;
        }
        people.push(person(asker, name).await?);
    }
    let custodians = people.iter().filter(|p| p.roles.contains(&Role::Custodian));
    let n = u8::try_from(custodians.count()).unwrap_or(u8::MAX);
    let usual = (n / 2 + 1).max(2).to_string();
    let question = format!("How many of the {n} custodians open the vault (k)");
    let number = |text: &str| text.parse::<u8>().map_err(|_| "a number".to_owned());
    let k = asker.until(&question, &usual, number).await?;
    Ok(RosterFile {
        vault: vault.clone(),
        k,
        auditor_recipients: Vec::new(),
        people,
    })
}

async fn person(asker: &Asker<'_>, name: String) -> Result<PersonEntry, CliError> {
    let question = "  roles (responder, custodian, auditor, operator, security)";
    let roles = asker.until(question, "custodian", roles).await?;
    let mail = asker.until("  mail", "", filled).await?;
    let zone = |text: &str| match text.parse::<chrono_tz::Tz>() {
        Ok(_) => Ok(text.to_owned()),
        Err(_) => Err("such as Europe/Berlin".to_owned()),
    };
    let time_zone = asker.until("  time zone", "UTC", zone).await?;
    let login = |text: &str| LoginKey::parse(text).map(drop).map_err(|e| e.to_string());
    let login_keys = keys(asker, "  login key (public key, or its file)", 1, login).await?;
    let mut unlockers = Vec::new();
    let mut single_unlocker = None;
    if roles.contains(&Role::Custodian) {
        let opens = |text: &str| Unlocker::parse(text).map(drop).map_err(|e| e.to_string());
        unlockers = login_keys
            .iter()
            .filter(|key| opens(key).is_ok())
            .cloned()
            .collect();
        let same = "  may the login key open the share too?";
        if !unlockers.is_empty() && !asker.yes(same, true).await? {
            unlockers.clear();
        }
        let fewest = 2_usize.saturating_sub(unlockers.len());
        let question = "  unlocker (ssh public key, age1…, or a file)";
        let more = keys(asker, question, fewest, opens).await?;
        unlockers.extend(more);
        if unlockers.len() < 2 {
            asker.say("  ! one lost key would lose this share: waived in the roster");
            single_unlocker = Some(true);
        }
    }
    Ok(PersonEntry {
        id: None,
        name,
        roles,
        time_zone,
        contacts: Contacts { mail, pager: None },
        login_keys,
        unlockers,
        single_unlocker,
    })
}

fn roles(text: &str) -> Result<Vec<Role>, String> {
    let word = |word: &str| match word {
        "responder" => Ok(Role::Responder),
        "custodian" => Ok(Role::Custodian),
        "auditor" => Ok(Role::Auditor),
        "operator" => Ok(Role::Operator),
        "security" => Ok(Role::Security),
        other => Err(format!("there is no role {other}")),
    };
    let words = text.split([',', ' ']).filter(|part| !part.is_empty());
    words.map(word).collect()
}

/// Keys until an empty line, at least `fewest` unless the person gives up: each parsed at once.
async fn keys(
    asker: &Asker<'_>,
    question: &str,
    fewest: usize,
    check: impl Fn(&str) -> Result<(), String>,
) -> Result<Vec<String>, CliError> {
    let mut found: Vec<String> = Vec::new();
    loop {
        let text = asker.line(question, "").await?;
        if text.is_empty() {
            if found.len() >= fewest || asker.yes("  fewer than needed; go on?", false).await? {
                return Ok(found);
            }
            continue;
        }
        let key = match key_text(&text) {
            Ok(key) => key,
            Err(why) => {
                asker.say(&format!("  ✗ {why}"));
                continue;
            }
        };
        match check(&key) {
            Ok(()) => found.push(key),
            Err(why) => asker.say(&format!("  ✗ {why}")),
        }
    }
}

/// A key as typed, or the first line of the file that was named.
fn key_text(text: &str) -> Result<String, String> {
    let typed = text.contains(' ') || text.starts_with("age1");
    if typed {
        return Ok(text.to_owned());
    }
    let read = std::fs::read_to_string(text).map_err(|e| format!("{text}: {e}"))?;
    if read.contains("PRIVATE KEY") || read.contains("AGE-SECRET-KEY") {
        return Err(format!("{text} holds the secret half; name its .pub file"));
    }
    let first = read.lines().find(|line| !line.trim().is_empty());
    first
        .map(|line| line.trim().to_owned())
        .ok_or_else(|| format!("{text} is empty"))
}
