//! The recovery bundle: a folder that k custodians can open without any vault.
//!
//! It holds the manifest, the sealed credential, every sealed share, roster and policy. Nothing in
//! it opens by itself. Written by `backup`, read by `recover`.

use std::path::{Path, PathBuf};

use serde_json::{Value, json};

use super::{CliError, Exit, files};
use crate::domain::ids::Digest;
use crate::domain::manifest::Manifest;
use crate::domain::roster::Roster;
use crate::sealed::epoch::EpochName;
use crate::sealed::share::ShareLabel;
use crate::sealed::vault::EpochKeys;
use crate::store::Backup;

const MANIFEST: &str = "manifest.json";
const ROSTER: &str = "roster.json";
const POLICY: &str = "policy.json";
const CREDENTIAL: &str = "credential.age";
const CHECKPOINT: &str = "checkpoint.note";
const README: &str = "README.txt";

/// A bundle that was read and whose parts fit together.
pub(super) struct Bundle {
    folder: PathBuf,
    /// What was dealt.
    pub(super) manifest: Manifest,
    /// Its hash.
    pub(super) manifest_sha256: Digest,
    /// To whom.
    pub(super) roster: Roster,
    /// Vault, kind and epoch.
    pub(super) name: EpochName,
}

impl Bundle {
    /// Reads a folder; manifest and roster must fit.
    ///
    /// # Errors
    /// Failed, naming the file at fault.
    pub(super) fn read(folder: &Path) -> Result<Self, CliError> {
        let manifest: Manifest = parsed(folder, MANIFEST)?;
        let roster_bytes = files::read(&folder.join(ROSTER))?;
        if Digest::of(&roster_bytes) != manifest.roster_sha256 {
            return Err(wrong(
                folder,
                ROSTER,
                "it is not the roster of the manifest",
            ));
        }
        let roster: Roster = parsed(folder, ROSTER)?;
        let not_one = |why: &dyn std::fmt::Display| wrong(folder, MANIFEST, &why.to_string());
        let name = EpochName::new(
            manifest.vault.as_str(),
            manifest.kind.word(),
            manifest.epoch,
        )
        .map_err(|why| not_one(&why))?;
        let manifest_sha256 = manifest.sha256().map_err(|why| not_one(&why))?;
        Ok(Self {
            folder: folder.to_owned(),
            manifest,
            manifest_sha256,
            roster,
            name,
        })
    }

    /// The sealed share of one index.
    ///
    /// # Errors
    /// When the file is not there.
    pub(super) fn share(&self, index: u8) -> Result<Vec<u8>, CliError> {
        files::read(&self.folder.join(share_file(index)))
    }

    /// The sealed credential.
    ///
    /// # Errors
    /// When the file is not there.
    pub(super) fn credential(&self) -> Result<Vec<u8>, CliError> {
        files::read(&self.folder.join(CREDENTIAL))
    }

    /// What the share of one index must say of itself.
    pub(super) fn share_label(&self, index: u8) -> ShareLabel {
        ShareLabel {
            name: self.name.clone(),
            k: self.manifest.k,
            n: self.manifest.n,
            index,
            manifest_sha256: *self.manifest_sha256.bytes(),
        }
    }

    /// What shares are checked against.
    pub(super) fn keys(&self) -> EpochKeys {
        crate::app::epoch_keys(&self.manifest)
    }
}

/// Writes a bundle into a new folder and says what it holds.
///
/// # Errors
/// When a share is missing, or a file cannot be written.
pub(super) fn write(folder: &Path, backup: &Backup) -> Result<Value, CliError> {
    let manifest = &backup.epoch.manifest;
    let credential = backup.epoch.sealed_credential.as_ref();
    let credential = credential.ok_or_else(|| wrong(folder, CREDENTIAL, "it was erased"))?;
    files::private_folder(&folder.join("shares"))?;
    for (index, share) in (1..=manifest.n).zip(&backup.shares) {
        let file = share_file(index);
        let bytes = share.as_ref();
        let bytes = bytes.ok_or_else(|| wrong(folder, &file, "the vault does not hold it"))?;
        files::write_private(&folder.join(file), bytes)?;
    }
    let canonical = crate::domain::canonical::to_bytes(manifest)
        .map_err(|why| wrong(folder, MANIFEST, &why.to_string()))?;
    files::write_private(&folder.join(MANIFEST), &canonical)?;
    files::write_private(&folder.join(ROSTER), &backup.roster)?;
    files::write_private(&folder.join(POLICY), &backup.policy)?;
    files::write_private(&folder.join(CREDENTIAL), credential)?;
    files::write_private(&folder.join(CHECKPOINT), backup.checkpoint.as_bytes())?;
    files::write_private(&folder.join(README), readme(manifest).as_bytes())?;
    Ok(
        json!({"bundle": folder, "vault": manifest.vault, "epoch": manifest.epoch,
        "k": manifest.k, "n": manifest.n, "manifest_sha256": backup.epoch.manifest_sha256,
        "entries": backup.size, "secret_expires_ms": backup.epoch.secret_expires_at_ms.0}),
    )
}

fn readme(manifest: &Manifest) -> String {
    let Manifest {
        vault, epoch, k, n, ..
    } = manifest;
    format!(
        "Recovery bundle of vault {vault}, epoch {epoch}.\n\n\
         Nothing here opens without {k} of its {n} custodians. With {k} of them it opens without any\n\
         vault, unlogged and unalerted: keep it as you keep a safe's contents, away from the vault's\n\
         own host. It is worthless once the vault has rotated its secret; make a new one then.\n\n\
         On an empty machine:             breakglass recover take BUNDLE --inbox DIR --out FILE\n\
         Each custodian, on her own:      breakglass recover give BUNDLE --to age1… --key FILE --out FILE\n"
    )
}

fn share_file(index: u8) -> String {
    format!("shares/{index}.age")
}

fn parsed<T: serde::de::DeserializeOwned>(folder: &Path, file: &str) -> Result<T, CliError> {
    let bytes = files::read(&folder.join(file))?;
    serde_json::from_slice(&bytes).map_err(|why| wrong(folder, file, &why.to_string()))
}

fn wrong(folder: &Path, file: &str, why: &str) -> CliError {
    let path = folder.join(file);
    CliError::new(
        Exit::FAILED,
        "bundle",
        format!(
            "the recovery bundle cannot be used: {}: {why}",
            path.display()
        ),
    )
    .hint("take another copy of the bundle; each backup made one")
    .page("host-lost")
}
