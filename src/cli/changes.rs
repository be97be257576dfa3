//! What changed in roster or policy since this person last signed (PROTOCOL §2, §5).

use serde::de::DeserializeOwned;

use super::CliError;
use super::client::{Client, Documents};
use super::escape;
use crate::domain::canonical;
use crate::domain::ids::Digest;
use crate::domain::policy::{BrowserUnlockers, ChannelRule, Policy};
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
    let mut lines = Vec::new();
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
    if old.access_details != new.access_details {
        // As the responder will read it: this is its preview.
        lines.push(match &new.access_details {
            Some(text) => format!("  ~ read when a session opens: {}", escape::line(text)),
            None => "  − nothing is read when a session opens".to_owned(),
        });
    }
    if old.browser_unlockers != new.browser_unlockers {
        lines.push(match new.browser_unlockers {
            Some(BrowserUnlockers::BelowK) => {
                "  ~ fewer than k custodians may open their share on a page of the vault's host"
                    .to_owned()
            }
            None => {
                "  ~ any number of custodians may open their share on a page of the vault's host"
                    .to_owned()
            }
        });
    }
    lines.extend(channel_lines(old, new));
    let (before, after) = (old.review_due_hours, new.review_due_hours);
    if before != after {
        lines.push(format!(
            "  ~ a review is due after {before} → {after} hours"
        ));
    }
    let differs = [
        ("decision tree", old.tree != new.tree),
        ("office hours", old.office_hours != new.office_hours),
        (
            "review questions",
            old.review_questions != new.review_questions,
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

/// Channels that are gone, new, or lead elsewhere; of an address that is a secret the policy has a
/// hash.
fn channel_lines(old: &Policy, new: &Policy) -> Vec<String> {
    let shown = |channel: &ChannelRule| {
        let [name, kind, to] = [&channel.name, &channel.kind, &channel.destination];
        let [name, kind, to] = [name, kind, to].map(|text| escape::line(text));
        format!("channel {name}: {kind} to {to}")
    };
    let without = |these: &Policy, others: &Policy, sign: &str| -> Vec<String> {
        let alone = these
            .channels
            .iter()
            .filter(|c| !others.channels.contains(c));
        alone.map(|c| format!("  {sign} {}", shown(c))).collect()
    };
    let mut lines = without(old, new, "−");
    lines.extend(without(new, old, "+"));
    lines
}

#[cfg(test)]
mod tests {
    use super::*;

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
