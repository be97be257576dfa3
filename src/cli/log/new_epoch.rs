//! `breakglass log new-epoch`: after a restore the log goes on under a new name, declared by k
//! custodians and two operators (PROTOCOL §2, §11).
//!
//! No vault serves meanwhile, so the declaration travels as a file: an operator proposes it on the
//! host, each signer reads and signs it on her own machine, an operator applies it.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use serde_json::json;

use crate::api::SignedDocument;
use crate::app::{App, SavedLog};
use crate::audit::checkpoint::{Checkpoint, parse_hash};
use crate::audit::note::VerifierKey;
use crate::cli::client::{Client, Pins};
use crate::cli::vault_parts::{Parts, store_error};
use crate::cli::{CliError, Exit, Globals, Output, escape, files, text};
use crate::domain::act::Deed;
use crate::domain::canonical;
use crate::domain::ids::Digest;
use crate::domain::log_epoch::{LogEpoch, LogEpochError, split_origin};
use crate::sealed::versions::SignedAct;
use crate::store::{self, BackupStamp, Config, LogIdentity, Store, StoreError};

/// The steps.
#[derive(Debug, clap::Subcommand)]
pub enum NewEpoch {
    /// An operator, on the host: write down what was saved
    #[command(
        after_help = "Example:\n  breakglass log new-epoch propose --why \"the disk died; restored from the backup of Friday\" --out epoch.json --config breakglass.toml"
    )]
    Propose(Propose),
    /// Each signer, on her own machine: read it and sign it
    #[command(after_help = "Example:\n  breakglass log new-epoch sign epoch.json --out ada.json")]
    Sign(Sign),
    /// An operator, on the host: write it into the log, then start the vault
    #[command(
        after_help = "Example:\n  breakglass log new-epoch apply epoch.json ada.json ben.json cleo.json otto.json olga.json --config breakglass.toml\n\nIt takes k custodians and two operators. Everyone is alerted, and every client says it once."
    )]
    Apply(Apply),
}

/// Arguments of `propose`.
#[derive(Debug, clap::Args)]
pub struct Propose {
    /// Why, in one line; everyone reads it
    #[arg(long, value_name = "TEXT")]
    why: String,
    /// Newest custody epoch that anybody has seen, when it is later than the one restored
    #[arg(long, value_name = "N")]
    newest_epoch: Option<u32>,
    /// File to write
    #[arg(long, value_name = "FILE")]
    out: PathBuf,
}

/// Arguments of `sign`.
#[derive(Debug, clap::Args)]
pub struct Sign {
    /// What an operator proposed
    #[arg(value_name = "FILE")]
    file: PathBuf,
    /// File to write, for that operator
    #[arg(long, value_name = "FILE")]
    out: PathBuf,
    /// Sign what is shown without asking
    #[arg(long)]
    yes: bool,
}

/// Arguments of `apply`.
#[derive(Debug, clap::Args)]
pub struct Apply {
    /// What was proposed
    #[arg(value_name = "FILE")]
    file: PathBuf,
    /// What people signed
    #[arg(value_name = "SIGNED", num_args = 1.., required = true)]
    signed: Vec<PathBuf>,
}

/// Runs one step.
///
/// # Errors
/// [`CliError`].
pub(super) async fn run(step: NewEpoch, globals: &Globals, out: &Output) -> Result<Exit, CliError> {
    match step {
        NewEpoch::Propose(args) => propose(args, globals, out).await,
        NewEpoch::Sign(args) => sign(args, globals, out).await,
        NewEpoch::Apply(args) => apply(&args, globals, out).await,
    }
}

async fn parts(globals: &Globals) -> Result<Parts, CliError> {
    let path = globals.config.clone().ok_or_else(|| {
        CliError::usage("which configuration?").hint("pass --config breakglass.toml, on the host")
    })?;
    let mut parts = Parts::read(&path)?;
    parts.learn_log_epoch().await?;
    Ok(parts)
}

