//! The principal's OAuth secrets: list, create, delete (account API, account-admin token).
//!
//! Databricks makes the value and shows it once; `create` has no idempotency key. So an outcome
//! is one of three, and `Unknown` is never answered by asking again: the saga reconciles by list.

use chrono::DateTime;
use secrecy::{ExposeSecret as _, SecretString};

use crate::sealed::locked::MemoryError;
use crate::sealed::secret::{Credential, SecretText};
use serde::Deserialize;

use super::config::is_plain_id;
use super::error::CallError;
use super::http::{Client, exchange, failure, parsed};
use super::token::Minted;
use super::upstream::Upstream;

/// Pages of one list; more than this is no list of at most five secrets.
const MAX_PAGES: usize = 50;

/// One secret as the list shows it; the value is never in a list.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SecretRecord {
    /// Databricks' id of the secret.
    pub id: String,
    /// When it was made, unix milliseconds.
    pub create_at_ms: i64,
    /// When it ends by itself, unix milliseconds; `None` = never.
    pub expire_at_ms: Option<i64>,
    /// Databricks' word, such as `ACTIVE`.
    pub status: String,
}

impl SecretRecord {
    /// Whether it can still be used at `now_at_ms`, by its end alone. Counts against the limit of
    /// five secrets per principal.
    pub fn is_live(&self, now_at_ms: i64) -> bool {
        self.expire_at_ms
            .is_none_or(|end_at_ms| end_at_ms > now_at_ms)
    }

    /// Expire minus create in whole seconds: the tag by which we know our own creates.
    pub fn lifetime_s(&self) -> Option<u64> {
        u64::try_from(self.expire_at_ms? - self.create_at_ms)
            .ok()
            .map(|ms| ms / 1000)
    }
}

/// A secret that was just made. Only this object ever holds its value.
pub struct NewSecret {
    /// What a list will show.
    pub record: SecretRecord,
    /// The value, shown by Databricks this once.
    pub secret: SecretString,
}

impl NewSecret {
    /// The value as a credential in locked memory.
    ///
    /// # Errors
    /// [`MemoryError`] when locked memory cannot be had.
    #[expect(
        clippy::disallowed_methods,
        reason = "moves the value into locked memory"
    )]
    pub fn credential(&self, client_id: &str) -> Result<Credential, MemoryError> {
        Ok(Credential {
            client_id: client_id.to_owned(),
            client_secret: SecretText::copied_from(self.secret.expose_secret())?,
            secret_id: self.record.id.clone(),
            expires_at_ms: self.record.expire_at_ms.unwrap_or(i64::MAX),
        })
    }
}

impl std::fmt::Debug for NewSecret {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(out, "NewSecret({:?}, ***)", self.record)
    }
}

/// What became of a create.
#[derive(Debug)]
pub enum CreateOutcome {
    /// Made, and its value is here.
    Created(NewSecret),
    /// Surely not made: a definite no, or the request never left.
    Refused(CallError),
    /// Perhaps made, its value lost: reconcile by list, never ask again.
    Unknown(CallError),
}

/// What became of a delete. Every outcome may be followed by another delete of the same id.
#[derive(Debug, PartialEq, Eq)]
pub enum DeleteOutcome {
    /// Deleted by this call.
    Deleted,
    /// It was not there.
    AlreadyGone,
    /// Surely not deleted.
    Refused(CallError),
    /// Perhaps deleted.
    Unknown(CallError),
}

#[derive(Deserialize)]
struct RawSecret {
    id: String,
    #[serde(default)]
    secret: Option<String>,
    create_time: String,
    #[serde(default)]
    expire_time: Option<String>,
    #[serde(default)]
    status: String,
}

#[derive(Deserialize)]
struct RawPage {
    #[serde(default)]
    secrets: Vec<RawSecret>,
    #[serde(default)]
    next_page_token: Option<String>,
}

impl RawSecret {
    fn record(&self) -> Option<SecretRecord> {
        let expire_at_ms = match self.expire_time.as_deref() {
            None | Some("") => None,
            Some(text) => Some(millis(text)?),
        };
        is_plain_id(&self.id).then_some(SecretRecord {
            id: self.id.clone(),
            create_at_ms: millis(&self.create_time)?,
            expire_at_ms,
            status: self.status.clone(),
        })
    }
}

