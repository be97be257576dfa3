//! `breakglass epoch new --credential-file`: a fresh secret of the principal, brought by an operator
//! to the host while no `serve` runs (PROTOCOL §3).

use std::path::PathBuf;
use std::sync::Arc;

use serde_json::json;

use crate::app::AppError;
use crate::app::deliver::Told;
use crate::cli::vault_parts::{Parts, store_error};
use crate::cli::{CliError, Exit, Globals, Output, init};
use crate::domain::terms::is_plain_text;
use crate::sealed::locked::harden_process;
use crate::store::{Store, StoreError};

/// Longest reason, characters.
const MAX_BECAUSE_CHARS: usize = 500;
/// Rounds of the outbox before `serve` is left to deliver the rest.
const ROUNDS: usize = 50;

/// What the command line says.
pub(super) struct Given {
    pub file: PathBuf,
    pub secret_id: Option<String>,
    pub because: String,
}

pub(super) async fn run(given: Given, globals: &Globals, out: &Output) -> Result<Exit, CliError> {
    harden_process().map_err(|e| CliError::failed("harden", e.to_string()))?;
    let path = globals.config.clone().ok_or_else(|| {
        CliError::usage("which configuration?").hint(
            "on the vault's host: breakglass epoch new --because TEXT --config breakglass.toml \
             --credential-file FILE",
        )
    })?;
    let long = given.because.chars().count() > MAX_BECAUSE_CHARS;
    if given.because.trim().is_empty() || long || !is_plain_text(&given.because) {
        return Err(CliError::usage(
            "--because is one line of at most 500 characters",
        ));
    }
    let mut parts = Parts::read(&path)?;
    parts.learn_log_epoch().await?;
    let secret = init::read_credential(&given.file, out).await?;
    let credential = init::credential(&parts, &secret)?;
    drop(secret);
    let (config, clock) = (parts.config.store(), Arc::clone(&parts.clock));
    let opened = Store::open(&config, parts.log_identity()?, clock).await;
    let store = opened.map_err(|error| match error {
        StoreError::InUse(_) => store_error(&error)
            .hint("stop `breakglass serve` first (look at `breakglass serve --check`)"),
        _ => store_error(&error),
    })?;
    let app = parts.app(store.clone()).await?;
    parts.keep_reserves(&app)?;
    let id = given.secret_id.as_deref();
    let supplied = async {
        // What an earlier process did without the log comes first: it may have rotated.
        app.bind_emergency_log().await?;
        app.supply(credential, id, given.because.trim(), &|text| {
            out.talk(&format!("  … {text}"));
        })
        .await
    };
    let supplied = supplied.await;
    // Everyone hears of it now, whether or not `serve` starts soon.
    let mut told = Told::default();
    for _ in 0..ROUNDS {
        match app.deliver_due(&mut told).await {
            Ok(delivered) if delivered > 0 => {}
            _ => break,
        }
    }
    store.close().await;
    let epoch = supplied.map_err(|e| failed(&e))?;
    out.result(
        json!({"epoch": epoch, "vault": parts.config.vault}),
        &format!(
            "the secret given is dead, and so is the one that was sealed; epoch {epoch} is sealed\n\
             Start `breakglass serve`; custodians run `breakglass prove`."
        ),
    );
    Ok(Exit::DONE)
}

fn failed(error: &AppError) -> CliError {
    let (exit, hint) = match error {
        AppError::Databricks(why) if why.is_invalid_client() => (
            Exit::FAILED,
            "Databricks does not know this secret: was it replaced already? Then start `serve`, \
             which asks custodians for what is left; else bring a newer one",
        ),
        AppError::Databricks(_) => (
            Exit::DATABRICKS_UNREACHABLE,
            "run it again with the same file: it goes on where it stopped",
        ),
        AppError::Refused(_) => (
            Exit::REFUSED,
            "start `breakglass serve`: k custodians finish that incident first (help: \
             runbooks/rotation-stuck.md)",
        ),
        AppError::NotAllowed(_) => (Exit::NOT_ALLOWED, "nothing was changed"),
        _ => (
            Exit::FAILED,
            "run it again with the same file: it goes on where it stopped",
        ),
    };
    CliError::new(exit, error.code(), error.to_string()).hint(hint)
}
