//! What a monitor may watch, in Prometheus' text format. Numbers and phases only: no person, no
//! reason, no incident's name.

use std::fmt::Write as _;

use super::App;
use super::error::AppError;
use super::step::ROTATION_OWED;
use crate::domain::incident::Phase;
use crate::domain::manifest::Kind;
use crate::domain::terms::Purpose;
use crate::domain::time::{DAY_MS, SECOND_MS, Timestamp};

/// Name and help of every metric, in the order in which they are printed. All are gauges.
pub const METRICS: &[(&str, &str)] = &[
    ("breakglass_info", "Version of the running vault."),
    ("breakglass_log_entries", "Entries in the log."),
    ("breakglass_log_head_age_seconds", "Since the newest entry."),
    (
        "breakglass_log_writable",
        "1 while the log can be written; 0: no new access.",
    ),
    (
        "breakglass_incidents",
        "Incidents that are not over, by phase.",
    ),
    ("breakglass_session_open", "1 while a session is open."),
    (
        "breakglass_session_ends_seconds",
        "Until the open session ends; 0 without one.",
    ),
    (
        "breakglass_unsealed",
        "1 while the credential is in memory.",
    ),
    (
        "breakglass_rotation_owed_seconds",
        "Since a rotation is owed; 0: none is.",
    ),
    ("breakglass_reviews_overdue", "Reviews past their date."),
    ("breakglass_epoch", "Number of the epoch in force."),
    (
        "breakglass_epoch_ready",
        "1 when enough custodians have proved their shares.",
    ),
    ("breakglass_shares_proved", "Shares proved in this epoch."),
    (
        "breakglass_oldest_proof_age_seconds",
        "Since the oldest proof of this epoch.",
    ),
    (
        "breakglass_credential_expires_seconds",
        "Until the sealed credential expires at Databricks.",
    ),
    (
        "breakglass_channel_failing",
        "Alerts of a channel that failed and are tried again.",
    ),
    (
        "breakglass_channel_delivered_age_seconds",
        "Since a channel confirmed an alert.",
    ),
    (
        "breakglass_channel_confirmed_age_seconds",
        "Since a person confirmed a test of a channel.",
    ),
    (
        "breakglass_backup_age_seconds",
        "Since the last backup; absent: there never was one.",
    ),
    (
        "breakglass_database_stale",
        "1 when the database is older than the last epoch: the credential in it is dead.",
    ),
    (
        "breakglass_backup_epoch",
        "Number of the epoch that the last backup holds; 0: there never was one.",
    ),
    (
        "breakglass_drill_age_seconds",
        "Since custodians last opened a decoy; absent: there never was a drill.",
    ),
    (
        "breakglass_drilled_custodians",
        "Custodians whose share opened a decoy within a year.",
    ),
];