async fn propose(args: Propose, globals: &Globals, out: &Output) -> Result<Exit, CliError> {
    let parts = parts(globals).await?;
    let stamped = BackupStamp::read(&BackupStamp::path(&parts.config.data));
    let stamped = stamped.map_err(|e| store_error(&e))?.map_or(0, |s| s.epoch);
    let remembered = remembered(&parts)?;
    let (saved, prev) = saved(&parts).await?;
    let (prev_origin, prev_vkey) = prev;
    let parts = {
        let next = parts.log_epoch().saturating_add(1);
        parts.in_log_epoch(next)
    };
    let declared = LogEpoch {
        epoch: parts.log_epoch(),
        origin: parts.log_identity()?.origin,
        vkey: parts.log_vkey()?,
        prev_origin,
        prev_vkey,
        prev_size: saved.size,
        prev_root: saved.root,
        why: args.why,
        custody_epoch: saved.custody_epoch,
        newest_epoch: saved
            .custody_epoch
            .max(stamped)
            .max(args.newest_epoch.unwrap_or(0)),
        manifest_sha256: saved.manifest_sha256,
        roster_sha256: saved.roster_sha256,
        policy_sha256: saved.policy_sha256,
    };
    declared.check().map_err(|why| wrong(&why))?;
    let bytes = canonical::to_bytes(&declared)
        .map_err(|why| CliError::failed("declaration", why.to_string()))?;
    files::write_private(&args.out, &bytes)?;
    let known = remembered.map_or("This host does not remember more.".to_owned(), |size| {
        format!(
            "This host remembers {size} entries: {} are lost.",
            size.saturating_sub(declared.prev_size)
        )
    });
    out.result(
        json!({"declaration": declared, "remembered": remembered, "file": args.out}),
        &format!(
            "{}\n{known}\nNext: k custodians and two operators sign it, each on her own machine:\n  \
             breakglass log new-epoch sign {} --out NAME.json",
            summary(&declared),
            args.out.display()
        ),
    );
    Ok(Exit::DONE)
}

/// What the database holds: nothing of it changes, and the mark of what was lost stays where it is.
async fn saved(parts: &Parts) -> Result<(SavedLog, (String, String)), CliError> {
    let folder = parts.config.data.join("new-epoch.tmp");
    files::private_folder(&folder)?;
    let looked = look(parts, &folder).await;
    // It is a copy that nobody needs; a rest of it is written over by the next run.
    let _gone = std::fs::remove_dir_all(&folder);
    looked
}

async fn look(parts: &Parts, folder: &Path) -> Result<(SavedLog, (String, String)), CliError> {
    let identity = parts.log_identity()?;
    let prev = (identity.origin.clone(), parts.log_vkey()?);
    let opened = open_to_look(parts, folder, identity).await;
    let store = opened.map_err(|why| store_error(&why))?;
    let app = parts.app(store.clone()).await;
    let saved = app.map(|app| app.saved_log());
    // Also after an error: a server's lock is given back before anybody else asks for it.
    store.close().await;
    Ok((saved?.map_err(|why| app_error(&why))?, prev))
}

/// A copy of a file; a server's database itself, which nobody serves meanwhile.
async fn open_to_look(
    parts: &Parts,
    folder: &Path,
    identity: LogIdentity,
) -> Result<Store, StoreError> {
    let clock = Arc::clone(&parts.clock);
    let config = parts.config.store();
    if let Some(url_file) = &config.postgres_url_file {
        let mark = folder.join("head.hw");
        return Store::open_beside_its_mark(url_file, identity, clock, mark).await;
    }
    let copy = folder.join("breakglass.db");
    let _former = std::fs::remove_file(&copy);
    store::back_up(&config, folder).await?;
    let config = Config {
        sqlite: Some(copy),
        postgres_url_file: None,
    };
    Store::open(&config, identity, clock).await
}

