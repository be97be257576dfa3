//! The ceremony of a rotation: a new identity for the successor, its shares sealed to the
//! custodians of the approved roster, everything tried before anything is committed.

use super::answer::epoch_name;
use super::error::AppError;
use super::{App, facts};
use crate::domain::VERSION;
use crate::domain::ids::{Digest, PersonId};
use crate::domain::manifest::{Kind, Manifest};
use crate::domain::time::Timestamp;
use crate::sealed::ceremony::{Dealt, Holder};
use crate::sealed::envelope::seal_credential;
use crate::sealed::secret::Credential;
use crate::sealed::unlocker::Unlocker;
use crate::store::change::{Document, DocumentKind, RowChange};

mod kept;

pub(super) use kept::{KEPT_ENTRY, Kept};

/// Name of the fact that holds the last live epoch number given.
pub(super) const LAST_EPOCH: &str = "last_epoch";

/// Name of the fact that holds the last number given; drills have numbers of their own.
fn last_epoch(kind: Kind) -> &'static str {
    match kind {
        Kind::Live => LAST_EPOCH,
        Kind::Drill => "last_drill_epoch",
    }
}

/// A sealed successor: everything the store keeps, nothing that opens it.
pub(super) struct SealedSuccessor {
    pub manifest: Manifest,
    pub manifest_sha256: Digest,
    sealed_credential: Vec<u8>,
    shares: Vec<(u8, PersonId, Vec<u8>)>,
}

/// Which secret at Databricks a successor is.
struct SecretOf {
    id: String,
    expires_at_ms: Timestamp,
}

impl App {
    /// The next epoch's number. One that was discarded is never given again: two manifests with
    /// one number would confuse whoever reads the log.
    async fn next_epoch(&self, kind: Kind) -> Result<u32, AppError> {
        let told = match kind {
            Kind::Live => ("rotate.sealed", "epoch"),
            Kind::Drill => (super::drills::DEALT, "epoch"),
        };
        let dealt = self.number_fact(last_epoch(kind), told).await?;
        Ok(self.inner.store.highest_epoch(kind).await?.max(dealt) + 1)
    }

    /// Deals a new epoch to the approved roster and seals the successor to its recipient only
    /// (PROTOCOL §3). Its number is above every one that the rows know, discarded ones included,
    /// and above `above`: the highest that only an emergency log or a lost database knows. The
    /// identity and the shares are wiped before this returns.
    pub(super) async fn seal_successor(
        &self,
        successor: &Credential,
        above: u32,
    ) -> Result<SealedSuccessor, AppError> {
        self.seal_epoch(successor, Kind::Live, above).await
    }

    /// The same for either kind of epoch.
    pub(super) async fn seal_epoch(
        &self,
        successor: &Credential,
        kind: Kind,
        above: u32,
    ) -> Result<SealedSuccessor, AppError> {
        // Read again from the signed log, so that a changed row deals to nobody (PROTOCOL §1).
        let (roster, roster_sha256) =
            facts::approved_roster(&self.inner.store, &self.inner.settings).await?;
        let policy_sha256 = self.inner.facts.get().policy_sha256;
        let epoch = self.next_epoch(kind).await?.max(above + 1);
        let broken = |e: &dyn std::fmt::Display| AppError::Inconsistent(format!("ceremony: {e}"));
        let vault = self.inner.settings.vault.clone();
        let name = epoch_name(vault.as_str(), kind, epoch)?;
        let dealt = Dealt::new(name.clone(), roster.k, roster.n).map_err(|e| broken(&e))?;
        let manifest = Manifest {
            v: VERSION.to_owned(),
            vault,
            kind,
            epoch,
            k: roster.k,
            n: roster.n,
            recipient: dealt.recipient().to_owned(),
            roster_sha256,
            policy_sha256,
            log_vkey: self.inner.settings.log_vkey.clone(),
            possession_keys: dealt.possession_keys().iter().map(hex::encode).collect(),
        };
        let manifest_sha256 = manifest.sha256()?;
        let mut people = Vec::new();
        let mut holders = Vec::new();
        for (index, person) in roster.custodians() {
            let unlockers: Result<Vec<Unlocker>, _> = person
                .unlockers
                .iter()
                .map(|text| Unlocker::parse(text))
                .collect();
            holders.push(Holder {
                index,
                unlockers: unlockers.map_err(|e| broken(&e))?,
            });
            people.push((index, person.id.clone()));
        }
        let files = dealt
            .seal_shares(*manifest_sha256.bytes(), &holders)
            .map_err(|e| broken(&e))?;
        let sealed_credential =
            seal_credential(&name, successor, dealt.recipient()).map_err(|e| broken(&e))?;
        // k random shares must open it before anything is durable (facts §2.4, SEALED).
        dealt.trial(&sealed_credential).map_err(|e| broken(&e))?;
        let shares = files
            .into_iter()
            .zip(people)
            .map(|(share, (index, person))| (index, person, share.file))
            .collect();
        Ok(SealedSuccessor {
            manifest,
            manifest_sha256,
            sealed_credential,
            shares,
        })
    }
}

impl SealedSuccessor {
    /// Rows that keep the sealed successor, not current yet.
    pub(super) fn rows(
        self,
        successor: &Credential,
        now: Timestamp,
    ) -> Result<Vec<RowChange>, AppError> {
        let of = SecretOf {
            id: successor.secret_id.clone(),
            expires_at_ms: Timestamp(successor.expires_at_ms),
        };
        self.rows_of(of, now)
    }

    fn rows_of(self, secret: SecretOf, now: Timestamp) -> Result<Vec<RowChange>, AppError> {
        let document = Document {
            kind: DocumentKind::Manifest,
            sha256: self.manifest_sha256,
            bytes: crate::domain::canonical::to_bytes(&self.manifest)?,
            signature: None,
        };
        let number = self.manifest.epoch.to_string();
        Ok(vec![
            RowChange::SetFact {
                name: last_epoch(self.manifest.kind).to_owned(),
                value: Some(number),
            },
            RowChange::PutDocument(document),
            RowChange::PutEpoch {
                manifest: Box::new(self.manifest),
                manifest_sha256: self.manifest_sha256,
                sealed_credential: self.sealed_credential,
                secret_id: secret.id,
                secret_expires_at_ms: secret.expires_at_ms,
                shares: self.shares,
                at_ms: now,
            },
        ])
    }
}
