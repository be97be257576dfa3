//! Causes of a new epoch besides a close (PROTOCOL §3): custodians changed, shares were given to
//! incidents that came to nothing, the secret expires. The vault asks for them by purpose
//! `rotate`, at once and then once a day; a person asks by a signed opening.
//!
//! Unlike a rotation that is owed after lost memory, none of these closes a gate.

use super::App;
use super::error::AppError;
use super::step::{With, draft};
use crate::domain::alert::version;
use crate::domain::ids::Digest;
use crate::domain::incident::{Event, Incident, Phase};
use crate::domain::manifest::Kind;
use crate::domain::terms::Purpose;
use crate::domain::time::{DAY_MS, Timestamp};
use crate::store::change::RowChange;

/// Name of the fact that says why a new epoch is needed.
pub(super) const EPOCH_OWED: &str = "epoch_owed";
/// Name of the fact that says when custodians were last asked for it.
const EPOCH_ASKED: &str = "epoch_asked_at_ms";
/// Name of the fact that counts incidents of this epoch that ended with shares given.
const SHARES_GIVEN: &str = "shares_given_incidents";
/// Name of the fact that says for which secret its expiry was noticed.
const EXPIRY_NOTICED: &str = "expiry_noticed";
/// Incidents that may end with a share given before the epoch is replaced.
const MAX_SHARES_GIVEN: u32 = 2;
/// Time before the secret's expiry from which the vault asks for a new epoch.
const EXPIRY_ASK_MS: i64 = 30 * DAY_MS;

impl App {
    /// Rows that follow when a collecting incident ends although custodians gave shares to it:
    /// what was in memory once is counted, and at the second one a new epoch is needed.
    pub(super) async fn shares_given(
        &self,
        before: &Incident,
        events: &[Event],
    ) -> Result<Vec<RowChange>, AppError> {
        let ended = events.iter().any(|event| {
            matches!(
                event,
                Event::Withdrawn { .. } | Event::Refused { .. } | Event::Lapsed { .. }
            )
        });
        // Shares of a decoy are given to nobody.
        let drill = before.purpose == Purpose::Drill;
        if !ended || drill || before.approvals().is_empty() {
            return Ok(Vec::new());
        }
        // A count that somebody made unreadable may have been full: a new epoch costs k touches, an
        // incident that cannot end costs more.
        let counted = match self.inner.store.fact(SHARES_GIVEN).await? {
            None => 1,
            Some(text) => text
                .parse::<u32>()
                .map_or(MAX_SHARES_GIVEN, |n| n.saturating_add(1)),
        };
        let mut rows = vec![fact(SHARES_GIVEN, Some(counted.to_string()))];
        if counted >= MAX_SHARES_GIVEN {
            rows.extend(owed("two incidents ended after shares were given to them"));
        }
        Ok(rows)
    }

    /// Rows that go with the switch to a new epoch: what was owed is settled, unless the roster
    /// has changed again since its shares were dealt.
    pub(super) async fn settled_by(&self, epoch: u32) -> Result<Vec<RowChange>, AppError> {
        let row = self.inner.store.epoch(Kind::Live, epoch).await?;
        let dealt = row.map(|row| row.manifest.roster_sha256);
        Ok(self.settled(dealt))
    }

    /// The same, knowing which roster the epoch was dealt to.
    pub(super) fn settled(&self, dealt: Option<Digest>) -> Vec<RowChange> {
        let mut rows = vec![fact(SHARES_GIVEN, None)];
        if dealt == Some(self.inner.facts.get().roster_sha256) {
            rows.extend([fact(EPOCH_OWED, None), fact(EPOCH_ASKED, None)]);
        }
        rows
    }

    /// Asks custodians for a new epoch that is needed, unless they are being asked.
    pub(super) async fn ask_epoch_if_owed(&self, live: &[(Incident, i64)]) -> Result<(), AppError> {
        self.watch_expiry().await?;
        if self.dealt_later().is_some() {
            // Nobody is asked for a share that opens nothing.
            return Ok(());
        }
        let Some(why) = self.inner.store.fact(EPOCH_OWED).await? else {
            return Ok(());
        };
        let now = self.now();
        let asked = self.inner.store.fact(EPOCH_ASKED).await?;
        let asked: Option<i64> = asked.and_then(|at| at.parse().ok());
        let busy = live.iter().any(|(incident, _)| {
            (incident.phase.holds_vault() && incident.purpose != Purpose::Drill)
                || (matches!(incident.phase, Phase::Collecting(_))
                    && incident.purpose == Purpose::Rotate)
        });
        if busy || asked.is_some_and(|at| now.since_ms(Timestamp(at)) < DAY_MS) {
            return Ok(());
        }
        // In the opening's own transaction: what was refused or broke was not asked.
        let asked = With {
            rows: vec![fact(EPOCH_ASKED, Some(now.0.to_string()))],
            ..With::default()
        };
        match self.ask_rotation(&why, asked).await {
            // Refused by a rule: the next tick tries again, and `status` says what is owed.
            Ok(_) | Err(AppError::Refused(_)) => Ok(()),
            Err(error) => Err(error),
        }
    }

    /// A secret that expires soon asks for a new epoch; people are told of the date elsewhere.
    async fn watch_expiry(&self) -> Result<(), AppError> {
        let Some(epoch) = self.inner.store.current_epoch(Kind::Live).await? else {
            return Ok(());
        };
        let left_ms = epoch.secret_expires_at_ms.since_ms(self.now());
        let noticed = self.inner.store.fact(EXPIRY_NOTICED).await?;
        if left_ms > EXPIRY_ASK_MS || noticed.as_ref() == Some(&epoch.secret_id) {
            return Ok(());
        }
        let why = "the Databricks secret expires within 30 days";
        let mut rows = vec![fact(EXPIRY_NOTICED, Some(epoch.secret_id))];
        rows.extend(owed(why));
        let entry = draft("epoch.owed", [("why", serde_json::Value::from(why))]);
        let alerts = vec![version::epoch_owed(why)];
        self.record(vec![entry], rows, alerts, None).await.map(drop)
    }
}

/// Rows that say a new epoch is needed; whoever was asked before is asked again at once.
pub(super) fn owed(why: &str) -> [RowChange; 2] {
    [
        fact(EPOCH_OWED, Some(why.to_owned())),
        fact(EPOCH_ASKED, None),
    ]
}

fn fact(name: &str, value: Option<String>) -> RowChange {
    RowChange::SetFact {
        name: name.to_owned(),
        value,
    }
}
