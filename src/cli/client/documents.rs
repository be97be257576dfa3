//! The vault's documents, hashed here and found in the signed log: roster, policy, manifest.

use crate::api::VaultView;
use crate::audit::checkpoint::Checkpoint;
use crate::cli::error::CliError;
use crate::domain::canonical;
use crate::domain::ids::Digest;
use crate::domain::manifest::{Kind, Manifest};
use crate::domain::policy::Policy;
use crate::domain::roster::{Person, Roster};
use crate::sealed::versions::Versions;

use super::settings::Settings;

/// Documents whose hashes were computed here.
#[derive(Debug, Clone)]
pub(crate) struct Documents {
    /// Roster in force, approved by its hash in the log.
    pub(crate) roster: Roster,
    /// Its hash.
    pub(crate) roster_sha256: Digest,
    /// Policy in force, approved by its hash in the log.
    pub(crate) policy: Policy,
    /// Its hash.
    pub(crate) policy_sha256: Digest,
    /// How both came to be.
    pub(crate) versions: Versions,
    /// Manifest of the current live epoch.
    pub(crate) manifest: Manifest,
    /// Its hash.
    pub(crate) manifest_sha256: Digest,
    /// The head under which they were found.
    pub(crate) head: Checkpoint,
    /// Keys of the log, one per epoch of it, the present one last.
    pub(crate) log_vkeys: Vec<String>,
    /// The rest of what the server says; not verified.
    pub(crate) view: VaultView,
}

impl Documents {
    /// Checks the server's documents against pins and log.
    ///
    /// # Errors
    /// Log broken, when something is not what the log approved.
    pub(crate) fn check(
        view: VaultView,
        versions: Versions,
        head: Checkpoint,
        log_vkeys: Vec<String>,
        settings: &Settings,
    ) -> Result<Self, CliError> {
        if view.vault != settings.vault.as_str() || view.log_vkey != settings.pins.log_vkey {
            return Err(CliError::log_broken(
                "the server answers for another vault or log than the one enrolled",
            ));
        }
        let manifest: Manifest = typed("manifest", &view.manifest)?;
        let manifest_sha256 = hashed("manifest", manifest.sha256())?;
        check_manifest(&manifest, settings, &log_vkeys, Kind::Live)?;
        let documents = Self {
            roster: versions.roster.clone(),
            roster_sha256: versions.roster_sha256,
            policy: versions.policy.clone(),
            policy_sha256: versions.policy_sha256,
            versions,
            manifest,
            manifest_sha256,
            head,
            log_vkeys,
            view,
        };
        documents.dealt_to(&documents.manifest)?;
        Ok(documents)
    }

    /// The roster to which an epoch was dealt: one that was approved, perhaps not the last.
    ///
    /// # Errors
    /// Log broken, when nobody ever approved it.
    pub(crate) fn dealt_to(&self, manifest: &Manifest) -> Result<&Roster, CliError> {
        let dealt = self.versions.roster_of(&manifest.roster_sha256);
        let dealt = dealt.ok_or_else(|| {
            CliError::log_broken("the epoch was dealt to a roster that nobody approved")
        })?;
        if (dealt.k, dealt.n) == (manifest.k, manifest.n) {
            return Ok(dealt);
        }
        Err(CliError::log_broken(
            "the epoch was dealt with another threshold than its roster's",
        ))
    }

    /// The roster's entry of whoever these settings belong to.
    ///
    /// # Errors
    /// Not allowed, when the roster does not know her.
    pub(crate) fn person(&self, settings: &Settings) -> Result<&Person, CliError> {
        self.roster.person(&settings.person).ok_or_else(|| {
            CliError::new(
                crate::cli::Exit::NOT_ALLOWED,
                "not_in_roster",
                format!("{} is not in the roster", settings.person),
            )
        })
    }
}

/// Checks what a manifest says of vault and log. Who dealt it is for `terms_check`.
///
/// # Errors
/// Log broken.
pub(crate) fn check_manifest(
    manifest: &Manifest,
    settings: &Settings,
    log_vkeys: &[String],
    kind: Kind,
) -> Result<(), CliError> {
    let same = manifest.v == crate::domain::VERSION
        && manifest.vault == settings.vault
        && log_vkeys.contains(&manifest.log_vkey)
        && manifest.kind == kind
        && manifest.possession_keys.len() == usize::from(manifest.n);
    if same {
        Ok(())
    } else {
        Err(CliError::log_broken(
            "the manifest is of another vault, log or kind of epoch",
        ))
    }
}

/// A document of the server in its own type, strictly.
///
/// # Errors
/// Log broken: what is shown would not be what is hashed.
pub(crate) fn typed<T: serde::de::DeserializeOwned>(
    what: &str,
    value: &serde_json::Value,
) -> Result<T, CliError> {
    canonical::from_value(value.clone())
        .map_err(|why| CliError::log_broken(format!("the server's {what} is not one: {why}")))
}

/// A hash that was computed here.
///
/// # Errors
/// Log broken, when the document has no canonical form.
pub(crate) fn hashed(
    what: &str,
    hash: Result<Digest, canonical::CanonicalError>,
) -> Result<Digest, CliError> {
    hash.map_err(|why| CliError::log_broken(format!("the server's {what} has no hash: {why}")))
}
