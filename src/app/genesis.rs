//! Genesis: the first roster and policy, the log's first entry, and the rotation by which the
//! secret a person has seen is replaced before anything is sealed (PROTOCOL §1, §3).

use std::sync::Arc;

use serde_json::Value;

use super::App;
use super::error::AppError;
use super::journal::Journal;
use super::rotate::Hands;
use super::step::draft;
use crate::databricks::{Minted, Upstream};
use crate::domain::canonical;
use crate::domain::policy::Policy;
use crate::domain::roster::Roster;
use crate::domain::rotation::{Cause, State};
use crate::sealed::secret::Credential;
use crate::store::Commit;
use crate::store::change::{Document, DocumentKind, RowChange};

/// How `init` ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Initialised {
    /// The secret a person has seen is dead; epoch 1 is sealed.
    Done,
    /// It was done before.
    Already,
    /// The person's secret is dead already, the rotation unfinished: `serve` asks for it.
    RotationOwed,
}

/// The first commit of a vault: `log.genesis`, roster 1 and policy 1 on the operator's word.
///
/// # Errors
/// When a document has no canonical form.
pub fn first_commit(
    origin: &str,
    vkey: &str,
    roster: &Roster,
    policy: &Policy,
    single_unlockers: &[String],
) -> Result<Commit, AppError> {
    let (roster_sha256, policy_sha256) = (roster.sha256()?, policy.sha256()?);
    let entry = draft(
        "log.genesis",
        [
            ("origin", Value::from(origin)),
            ("epoch", Value::from(1)),
            ("vkey", Value::from(vkey)),
            ("vault", Value::from(roster.vault.as_str())),
            ("roster_sha256", Value::from(roster_sha256.hex())),
            ("policy_sha256", Value::from(policy_sha256.hex())),
            ("single_unlockers", Value::from(single_unlockers.to_vec())),
        ],
    );
    let document = |kind, sha256, bytes| {
        RowChange::PutDocument(Document {
            kind,
            sha256,
            bytes,
            signature: None,
        })
    };
    let rows = vec![
        document(
            DocumentKind::Roster,
            roster_sha256,
            canonical::to_bytes(roster)?,
        ),
        document(
            DocumentKind::Policy,
            policy_sha256,
            canonical::to_bytes(policy)?,
        ),
        RowChange::SetCurrent {
            what: "roster".to_owned(),
            sha256: roster_sha256,
        },
        RowChange::SetCurrent {
            what: "policy".to_owned(),
            sha256: policy_sha256,
        },
    ];
    Ok(Commit::control(vec![entry], rows))
}

impl App {
    /// Rotates the secret a person has seen. Safe to run again after a crash.
    ///
    /// `secret_id` says which secret of the list it is, where more than one is alive.
    ///
    /// # Errors
    /// A secret that Databricks refuses, a list that does not say which one it is, or a log that
    /// cannot be written.
    pub async fn initialise(
        &self,
        mut first: Credential,
        secret_id: Option<&str>,
        progress: &(dyn Fn(&str) + Send + Sync),
    ) -> Result<Initialised, AppError> {
        let saga = self.saga_of(None).await?;
        if saga
            .as_ref()
            .is_some_and(|s| s.rotation.state == State::Done)
        {
            return Ok(Initialised::Already);
        }
        progress("asking databricks for a token with the secret given");
        let bearer = match self.token_of_brought(&first).await {
            Err(AppError::Databricks(error)) if error.is_invalid_client() && saga.is_some() => {
                return Ok(Initialised::RotationOwed);
            }
            minted => minted?,
        };
        // Probes of an `init` that did not end go first: only then does the list say which secret
        // was given.
        self.delete_our_secrets(&bearer).await?;
        first.secret_id = match &saga {
            Some(saga) if !saga.rotation.old_secret_id.is_empty() => {
                saga.rotation.old_secret_id.clone()
            }
            _ => self.which_secret(&bearer, secret_id).await?,
        };
        progress("measuring lifetimes and propagation with short-lived probes");
        self.measure(&bearer).await?;
        progress("making the successor, sealing it, proving the secret given dead");
        let mut saga = match saga {
            Some(saga) => saga,
            None => {
                let cause = Cause::Genesis;
                self.begin_rotation(&Journal::Main, None, cause).await?
            }
        };
        let mut hands = Hands::with_predecessor(Arc::new(first));
        self.drive(&mut saga, &mut hands).await?;
        self.reload_facts().await?;
        Ok(Initialised::Done)
    }

    /// A token of a secret that a person brought, which must be our principal's.
    pub(super) async fn token_of_brought(&self, brought: &Credential) -> Result<Minted, AppError> {
        let now = self.now().0;
        let bearer = self
            .inner
            .databricks
            .mint(&Upstream::Account, &brought.client_secret, now)
            .await?;
        let principal = self.inner.databricks.principal(&bearer).await?;
        if principal.application_id != self.inner.databricks.config().application_id {
            return Err(AppError::NotAllowed(
                "the principal id of the configuration belongs to another application".into(),
            ));
        }
        Ok(bearer)
    }

    async fn which_secret(
        &self,
        bearer: &Minted,
        secret_id: Option<&str>,
    ) -> Result<String, AppError> {
        let listed = self.inner.databricks.list_secrets(bearer).await?;
        let now = self.now().0;
        let live: Vec<_> = listed.iter().filter(|s| s.is_live(now)).collect();
        match (secret_id, live.as_slice()) {
            (Some(id), live) if live.iter().any(|s| s.id == id) => Ok(id.to_owned()),
            (Some(_), _) => Err(AppError::NotFound("live secret with that id".into())),
            (None, [only]) => Ok(only.id.clone()),
            (None, many) => Err(AppError::NotAllowed(format!(
                "the principal has {} live secrets: name the one given with --secret-id",
                many.len()
            ))),
        }
    }
}
