//! `breakglass recover`: the credential back from a recovery bundle, by k custodians and no vault.
//!
//! One empty machine takes, each custodian gives on her own. The machine's one-time key lives only
//! while `take` runs; the four words that both sides show bind the shares to that machine.

mod inbox;

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde::{Deserialize, Serialize};
use serde_json::json;

use super::bundle::Bundle;
use super::client::{Kept, KeyRing};
use super::release::{rejected, share_error};
use super::{CliError, Exit, Globals, Output, files};
use crate::domain::ids::Digest;
use crate::domain::phrase;
use crate::sealed::locked::harden_process;
use crate::sealed::possession::PossessionKey;
use crate::sealed::recovery::Recovery;
use crate::sealed::release::seal_release;
use crate::sealed::share::{OpenedShare, open_share};
use crate::sealed::vault::{IncidentKey, Submission};

/// How often the inbox is looked at.
const LOOK_EVERY: Duration = Duration::from_millis(500);

/// Arguments of `recover`.
#[derive(Debug, clap::Args)]
#[command(
    after_help = "Examples:\n  breakglass recover take /mnt/safe/recovery --inbox in --out secret.txt\n  \
    breakglass recover give recovery --to age1… --key ~/.ssh/id_ed25519 --out ada.share\n\n\
    For the night when the vault's host is gone. It is outside the vault: nothing is logged, nobody \
    is alerted. Then make a vault anew at once: `breakglass init` rotates the secret that was seen."
)]
pub struct Args {
    #[command(subcommand)]
    what: What,
}

#[derive(Debug, clap::Subcommand)]
enum What {
    /// On an empty machine: show its one-time recipient, wait for k shares, write the secret
    Take(Take),
    /// A custodian, on her own machine: open her share and seal it to that recipient
    Give(Give),
}

#[derive(Debug, clap::Args)]
#[command(
    after_help = "Example:\n  breakglass recover take /mnt/safe/recovery --inbox in --out secret.txt"
)]
struct Take {
    /// The recovery bundle
    #[arg(value_name = "BUNDLE")]
    bundle: PathBuf,
    /// Folder where the custodians' files arrive
    #[arg(long, value_name = "DIR")]
    inbox: PathBuf,
    /// File to write the secret to, for `init --credential-file`; it must not exist
    #[arg(long, value_name = "FILE")]
    out: PathBuf,
}

#[derive(Debug, clap::Args)]
#[command(
    after_help = "Example:\n  breakglass recover give recovery --to age1… --key ~/.ssh/id_ed25519 --out ada.share"
)]
struct Give {
    /// The recovery bundle
    #[arg(value_name = "BUNDLE")]
    bundle: PathBuf,
    /// The recipient that `recover take` shows
    #[arg(long, value_name = "age1…")]
    to: String,
    /// Your unlocker: an SSH key or age identity file
    #[arg(long, value_name = "FILE")]
    key: PathBuf,
    /// The four words that were read to you; without it you are asked
    #[arg(long, value_name = "WORDS")]
    words: Option<String>,
    /// File to write, for the machine's inbox
    #[arg(long, value_name = "FILE")]
    out: PathBuf,
}

/// A share on its way to the machine.
#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Given {
    v: String,
    index: u8,
    envelope: String,
    possession: String,
}

const GIVEN: &str = "breakglass/recovery/v1";

/// Takes or gives.
///
/// # Errors
/// [`CliError`]; share rejected (6) when a share is not what the manifest says.
pub async fn run(args: Args, globals: &Globals, out: &Output) -> Result<Exit, CliError> {
    harden_process().map_err(|why| CliError::failed("harden", why.to_string()))?;
    match args.what {
        What::Take(args) => take(&args, out).await,
        What::Give(args) => give(&args, globals, out).await,
    }
}

