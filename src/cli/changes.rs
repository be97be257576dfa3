//! What changed in roster or policy since this person last signed (PROTOCOL §2, §5).

use serde::de::DeserializeOwned;

use super::CliError;
use super::client::{Client, Documents};
use super::escape;
use crate::domain::canonical;
use crate::domain::ids::Digest;
use crate::domain::policy::Policy;
use crate::domain::roster::{Person, Roster};

/// Lines that say what is new to this person; empty when nothing is.
///
/// # Errors
/// When an earlier document cannot be fetched or is not the one she signed.
pub(super) async fn since_last_signed(
    client: &Client,
    documents: &Documents,
) -> Result<Vec<String>, CliError> {
    let pins = &client.kept.settings.pins;
    let mut lines = Vec::new();
    match pins.roster_sha256 {
        None => {
            lines.push("You have not signed a roster of this vault on this machine yet.".to_owned())
        }
        Some(old) if old != documents.roster_sha256 => {
            let old: Roster = earlier(client, "roster", &old).await?;
            lines.extend(roster_changes(&old, &documents.roster));
        }
        Some(_) => {}
    }
    match pins.policy_sha256 {
        None => {
            lines.push("You have not signed a policy of this vault on this machine yet.".to_owned())
        }
        Some(old) if old != documents.policy_sha256 => {
            let old: Policy = earlier(client, "policy", &old).await?;
            lines.extend(policy_changes(&old, &documents.policy));
        }
        Some(_) => {}
    }
    Ok(lines)
}

async fn earlier<T: DeserializeOwned>(
    client: &Client,
    folder: &str,
    sha256: &Digest,
) -> Result<T, CliError> {
    let bytes = client
        .api
        .get_bytes(&format!("/log/files/{folder}/{sha256}.json"))
        .await?;
    if Digest::of(&bytes) != *sha256 {
        return Err(CliError::log_broken(format!(
            "the {folder} you signed earlier is not what the server keeps"
        )));
    }
    canonical::parse_exact(&bytes).map_err(|why| {
        CliError::log_broken(format!("the {folder} you signed earlier is none: {why}"))
    })
}

fn roster_changes(old: &Roster, new: &Roster) -> Vec<String> {
    let mut lines = vec![format!(
        "The roster changed since you last signed: version {} → {}.",
        old.seq, new.seq
    )];
    if (old.k, old.n) != (new.k, new.n) {
        lines.push(format!(
            "  {} of {} shares → {} of {}",
            old.k, old.n, new.k, new.n
        ));
    }
    for person in &old.people {
        match new.person(&person.id) {
            None => lines.push(format!("  − {} left", escape::line(&person.name))),
            Some(now) => lines.extend(person_changes(person, now)),
        }
    }
    for person in new
        .people
        .iter()
        .filter(|person| old.person(&person.id).is_none())
    {
        lines.push(format!(
            "  + {} joined as {}",
            escape::line(&person.name),
            roles(person)
        ));
    }
    if old.auditor_recipients != new.auditor_recipients {
        lines.push("  auditors' recipients differ".to_owned());
    }
    lines
}

fn person_changes(old: &Person, new: &Person) -> Vec<String> {
    let name = escape::line(&new.name);
    let differs = [
        ("name", old.name != new.name),
        ("roles", old.roles != new.roles),
        ("contacts", old.contacts != new.contacts),
        ("login keys", old.login_keys != new.login_keys),
        ("unlockers", old.unlockers != new.unlockers),
        (
            "waiver of the second unlocker",
            old.single_unlocker != new.single_unlocker,
        ),
    ];
    let named = differs.iter().filter(|each| each.1);
    named
        .map(|(what, _)| format!("  ~ {name}: {what} differ ({})", roles(new)))
        .collect()
}

fn roles(person: &Person) -> String {
    person
        .roles
        .iter()
        .map(|role| role.word())
        .collect::<Vec<_>>()
        .join(", ")
}

fn policy_changes(old: &Policy, new: &Policy) -> Vec<String> {
    let mut lines = vec![format!(
        "The policy changed since you last signed: version {} → {}.",
        old.seq, new.seq
    )];
    for case in &old.use_cases {
        match new.use_case(&case.id) {
            None => lines.push(format!("  − use case {}", case.id)),
            Some(now) if now != case => lines.push(format!(
                "  ~ use case {}: {} → {} minutes, scope {} → {}",
                case.id,
                case.max_minutes,
                now.max_minutes,
                escape::line(&case.scope.join(" ")),
                escape::line(&now.scope.join(" "))
            )),
            Some(_) => {}
        }
    }
    for case in new
        .use_cases
        .iter()
        .filter(|case| old.use_case(&case.id).is_none())
    {
        lines.push(format!(
            "  + use case {}: {} minutes, scope {}",
            case.id,
            case.max_minutes,
            escape::line(&case.scope.join(" "))
        ));
    }
    let differs = [
        ("decision tree", old.tree != new.tree),
        ("office hours", old.office_hours != new.office_hours),
        ("alert channels", old.channels != new.channels),
        (
            "review questions",
            old.review_questions != new.review_questions,
        ),
        (
            "review due time",
            old.review_due_hours != new.review_due_hours,
        ),
    ];
    lines.extend(
        differs
            .iter()
            .filter(|each| each.1)
            .map(|(what, _)| format!("  ~ {what} differ")),
    );
    lines
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::roster::{Contacts, Role};

    fn person(id: &str, role: Role) -> Person {
        Person {
            id: id.parse().unwrap(),
            name: id.to_uppercase(),
            roles: vec![role],
            time_zone: "UTC".into(),
            contacts: Contacts {
                mail: format!("{id}@example.org"),
                pager: None,
            },
            login_keys: vec![format!("ssh-ed25519 {id}")],
            unlockers: vec![],
            single_unlocker: None,
        }
    }

    #[test]
    fn every_kind_of_roster_change_is_named() {
        let old = Roster {
            v: crate::domain::VERSION.into(),
            vault: "prod-eu".parse().unwrap(),
            seq: 1,
            prev_sha256: None,
            k: 3,
            n: 5,
            people: vec![
                person("ada", Role::Custodian),
                person("ben", Role::Custodian),
            ],
            auditor_recipients: vec![],
        };
        let mut new = Roster {
            seq: 2,
            k: 2,
            ..old.clone()
        };
        new.people[0].login_keys = vec!["ssh-ed25519 new".into()];
        new.people[1] = person("eve", Role::Responder);
        let text = roster_changes(&old, &new).join("\n");
        for part in [
            "1 → 2",
            "3 of 5 shares → 2 of 5",
            "ADA: login keys",
            "− BEN left",
            "+ EVE joined as responder",
        ] {
            assert!(text.contains(part), "{part} in {text}");
        }
    }
}