/// Entries that this host's marks remember of the log.
///
/// # Errors
/// Failed, when a mark is of a later epoch than the database: that one would be declared twice.
fn remembered(parts: &Parts) -> Result<Option<u64>, CliError> {
    let origin = parts.log_identity()?.origin;
    let notes =
        store::remembered(&parts.config.store(), &origin).map_err(|why| store_error(&why))?;
    let later = notes.iter().any(|note| {
        let origin = note.lines().next().and_then(split_origin);
        origin.is_some_and(|(_, number)| number > parts.log_epoch())
    });
    if later {
        return Err(CliError::failed(
            "older_epoch",
            "this host has been in a later epoch of its log than the database that was restored",
        )
        .hint("restore a backup that was made after the last declaration"));
    }
    let key = VerifierKey::parse(&parts.log_vkey()?)
        .map_err(|why| CliError::failed("log_key", why.to_string()))?;
    // A mark that is not this log's says nothing of it.
    let heads = notes
        .iter()
        .map(|note| Checkpoint::open(note.as_bytes(), &key));
    Ok(heads.flatten().map(|head| head.size).max())
}

async fn sign(args: Sign, globals: &Globals, out: &Output) -> Result<Exit, CliError> {
    let declared = declaration(&args.file)?;
    let mut client = Client::open(globals)?;
    let pins = client.kept.settings.pins.clone();
    if declared.prev_vkey != pins.log_vkey {
        let known = pins.log_key()?;
        let later = split_origin(&declared.prev_origin)
            .zip(split_origin(known.name()))
            .is_some_and(|((base, n), (ours, known))| base == ours && n > known);
        if later {
            return Err(CliError::failed(
                "unseen_epoch",
                "this machine has not used the vault since its log last went on under a new name",
            )
            .hint("somebody who has used it since must sign"));
        }
        return Err(CliError::log_broken(
            "this declaration follows another log than the one this machine knows",
        ));
    }
    let seen = pins.checkpoint()?.ok_or_else(|| {
        CliError::failed("no_pin", "this machine has never seen the log")
            .hint("somebody who has used the vault before must sign")
    })?;
    if let Some(epoch) = pins.epoch.filter(|epoch| *epoch > declared.newest_epoch) {
        return Err(CliError::failed(
            "newer_epoch",
            format!(
                "this machine has seen custody epoch {epoch}; the declaration knows of {} only",
                declared.newest_epoch
            ),
        )
        .hint(format!("propose it again with --newest-epoch {epoch}")));
    }
    agrees(&declared, &seen, &pins)?;
    out.warn(&format!(
        "{}\n{}",
        summary(&declared),
        own_loss(&declared, &seen)
    ));
    if !args.yes {
        text::confirm(out, "Sign this?", "--yes").await?;
    }
    let signed = client.sign_act(&seen, None, Deed::Epoch(Box::new(declared.clone())))?;
    let bytes =
        serde_json::to_vec(&signed).map_err(|why| CliError::failed("json", why.to_string()))?;
    files::write_private(&args.out, &bytes)?;
    out.result(
        json!({"person": client.me(), "file": args.out, "seen": seen.size,
            "kept": declared.prev_size}),
        &format!("Signed. Bring {} to the operator.", args.out.display()),
    );
    Ok(Exit::DONE)
}

/// Where this machine has seen exactly what was saved, it knows root, roster and policy itself.
fn agrees(declared: &LogEpoch, seen: &Checkpoint, pins: &Pins) -> Result<(), CliError> {
    if declared.prev_size != seen.size {
        return Ok(());
    }
    let differs = |pinned: Option<Digest>, named| pinned.is_some_and(|pinned| pinned != named);
    if parse_hash(&declared.prev_root) != Some(seen.root)
        || differs(pins.newest_roster, declared.roster_sha256)
        || differs(pins.newest_policy, declared.policy_sha256)
    {
        return Err(CliError::log_broken(
            "what was restored is not what this machine has seen at the same place of the log",
        ));
    }
    Ok(())
}