async fn give(args: &Give, globals: &Globals, out: &Output) -> Result<Exit, CliError> {
    let bundle = Bundle::read(&args.bundle)?;
    agrees_with_pins(&bundle, globals, out)?;
    let recovery = Recovery::new(
        bundle.name.clone(),
        bundle.manifest_sha256.bytes(),
        &args.to,
    );
    let manifest = &bundle.manifest;
    out.warn(&format!(
        "You give your share of vault {}, epoch {}, to a machine outside the vault.\n\
         With {} shares that machine reads the Databricks secret. Nothing is logged, nobody is told.",
        manifest.vault, manifest.epoch, manifest.k
    ));
    confirm_words(args.words.as_deref(), recovery.document(), out).await?;
    let mut ring = KeyRing::new(globals.passphrase_file.clone());
    let (index, opened) = own_share(&bundle, &mut ring, &args.key)?;
    let envelope = seal_release(recovery.label(), opened.share(), &args.to)
        .map_err(|why| rejected(&why.to_string()))?;
    let possession = PossessionKey::derive(opened.share(), &bundle.name);
    let signature = possession.sign_release(&envelope, recovery.document());
    let given = Given {
        v: GIVEN.to_owned(),
        index,
        envelope: STANDARD.encode(&envelope),
        possession: STANDARD.encode(signature),
    };
    let text = serde_json::to_vec(&given).map_err(|why| rejected(&why.to_string()))?;
    files::write_private(&args.out, &text)?;
    out.result(
        json!({"index": index, "epoch": manifest.epoch, "file": args.out}),
        &format!(
            "Share {index} is sealed to that machine alone, in {}.\nBring it to the machine's inbox.",
            args.out.display()
        ),
    );
    Ok(Exit::DONE)
}

/// A client that is enrolled knows which manifest it signed; a bundle with another one is a trap.
fn agrees_with_pins(bundle: &Bundle, globals: &Globals, out: &Output) -> Result<(), CliError> {
    let kept = match Kept::load(globals) {
        Ok(kept) if kept.settings.vault == bundle.manifest.vault => kept,
        _ => {
            out.warn("! This machine is not enrolled at that vault: the bundle's manifest is not checked against one you signed.");
            return Ok(());
        }
    };
    let mut pins = kept.settings.pins;
    pins.advance_manifest(bundle.manifest.epoch, bundle.manifest_sha256)
}

/// The machine's four words, heard by voice: a recipient that came by mail may be anybody's.
async fn confirm_words(given: Option<&str>, document: &[u8], out: &Output) -> Result<(), CliError> {
    let words = phrase::fingerprint(document).join(" ");
    let typed = match given {
        Some(typed) => typed.to_owned(),
        None => out
            .ask("Call the person at that machine. Which four words does it show?\n>")
            .await
            .ok_or_else(|| {
                CliError::usage("the four words must be typed by a person")
                    .hint("scripts pass --words \"word word word word\"")
            })?,
    };
    if phrase::normalise(&typed) == words {
        return Ok(());
    }
    Err(CliError::new(
        Exit::REFUSED,
        "wrong_words",
        "those are not the words of this bundle and recipient; nothing was opened",
    )
    .hint("ask for the recipient and the words again, by voice")
    .page("host-lost"))
}

/// Opens whichever share in the bundle this key is an unlocker of.
fn own_share(
    bundle: &Bundle,
    ring: &mut KeyRing,
    key: &Path,
) -> Result<(u8, OpenedShare), CliError> {
    let paths = [key.to_owned()];
    for person in &bundle.roster.people {
        let Some(index) = bundle.roster.index_of(&person.id) else {
            continue;
        };
        let Some(matched) = ring.openers(&paths, person)?.pop() else {
            continue;
        };
        let opened = open_share(&bundle.share(index)?, matched.opener()?)
            .map_err(|why| share_error(&why))?;
        let possession = bundle.manifest.possession_key(index);
        let possession =
            possession.ok_or_else(|| rejected("the manifest lists no key for this share"))?;
        opened
            .check(&bundle.share_label(index), &possession)
            .map_err(|why| share_error(&why))?;
        return Ok((index, opened));
    }
    Err(
        rejected("this key is no custodian's unlocker in this bundle")
            .hint("name the key you enrolled with, or a newer bundle"),
    )
}

async fn take(args: &Take, out: &Output) -> Result<Exit, CliError> {
    let bundle = Bundle::read(&args.bundle)?;
    if args.out.exists() {
        return Err(CliError::usage(format!(
            "{} exists already",
            args.out.display()
        )));
    }
    // What could fail later fails now: once a share came, this process alone has what opens it.
    files::private_folder(&args.inbox)?;
    let sealed = bundle.credential()?;
    files::write_new(&args.out, |_| Ok(()))?;
    files::remove(&args.out)?;
    let key = IncidentKey::generate().map_err(|why| CliError::failed("memory", why.to_string()))?;
    let recovery = Recovery::new(
        bundle.name.clone(),
        bundle.manifest_sha256.bytes(),
        key.recipient(),
    );
    let manifest = &bundle.manifest;
    let words = phrase::fingerprint(recovery.document()).join(" ");
    out.warn(&format!(
        "Recovery of vault {}, epoch {}: {} of {} custodians are needed.\n\n  \
         recipient  {}\n  words      {}   (read them out by voice)\n\n\
         Each custodian: breakglass recover give BUNDLE --to RECIPIENT --key FILE --out FILE\n\
         Their files go into {}. Ctrl-C forgets everything.",
        manifest.vault,
        manifest.epoch,
        manifest.k,
        manifest.n,
        key.recipient(),
        words,
        args.inbox.display()
    ));
    let accepted = collect(&bundle, &key, &recovery, &args.inbox, out).await?;
    finish(args, &bundle, &sealed, key, &recovery, &accepted, out)
}

