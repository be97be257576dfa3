//! One decision, one transaction, three writings: load the incident, ask the rules, commit
//! entries, rows and alerts together, or nothing.

use serde_json::{Map, Value};

use super::App;
use super::acts::Verified;
use super::drills::mark_drill;
use super::error::AppError;
use super::event_rows::rows_of;
use super::facts::Facts;
use crate::alerts;
use crate::audit::entry::Draft;
use crate::domain::alert::{self, AlertDraft, Known};
use crate::domain::ids::{IncidentId, PersonId};
use crate::domain::incident::command::Command;
use crate::domain::incident::rules::EpochFacts;
use crate::domain::incident::{Event, Incident, Phase, Refusal, Rules, decide};
use crate::domain::roster::Roster;
use crate::domain::terms::{Gate, Purpose};
use crate::domain::time::{DAY_MS, HOUR_MS, Timestamp};
use crate::store::change::{Alert, RowChange};
use crate::store::{Commit, CommitError, Committed, Conflict};

/// How often a step is decided anew because another one came between.
pub(super) const MAX_TRIES: usize = 8;
/// Name of the fact that says since when a rotation is owed.
pub(super) const ROTATION_OWED: &str = "rotation_owed_since_ms";

/// What goes into the transaction besides the events' own entries and rows.
#[derive(Debug, Default, Clone)]
pub(super) struct With {
    pub rows: Vec<RowChange>,
    pub drafts: Vec<Draft>,
    /// What the messages say besides the incident's row.
    pub known: Known,
}

impl With {
    /// An act's document, its use, and the checkpoint its signer had seen.
    pub(super) fn act(verified: &Verified, now: Timestamp) -> Self {
        Self {
            rows: verified.rows(now),
            drafts: vec![seen(verified)],
            known: Known::default(),
        }
    }
}

/// What a step led to.
#[derive(Debug)]
pub(super) struct Stepped {
    pub incident: Incident,
}

/// A draft of one entry.
pub(super) fn draft<const N: usize>(kind: &str, members: [(&str, Value); N]) -> Draft {
    let members: Map<String, Value> = members
        .into_iter()
        .map(|(name, value)| (name.to_owned(), value))
        .collect();
    Draft {
        kind: kind.to_owned(),
        members,
    }
}

fn seen(verified: &Verified) -> Draft {
    let act = &verified.act;
    draft(
        "cp.seen",
        [
            ("person", Value::from(act.person.as_str())),
            ("origin", Value::from(act.cp.origin.as_str())),
            ("size", Value::from(act.cp.size)),
            ("root", Value::from(act.cp.root.as_str())),
        ],
    )
}

impl App {
    /// Loads an incident, with terms that are those their hash names.
    pub(super) async fn load(&self, id: &IncidentId) -> Result<(Incident, i64), AppError> {
        let found = self.inner.store.incident(id).await?;
        let (incident, version) =
            found.ok_or_else(|| AppError::from(Refusal::NoSuchIncident(id.to_string())))?;
        if incident.terms.sha256()? != incident.terms_sha256 {
            return Err(AppError::Inconsistent(format!(
                "the terms of {id} are not those its hash names: its row was changed"
            )));
        }
        Ok((incident, version))
    }

    /// Decides a command and commits what follows from it.
    pub(super) async fn step(
        &self,
        id: &IncidentId,
        command: Command,
        actor: Option<&PersonId>,
        with: With,
    ) -> Result<Stepped, AppError> {
        for _ in 0..MAX_TRIES {
            let (before, version) = self.load(id).await?;
            let now = self.now();
            let facts = self.inner.facts.get();
            let data = self.rules_data(&facts, Some(&before), actor, now).await?;
            let events = decide(&before, command.clone(), &data.rules(&facts)?, now)?;
            if events.is_empty() {
                return Ok(Stepped { incident: before });
            }
            let mut after = before.clone();
            for event in &events {
                after.apply(event)?;
            }
            self.cut_early(&events).await;
            let mut with = with.clone();
            with.rows.extend(self.shares_given(&before, &events).await?);
            with.rows
                .extend(self.paging_rows(&events, &after, &facts, now).await?);
            with.known = self.known_of(&before, &events).await;
            match self
                .write(version, &after, &events, with, &facts, now)
                .await
            {
                Ok(_) => {
                    self.tell_watchers();
                    return Ok(Stepped { incident: after });
                }
                Err(CommitError::Conflict(Conflict::Version)) => {}
                Err(error) => return Err(self.not_committed(error)),
            }
        }
        Err(AppError::Overloaded)
    }

