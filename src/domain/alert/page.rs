//! The message that wakes people: who asks, how many shares are in, where to go. It names each
//! person with her own local time; the reason and the phrase are never in it.

use super::{AlertDraft, Audience, Severity};
use crate::domain::ids::PersonId;
use crate::domain::incident::Incident;
use crate::domain::paging::local_words;
use crate::domain::roster::Roster;
use crate::domain::terms::Requester;
use crate::domain::time::Timestamp;

/// What a text message may hold, characters (facts on custody §3.5).
const PAGER_CHARS: usize = 160;
/// A name that would make the line too long is cut to this.
const NAME_CHARS: usize = 24;

/// A page to these people; `fallback`: they are asked to find custodians, not for shares.
#[must_use]
pub fn for_page(
    incident: &Incident,
    people: &[PersonId],
    fallback: bool,
    roster: &Roster,
    console_url: &str,
    now: Timestamp,
) -> AlertDraft {
    let id = &incident.id;
    let asks = match &incident.requester {
        Requester::Vault => "the vault".to_owned(),
        Requester::Person(person) => roster.name_of(person).chars().take(NAME_CHARS).collect(),
    };
    let count = format!(
        "{} of {} in",
        incident.approvals().len(),
        incident.terms.needed
    );
    let (vault, ends) = (&incident.terms.vault, incident.terms.expires_ms);
    let link = format!("{console_url}/i/{id}");
    let (kind, what, todo) = if fallback {
        (
            "page.fallback",
            format!("custodians do not answer {asks} ({count}). Call them, then"),
            format!(
                "Custodians have been paged for ten minutes and too few have answered. Call them \
                 by phone, and stay on the bridge. You cannot give a share.\n\
                 breakglass status {id}"
            ),
        )
    } else {
        (
            "page.custodians",
            format!("{asks} asks for your share ({count}). Join bridge, hear the phrase, then"),
            format!(
                "Join the bridge, hear the phrase, then open {link} or run:\n\
                 breakglass approve {id}\n\
                 No? Say so: breakglass refuse {id}"
            ),
        )
    };
    let subject = format!(
        "BREAK GLASS {id} {vault}: {what} {}. Ends {}.",
        bare(&link),
        ends.clock_utc()
    );
    AlertDraft {
        kind,
        severity: Severity::Action,
        audience: Audience::People(people.to_vec()),
        subject: cut(&subject),
        body: format!(
            "{todo}\n\nPaged now:\n{}\nEnds {}.\n\nVault: {console_url}",
            who(people, roster, now),
            ends.date_clock_utc()
        ),
    }
}

/// One line for each person: her name and what her clock shows.
fn who(people: &[PersonId], roster: &Roster, now: Timestamp) -> String {
    let line = |id: &PersonId| {
        let zone = roster.person(id).map_or("UTC", |p| p.time_zone.as_str());
        format!("- {}: {}\n", roster.name_of(id), local_words(now, zone))
    };
    people.iter().map(line).collect()
}

/// An address as people read it aloud.
fn bare(url: &str) -> &str {
    url.split_once("://").map_or(url, |(_, rest)| rest)
}

fn cut(subject: &str) -> String {
    subject.chars().take(PAGER_CHARS).collect()
}
