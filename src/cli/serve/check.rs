//! `serve --check`: validates the configuration, opens everything without listening, and says
//! whether stopping the vault that runs now is harmless (PROTOCOL §11).

use serde_json::json;

use crate::cli::vault_parts::{Parts, store_error};
use crate::cli::{CliError, Exit, Output};
use crate::config::Config;
use crate::domain::incident::{Incident, Phase};
use crate::store::{Store, StoreError, peek};

/// What a stop now would cost.
#[derive(Debug, PartialEq, Eq)]
struct Cost {
    harmless: bool,
    sentence: String,
}

/// Checks and reports; exit code 5 where a stop would not be harmless.
pub(super) async fn run(parts: &Parts, out: &Output) -> Result<Exit, CliError> {
    let config = parts.config.store();
    let opened = Store::open(&config, parts.log_identity()?, parts.clock.clone()).await;
    let (running, incidents) = match opened {
        Ok(store) => {
            // Nobody runs it: everything is opened and read as `serve` would, then closed.
            let app = parts.app(store.clone()).await?;
            super::check_channels(&app, &parts.config)?;
            let live = store.live_incidents().await.map_err(|e| store_error(&e))?;
            store.close().await;
            (
                false,
                live.into_iter().map(|(incident, _)| incident).collect(),
            )
        }
        Err(StoreError::InUse(_)) => {
            super::standby::check(parts).await?;
            let live = peek::live_incidents(&config).await;
            (true, live.map_err(|e| store_error(&e))?)
        }
        Err(error) => return Err(store_error(&error)),
    };
    let cost = if running {
        cost_of_stopping(&incidents)
    } else {
        Cost {
            harmless: true,
            sentence: "no vault is running here".to_owned(),
        }
    };
    let live: Vec<_> = incidents
        .iter()
        .map(|i| json!({"id": i.id.to_string(), "phase": i.phase.name().word()}))
        .collect();
    out.result(
        json!({"configuration": "ok", "running": running, "harmless": cost.harmless,
            "why": cost.sentence, "incidents": live, "console": parts.config.console.url}),
        &format!("{}\n{}", configuration(&parts.config), cost.sentence),
    );
    Ok(if cost.harmless {
        Exit::DONE
    } else {
        Exit::REFUSED
    })
}

fn configuration(config: &Config) -> String {
    format!(
        "The configuration of {} is good: {} workspace(s), {} channel(s).",
        config.vault,
        config.databricks.workspaces.len(),
        config.channels.len()
    )
}

/// The worst that is under way decides.
fn cost_of_stopping(incidents: &[Incident]) -> Cost {
    let busy = incidents.iter().find(|i| i.phase.holds_vault());
    if let Some(incident) = busy {
        let what = match &incident.phase {
            Phase::Open(_) => "has a session open: it would be closed and the credential rotated",
            Phase::Opening { .. } => {
                "is being opened: it would be opened, closed and rotated again"
            }
            _ => "is closing: let the rotation end first",
        };
        return Cost {
            harmless: false,
            sentence: format!("Do not stop it now: {} {what}.", incident.id),
        };
    }
    let collecting = incidents.iter().find(|i| !i.approvals().is_empty());
    match collecting {
        Some(incident) => Cost {
            harmless: false,
            sentence: format!(
                "Better not now: {} has {} share(s), which a stop loses; its custodians would be \
                 asked again.",
                incident.id,
                incident.approvals().len()
            ),
        },
        None => Cost {
            harmless: true,
            sentence: "Stopping it now is harmless.".to_owned(),
        },
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn with_nothing_under_way_a_stop_is_harmless() {
        assert!(cost_of_stopping(&[]).harmless);
    }
}
