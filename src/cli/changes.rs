//! What changed in roster or policy since this person last signed (PROTOCOL §2, §5).

use serde::de::DeserializeOwned;

use super::CliError;
use super::client::{Client, Documents};
use super::escape;
use crate::domain::canonical;
use crate::domain::ids::Digest;
use crate::domain::policy::{self, Policy};
use crate::domain::roster::{Roster, change};

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
    let head = format!(
        "The roster changed since you last signed: version {} → {}.",
        old.seq, new.seq
    );
    let lines = change::lines(old, new);
    std::iter::once(head)
        .chain(lines.iter().map(|line| format!("  {}", escape::line(line))))
        .collect()
}

fn policy_changes(old: &Policy, new: &Policy) -> Vec<String> {
    let head = format!(
        "The policy changed since you last signed: version {} → {}.",
        old.seq, new.seq
    );
    std::iter::once(head)
        .chain(policy_lines(old, new))
        .collect()
}

/// The differences of two policies, one line each.
pub(super) fn policy_lines(old: &Policy, new: &Policy) -> Vec<String> {
    let lines = policy::lines::lines(old, new);
    let shown = |line: &String| format!("  {}", escape::line(line));
    lines.iter().map(shown).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::policy::ChannelRule;

    fn with(channels: &[[&str; 3]]) -> Policy {
        let rule = |&[name, kind, destination]: &[&str; 3]| ChannelRule {
            name: name.to_owned(),
            kind: kind.to_owned(),
            destination: destination.to_owned(),
        };
        let vault = "prod-eu".parse().unwrap();
        Policy::built_in(vault, channels.iter().map(rule).collect())
    }

    #[test]
    fn a_signer_reads_each_channel_that_is_new_gone_or_leads_elsewhere() {
        let mail = ["mail", "smtp", "mail.example:25"];
        let old = with(&[mail, ["hook", "webhook", "https://a.example"]]);
        let new = with(&[
            mail,
            ["hook", "webhook", "https://b.example"],
            ["chat", "slack", "sha256:11"],
        ]);
        assert_eq!(
            policy_lines(&old, &new),
            [
                "  − channel hook: webhook to https://a.example",
                "  + channel hook: webhook to https://b.example",
                "  + channel chat: slack to sha256:11",
            ]
        );
        assert!(policy_lines(&new, &new).is_empty());
    }

    #[test]
    fn a_signer_reads_from_how_many_hours_to_how_many() {
        let old = with(&[]);
        let new = Policy {
            review_due_hours: 48,
            ..old.clone()
        };
        assert_eq!(
            policy_lines(&old, &new),
            ["  ~ a review is due after 72 → 48 hours"]
        );
    }
}
