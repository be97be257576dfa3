//! Drills: the path of an emergency with a decoy (PROTOCOL §3, DESIGN §4.14). It has its own
//! identity, shares, manifest and epoch numbers, dealt to the same unlockers; what it opens is
//! wiped unread, its calls are judged and logged and go nowhere, and its close deals the next
//! decoy. The live credential is neither unsealed nor rotated, and Databricks is asked for
//! nothing but the time.

use std::sync::Arc;

use serde_json::Value;
use tokio_util::sync::CancellationToken;

use super::error::AppError;
use super::facts::document;
use super::memory::LiveSession;
use super::permit::Desk;
use super::step::{With, draft};
use super::{App, chance};
use crate::audit::entry::parse_entry;
use crate::domain::canonical;
use crate::domain::ids::{IncidentId, PersonId};
use crate::domain::incident::command::Command;
use crate::domain::incident::opening::may_drill;
use crate::domain::incident::rules::EpochFacts;
use crate::domain::incident::{CloseCause, DRILL, Incident, Refusal};
use crate::domain::manifest::{Kind, Manifest};
use crate::domain::never::Principal;
use crate::domain::roster::{Role, Roster};
use crate::domain::scope::Scope;
use crate::domain::terms::Purpose;
use crate::domain::time::{DAY_MS, MINUTE_MS, Timestamp};
use crate::sealed::secret::{Credential, SecretText};
use crate::store::change::{DocumentKind, RowChange};
use crate::store::{Commit, EpochRow};

/// A decoy expires at no provider; the row wants a moment: ten years.
const DECOY_MS: i64 = 3_650 * DAY_MS;
/// What stands in a decoy's place of a client id.
const DECOY: &str = "drill";
/// Type of the entry that a dealt decoy has.
pub(super) const DEALT: &str = "drill.dealt";

/// Name of the fact that says when a custodian's share last opened something in a drill.
pub(super) fn drilled(person: &PersonId) -> String {
    format!("drilled_ms:{person}")
}

/// Marks every entry and every message of a commit.
pub(super) fn mark_drill(commit: &mut Commit) {
    for entry in &mut commit.drafts {
        entry.members.insert(DRILL.to_owned(), Value::from(true));
    }
    for row in &mut commit.rows {
        if let RowChange::QueueAlert(alert) = row {
            alert.drill = true;
        }
    }
}

impl App {
    /// Marks a commit whose entries are about a drill.
    pub(super) fn mark_if_drill(&self, commit: &mut Commit) {
        let memory = &self.inner.memory;
        let about = commit.drafts.iter().any(|entry| {
            let incident = entry.members.get("inc").and_then(Value::as_str);
            incident.is_some_and(|id| memory.is_drill(id))
        });
        if about {
            mark_drill(commit);
        }
    }

    /// Reads which incidents are drills, so that whatever is written about them is marked. What
    /// the log does not say at its first entry is none: a changed row marks no emergency.
    pub(super) async fn remember_drills(&self) -> Result<(), AppError> {
        let store = &self.inner.store;
        for id in store.drills().await? {
            let first = store.entries_of_incident(&id, 0, 1).await?;
            let Some((_, bytes)) = first.first() else {
                continue;
            };
            let entry = parse_entry(bytes).map_err(|e| AppError::Inconsistent(e.to_string()))?;
            if entry.members.get(DRILL) == Some(&Value::from(true)) {
                self.inner.memory.note_drill(&id);
            }
        }
        Ok(())
    }

    /// Makes sure that this person may drill, that no other drill is under way, and that a decoy
    /// is dealt to the roster in force.
    ///
    /// # Errors
    /// Who may not, a drill that is under way, or a ceremony that failed.
    pub(super) async fn ready_for_drill(&self, person: &PersonId) -> Result<(), AppError> {
        let facts = self.inner.facts.get();
        // Asked before anything is dealt: a stranger's request costs no ceremony.
        if !facts.roster.person(person).is_some_and(may_drill) {
            return Err(Refusal::WrongRole {
                role: Role::Operator.word(),
            }
            .into());
        }
        let live = self.inner.store.live_incidents().await?;
        let under_way = live.iter().find(|(i, _)| {
            i.purpose == Purpose::Drill && (i.is_being_asked() || i.phase.holds_vault())
        });
        if under_way.is_some() {
            return Err(Refusal::TooMany("one drill is under way: one after the other").into());
        }
        let dealt = self.inner.store.current_epoch(Kind::Drill).await?;
        if dealt.is_some_and(|row| row.manifest.roster_sha256 == facts.roster_sha256) {
            return Ok(());
        }
        let with = self.deal_decoy().await?;
        // A crash before this leaves nothing; after it, a decoy that the next drill uses.
        self.record(with.drafts, with.rows, Vec::new(), None)
            .await
            .map(drop)
    }

