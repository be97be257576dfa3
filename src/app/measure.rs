//! What only a live credential can tell: the shortest lifetime accepted, whether lifetimes are
//! given exactly, how long a new secret takes to work and a deleted one to die (PROTOCOL §7); and
//! who else could let somebody in (`access`).

use serde_json::Value;

use super::error::AppError;
use super::measured::{MEASURED, MEASURED_ENTRY, Measured};
use super::secrets::{Posted, pause};
use super::session_source::{LONGER_LIFETIMES_S, refuses_lifetime};
use super::step::draft;
use super::{App, chance};
use crate::databricks::{Minted, NewSecret, Upstream};
use crate::store::change::{RowChange, SecretUse};

/// The lifetime a short session needs: 15 minutes and the 10 beyond it, seconds.
const SHORT_SESSION_S: u64 = 25 * 60;
/// Probes get up to this many seconds more, drawn at random: their tag.
const TAG_SPAN_S: u64 = 599;

impl App {
    /// Measures with probes, one alive at a time, and keeps the result as a fact and an entry.
    ///
    /// # Errors
    /// A log that cannot be written. Databricks refusing every probe is a result, not an error.
    pub(super) async fn measure(&self, bearer: &Minted) -> Result<(), AppError> {
        self.see_access(bearer).await?;
        let mut only_lifetimes = true;
        for base_s in std::iter::once(SHORT_SESSION_S).chain(LONGER_LIFETIMES_S) {
            let lifetime_s = base_s + chance::between(1, TAG_SPAN_S)?;
            let before = self
                .persist("list the secrets", None, || async {
                    Ok(self.inner.databricks.list_secrets(bearer).await?)
                })
                .await?;
            match self
                .post_secret(bearer, SecretUse::Probe, "measure", lifetime_s, &before)
                .await?
            {
                Posted::Made(made) => {
                    let measured = self.measure_one(bearer, &made, base_s, lifetime_s).await?;
                    return self.keep_measured(&measured).await;
                }
                Posted::Refused(error) => {
                    only_lifetimes &= self.has_room(&before) && refuses_lifetime(&error);
                    tracing::info!(%error, lifetime_s, "a probe's lifetime was refused");
                }
                Posted::Unknown(error) => {
                    tracing::warn!(%error, "a probe's reply was lost; nothing was measured");
                    pause(self.inner.databricks.config().waits.reconcile_gap_ms).await;
                    return self
                        .persist("delete a lost probe", None, || {
                            self.delete_our_secrets(bearer)
                        })
                        .await;
                }
            }
        }
        if only_lifetimes {
            return self.keep_all_refused().await;
        }
        Ok(())
    }

    /// Every lifetime was refused: terms say from now on that a session uses the credential
    /// itself (PROTOCOL §7).
    pub(super) async fn keep_all_refused(&self) -> Result<(), AppError> {
        let measured = Measured {
            all_refused: true,
            at_ms: self.now(),
            ..self.measured().await
        };
        self.keep_measured(&measured).await
    }

    async fn measure_one(
        &self,
        bearer: &Minted,
        made: &NewSecret,
        base_s: u64,
        lifetime_s: u64,
    ) -> Result<Measured, AppError> {
        let waits = &self.inner.databricks.config().waits;
        let begun = self.inner.clock.boot_ms();
        let until_works = self
            .until(begun, waits.create_propagation_ms, |works| works, made)
            .await;
        self.persist("delete a probe", None, || self.delete_our_secrets(bearer))
            .await?;
        let deleted = self.inner.clock.boot_ms();
        let until_dies = self
            .until(deleted, waits.delete_proof_ms, |works| !works, made)
            .await;
        let given = made.record.lifetime_s().unwrap_or(lifetime_s);
        Ok(Measured {
            shortest_lifetime_s: if base_s == SHORT_SESSION_S { 0 } else { base_s },
            lifetime_slack_s: given.abs_diff(lifetime_s),
            create_propagation_ms: until_works,
            delete_propagation_ms: until_dies,
            all_refused: false,
            at_ms: self.now(),
        })
    }

    /// Milliseconds since `begun` until minting with the probe does what is wanted, at most
    /// `limit_ms`.
    async fn until(
        &self,
        begun: i64,
        limit_ms: u64,
        wanted: impl Fn(bool) -> bool,
        made: &NewSecret,
    ) -> u64 {
        let step_ms = self.inner.databricks.config().waits.propagation_step_ms;
        loop {
            let minted = self
                .inner
                .databricks
                .mint(&Upstream::Account, &made.secret, self.now().0)
                .await;
            let passed = u64::try_from(self.inner.clock.boot_ms() - begun).unwrap_or(0);
            let answer = match &minted {
                Ok(_) => Some(true),
                Err(error) if error.is_invalid_client() => Some(false),
                Err(_) => None,
            };
            if answer.is_some_and(&wanted) || passed >= limit_ms {
                return passed;
            }
            pause(step_ms.max(1)).await;
        }
    }

    async fn keep_measured(&self, measured: &Measured) -> Result<(), AppError> {
        let text =
            serde_json::to_string(measured).map_err(|e| AppError::Inconsistent(e.to_string()))?;
        let entry = draft(
            MEASURED_ENTRY,
            [
                (
                    "shortest_lifetime_s",
                    Value::from(measured.shortest_lifetime_s),
                ),
                ("all_refused", Value::from(measured.all_refused)),
                ("lifetime_slack_s", Value::from(measured.lifetime_slack_s)),
                (
                    "create_propagation_ms",
                    Value::from(measured.create_propagation_ms),
                ),
                (
                    "delete_propagation_ms",
                    Value::from(measured.delete_propagation_ms),
                ),
            ],
        );
        let row = RowChange::SetFact {
            name: MEASURED.to_owned(),
            value: Some(text),
        };
        self.record(vec![entry], vec![row], Vec::new(), None)
            .await
            .map(drop)
    }
}