fn millis(text: &str) -> Option<i64> {
    DateTime::parse_from_rfc3339(text)
        .ok()
        .map(|time| time.timestamp_millis())
}

impl Client {
    fn secrets_path(&self) -> String {
        let config = self.config();
        let (account, principal) = (&config.account_id, config.principal_id);
        format!("/api/2.0/accounts/{account}/servicePrincipals/{principal}/credentials/secrets")
    }

    /// Every secret of the principal, to the last page: page length proves nothing.
    pub async fn list_secrets(&self, bearer: &Minted) -> Result<Vec<SecretRecord>, CallError> {
        const STEP: &str = "list the secrets";
        let base = self.base(&Upstream::Account)?;
        let odd = |code: &str| CallError::Unexpected {
            step: STEP,
            status: 200,
            code: code.into(),
        };
        let (mut found, mut token) = (Vec::new(), None::<String>);
        for _ in 0..MAX_PAGES {
            let mut request = self.reading().get(base.url(&self.secrets_path()));
            if let Some(token) = &token {
                request = request.query(&[("page_token", token)]);
            }
            let answer = exchange(STEP, bearer.authorise(request)).await?;
            let page: RawPage = parsed(STEP, &base, &answer)?;
            for raw in &page.secrets {
                found.push(raw.record().ok_or_else(|| odd("unreadable_secret"))?);
            }
            token = page.next_page_token.filter(|text| !text.is_empty());
            if token.is_none() {
                return Ok(found);
            }
        }
        Err(odd("endless_list"))
    }

    /// Asks once for a new secret that lives `lifetime_s` seconds, on a connection of its own.
    ///
    /// Write the intent durably before: after this call started, a secret may exist.
    pub async fn create_secret(&self, bearer: &Minted, lifetime_s: u64) -> CreateOutcome {
        const STEP: &str = "create a secret";
        let base = match self.base(&Upstream::Account) {
            Ok(base) => base,
            Err(why) => return CreateOutcome::Refused(why),
        };
        let body = serde_json::json!({ "lifetime": format!("{lifetime_s}s") });
        let request = self
            .writing()
            .post(base.url(&self.secrets_path()))
            .json(&body);
        let answer = match exchange(STEP, bearer.authorise(request)).await {
            Ok(answer) => answer,
            Err(why) if why.is_definite() => return CreateOutcome::Refused(why),
            Err(why) => return CreateOutcome::Unknown(why),
        };
        let raw: RawSecret = match parsed(STEP, &base, &answer) {
            Ok(raw) => raw,
            Err(why) if why.is_definite() => return CreateOutcome::Refused(why),
            Err(why) => return CreateOutcome::Unknown(why),
        };
        match (raw.record(), raw.secret) {
            (Some(record), Some(value)) if !value.is_empty() => CreateOutcome::Created(NewSecret {
                record,
                secret: SecretString::from(value),
            }),
            // It was made, but we cannot use or name it: the list will show it.
            _ => CreateOutcome::Unknown(CallError::Unknown {
                step: STEP,
                why: "odd reply",
            }),
        }
    }

    /// Asks once to delete a secret. A 404 of Databricks counts as gone.
    pub async fn delete_secret(&self, bearer: &Minted, id: &str) -> DeleteOutcome {
        const STEP: &str = "delete a secret";
        if !is_plain_id(id) {
            let code = "odd_id".to_owned();
            return DeleteOutcome::Refused(CallError::Refused {
                step: STEP,
                status: 0,
                code,
            });
        }
        let base = match self.base(&Upstream::Account) {
            Ok(base) => base,
            Err(why) => return DeleteOutcome::Refused(why),
        };
        let request = self
            .writing()
            .delete(base.url(&format!("{}/{id}", self.secrets_path())));
        let why = match exchange(STEP, bearer.authorise(request)).await {
            Ok(answer) if answer.is_done() => return DeleteOutcome::Deleted,
            Ok(answer) => failure(STEP, &base, &answer),
            Err(why) => why,
        };
        match why {
            why if why.says_gone() => DeleteOutcome::AlreadyGone,
            why if why.is_definite() => DeleteOutcome::Refused(why),
            why => DeleteOutcome::Unknown(why),
        }
    }
}
