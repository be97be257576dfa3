//! Roster, policy and epoch in force: read from the store, checked against their hashes, shared.

use std::collections::BTreeSet;
use std::sync::{Arc, RwLock};

use super::Settings;
use super::error::AppError;
use super::versions::{self, Approved, VersionEntry};
use crate::audit::entry::{Entry, parse_entry};
use crate::domain::ids::{Digest, PersonId};
use crate::domain::incident::rules::EpochFacts;
use crate::domain::manifest::{Kind, Manifest};
use crate::domain::policy::Policy;
use crate::domain::roster::Roster;
use crate::sealed::versions::Versions;
use crate::store::Store;
use crate::store::change::DocumentKind;

/// The epoch in force and who holds its shares.
#[derive(Debug, Clone)]
pub struct CurrentEpoch {
    /// Its manifest.
    pub manifest: Manifest,
    /// Hash of the manifest.
    pub manifest_sha256: Digest,
    /// Who holds which share: the custodians of the roster it was dealt to.
    pub holders: Vec<(u8, PersonId)>,
}

/// What is in force now.
#[derive(Debug, Clone)]
pub struct Facts {
    /// Who may act now: the roster in force without those who are locked out.
    pub roster: Roster,
    /// The roster in force, as it was signed.
    pub approved: Roster,
    /// Its hash.
    pub roster_sha256: Digest,
    /// The policy.
    pub policy: Policy,
    /// Its hash.
    pub policy_sha256: Digest,
    /// Later versions of both, in the order of the log.
    pub versions: Vec<VersionEntry>,
    /// People whose logins and paging one operator ended; a roster signed by k settles it.
    pub locked_out: BTreeSet<PersonId>,
    /// The live epoch; none while `init` deals the first.
    pub epoch: Option<CurrentEpoch>,
}

impl Facts {
    /// The live epoch.
    ///
    /// # Errors
    /// [`AppError::Sealed`] while `init` has not ended.
    pub fn epoch(&self) -> Result<&CurrentEpoch, AppError> {
        self.epoch.as_ref().ok_or(AppError::Sealed(
            "no epoch has been dealt: run `breakglass init`",
        ))
    }

    /// The live epoch as the rules see it.
    ///
    /// # Errors
    /// As [`Facts::epoch`].
    pub fn epoch_facts(&self) -> Result<EpochFacts, AppError> {
        let epoch = self.epoch()?;
        Ok(EpochFacts {
            kind: epoch.manifest.kind,
            epoch: epoch.manifest.epoch,
            k: epoch.manifest.k,
            n: epoch.manifest.n,
            manifest_sha256: epoch.manifest_sha256,
            holders: epoch.holders.clone(),
        })
    }
}

/// The facts, replaced as a whole when an epoch is switched.
pub(super) struct FactsCell(RwLock<Arc<Facts>>);

impl FactsCell {
    pub(super) async fn load(store: &Store, settings: &Settings) -> Result<Self, AppError> {
        Ok(Self(RwLock::new(Arc::new(load(store, settings).await?))))
    }

    pub(super) fn get(&self) -> Arc<Facts> {
        Arc::clone(
            &self
                .0
                .read()
                .unwrap_or_else(std::sync::PoisonError::into_inner),
        )
    }

    pub(super) async fn reload(&self, store: &Store, settings: &Settings) -> Result<(), AppError> {
        let facts = Arc::new(load(store, settings).await?);
        *self
            .0
            .write()
            .unwrap_or_else(std::sync::PoisonError::into_inner) = facts;
        Ok(())
    }
}

async fn load(store: &Store, settings: &Settings) -> Result<Facts, AppError> {
    let Approved {
        versions,
        entries,
        locked_out,
    } = versions::approved(store, settings).await?;
    let epoch = match store.current_epoch(Kind::Live).await? {
        None => None,
        Some(row) => Some(check_epoch(&versions, row.manifest, row.manifest_sha256)?),
    };
    check_switched(store, epoch.as_ref()).await?;
    let mut roster = versions.roster.clone();
    roster.people.retain(|p| !locked_out.contains(&p.id));
    Ok(Facts {
        roster,
        approved: versions.roster,
        roster_sha256: versions.roster_sha256,
        policy: versions.policy,
        policy_sha256: versions.policy_sha256,
        versions: entries,
        locked_out,
        epoch,
    })
}

/// The roster in force, read again from the signed log: a changed row changes nothing
/// (PROTOCOL §1).
pub(super) async fn approved_roster(
    store: &Store,
    settings: &Settings,
) -> Result<(Roster, Digest), AppError> {
    let versions = versions::approved(store, settings).await?.versions;
    Ok((versions.roster, versions.roster_sha256))
}

pub(super) async fn document(
    store: &Store,
    kind: DocumentKind,
    sha256: &Digest,
) -> Result<Vec<u8>, AppError> {
    let document = store.document(kind, sha256).await?;
    document
        .map(|d| d.bytes)
        .ok_or_else(|| AppError::NotFound(format!("{} {sha256}", kind.folder())))
}

/// The epoch in force is the one the log switched to, with the manifest the log sealed: a changed
/// row brings in neither another recipient nor a lower threshold (DESIGN §4.15).
async fn check_switched(store: &Store, epoch: Option<&CurrentEpoch>) -> Result<(), AppError> {
    let broken = |e: &dyn std::fmt::Display| AppError::Inconsistent(e.to_string());
    let newest = async |kind: &str, before: u64| -> Result<Option<Entry>, AppError> {
        let found = store.last_control_entry(kind, before).await?;
        found
            .map(|(_, bytes)| parse_entry(&bytes))
            .transpose()
            .map_err(|e| broken(&e))
    };
    let switched = newest("rotate.switched", u64::MAX).await?;
    let sealed = match &switched {
        Some(entry) => newest("rotate.sealed", entry.seq).await?,
        None => None,
    };
    let said = sealed.as_ref().map(|entry| {
        (
            entry.integer("epoch"),
            entry.text("manifest_sha256").map(str::to_owned),
        )
    });
    let found = epoch.map(|epoch| {
        (
            Some(i64::from(epoch.manifest.epoch)),
            Some(epoch.manifest_sha256.hex()),
        )
    });
    if said == found {
        return Ok(());
    }
    Err(AppError::Inconsistent(
        "the epoch in force is not the one the log switched to".into(),
    ))
}

fn check_epoch(
    versions: &Versions,
    manifest: Manifest,
    manifest_sha256: Digest,
) -> Result<CurrentEpoch, AppError> {
    if manifest.sha256()? != manifest_sha256 {
        return Err(AppError::Inconsistent(
            "the manifest is not the one its hash names".into(),
        ));
    }
    let roster = versions
        .roster_of(&manifest.roster_sha256)
        .ok_or_else(|| AppError::Inconsistent("the epoch's roster was never approved".into()))?;
    let holders = roster
        .custodians()
        .map(|(index, p)| (index, p.id.clone()))
        .collect();
    Ok(CurrentEpoch {
        manifest,
        manifest_sha256,
        holders,
    })
}
