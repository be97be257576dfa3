//! Paper shares (PROTOCOL §2): each stands on the signature of a witness given before, for this
//! opener and this paper; one counts, and neither its opener nor its keeper counts twice.
//!
//! Rules of entries here; that the signed documents say the same is asked of `objects`.

use std::collections::HashMap;

use serde_json::{Map, Value, json};

use super::super::entry::Entry;

const KINDS: [&str; 5] = [
    "incident.opened",
    "incident.asked_again",
    "paper.witnessed",
    "share.accept",
    "approve.withdrawn",
];

/// Checks entries in order; holds what incidents with a paper have gathered for their terms.
#[derive(Debug, Default)]
pub(super) struct PaperCheck {
    incidents: HashMap<String, Gathered>,
    /// What signed documents must say, by hash, with the entry that names them.
    said: Vec<(u64, String, Value)>,
}

#[derive(Debug, Default)]
struct Gathered {
    requester: String,
    witnessed: HashMap<String, Witnessed>,
    given: Vec<(String, i64, bool)>,
}

#[derive(Debug, PartialEq, Eq)]
struct Witnessed {
    witness: String,
    opener: String,
    keeper: String,
    index: i64,
    unlocker: String,
}

impl PaperCheck {
    /// Checks one entry.
    ///
    /// # Errors
    /// The rule that was broken, for people.
    pub(super) fn check(&mut self, entry: &Entry) -> Result<(), String> {
        let kind = entry.kind.as_str();
        let Some(incident) = entry.text("inc").filter(|_| KINDS.contains(&kind)) else {
            return Ok(());
        };
        match kind {
            // New terms: what was gathered for others is void.
            "incident.opened" | "incident.asked_again" => {
                let requester = entry.text("requester").unwrap_or_default().to_owned();
                let fresh = Gathered {
                    requester,
                    ..Gathered::default()
                };
                self.incidents.insert(incident.to_owned(), fresh);
                Ok(())
            }
            "paper.witnessed" => self.witnessed(incident, entry),
            "share.accept" => self.accepted(incident, entry),
            _ => {
                let person = entry.text("person").unwrap_or_default();
                if let Some(gathered) = self.incidents.get_mut(incident) {
                    gathered.given.retain(|(other, _, _)| other != person);
                }
                Ok(())
            }
        }
    }

    /// What signed documents must say: number of the entry, hash, members.
    pub(super) fn said(self) -> Vec<(u64, String, Value)> {
        self.said
    }

    fn witnessed(&mut self, incident: &str, entry: &Entry) -> Result<(), String> {
        let wrong = || "the witness of a paper is not of its form".to_owned();
        let text = |name: &str| entry.text(name).map(str::to_owned).ok_or_else(wrong);
        let seen = Witnessed {
            witness: text("person")?,
            opener: text("opener")?,
            keeper: text("keeper")?,
            index: entry.integer("index").ok_or_else(wrong)?,
            unlocker: text("unlocker")?,
        };
        let (act, bag) = (text("act_sha256")?, text("bag")?);
        let gathered = self.incidents.entry(incident.to_owned()).or_default();
        if seen.witness == seen.opener {
            return Err("the witness of a paper is its opener".into());
        }
        let people = [&seen.witness, &seen.opener, &seen.keeper];
        if people.contains(&&gathered.requester) {
            return Err("who asked for the incident took part in opening a paper".into());
        }
        let document = json!({"act": "witness", "bag": bag, "incident": incident,
            "index": seen.index, "opener": seen.opener, "person": seen.witness,
            "unlocker": seen.unlocker});
        gathered.witnessed.insert(act.clone(), seen);
        self.said.push((entry.seq, act, document));
        Ok(())
    }

    fn accepted(&mut self, incident: &str, entry: &Entry) -> Result<(), String> {
        let paper = entry.members.get("paper");
        let (Some(person), Some(index)) = (entry.text("person"), entry.integer("index")) else {
            return match paper {
                None => Ok(()),
                Some(_) => Err("a paper share names no person or no share".into()),
            };
        };
        let named = paper.map(|paper| named(entry, paper)).transpose()?;
        let gathered = self.incidents.entry(incident.to_owned()).or_default();
        let papers = || gathered.given.iter().any(|(_, _, paper)| *paper);
        if named.is_some() && papers() {
            return Err("a second paper share counts".into());
        }
        let twice = |(other, share, _): &(String, i64, bool)| other == person || *share == index;
        if (named.is_some() || papers()) && gathered.given.iter().any(twice) {
            return Err("a person or a share counts twice beside a paper".into());
        }
        gathered
            .given
            .push((person.to_owned(), index, named.is_some()));
        let Some((act, keeper, witness)) = named else {
            return Ok(());
        };
        let wanted = Witnessed {
            witness,
            opener: person.to_owned(),
            keeper,
            index,
            unlocker: entry.text("unlocker").unwrap_or_default().to_owned(),
        };
        if gathered.witnessed.get(&act) != Some(&wanted) {
            return Err("no witness signed for this opener and this paper before".into());
        }
        let own = entry.text("act_sha256").unwrap_or_default().to_owned();
        let document = json!({"act": "approve", "incident": incident, "index": index,
            "person": person, "unlocker": wanted.unlocker, "witness_sha256": act});
        self.said.push((entry.seq, own, document));
        Ok(())
    }
}

/// The witness's act, the keeper and the witness that an accepted paper share names.
fn named(entry: &Entry, paper: &Value) -> Result<(String, String, String), String> {
    let wrong = || "a paper share is not of its form".to_owned();
    let none = Map::new();
    let members = paper.as_object().unwrap_or(&none);
    let text = |name: &str| {
        let found = members.get(name).and_then(Value::as_str);
        found.map(str::to_owned).ok_or_else(wrong)
    };
    if members.len() != 3 || entry.text("act_sha256").is_none() {
        return Err(wrong());
    }
    Ok((text("witness_sha256")?, text("keeper")?, text("witness")?))
}
