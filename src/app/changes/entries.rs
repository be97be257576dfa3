//! What is written and told of a proposed version: its texts, the entries, and who is locked out by
//! it at once. When a version counts is said beside.

use std::collections::BTreeSet;

use serde_json::Value;

use super::super::App;
use super::super::acts::Verified;
use super::super::error::AppError;
use super::super::step::draft;
use super::super::versions::{Approved, LOCKED_OUT};
use crate::audit::entry::Draft;
use crate::domain::alert::{AlertDraft, version};
use crate::domain::canonical;
use crate::domain::ids::{Digest, PersonId};
use crate::domain::policy::{self, Policy};
use crate::domain::quorum;
use crate::domain::roster::{Role, Roster, change};
use crate::sealed::versions::What;

/// A version as its texts are shown.
pub(super) struct Shown {
    pub(super) number: u32,
    pub(super) lines: Vec<String>,
    pub(super) deals_anew: bool,
    pub(super) removed: Vec<PersonId>,
}

impl Shown {
    pub(super) fn as_version<'a>(&'a self, what: What, needs: &'a str) -> version::Version<'a> {
        version::Version {
            what: what.word(),
            number: self.number,
            lines: &self.lines,
            needs,
        }
    }
}

pub(super) fn shown(approved: &Approved, what: What, bytes: &[u8]) -> Result<Shown, AppError> {
    let versions = &approved.versions;
    Ok(match what {
        What::Roster => {
            let after: Roster = canonical::parse_exact(bytes)?;
            let before = &versions.roster;
            Shown {
                number: after.seq,
                lines: change::lines(before, &after),
                deals_anew: change::deals_anew(before, &after),
                removed: change::removed(before, &after)
                    .into_iter()
                    .map(|p| p.id.clone())
                    .collect(),
            }
        }
        What::Policy => {
            let after: Policy = canonical::parse_exact(bytes)?;
            let loosened = policy::change::loosened(&versions.policy, &after);
            let lines = if loosened.is_empty() {
                vec!["nothing becomes looser".to_owned()]
            } else {
                loosened
            };
            Shown {
                number: after.seq,
                lines,
                deals_anew: false,
                removed: Vec::new(),
            }
        }
    })
}

impl App {
    /// On one operator's word the people a proposal removes can neither log in nor act at once,
    /// as long as more than k are left who can approve (PROTOCOL §1).
    pub(super) fn lock_out(
        &self,
        approved: &Approved,
        shown: &Shown,
        verified: &Verified,
    ) -> Result<(Vec<Draft>, Vec<AlertDraft>), AppError> {
        let operator = &verified.act.person;
        let roster = &approved.versions.roster;
        let is_operator = roster
            .person(operator)
            .is_some_and(|p| p.is(Role::Operator));
        let (mut entries, mut alerts) = (Vec::new(), Vec::new());
        if !is_operator {
            return Ok((entries, alerts));
        }
        let facts = self.inner.facts.get();
        let epoch = facts.epoch()?;
        let mut out: BTreeSet<&PersonId> = approved.locked_out.iter().collect();
        for person in roster
            .people
            .iter()
            .filter(|p| shown.removed.contains(&p.id) && p.id != *operator)
        {
            let mut without = out.clone();
            if !without.insert(&person.id) {
                continue;
            }
            let excluded: Vec<&PersonId> = without.iter().copied().collect();
            let eligible = quorum::eligible(&epoch.holders, roster, &excluded).len();
            if !change::may_lock_out(person, eligible, epoch.manifest.k) {
                continue;
            }
            entries.push(draft(
                LOCKED_OUT,
                [
                    ("person", Value::from(person.id.as_str())),
                    ("by", Value::from(operator.as_str())),
                    ("act_sha256", Value::from(verified.sha256.hex())),
                ],
            ));
            alerts.push(version::locked_out(&person.id, operator, roster));
            out = without;
        }
        Ok((entries, alerts))
    }
}

/// Somebody's signature under a version that is not in force. The hash has another name than in
/// the entry that brings it into force: what is only proposed proves nothing.
pub(super) fn signature_entry(
    kind: &str,
    verified: &Verified,
    sha256: &Digest,
    needs: &str,
) -> Draft {
    draft(
        kind,
        [
            ("person", Value::from(verified.act.person.as_str())),
            ("proposed_sha256", Value::from(sha256.hex())),
            ("act_sha256", Value::from(verified.sha256.hex())),
            ("needs", Value::from(needs)),
        ],
    )
}

pub(super) fn changed_entry(
    what: What,
    approved: &Approved,
    sha256: &Digest,
    shown: &Shown,
    needs: &str,
    acts: &[Digest],
) -> Draft {
    let before = match what {
        What::Roster => approved.versions.roster_sha256,
        What::Policy => approved.versions.policy_sha256,
    };
    let acts: Vec<Value> = acts.iter().map(|act| Value::from(act.hex())).collect();
    draft(
        what.entry(),
        [
            ("version", Value::from(shown.number)),
            (what.member(), Value::from(sha256.hex())),
            ("prev_sha256", Value::from(before.hex())),
            ("needs", Value::from(needs)),
            ("acts", Value::from(acts)),
        ],
    )
}