    /// A session's calls are cut as soon as the rules agree, before the log is asked: cutting
    /// never needs the log (PROTOCOL §11). The entry about it waits for the calls that are being
    /// begun, also where another closer did the cutting.
    async fn cut_early(&self, events: &[Event]) {
        if events
            .iter()
            .any(|e| matches!(e, Event::SessionClosed { .. }))
        {
            drop(self.inner.memory.end_session());
            self.inner.memory.begun_calls_are_logged().await;
        }
    }

    /// Writes events, rows and alerts of one incident.
    pub(super) async fn write(
        &self,
        version: i64,
        after: &Incident,
        events: &[Event],
        with: With,
        facts: &Facts,
        now: Timestamp,
    ) -> Result<Committed, CommitError> {
        let mut commit = Commit::control(with.drafts, with.rows);
        let save = RowChange::SaveIncident {
            expected_version: version,
            incident: Box::new(after.clone()),
        };
        commit.rows.insert(0, save);
        for event in events {
            let (kind, members) = event
                .to_entry(&after.id)
                .map_err(|e| CommitError::Invalid(format!("an event has no entry: {e}")))?;
            commit.drafts.push(Draft { kind, members });
            commit.rows.extend(rows_of(event, after, now));
            let alerts = alert::for_event(
                event,
                after,
                &with.known,
                &facts.roster,
                &self.inner.settings.console_url,
            );
            self.queue(&mut commit, alerts, Some(after), facts, now);
        }
        let by = self.owed_by(&commit.rows, &after.id).await;
        let by = by.map_err(|e| CommitError::Unknown(e.to_string()))?;
        commit.rows.extend(by);
        if after.purpose != Purpose::Drill {
            return self.commit(commit).await;
        }
        mark_drill(&mut commit);
        let committed = self.commit(commit).await?;
        self.inner.memory.note_drill(&after.id);
        Ok(committed)
    }

    /// Puts alerts into the outbox of a commit: one row per alert and channel, for mail one per
    /// local time of its readers; one entry per alert. The rows stand in the transaction of their event (DESIGN §9).
    pub(super) fn queue(
        &self,
        commit: &mut Commit,
        alerts: Vec<AlertDraft>,
        incident: Option<&Incident>,
        facts: &Facts,
        now: Timestamp,
    ) {
        for alert in alerts {
            let mut ids = Vec::new();
            for channel in &self.inner.channels {
                let id = incident.map(|i| &i.id);
                for row in alert_rows(channel.as_ref(), &alert, id, &facts.roster, now) {
                    ids.push(Value::from(format!("{}:{}", row.channel, row.id)));
                    commit.rows.push(RowChange::QueueAlert(row));
                }
            }
            let mut entry = draft(
                "alert.queued",
                [("kind", Value::from(alert.kind)), ("ids", Value::from(ids))],
            );
            if let Some(incident) = incident {
                entry
                    .members
                    .insert("inc".to_owned(), Value::from(incident.id.as_str()));
            }
            commit.drafts.push(entry);
        }
    }

    /// Commits entries and rows that are about no incident's phase.
    pub(super) async fn record(
        &self,
        drafts: Vec<Draft>,
        rows: Vec<RowChange>,
        alerts: Vec<AlertDraft>,
        incident: Option<&Incident>,
    ) -> Result<Committed, AppError> {
        let now = self.now();
        let facts = self.inner.facts.get();
        let mut commit = Commit::control(drafts, rows);
        self.queue(&mut commit, alerts, incident, &facts, now);
        match self.commit(commit).await {
            Ok(committed) => {
                self.tell_watchers();
                Ok(committed)
            }
            Err(error) => Err(self.not_committed(error)),
        }
    }