/// Waits until k files in the inbox hold good shares; each bad file is named once.
async fn collect(
    bundle: &Bundle,
    key: &IncidentKey,
    recovery: &Recovery,
    inbox: &Path,
    out: &Output,
) -> Result<BTreeMap<u8, Vec<u8>>, CliError> {
    let needed = usize::from(bundle.manifest.k);
    let mut accepted = BTreeMap::new();
    // By content: a file that was still being copied is looked at again when it has changed.
    let mut seen = BTreeSet::new();
    let mut told = BTreeSet::new();
    loop {
        let (arrived, faults) = inbox::arrived(inbox);
        for fault in faults {
            if told.insert(fault.clone()) {
                out.warn(&format!("  {fault}; looking again"));
            }
        }
        for (path, bytes) in arrived {
            if !seen.insert((path.clone(), Digest::of(&bytes))) {
                continue;
            }
            let name = path.file_name().unwrap_or_default().to_string_lossy();
            match checked(bundle, key, recovery, &bytes) {
                Ok((index, envelope)) => {
                    accepted.insert(index, envelope);
                    let count = accepted.len();
                    out.warn(&format!(
                        "  share {index} is good ({name}): {count} of {needed}"
                    ));
                }
                Err(why) => out.warn(&format!("  {name} was refused: {why}")),
            }
            if accepted.len() >= needed {
                return Ok(accepted);
            }
        }
        tokio::time::sleep(LOOK_EVERY).await;
    }
}

fn checked(
    bundle: &Bundle,
    key: &IncidentKey,
    recovery: &Recovery,
    bytes: &[u8],
) -> Result<(u8, Vec<u8>), String> {
    let given: Given = serde_json::from_slice(bytes).map_err(|_| "it holds no share".to_owned())?;
    if given.v != GIVEN {
        return Err("it is of another version".to_owned());
    }
    let not_base64 = |_| "it is damaged".to_owned();
    let envelope = STANDARD.decode(&given.envelope).map_err(not_base64)?;
    let signature = STANDARD.decode(&given.possession).map_err(not_base64)?;
    let signature: [u8; 64] = signature
        .try_into()
        .map_err(|_| "it is damaged".to_owned())?;
    let submission = Submission {
        index: given.index,
        envelope: &envelope,
        document: recovery.document(),
        possession_signature: &signature,
    };
    key.check_envelope(&submission, recovery.label(), &bundle.keys())
        .map_err(|why| why.to_string())?;
    Ok((given.index, envelope))
}

/// Combines, opens, writes. From here on the secret exists in a file; `init` makes it worthless.
fn finish(
    args: &Take,
    bundle: &Bundle,
    sealed: &[u8],
    key: IncidentKey,
    recovery: &Recovery,
    accepted: &BTreeMap<u8, Vec<u8>>,
    out: &Output,
) -> Result<Exit, CliError> {
    let envelopes: Vec<(u8, &[u8])> = accepted
        .iter()
        .map(|(index, envelope)| (*index, envelope.as_slice()))
        .collect();
    let credential = key
        .unseal(&envelopes, recovery.label(), &bundle.keys(), sealed)
        .map_err(|why| rejected(&why.to_string()))?;
    files::write_new(&args.out, |file| credential.client_secret.write_line(file))?;
    let file = args.out.display();
    out.result(
        json!({"client_id": credential.client_id, "secret_id": credential.secret_id,
            "secret_file": args.out, "shares": accepted.keys().collect::<Vec<_>>()}),
        &format!(
            "The secret of service principal {} is in {file}, readable by you alone.\n\n  \
             1. Make the vault anew: breakglass init --credential-file {file} --secret-id {} …\n     \
             It rotates this secret at once and proves it dead.\n  2. Delete {file}.\n  \
             3. Tell the auditors: who gave a share, when and why. No log says it.",
            credential.client_id, credential.secret_id
        ),
    );
    Ok(Exit::DONE)
}