async fn apply(args: &Apply, globals: &Globals, out: &Output) -> Result<Exit, CliError> {
    let declared = declaration(&args.file)?;
    let mut acts = Vec::new();
    for path in &args.signed {
        let signed: SignedDocument = serde_json::from_slice(&files::read(path)?)
            .map_err(|_| CliError::usage(format!("{} is no signed file", path.display())))?;
        acts.push(SignedAct {
            document: signed.document.into_bytes(),
            signature: signed.signature,
        });
    }
    let parts = parts(globals).await?;
    if parts.log_epoch() >= declared.epoch {
        return Err(CliError::usage(format!(
            "the log is in epoch {} already",
            parts.log_epoch()
        )));
    }
    let old = parts.log_identity()?;
    let parts = parts.in_log_epoch(declared.epoch);
    let clock = Arc::clone(&parts.clock);
    let opened =
        Store::open_renamed(&parts.config.store(), &old, parts.log_identity()?, clock).await;
    let store = opened.map_err(|why| store_error(&why))?;
    let done = write(&parts, store.clone(), &declared, &acts).await;
    store.close().await;
    let seen = match done {
        Ok(seen) => seen,
        Err(error) => {
            // Nothing was declared: the mark goes back, and the vault refuses to start as before.
            let back = store::put_back(&parts.config.store(), &old.origin);
            back.map_err(|why| store_error(&why))?;
            return Err(error);
        }
    };
    let lost = seen.saturating_sub(declared.prev_size);
    out.result(
        json!({"origin": declared.origin, "epoch": declared.epoch, "kept": declared.prev_size,
            "lost": lost, "stale": declared.is_stale()}),
        &format!(
            "The log goes on as {} from entry {}; {lost} entries that signers had seen are lost.\n\
             Start the vault: everyone is alerted, and each client says it once.{}",
            declared.origin,
            declared.prev_size,
            stale(&declared)
        ),
    );
    Ok(Exit::DONE)
}

async fn write(
    parts: &Parts,
    store: Store,
    declared: &LogEpoch,
    acts: &[SignedAct],
) -> Result<u64, CliError> {
    let app: App = parts.app(store).await?;
    let written = app.declare_log_epoch(declared, acts).await;
    written.map_err(|why| app_error(&why))
}

fn declaration(path: &Path) -> Result<LogEpoch, CliError> {
    let declared: LogEpoch = canonical::parse_exact(&files::read(path)?)
        .map_err(|_| CliError::usage(format!("{} declares no log epoch", path.display())))?;
    declared.check().map_err(|why| wrong(&why))?;
    Ok(declared)
}

fn wrong(why: &LogEpochError) -> CliError {
    CliError::usage(format!("this cannot be declared: {why}"))
}

fn app_error(error: &crate::app::AppError) -> CliError {
    CliError::failed(error.code(), error.to_string()).hint("nothing was changed")
}

fn summary(declared: &LogEpoch) -> String {
    format!(
        "The vault was restored. Its log ends at entry {} and goes on as {}.\n\
         Reason: {}\n\
         {}\n\
         Custody: the restored database holds epoch {}.{}",
        declared.prev_size,
        declared.origin,
        escape::line(&declared.why),
        key_line(declared),
        declared.custody_epoch,
        stale(declared)
    )
}

/// Whether the log's key itself changes: a vkey ends in it, after name and id.
fn key_line(declared: &LogEpoch) -> String {
    let public = |vkey: &str| vkey.rsplit('+').next().unwrap_or_default().to_owned();
    if public(&declared.vkey) == public(&declared.prev_vkey) {
        return "The log's key stays the same.".to_owned();
    }
    format!(
        "! The log's KEY CHANGES, to {}\n  Compare it by voice with the operator who proposed this.",
        escape::line(&declared.vkey)
    )
}

fn stale(declared: &LogEpoch) -> String {
    if !declared.is_stale() {
        return String::new();
    }
    format!(
        "\n! Epoch {} was dealt later: the credential sealed in this database is dead, and nothing \
         can be opened with it. See runbooks/host-lost.md",
        declared.newest_epoch
    )
}

fn own_loss(declared: &LogEpoch, seen: &Checkpoint) -> String {
    match seen.size.saturating_sub(declared.prev_size) {
        0 => format!(
            "This machine has seen {} entries: none of them is lost.",
            seen.size
        ),
        lost => format!(
            "! This machine has seen {} entries: {lost} of them would be LOST.",
            seen.size
        ),
    }
}
