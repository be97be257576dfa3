//! `breakglass init`: genesis, on the host, while no `serve` runs (PROTOCOL §1).
//!
//! The secret a person has seen is rotated at once; only its successor is ever sealed.

mod guided;

use std::path::{Path, PathBuf};
use std::sync::Arc;

use secrecy::SecretString;
use serde_json::json;

use super::vault_parts::{Parts, config_error, store_error};
use super::{CliError, Exit, Globals, Output};
use crate::app::genesis::{Initialised, first_commit};
use crate::app::{App, AppError};
use crate::config;
use crate::domain::ids::{Digest, PersonId};
use crate::domain::policy::Policy;
use crate::domain::policy::file::PolicyFile;
use crate::domain::roster::file::{PersonEntry, RosterFile};
use crate::domain::roster::{Role, Roster};
use crate::sealed::locked::harden_process;
use crate::sealed::roster_keys;
use crate::sealed::secret::{Credential, SecretText};
use crate::store::{Genesis, Store, StoreError};

/// Arguments of `init`.
#[derive(Debug, clap::Args)]
#[command(
    after_help = "Examples:\n  breakglass init --config breakglass.toml --roster roster.toml \
    --policy policy.toml --credential-file secret.txt\n  breakglass init --config breakglass.toml \
    --roster roster.toml --policy policy.toml --credential-file -\n  breakglass init --guided --config \
    breakglass.toml\n\n`--guided` asks for everything at the terminal, checks each answer against \
    Databricks, writes the three files and goes on; files that stand are kept.\n\nThe file holds the OAuth \
    secret of the break-glass principal and nothing else, readable by nobody else. `init` proves \
    it dead; delete the file afterwards. Safe to run again after a crash."
)]
pub struct Args {
    /// Ask for everything step by step, check it, write the files, then go on
    #[arg(long, conflicts_with = "credential_file")]
    pub guided: bool,
    /// The people: roster.toml
    #[arg(long, value_name = "FILE", required_unless_present = "guided")]
    pub roster: Option<PathBuf>,
    /// Use cases and their tree: policy.toml
    #[arg(long, value_name = "FILE", required_unless_present = "guided")]
    pub policy: Option<PathBuf>,
    /// File with the principal's OAuth secret, or - to be asked
    #[arg(long, value_name = "FILE", required_unless_present = "guided")]
    pub credential_file: Option<PathBuf>,
    /// Databricks' id of that secret, when several are alive
    #[arg(long, value_name = "ID")]
    pub secret_id: Option<String>,
    /// Accept custodians whose roster entry waives the second unlocker
    #[arg(long)]
    pub allow_single_unlocker: bool,
}

/// Where the secret is.
enum Source {
    /// In a file, or `-`: read once everything else is known to be in order.
    File(PathBuf),
    /// Typed already.
    Typed(SecretString),
}

/// What `init` goes by: three files and the secret.
struct Given {
    config: PathBuf,
    roster: PathBuf,
    policy: PathBuf,
    secret: Source,
    secret_id: Option<String>,
    allow_single_unlocker: bool,
}

/// Makes the vault.
///
/// # Errors
/// Bad files (2), Databricks out of reach (10), a rotation left owed (1).
pub async fn run(args: Args, globals: &Globals, out: &Output) -> Result<Exit, CliError> {
    harden_process().map_err(|e| CliError::failed("harden", e.to_string()))?;
    if !args.guided {
        let given = given(args, globals)?;
        return make(given, out).await;
    }
    super::vault_parts::keep_files_private();
    let Some(chosen) = guided::prepare(&args, globals, out).await? else {
        return Ok(guided::later(globals, out));
    };
    let given = Given {
        config: chosen.config,
        roster: chosen.roster,
        policy: chosen.policy,
        secret: Source::Typed(chosen.secret),
        secret_id: chosen.secret_id,
        allow_single_unlocker: chosen.allow_single_unlocker,
    };
    make(given, out).await
}

/// The files of the command line.
fn given(args: Args, globals: &Globals) -> Result<Given, CliError> {
    let config = globals.config.clone().ok_or_else(|| {
        CliError::usage("which configuration?").hint("breakglass init --config breakglass.toml …")
    })?;
    let missing = || CliError::usage("--roster, --policy and --credential-file belong together");
    let file = args.credential_file.clone().ok_or_else(missing)?;
    Ok(Given {
        config,
        roster: args.roster.clone().ok_or_else(missing)?,
        policy: args.policy.clone().ok_or_else(missing)?,
        secret: Source::File(file),
        secret_id: args.secret_id,
        allow_single_unlocker: args.allow_single_unlocker,
    })
}

