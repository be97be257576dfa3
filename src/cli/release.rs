//! Opening one's own sealed share on this machine and checking that it is the right one.
//!
//! Used by `prove` and `approve`. The share stays in locked memory and never leaves unencrypted.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

use super::client::Client;
use super::{CliError, Exit};
use crate::api::ShareView;
use crate::domain::ids::Digest;
use crate::domain::manifest::Manifest;
use crate::domain::roster::Person;
use crate::sealed::epoch::EpochName;
use crate::sealed::share::{OpenedShare, ShareError, ShareLabel, open_share};
use crate::sealed::unlocker::Opener;

/// A share that opened and is this person's share of this manifest.
pub(super) struct OwnShare {
    /// The share, in locked memory.
    pub(super) opened: OpenedShare,
    /// Vault, kind and epoch.
    pub(super) name: EpochName,
    /// What opened it, as the roster writes it.
    pub(super) unlocker: String,
}

/// Fetches, opens and checks one's own share.
///
/// # Errors
/// Share rejected (exit 6): nothing was sent.
pub(super) async fn own_share(
    client: &mut Client,
    person: &Person,
    manifest: &Manifest,
    index: u8,
) -> Result<OwnShare, CliError> {
    let file = sealed_share(client, &own_path(manifest)).await?;
    let (opened, unlocker) = opened(client, person, &file)?;
    checked(opened, unlocker, manifest, index)
}

/// The same with what opens it at hand: a paper that was just read.
///
/// # Errors
/// Share rejected (exit 6): nothing was sent.
pub(super) async fn share_opened_by(
    client: &mut Client,
    manifest: &Manifest,
    index: u8,
    (opener, unlocker): (&Opener, &str),
) -> Result<OwnShare, CliError> {
    let file = sealed_share(client, &own_path(manifest)).await?;
    let opened = open_share(&file, opener).map_err(|why| share_error(&why))?;
    checked(opened, unlocker.to_owned(), manifest, index)
}

fn own_path(manifest: &Manifest) -> String {
    format!("/shares/{}/{}", manifest.kind.word(), manifest.epoch)
}

/// A sealed share as the vault keeps it.
///
/// # Errors
/// Share rejected when it is damaged.
pub(super) async fn sealed_share(client: &mut Client, path: &str) -> Result<Vec<u8>, CliError> {
    let view: ShareView = client.get_again(path).await?;
    STANDARD
        .decode(&view.share)
        .map_err(|_| rejected("the sealed share is damaged: it is not base64"))
}

/// What was opened is the share that the manifest says it is.
///
/// # Errors
/// Share rejected (exit 6): nothing was sent.
pub(super) fn checked(
    opened: OpenedShare,
    unlocker: String,
    manifest: &Manifest,
    index: u8,
) -> Result<OwnShare, CliError> {
    let name = EpochName::new(
        manifest.vault.as_str(),
        manifest.kind.word(),
        manifest.epoch,
    )
    .map_err(|why| rejected(&why.to_string()))?;
    let expected = label(manifest, &name, index)?;
    let possession = manifest
        .possession_key(index)
        .ok_or_else(|| rejected("the manifest lists no possession key for this share"))?;
    opened
        .check(&expected, &possession)
        .map_err(|why| share_error(&why))?;
    Ok(OwnShare {
        opened,
        name,
        unlocker,
    })
}

/// What the share file must say.
fn label(manifest: &Manifest, name: &EpochName, index: u8) -> Result<ShareLabel, CliError> {
    let sha256: Digest = manifest
        .sha256()
        .map_err(|why| rejected(&why.to_string()))?;
    Ok(ShareLabel {
        name: name.clone(),
        k: manifest.k,
        n: manifest.n,
        index,
        manifest_sha256: *sha256.bytes(),
    })
}

/// Tries her keys one after the other; the login key first, so that one passphrase is enough.
fn opened(
    client: &mut Client,
    person: &Person,
    file: &[u8],
) -> Result<(OpenedShare, String), CliError> {
    let mut last = None;
    for path in client.key_paths() {
        for matched in client.ring.openers(std::slice::from_ref(&path), person)? {
            match open_share(file, matched.opener()?) {
                Ok(share) => return Ok((share, matched.unlocker)),
                Err(why) => last = Some(why),
            }
        }
    }
    Err(match last {
        Some(why) => share_error(&why),
        None => rejected("none of the enrolled keys is an unlocker of yours")
            .hint("enrol again with --unlocker-key FILE"),
    })
}

pub(super) fn share_error(why: &ShareError) -> CliError {
    rejected(&why.to_string())
}

pub(super) fn rejected(message: &str) -> CliError {
    CliError::new(Exit::SHARE_REJECTED, "share_rejected", message)
        .hint("nothing was sent; tell an operator, or use your other unlocker")
        .page("custodian")
}
