//! Live secrets of the principal that this vault did not make: reported at every opening, never
//! deleted (PROTOCOL §7). A rotation reports them in its own saga.

use serde_json::Value;

use super::App;
use super::error::AppError;
use super::secrets::tagged;
use super::step::draft;
use crate::databricks::SecretRecord;
use crate::domain::alert::{self, Attempt, Fault};
use crate::domain::incident::Incident;

impl App {
    /// Ids of live secrets in a list that are neither ours nor one of these.
    pub(super) async fn foreign_in(
        &self,
        listed: &[SecretRecord],
        known: &[&str],
    ) -> Result<Vec<String>, AppError> {
        let states = ["sent", "made", "unknown", "deleted", "refused"];
        let posts = self.inner.store.secret_posts(&states).await?;
        let slack = self.measured().await.lifetime_slack_s;
        let ours = |id: &str| {
            known.contains(&id)
                || posts.iter().any(|post| match &post.secret_id {
                    Some(made) => made == id,
                    // Perhaps made, its reply lost: known by its lifetime.
                    None => {
                        matches!(post.state.as_str(), "sent" | "unknown")
                            && tagged(listed, post, slack).iter().any(|found| found == id)
                    }
                })
        };
        let now = self.now().0;
        let foreign = listed.iter().filter(|s| s.is_live(now) && !ours(&s.id));
        Ok(foreign.map(|s| s.id.clone()).collect())
    }

    /// One entry and one alert about all that an opening finds.
    pub(super) async fn report_foreign_at_opening(
        &self,
        incident: &Incident,
        listed: &[SecretRecord],
        current: &str,
    ) -> Result<(), AppError> {
        let ids = self.foreign_in(listed, &[current]).await?;
        if ids.is_empty() {
            return Ok(());
        }
        let entry = draft(
            "secret.foreign",
            [
                ("inc", Value::from(incident.id.as_str())),
                ("ids", Value::from(ids.clone())),
            ],
        );
        let attempt = Attempt::Fault(Fault::ForeignSecrets {
            incident: incident.id.clone(),
            ids,
        });
        let alerts = alert::for_attempt(&attempt, &self.inner.facts.get().roster);
        self.record(vec![entry], Vec::new(), alerts, Some(incident))
            .await
            .map(drop)
    }
}