async fn make(given: Given, out: &Output) -> Result<Exit, CliError> {
    let mut parts = Parts::read(&given.config)?;
    parts.learn_log_epoch().await?;
    let (roster, waived) = read_roster(&given, &parts)?;
    let policy = read_policy(&given.policy, &parts)?;
    let secret = match given.secret {
        Source::File(file) => read_credential(&file, out).await?,
        Source::Typed(secret) => secret,
    };
    let store = open_or_create(&parts, &roster, &policy, &waived, out).await?;
    let app = parts.app(store.clone()).await?;
    let credential = credential(&parts, &secret)?;
    let result = app
        .initialise(credential, given.secret_id.as_deref(), &|text| {
            out.talk(&format!("  … {text}"))
        })
        .await;
    store.close().await;
    match result.map_err(|e| init_error(&e))? {
        Initialised::RotationOwed => Err(CliError::failed(
            "rotation_owed",
            "rotation owed: the secret given is dead already, its successor is not proved yet",
        )
        .hint("start `breakglass serve`; it asks k custodians to finish the rotation")),
        done => {
            report(&parts, &app, done, out)?;
            Ok(Exit::DONE)
        }
    }
}

fn read_text(path: &Path) -> Result<String, CliError> {
    std::fs::read_to_string(path)
        .map_err(|e| CliError::usage(format!("cannot read {}: {e}", path.display())))
}

fn read_roster(args: &Given, parts: &Parts) -> Result<(Roster, Vec<String>), CliError> {
    let wrong =
        |e: &dyn std::fmt::Display| CliError::usage(format!("{}: {e}", args.roster.display()));
    let file = RosterFile::parse(&read_text(&args.roster)?).map_err(|e| wrong(&e))?;
    let waived: Vec<String> = file.waivers().into_iter().map(str::to_owned).collect();
    if !waived.is_empty() && !args.allow_single_unlocker {
        let why = format!("{} would have a single unlocker", waived.join(", "));
        return Err(wrong(&why).hint("add a second unlocker, or say --allow-single-unlocker"));
    }
    // Opaque and stable: the same file gives the same ids when `init` is run again after a crash.
    let vault = parts.config.vault.clone();
    let mut id_for = |person: &PersonEntry| opaque_id(vault.as_str(), &person.name);
    let roster = file.into_roster(&mut id_for).map_err(|e| wrong(&e))?;
    // Nobody has enrolled yet: every key must at least parse and be of an allowed size.
    roster_keys::check(&roster).map_err(|e| wrong(&e))?;
    if roster.vault != parts.config.vault {
        return Err(wrong(&format!(
            "vault is {}, the configuration's is {}",
            roster.vault, parts.config.vault
        )));
    }
    Ok((roster, waived))
}

fn opaque_id(vault: &str, name: &str) -> PersonId {
    let hex = Digest::of(format!("{vault}\n{name}").as_bytes()).hex();
    // `u_` and eight hexadecimal digits always parse.
    format!("u_{}", &hex[..8])
        .parse()
        .expect("u_ and hexadecimal digits are a person id")
}

fn read_policy(path: &Path, parts: &Parts) -> Result<Policy, CliError> {
    let wrong = |e: &dyn std::fmt::Display| CliError::usage(format!("{}: {e}", path.display()));
    let rules = parts.config.channel_rules().map_err(|e| config_error(&e))?;
    PolicyFile::parse(&read_text(path)?)
        .and_then(|file| file.into_policy(parts.config.vault.clone(), rules))
        .map_err(|e| wrong(&e))
}

pub(super) async fn read_credential(path: &Path, out: &Output) -> Result<SecretString, CliError> {
    if path == Path::new("-") {
        return ask_hidden(out).await;
    }
    config::read_secret(path).map_err(|e| config_error(&e))
}

async fn ask_hidden(out: &Output) -> Result<SecretString, CliError> {
    out.talk("OAuth secret of the break-glass principal (not shown):");
    let typed = tokio::task::spawn_blocking(|| rpassword::prompt_password("")).await;
    match typed {
        Ok(Ok(text)) => Ok(SecretString::from(text)),
        _ => Err(CliError::usage("nobody is here to type the secret")),
    }
}