    /// The ceremony of a drill: the same as a rotation's, with a secret that opens nothing. What
    /// it puts in place takes the former decoy's place for good.
    async fn deal_decoy(&self) -> Result<With, AppError> {
        let now = self.now();
        let broken = |e: &dyn std::fmt::Display| AppError::Inconsistent(e.to_string());
        let decoy = Credential {
            client_id: DECOY.to_owned(),
            client_secret: SecretText::copied_from(&chance::hex32()?).map_err(|e| broken(&e))?,
            secret_id: DECOY.to_owned(),
            expires_at_ms: now.plus_ms(DECOY_MS).0,
        };
        let sealed = self.seal_epoch(&decoy, Kind::Drill, 0).await?;
        let epoch = sealed.manifest.epoch;
        let entry = draft(
            DEALT,
            [
                (DRILL, Value::from(true)),
                ("epoch", Value::from(epoch)),
                ("manifest_sha256", Value::from(sealed.manifest_sha256.hex())),
                ("recipient", Value::from(sealed.manifest.recipient.clone())),
            ],
        );
        let former = self.inner.store.current_epoch(Kind::Drill).await?;
        let mut rows = sealed.rows(&decoy, now)?;
        let kind = Kind::Drill;
        rows.push(RowChange::SwitchEpoch { kind, epoch });
        if let Some(former) = former {
            let epoch = former.manifest.epoch;
            rows.push(RowChange::EraseCredential { kind, epoch });
            rows.push(RowChange::EraseShares { kind, epoch });
        }
        Ok(With {
            rows,
            drafts: vec![entry],
            ..With::default()
        })
    }

    /// The decoy's epoch in force: the one that the log says was dealt last. A changed row brings
    /// in no other recipient (DESIGN §4.15).
    async fn drill_epoch(&self) -> Result<EpochRow, AppError> {
        let store = &self.inner.store;
        let row = store.current_epoch(Kind::Drill).await?;
        let row = row.ok_or(AppError::Sealed("no decoy has been dealt"))?;
        let dealt = store.last_control_entry(DEALT, u64::MAX).await?;
        let said = match dealt {
            None => None,
            Some((_, bytes)) => {
                let entry =
                    parse_entry(&bytes).map_err(|e| AppError::Inconsistent(e.to_string()))?;
                entry.text("manifest_sha256").map(str::to_owned)
            }
        };
        let sha256 = row.manifest_sha256;
        if said == Some(sha256.hex()) && row.manifest.sha256()? == sha256 {
            return Ok(row);
        }
        Err(AppError::Inconsistent(
            "the decoy is not the one the log says was dealt".into(),
        ))
    }

    /// The decoy's epoch as the rules see it.
    pub(super) async fn drill_facts(&self) -> Result<EpochFacts, AppError> {
        let row = self.drill_epoch().await?;
        let dealt_to = row.manifest.roster_sha256;
        let bytes = document(&self.inner.store, DocumentKind::Roster, &dealt_to).await?;
        let roster: Roster = canonical::parse_exact(&bytes)?;
        let holders = roster.custodians();
        Ok(EpochFacts {
            kind: Kind::Drill,
            epoch: row.manifest.epoch,
            k: row.manifest.k,
            n: row.manifest.n,
            manifest_sha256: row.manifest_sha256,
            holders: holders.map(|(index, p)| (index, p.id.clone())).collect(),
        })
    }

