//! Roster, policy and epoch in force: read from the store, checked against their hashes, shared.

use std::sync::{Arc, RwLock};

use super::Settings;
use super::error::AppError;
use crate::audit::entry::{Entry, parse_entry};
use crate::domain::canonical;
use crate::domain::ids::{Digest, PersonId};
use crate::domain::incident::rules::EpochFacts;
use crate::domain::manifest::{Kind, Manifest};
use crate::domain::policy::Policy;
use crate::domain::roster::Roster;
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
    /// The roster.
    pub roster: Roster,
    /// Its hash.
    pub roster_sha256: Digest,
    /// The policy.
    pub policy: Policy,
    /// Its hash.
    pub policy_sha256: Digest,
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
    let (roster, roster_sha256) = approved_roster(store, settings).await?;
    let policy_sha256 = in_force(store, "policy").await?;
    let bytes = document(store, DocumentKind::Policy, &policy_sha256).await?;
    let policy: Policy = canonical::parse_exact(&bytes)?;
    if policy.sha256()? != policy_sha256 || policy_sha256 != genesis(store, "policy_sha256").await?
    {
        return Err(AppError::Inconsistent(
            "the policy is not the one its hash approves".into(),
        ));
    }
    let epoch = match store.current_epoch(Kind::Live).await? {
        None => None,
        Some(row) => Some(check_epoch(store, row.manifest, row.manifest_sha256).await?),
    };
    check_switched(store, epoch.as_ref()).await?;
    Ok(Facts {
        roster,
        roster_sha256,
        policy,
        policy_sha256,
        epoch,
    })
}

/// The roster in force, believed only because `log.genesis` carries its hash: a changed row in
/// the database changes nothing (PROTOCOL §1). Later versions are approved by `roster` acts.
pub(super) async fn approved_roster(
    store: &Store,
    settings: &Settings,
) -> Result<(Roster, Digest), AppError> {
    let sha256 = genesis(store, "roster_sha256").await?;
    if in_force(store, "roster").await? != sha256 {
        return Err(AppError::Inconsistent(
            "the roster in force was never approved".into(),
        ));
    }
    let bytes = document(store, DocumentKind::Roster, &sha256).await?;
    let roster: Roster = canonical::parse_exact(&bytes)?;
    if roster.sha256()? != sha256 || roster.vault != settings.vault {
        return Err(AppError::Inconsistent(
            "the roster is not the one its hash approves".into(),
        ));
    }
    roster
        .check()
        .map_err(|e| AppError::Inconsistent(e.to_string()))?;
    Ok((roster, sha256))
}

async fn genesis(store: &Store, member: &str) -> Result<Digest, AppError> {
    let bytes = store
        .entry(0)
        .await?
        .ok_or_else(|| AppError::NotFound("log.genesis".into()))?;
    let entry = parse_entry(&bytes).map_err(|e| AppError::Inconsistent(e.to_string()))?;
    entry
        .text(member)
        .and_then(|hash| hash.parse().ok())
        .ok_or_else(|| AppError::Inconsistent(format!("log.genesis has no {member}")))
}

async fn in_force(store: &Store, what: &str) -> Result<Digest, AppError> {
    store
        .current(what)
        .await?
        .ok_or_else(|| AppError::NotFound(format!("{what} in force")))
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

async fn check_epoch(
    store: &Store,
    manifest: Manifest,
    manifest_sha256: Digest,
) -> Result<CurrentEpoch, AppError> {
    if manifest.sha256()? != manifest_sha256 {
        return Err(AppError::Inconsistent(
            "the manifest is not the one its hash names".into(),
        ));
    }
    let bytes = document(store, DocumentKind::Roster, &manifest.roster_sha256).await?;
    let roster: Roster = canonical::parse_exact(&bytes)?;
    if roster.sha256()? != manifest.roster_sha256 {
        return Err(AppError::Inconsistent(
            "the epoch's roster does not match its hash".into(),
        ));
    }
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