#[expect(
    clippy::disallowed_methods,
    reason = "the secret given moves into locked memory"
)]
pub(super) fn credential(parts: &Parts, secret: &SecretString) -> Result<Credential, CliError> {
    use secrecy::ExposeSecret as _;
    let client_secret = SecretText::copied_from(secret.expose_secret())
        .map_err(|e| CliError::failed("memory", e.to_string()))?;
    Ok(Credential {
        client_id: parts.config.databricks.application_id.clone(),
        client_secret,
        secret_id: String::new(),
        expires_at_ms: i64::MAX,
    })
}

/// The store of an earlier, unfinished `init`, or a new one.
async fn open_or_create(
    parts: &Parts,
    roster: &Roster,
    policy: &Policy,
    waived: &[String],
    out: &Output,
) -> Result<Store, CliError> {
    std::fs::create_dir_all(&parts.config.data)
        .map_err(|e| CliError::failed("data", format!("{}: {e}", parts.config.data.display())))?;
    make_log_seed(&parts.config.log_seed_file())?;
    let (config, clock) = (parts.config.store(), Arc::clone(&parts.clock));
    match Store::open(&config, parts.log_identity()?, Arc::clone(&clock)).await {
        Ok(store) => {
            out.talk("  … going on with an `init` that did not end");
            return Ok(store);
        }
        Err(StoreError::Missing(_)) => {}
        Err(error) => return Err(store_error(&error)),
    }
    let identity = parts.log_identity()?;
    let first = first_commit(&identity.origin, &parts.log_vkey()?, roster, policy, waived)
        .map_err(|e| CliError::failed(e.code(), e.to_string()))?;
    let genesis = Genesis {
        log: identity,
        first,
    };
    Store::create(&config, genesis, clock)
        .await
        .map_err(|e| store_error(&e))
}

fn make_log_seed(path: &Path) -> Result<(), CliError> {
    if path.exists() {
        return Ok(());
    }
    let mut seed = zeroize::Zeroizing::new([0_u8; 32]);
    getrandom::fill(&mut *seed)
        .map_err(|_| CliError::failed("no_randomness", "the system gives no randomness"))?;
    let text = zeroize::Zeroizing::new(hex::encode(*seed));
    config::write_secret(path, text.as_bytes()).map_err(|e| config_error(&e))
}

fn init_error(error: &AppError) -> CliError {
    let exit = match error {
        AppError::Databricks(_) => Exit::DATABRICKS_UNREACHABLE,
        _ => Exit::FAILED,
    };
    CliError::new(exit, error.code(), error.to_string())
        .hint("run `breakglass init` again with the same files: it goes on where it stopped")
}

fn report(parts: &Parts, app: &App, done: Initialised, out: &Output) -> Result<(), CliError> {
    let roster = app.roster();
    let ca = parts.ca_pem()?;
    let ca = ca.map_or_else(|| "-".to_owned(), |pem| Digest::of(pem.as_bytes()).hex());
    let vkey = parts.log_vkey()?;
    let console = parts.config.console.url.trim_end_matches('/');
    let lines: Vec<(String, String)> = roster
        .people
        .iter()
        .map(|person| {
            let link = format!(
                "{console}/#vault={}&log={vkey}&person={}&ca={ca}",
                parts.config.vault, person.id
            );
            (person.name.clone(), link)
        })
        .collect();
    let people: Vec<_> = lines
        .iter()
        .map(|(name, link)| json!({"name": name, "link": link}))
        .collect();
    let custodians = roster
        .people
        .iter()
        .filter(|p| p.is(Role::Custodian))
        .count();
    let head = match done {
        Initialised::Already => "this vault was initialised before; nothing was changed",
        _ => "the secret given is dead; its successor is sealed",
    };
    let mut text = format!(
        "{head}\nvault {}, k = {} of n = {custodians}\n\nSend each person her own line:\n",
        parts.config.vault, roster.k
    );
    for (name, link) in &lines {
        text.push_str(&format!("\n{name}:\n  breakglass enrol '{link}'\n"));
    }
    let object = json!({
        "vault": parts.config.vault, "k": roster.k, "n": roster.n, "log_vkey": vkey,
        "already": done == Initialised::Already, "people": people,
    });
    out.result(object, &text);
    Ok(())
}