/// The text being written.
struct Page(Vec<(&'static str, Vec<(String, f64)>)>);

impl Page {
    fn put(&mut self, name: &'static str, labels: &[(&str, &str)], value: f64) {
        let labels: Vec<String> = labels
            .iter()
            .map(|(label, value)| format!("{label}=\"{}\"", escaped(value)))
            .collect();
        let labels = if labels.is_empty() {
            String::new()
        } else {
            format!("{{{}}}", labels.join(","))
        };
        match self.0.iter_mut().find(|(known, _)| *known == name) {
            Some((_, samples)) => samples.push((labels, value)),
            None => self.0.push((name, vec![(labels, value)])),
        }
    }

    /// In the order of [`METRICS`]; a metric without a sample is left out.
    fn text(&self) -> String {
        let mut text = String::new();
        for (name, help) in METRICS {
            let Some((_, samples)) = self.0.iter().find(|(known, _)| known == name) else {
                continue;
            };
            // Writing to a string cannot fail.
            let _ = write!(text, "# HELP {name} {help}\n# TYPE {name} gauge\n");
            for (labels, value) in samples {
                let _ = writeln!(text, "{name}{labels} {value}");
            }
        }
        text
    }
}

/// Prometheus' escapes in label values.
fn escaped(value: &str) -> String {
    value
        .replace('\\', "\\\\")
        .replace('"', "\\\"")
        .replace('\n', "\\n")
}

fn seconds(ms: i64) -> f64 {
    // Ages of this size are exact in a float.
    (ms / SECOND_MS) as f64
}

fn flag(is_so: bool) -> f64 {
    f64::from(u8::from(is_so))
}

impl App {
    /// Every metric as text.
    ///
    /// # Errors
    /// The store broke.
    pub async fn metrics(&self) -> Result<String, AppError> {
        let (now, mut page) = (self.now(), Page(Vec::new()));
        let store = &self.inner.store;
        let head = store.head();
        let version = [("version", env!("CARGO_PKG_VERSION"))];
        page.put("breakglass_info", &version, 1.0);
        page.put("breakglass_log_entries", &[], head.size as f64);
        let age = seconds(now.since_ms(head.ts).max(0));
        page.put("breakglass_log_head_age_seconds", &[], age);
        page.put("breakglass_log_writable", &[], flag(store.is_writable()));
        self.incident_metrics(&mut page, now).await?;
        self.epoch_metrics(&mut page, now).await?;
        self.channel_metrics(&mut page, now).await?;
        let moment = |text: String| text.parse::<i64>().ok().map(Timestamp);
        let owed = store.fact(ROTATION_OWED).await?.and_then(moment);
        let owed = owed.map_or(0.0, |since| seconds(now.since_ms(since).max(SECOND_MS)));
        page.put("breakglass_rotation_owed_seconds", &[], owed);
        let stale = flag(self.dealt_later().is_some());
        page.put("breakglass_database_stale", &[], stale);
        let backup = self.newest_backup().await?;
        if let Some(backup) = backup {
            let age = seconds(now.since_ms(backup.at).max(0));
            page.put("breakglass_backup_age_seconds", &[], age);
        }
        let held = backup.map_or(0, |backup| backup.epoch);
        page.put("breakglass_backup_epoch", &[], f64::from(held));
        self.drill_metrics(&mut page, now).await?;
        Ok(page.text())
    }

    async fn drill_metrics(&self, page: &mut Page, now: Timestamp) -> Result<(), AppError> {
        let drills = self.last_drills().await?;
        let ages_ms: Vec<i64> = drills
            .iter()
            .filter_map(|(_, at)| at.map(|at| now.since_ms(at).max(0)))
            .collect();
        if let Some(age_ms) = ages_ms.iter().min() {
            page.put("breakglass_drill_age_seconds", &[], seconds(*age_ms));
        }
        let lately = ages_ms.iter().filter(|age| **age <= 365 * DAY_MS).count();
        page.put("breakglass_drilled_custodians", &[], lately as f64);
        Ok(())
    }

    async fn incident_metrics(&self, page: &mut Page, now: Timestamp) -> Result<(), AppError> {
        let live = self.inner.store.live_incidents().await?;
        let mut counts = std::collections::BTreeMap::new();
        let (mut ends, mut overdue) = (None, 0_u32);
        for (incident, _) in &live {
            let name = incident.phase.name().to_string();
            *counts.entry(name).or_insert(0_u32) += 1;
            match &incident.phase {
                // Access that reaches nothing is none.
                Phase::Open(session) if incident.purpose != Purpose::Drill => {
                    ends = Some(session.exp_ms);
                }
                // A drill's review gates nothing and wakes nobody.
                Phase::InReview(review)
                    if now >= review.due_ms && incident.purpose != Purpose::Drill =>
                {
                    overdue += 1;
                }
                _ => {}
            }
        }
        for (phase, count) in counts {
            page.put(
                "breakglass_incidents",
                &[("phase", &phase)],
                f64::from(count),
            );
        }
        page.put("breakglass_session_open", &[], flag(ends.is_some()));
        let left = ends.map_or(0.0, |ends| seconds(ends.since_ms(now).max(0)));
        page.put("breakglass_session_ends_seconds", &[], left);
        page.put("breakglass_reviews_overdue", &[], f64::from(overdue));
        let unsealed = self.inner.memory.is_unsealed();
        page.put("breakglass_unsealed", &[], flag(unsealed));
        Ok(())
    }

    async fn epoch_metrics(&self, page: &mut Page, now: Timestamp) -> Result<(), AppError> {
        let Some(epoch) = self.inner.store.current_epoch(Kind::Live).await? else {
            return Ok(());
        };
        let manifest = &epoch.manifest;
        let proofs = self
            .inner
            .store
            .proofs(manifest.kind, manifest.epoch)
            .await?;
        page.put("breakglass_epoch", &[], f64::from(manifest.epoch));
        let ready = proofs.len() >= usize::from(manifest.proofs_needed());
        page.put("breakglass_epoch_ready", &[], flag(ready));
        page.put("breakglass_shares_proved", &[], proofs.len() as f64);
        if let Some(oldest) = proofs.iter().map(|(_, _, at)| *at).min() {
            let age = seconds(now.since_ms(oldest));
            page.put("breakglass_oldest_proof_age_seconds", &[], age);
        }
        let left = seconds(epoch.secret_expires_at_ms.since_ms(now));
        page.put("breakglass_credential_expires_seconds", &[], left);
        Ok(())
    }

    async fn channel_metrics(&self, page: &mut Page, now: Timestamp) -> Result<(), AppError> {
        for channel in self.channel_list().await?.channels {
            let label = [("channel", channel.name.as_str())];
            page.put("breakglass_channel_failing", &label, channel.failing as f64);
            let ages = [
                (
                    "breakglass_channel_delivered_age_seconds",
                    channel.delivered_at_ms,
                ),
                (
                    "breakglass_channel_confirmed_age_seconds",
                    channel.confirmed_at_ms,
                ),
            ];
            for (name, at) in ages {
                if let Some(at) = at {
                    page.put(name, &label, seconds(now.since_ms(Timestamp(at))));
                }
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_page_is_what_prometheus_reads() {
        let mut page = Page(Vec::new());
        page.put("breakglass_epoch", &[], 7.0);
        page.put("breakglass_log_entries", &[], 12_345_678.0);
        page.put("breakglass_channel_failing", &[("channel", "a\"b")], 0.0);
        page.put("breakglass_channel_failing", &[("channel", "mail")], 2.0);
        let expected = "# HELP breakglass_log_entries Entries in the log.\n\
            # TYPE breakglass_log_entries gauge\nbreakglass_log_entries 12345678\n\
            # HELP breakglass_epoch Number of the epoch in force.\n\
            # TYPE breakglass_epoch gauge\nbreakglass_epoch 7\n\
            # HELP breakglass_channel_failing Alerts of a channel that failed and are tried again.\n\
            # TYPE breakglass_channel_failing gauge\n\
            breakglass_channel_failing{channel=\"a\\\"b\"} 0\n\
            breakglass_channel_failing{channel=\"mail\"} 2\n";
        assert_eq!(page.text(), expected);
    }

    #[test]
    fn every_alert_rule_names_metrics_that_exist() {
        let rules = include_str!("../../deploy/prometheus-alerts.yaml");
        let words = rules.split(|c: char| !(c.is_ascii_alphanumeric() || c == '_'));
        let named: Vec<&str> = words.filter(|w| w.starts_with("breakglass_")).collect();
        assert!(named.len() >= 10, "{named:?}");
        for name in named {
            assert!(METRICS.iter().any(|(known, _)| *known == name), "{name}");
        }
    }
}