    /// The manifest that an incident's shares are checked against: the live one, or the decoy's.
    /// A live share is refused for a drill and the reverse, because neither fits the other's keys.
    pub(super) async fn manifest_for(&self, incident: &Incident) -> Result<Manifest, AppError> {
        let (manifest, sha256) = if incident.purpose == Purpose::Drill {
            let row = self.drill_epoch().await?;
            (row.manifest, row.manifest_sha256)
        } else {
            let facts = self.inner.facts.get();
            let epoch = facts.epoch()?;
            (epoch.manifest.clone(), epoch.manifest_sha256)
        };
        let terms = &incident.terms;
        if sha256 == terms.manifest_sha256 && manifest.kind == terms.kind {
            return Ok(manifest);
        }
        Err(AppError::Inconsistent(format!(
            "the epoch in force is not the one that {} was asked for",
            incident.id
        )))
    }

    /// Opens the session of a drill: the token, the judging, the log and the deadline are those of
    /// an emergency; behind it is nothing.
    pub(super) async fn open_drill(&self, incident: &Incident) -> Result<(), AppError> {
        let terms = &incident.terms;
        let scope =
            Scope::parse(&terms.scope).map_err(|e| AppError::Inconsistent(e.to_string()))?;
        let actor = terms.requester.person().cloned();
        let length_ms = i64::from(terms.max_minutes) * MINUTE_MS;
        let surveyed = CancellationToken::new();
        // Nothing is added that a snapshot would be compared with.
        surveyed.cancel();
        let session = LiveSession {
            id: chance::session_id()?,
            incident: incident.id.clone(),
            terms_sha256: incident.terms_sha256,
            actor: actor
                .ok_or_else(|| AppError::Inconsistent("a session without a responder".into()))?,
            target: terms.target.clone(),
            scope,
            policy_sha256: terms.policy_sha256,
            principal: Principal {
                application_id: DECOY.to_owned(),
                numeric_id: DECOY.to_owned(),
                group_ids: Vec::new(),
                group_names: Vec::new(),
                grantees: Vec::new(),
            },
            exp: self.now().plus_ms(length_ms),
            exp_boot_ms: self.inner.clock.boot_ms() + length_ms,
            cut: CancellationToken::new(),
            forwarder: None,
            secret_id: None,
            token: Arc::default(),
            surveyed,
            desk: Arc::new(Desk::default()),
        };
        self.start_session(incident, session).await
    }

    /// A longer drill: the same session with a later end.
    pub(super) async fn lengthen_drill(
        &self,
        live: &LiveSession,
        exp: Timestamp,
        exp_boot_ms: i64,
    ) -> Result<(), AppError> {
        let longer = LiveSession {
            exp,
            exp_boot_ms,
            ..live.shared()
        };
        self.step(&live.incident, Command::Extended, None, With::default())
            .await?;
        // Durable. A session that was ended meanwhile is not brought back.
        self.inner.memory.replace_session(Arc::new(longer));
        Ok(())
    }

    /// An emergency does not wait for a rehearsal: it ends a drill that has the vault.
    pub(super) async fn end_drill_for(
        &self,
        incident: &Incident,
        other: &IncidentId,
    ) -> Result<(), AppError> {
        let (busy, _) = self.load(other).await?;
        if incident.purpose == Purpose::Drill || busy.purpose != Purpose::Drill {
            return Ok(());
        }
        self.cut(other, CloseCause::Displaced).await
    }

    /// The end of a drill: its shares were sent, so the next decoy is dealt; there is nothing to
    /// prove dead and nothing to undo. A crash before this deals it at the restart.
    pub(super) async fn drill_over(&self, id: &IncidentId) -> Result<(), AppError> {
        let with = self.deal_decoy().await?;
        let tokens_dead_at_ms = self.now();
        let command = Command::Rotated { tokens_dead_at_ms };
        self.step(id, command, None, with).await.map(drop)
    }

    /// When each custodian's share last opened something in a drill.
    pub(super) async fn last_drills(&self) -> Result<Vec<(PersonId, Option<Timestamp>)>, AppError> {
        let facts = self.inner.facts.get();
        let mut found = Vec::new();
        for (_, person) in facts.approved.custodians() {
            let at = self.inner.store.fact(&drilled(&person.id)).await?;
            let at = at.and_then(|ms| ms.parse().ok()).map(Timestamp);
            found.push((person.id.clone(), at));
        }
        Ok(found)
    }
}
