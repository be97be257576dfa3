//! Where a session's tokens come from: a secret of its own, or, where Databricks refuses every
//! lifetime and the terms say so, the dormant credential itself (PROTOCOL §7).

use std::sync::Arc;

use serde_json::Value;

use super::error::AppError;
use super::secrets::{Posted, pause};
use super::step::draft;
use super::{App, chance};
use crate::databricks::{CallError, Minted, SecretRecord, SessionCredential};
use crate::domain::alert::{Attempt, Fault};
use crate::domain::incident::Incident;
use crate::domain::lifetime::SessionSecret;
use crate::sealed::secret::Credential;
use crate::store::change::SecretUse;

/// Session secrets get up to this many seconds more, drawn at random: their tag.
const TAG_SPAN_S: u64 = 599;
/// How often one lifetime is tried when the reply is lost.
const LOST_REPLIES: usize = 3;
/// Lifetimes tried when a shorter one is refused, seconds (PROTOCOL §7).
pub(super) const LONGER_LIFETIMES_S: [u64; 3] = [3_600, 86_400, 604_800];
/// Live secrets that Databricks allows a principal: with as many, a no says nothing about
/// lifetimes.
const MOST_SECRETS: usize = 5;

/// The session secret that is wanted.
pub(super) struct Wanted<'a> {
    /// How long it must live, seconds.
    pub lifetime_s: u64,
    /// A session secret in use, which no clean-up may touch.
    pub keep: Option<&'a str>,
    /// When trying ends, boot clock.
    pub end: i64,
}

/// Where tokens come from, and the id of the secret that was made for them, if one was.
pub(super) struct Source {
    pub credential: Arc<SessionCredential>,
    pub secret_id: Option<String>,
}

/// One try of one lifetime.
struct Try {
    posted: Posted,
    /// The principal had room for one more secret.
    had_room: bool,
}

impl App {
    /// The source of the session's tokens, usable or not yet.
    pub(super) async fn session_source(
        &self,
        incident: &Incident,
        credential: &Arc<Credential>,
        bearer: &Minted,
        wanted: &Wanted<'_>,
    ) -> Result<Source, AppError> {
        let measured = self.measured().await;
        let shortest = wanted.lifetime_s.max(measured.shortest_lifetime_s);
        let longer = LONGER_LIFETIMES_S.into_iter().filter(|s| *s > shortest);
        let client = self.inner.databricks.clone();
        let mut last = AppError::Sealed("no lifetime was tried");
        let mut only_lifetimes = true;
        for base_s in std::iter::once(shortest).chain(longer) {
            for _ in 0..LOST_REPLIES {
                let tried = self.try_lifetime(incident, bearer, base_s, wanted).await?;
                match tried.posted {
                    Posted::Made(made) => {
                        let secret_id = Some(made.record.id.clone());
                        let source = SessionCredential::new(client, made.secret);
                        return Ok(guarded(source, secret_id, credential));
                    }
                    Posted::Refused(error) => {
                        only_lifetimes &= tried.had_room && refuses_lifetime(&error);
                        last = error.into();
                        break;
                    }
                    // The lifetime was not refused: the same one again, not a longer one.
                    Posted::Unknown(error) => {
                        only_lifetimes = false;
                        last = error.into();
                    }
                }
            }
        }
        if !only_lifetimes {
            return Err(last);
        }
        if incident.terms.session_secret != Some(SessionSecret::Credential) {
            // The custodians did not read that: new terms will say it.
            self.keep_all_refused().await?;
            return Err(last);
        }
        self.credential_in_use(incident).await?;
        let source = SessionCredential::of_credential(client, Arc::clone(credential));
        Ok(guarded(source, None, credential))
    }

    async fn try_lifetime(
        &self,
        incident: &Incident,
        bearer: &Minted,
        base_s: u64,
        wanted: &Wanted<'_>,
    ) -> Result<Try, AppError> {
        let lifetime_s = base_s + chance::between(1, TAG_SPAN_S)?;
        let before = self
            .persist("list the secrets", Some(wanted.end), || async {
                Ok(self.inner.databricks.list_secrets(bearer).await?)
            })
            .await?;
        let owner = incident.id.as_str();
        let posted = self
            .post_secret(bearer, SecretUse::Session, owner, lifetime_s, &before)
            .await?;
        if let Posted::Unknown(error) = &posted {
            // Perhaps it was made: its value is lost, so it is found by its tag and deleted.
            tracing::warn!(%error, "the session secret's reply was lost");
            pause(self.inner.databricks.config().waits.reconcile_gap_ms).await;
            self.persist("delete a lost session secret", Some(wanted.end), || {
                self.delete_our_secrets_but(bearer, wanted.keep)
            })
            .await?;
        }
        let had_room = self.has_room(&before);
        Ok(Try { posted, had_room })
    }

    /// Whether one more secret fits beside these.
    pub(super) fn has_room(&self, listed: &[SecretRecord]) -> bool {
        let now = self.now().0;
        listed.iter().filter(|s| s.is_live(now)).count() < MOST_SECRETS
    }

    /// Says on the record, before any call, that the session has no secret of its own.
    async fn credential_in_use(&self, incident: &Incident) -> Result<(), AppError> {
        let id = incident.id.clone();
        let entry = draft(
            "session.uses_credential",
            [("inc", Value::from(id.as_str()))],
        );
        let attempt = Attempt::Fault(Fault::CredentialInUse { incident: id });
        let alerts = crate::domain::alert::for_attempt(&attempt, &self.inner.facts.get().roster);
        self.record(vec![entry], Vec::new(), alerts, Some(incident))
            .await
            .map(drop)
    }
}

/// Replies are watched for the vault's own credential as well, while it is unsealed.
fn guarded(source: SessionCredential, secret_id: Option<String>, with: &Credential) -> Source {
    source.also_guard(&with.client_secret);
    Source {
        credential: Arc::new(source),
        secret_id,
    }
}

/// A definite no to the request as it was, which differs from others only by its lifetime.
pub(super) fn refuses_lifetime(error: &CallError) -> bool {
    matches!(error, CallError::Refused { status: 400, .. })
}