    /// Turns a failed commit into the caller's error. A log that cannot be written ends
    /// everything that needs it (PROTOCOL §11).
    pub(super) fn not_committed(&self, error: CommitError) -> AppError {
        match error {
            CommitError::Conflict(Conflict::Replayed) => Refusal::Replayed.into(),
            CommitError::Conflict(Conflict::Challenge) => {
                AppError::LoginNeeded("the challenge is unknown, used or older than 60 seconds")
            }
            CommitError::Conflict(Conflict::Counter) => AppError::NotAllowed(
                "the passkey's counter went back: it may have been copied; use another key and tell security"
                    .into(),
            ),
            CommitError::Conflict(conflict) => AppError::Conflict(conflict),
            CommitError::Overloaded => AppError::Overloaded,
            // A row or an entry that the store does not take: nothing of it was written, and the
            // next commit is not worse for it.
            CommitError::Invalid(why) => AppError::Untakeable(why),
            error => {
                self.log_is_lost(&error.to_string());
                AppError::LogLost(error.to_string())
            }
        }
    }

    /// Gathers what the rules want to know besides the incident.
    pub(super) async fn rules_data(
        &self,
        facts: &Facts,
        incident: Option<&Incident>,
        actor: Option<&PersonId>,
        now: Timestamp,
    ) -> Result<RulesData, AppError> {
        let store = &self.inner.store;
        let others = store.live_incidents().await?;
        let mine = incident.map(|i| &i.id);
        // The review of a drill never gates (PROTOCOL §6).
        let review_overdue = others.iter().any(|(i, _)| {
            i.purpose != Purpose::Drill && matches!(&i.phase, Phase::InReview(r) if now >= r.due_ms)
        });
        let owed = store.fact(ROTATION_OWED).await?.is_some();
        let gates = [
            (review_overdue, Gate::ReviewOverdue),
            (owed, Gate::RotationOwed),
        ];
        let busy = others
            .iter()
            .find(|(i, _)| i.phase.holds_vault() && Some(&i.id) != mine);
        let (openings, stops) = match actor {
            None => (0, 0),
            Some(actor) => {
                let day = now.plus_ms(-DAY_MS);
                let stops = store.acts_since(actor, "stop", day).await?;
                let vetoes = store.acts_since(actor, "veto", day).await?;
                let hour = now.plus_ms(-HOUR_MS);
                let openings = store.acts_since(actor, "open", hour).await?;
                (openings, stops + vetoes)
            }
        };
        let alert_confirmed = match mine {
            None => false,
            Some(id) => store.alert_confirmed(id, "incident.opened").await?,
        };
        Ok(RulesData {
            gates: gates
                .iter()
                .filter(|(closed, _)| *closed)
                .map(|(_, gate)| *gate)
                .collect(),
            busy: busy.map(|(i, _)| i.id.clone()),
            alert_confirmed,
            openings_last_hour: openings,
            stops_last_day: stops,
            // Whoever rehearses may ask for the emergency that comes meanwhile.
            has_collecting: actor.is_some_and(|actor| {
                others.iter().any(|(i, _)| {
                    i.requester.person() == Some(actor)
                        && i.is_being_asked()
                        && i.purpose != Purpose::Drill
                })
            }),
            epoch: match incident.map(|i| i.purpose) {
                Some(Purpose::Drill) => self.drill_facts().await?,
                _ => facts.epoch_facts()?,
            },
            debtors: self.debtors(owed).await?,
            lifetimes: self.measured().await.lifetimes(),
            dealt_later: self.dealt_later(),
            continues: None,
        })
    }
}

/// What the rules see of the vault as a whole, owned.
pub(super) struct RulesData {
    gates: Vec<Gate>,
    busy: Option<IncidentId>,
    alert_confirmed: bool,
    openings_last_hour: u32,
    stops_last_day: u32,
    has_collecting: bool,
    epoch: EpochFacts,
    debtors: Vec<PersonId>,
    lifetimes: crate::domain::lifetime::Lifetimes,
    dealt_later: Option<u32>,
    continues: Option<IncidentId>,
}

impl RulesData {
    /// The same for an opening that continues a broken incident.
    pub(super) fn continuing(self, continues: Option<IncidentId>) -> Self {
        Self { continues, ..self }
    }

    /// The same over the decoy's epoch.
    pub(super) fn over(self, epoch: EpochFacts) -> Self {
        Self { epoch, ..self }
    }

    /// Gates that are closed now.
    pub(super) fn gates(&self) -> &[Gate] {
        &self.gates
    }

    pub(super) fn rules<'a>(&self, facts: &'a Facts) -> Result<Rules<'a>, AppError> {
        Ok(Rules {
            roster: &facts.roster,
            roster_sha256: facts.roster_sha256,
            policy: &facts.policy,
            policy_sha256: facts.policy_sha256,
            epoch: self.epoch.clone(),
            debtors: self.debtors.clone(),
            gates: self.gates.clone(),
            busy: self.busy.clone(),
            alert_confirmed: self.alert_confirmed,
            openings_last_hour: self.openings_last_hour,
            has_collecting: self.has_collecting,
            stops_last_day: self.stops_last_day,
            lifetimes: self.lifetimes,
            dealt_later: self.dealt_later,
            continues: self.continues.clone(),
        })
    }
}

/// The outbox rows of an alert on one channel: one, but for mail one for each local time that its
/// readers' clocks show. None where the channel has no use for it, or where the system gives no
/// randomness for an id.
fn alert_rows(
    channel: &dyn alerts::Channel,
    alert: &AlertDraft,
    incident: Option<&IncidentId>,
    roster: &Roster,
    now: Timestamp,
) -> Vec<Alert> {
    let Some(row) = alert_row(channel, alert, incident, roster, now) else {
        return Vec::new();
    };
    // A chat room is read by everyone, and shows moments in each reader's zone where it can.
    let texts = match channel.kind() {
        "smtp" => alert::by_local_time(&alert.body, &alert.audience, roster),
        _ => return vec![row],
    };
    let rows: Vec<Alert> = texts
        .into_iter()
        .filter_map(|(body, to)| {
            Some(Alert {
                id: super::chance::short_id().ok()?,
                to: to.into_iter().collect(),
                body,
                ..row.clone()
            })
        })
        .collect();
    // A message to nobody fails where it is sent, and is told there.
    if rows.is_empty() { vec![row] } else { rows }
}

/// The outbox row of an alert on one channel; none where the channel has no use for it, or where
/// the system gives no randomness for its id.
pub(super) fn alert_row(
    channel: &dyn alerts::Channel,
    alert: &AlertDraft,
    incident: Option<&IncidentId>,
    roster: &Roster,
    now: Timestamp,
) -> Option<Alert> {
    if !channel.wants(alert.kind, severity(alert.severity.word())) {
        return None;
    }
    let to = match channel.addressing() {
        alerts::Addressing::Mail => alert.audience.mails(roster),
        alerts::Addressing::Pager => alert.audience.pagers(roster),
    };
    Some(Alert {
        id: super::chance::short_id().ok()?,
        channel: channel.name().to_owned(),
        kind: alert.kind.to_owned(),
        incident: incident.cloned(),
        to: to.into_iter().collect(),
        subject: alert.subject.clone(),
        body: alert.body.clone(),
        drill: false,
        severity: alert.severity.word().to_owned(),
        at_ms: now,
    })
}

/// The severity of a message as the alert channels know it.
pub(super) fn severity(word: &str) -> alerts::Severity {
    match word {
        "alarm" => alerts::Severity::Alarm,
        "action" => alerts::Severity::Action,
        _ => alerts::Severity::Info,
    }
}
