//! Step 9: the review. The case record is computed from the log, so that what is signed can be
//! computed again by anyone who has an export.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::{Value, json};

use super::App;
use super::acts::{Caller, Verified};
use super::error::AppError;
use super::permit::is_definite_no;
use super::step::With;
use crate::api::{
    AnswerRequest, FindingRequest, ReviewList, ReviewSummary, ReviewView, SignedDocument,
};
use crate::audit::entry::Entry;
use crate::domain::act::Deed;
use crate::domain::canonical;
use crate::domain::ids::{Digest, IncidentId};
use crate::domain::incident::command::Command;
use crate::domain::incident::{Incident, Phase};
use crate::domain::review::{Finding, OpenItem, Severity};
use crate::domain::terms::Purpose;

/// The case record of one incident and what in it wants an answer.
pub(super) struct CaseRecord {
    pub record: Value,
    pub sha256: Digest,
    pub items: Vec<OpenItem>,
}

/// Counts while the entries go by.
#[derive(Default)]
struct Tally {
    calls: BTreeMap<(String, String, String), u64>,
    statuses: BTreeMap<String, u64>,
    items: BTreeMap<(String, String, String), u64>,
    timeline: Vec<Value>,
    notes: Vec<Value>,
    last_seq: u64,
    /// Calls under way that may leave something behind, by call id.
    writes: BTreeMap<String, String>,
    /// Calls whose additions have undo rows.
    undoable: BTreeSet<String>,
}

impl App {
    /// Writes a note into an incident.
    ///
    /// # Errors
    /// A refusal of the rules.
    pub async fn note(
        &self,
        id: &IncidentId,
        caller: &Caller,
        text: String,
    ) -> Result<(), AppError> {
        let command = Command::Note {
            person: caller.person.clone(),
            text,
        };
        self.written(id, caller, "note", command).await
    }

    /// Reviews that wait for a signature.
    ///
    /// # Errors
    /// A store that cannot be read.
    pub async fn reviews(&self) -> Result<ReviewList, AppError> {
        let now = self.now();
        let live = self.inner.store.live_incidents().await?;
        let reviews = live
            .iter()
            .filter_map(|(incident, _)| match &incident.phase {
                Phase::InReview(review) => Some(ReviewSummary {
                    incident: incident.id.to_string(),
                    due_ms: review.due_ms.0,
                    overdue: now >= review.due_ms,
                    drill: incident.purpose == Purpose::Drill,
                }),
                _ => None,
            });
        Ok(ReviewList {
            reviews: reviews.collect(),
        })
    }

    /// Everything a reviewer is shown.
    ///
    /// # Errors
    /// No such incident, or a store that cannot be read.
    pub async fn review_view(&self, id: &IncidentId) -> Result<ReviewView, AppError> {
        let (incident, _) = self.load(id).await?;
        let case = self.case_record(&incident).await?;
        let (answers, findings, due_ms) = match &incident.phase {
            Phase::InReview(review) => (
                json!(review.answers),
                json!(review.findings),
                Some(review.due_ms.0),
            ),
            _ => (json!({}), json!([]), None),
        };
        Ok(ReviewView {
            incident: id.to_string(),
            phase: incident.phase.name().to_string(),
            record: case.record,
            record_sha256: case.sha256.hex(),
            questions: json!(self.inner.facts.get().policy.review_questions),
            items: json!(case.items),
            answers,
            findings,
            due_ms,
            participants: incident
                .participants
                .iter()
                .map(ToString::to_string)
                .collect(),
        })
    }

    /// Keeps a draft answer.
    ///
    /// # Errors
    /// A refusal of the rules.
    pub async fn review_answer(
        &self,
        id: &IncidentId,
        caller: &Caller,
        request: &AnswerRequest,
    ) -> Result<(), AppError> {
        let person = caller.person.clone();
        let (answer, text) = (request.id.clone(), request.text.clone());
        let command = Command::Answer {
            person,
            id: answer,
            text,
        };
        self.written(id, caller, "review", command).await
    }

    /// Keeps a draft finding.
    ///
    /// # Errors
    /// A refusal of the rules.
    pub async fn review_finding(
        &self,
        id: &IncidentId,
        caller: &Caller,
        request: &FindingRequest,
    ) -> Result<(), AppError> {
        let severity: Severity = serde_json::from_value(json!(request.severity))
            .map_err(|_| AppError::BadDocument("severity is note, minor or major".into()))?;
        let finding = Finding {
            severity,
            text: request.text.clone(),
        };
        let command = Command::Find {
            person: caller.person.clone(),
            finding,
        };
        self.written(id, caller, "review", command).await
    }

    /// What a login alone may write; a no to it is logged like a no to a signed act.
    async fn written(
        &self,
        id: &IncidentId,
        caller: &Caller,
        word: &'static str,
        command: Command,
    ) -> Result<(), AppError> {
        match self
            .step(id, command, Some(&caller.person), With::default())
            .await
        {
            Ok(_) => Ok(()),
            Err(error) => Err(self.forged(caller, word, Some(id), error).await),
        }
    }

    /// Signs a review off.
    ///
    /// # Errors
    /// A participant, open items, or a record that is not the one shown.
    pub async fn review_sign(
        &self,
        id: &IncidentId,
        signed: &SignedDocument,
        caller: &Caller,
    ) -> Result<Incident, AppError> {
        let verified = self.admitted(signed, caller, id, "review").await?;
        let result = self.sign_verified(id, &verified).await;
        self.or_refused(&verified, id, result).await
    }

    async fn sign_verified(
        &self,
        id: &IncidentId,
        verified: &Verified,
    ) -> Result<Incident, AppError> {
        let Deed::Review {
            answers,
            findings,
            verdict,
            record_sha256,
        } = &verified.act.deed
        else {
            return Err(AppError::BadDocument("not an act of review".into()));
        };
        let (incident, _) = self.load(id).await?;
        let case = self.case_record(&incident).await?;
        let command = Command::Sign {
            person: verified.act.person.clone(),
            act_sha256: verified.sha256,
            answers: answers.clone(),
            findings: findings.clone(),
            verdict: *verdict,
            record_sha256: *record_sha256,
            current_record_sha256: case.sha256,
            items: case.items,
        };
        let with = With::act(verified, self.now());
        Ok(self
            .step(id, command, Some(&verified.act.person), with)
            .await?
            .incident)
    }

    /// Reads an incident's entries up to its close, and notes after it, into one document.
    pub(super) async fn case_record(&self, incident: &Incident) -> Result<CaseRecord, AppError> {
        let mut tally = Tally::default();
        let mut closed = false;
        let mut pages = self.pages_of(&incident.id, 0);
        while let Some(page) = pages.next().await? {
            for entry in &page {
                tally.take(entry, closed);
                closed |= entry.kind == "incident.closed";
            }
        }
        tally.finish(incident)
    }
}

impl Tally {
    fn take(&mut self, entry: &Entry, closed: bool) {
        let text = |name: &str| entry.text(name).unwrap_or("").to_owned();
        if entry.kind == "note" {
            self.notes.push(json!({
                "seq": entry.seq, "person": text("person"), "text": text("text"),
            }));
            return;
        }
        // What comes after the close is about the review itself and must not move its record.
        if closed {
            return;
        }
        self.last_seq = entry.seq;
        match entry.kind.as_str() {
            "call.begin" => {
                let key = (text("cls"), text("method"), text("route"));
                let leaves = matches!(
                    key.0.as_str(),
                    "privilege" | "code" | "destroy" | "unreviewed"
                );
                if leaves && !self.undoable.contains(&text("cid")) {
                    self.writes
                        .insert(text("cid"), format!("{} {}", key.1, key.2));
                }
                *self.calls.entry(key).or_default() += 1;
            }
            "call.abort" => drop(self.writes.remove(&text("cid"))),
            "call.end" => {
                let status = entry.integer("status").unwrap_or(0);
                *self.statuses.entry(format!("s{status}")).or_default() += 1;
                self.stayed(entry, status);
            }
            "undo.planned" => drop(self.undoable.insert(text("cid"))),
            "undo.kept" => self.item("kept", &about_undo(entry), "the terms let it stay"),
            "undo.failed" => self.item("not_undone", &about_undo(entry), &text("why")),
            "grant.done" | "grant.failed" => {
                let about = format!("{} for {}", text("right"), text("person"));
                let why = if entry.kind == "grant.done" {
                    "granted"
                } else {
                    "not shown"
                };
                self.item("granted", &about, why);
            }
            "snapshot.diff" => {
                let about = format!("{}: {}", text("kind"), lines_of(entry));
                self.item(
                    "difference",
                    &about,
                    "stands otherwise than before the session",
                );
            }
            "snapshot.failed" => self.item("no_comparison", "the snapshot after", &text("why")),
            "call.lost" => {
                self.item("call_lost", "a call", "its outcome is unknown");
                self.stayed(entry, 0);
            }
            "deny" => self.item(
                "deny",
                &format!("{} {}", text("method"), text("route")),
                &text("why"),
            ),
            "share.reject" => self.item("share_rejected", &text("person"), &text("why")),
            "act.refused" => self.item(
                "act_refused",
                &format!("{} by {}", text("act"), text("person")),
                &text("code"),
            ),
            "approve.mismatch" => self.item("mismatch", &text("person"), &text("pick")),
            "rotate.foreign" => self.item(
                "foreign_secret",
                "a secret that is not ours",
                "reported, never deleted",
            ),
            "session.address" => self.item(
                "second_address",
                &text("now"),
                "the token came from a second address",
            ),
            kind if kind.starts_with("call.") || kind.starts_with("alert.") => {}
            _ => {
                let mut moment = json!({
                    "seq": entry.seq, "ts": entry.ts_ms, "kind": entry.kind,
                    "person": text("person"),
                });
                if entry.kind.starts_with("undo.") {
                    moment["what"] = Value::from(about_undo(entry));
                }
                self.timeline.push(moment);
            }
        }
        if !matches!(entry.kind.as_str(), "call.begin" | "call.end" | "call.head") {
            self.moment(entry);
        }
    }

    /// Refused and failed attempts stand in the timeline as well as among the items.
    fn moment(&mut self, entry: &Entry) {
        let item = matches!(
            entry.kind.as_str(),
            "deny" | "share.reject" | "act.refused" | "approve.mismatch" | "rotate.foreign"
        );
        if item {
            self.timeline.push(json!({
                "seq": entry.seq, "ts": entry.ts_ms, "kind": entry.kind,
                "person": entry.text("person").unwrap_or(""),
            }));
        }
    }

    /// A write whose traces no undo row takes away: what it made or changed stays, and somebody
    /// has to look at it. A definite no left nothing.
    fn stayed(&mut self, entry: &Entry, status: i64) {
        let Some(call) = self.writes.remove(entry.text("cid").unwrap_or("")) else {
            return;
        };
        if is_definite_no(status) {
            return;
        }
        let why = match status {
            200..400 => "what it made or changed stays",
            _ => "it may have been carried out",
        };
        self.item("stays", &call, why);
    }

    fn item(&mut self, kind: &str, about: &str, why: &str) {
        let key = (kind.to_owned(), about.to_owned(), why.to_owned());
        *self.items.entry(key).or_default() += 1;
    }

    fn finish(self, incident: &Incident) -> Result<CaseRecord, AppError> {
        let mut numbers: BTreeMap<String, u32> = BTreeMap::new();
        let items: Vec<OpenItem> = self
            .items
            .into_iter()
            .map(|((kind, about, why), count)| {
                let number = numbers.entry(kind.clone()).or_default();
                *number += 1;
                OpenItem {
                    id: format!("{kind}_{number}"),
                    kind,
                    about,
                    why,
                    count,
                }
            })
            .collect();
        let calls: Vec<Value> = self
            .calls
            .into_iter()
            .map(|((class, method, route), count)| {
                json!({"class": class, "method": method, "route": route, "count": count})
            })
            .collect();
        let record = json!({
            "v": crate::domain::VERSION,
            "incident": incident.id,
            "requester": incident.requester,
            "opened_terms_sha256": incident.opened_terms_sha256,
            "participants": incident.participants,
            "tokens_dead_at_ms": incident.tokens_dead_at_ms,
            "calls": calls,
            "statuses": self.statuses,
            "items": items,
            "timeline": self.timeline,
            "notes": self.notes,
            "last_seq": self.last_seq,
        });
        let sha256 = Digest::of(&canonical::value_to_bytes(&record)?);
        Ok(CaseRecord {
            record,
            sha256,
            items,
        })
    }
}

/// What an undo entry is about: the thing and who got it, by id.
fn about_undo(entry: &Entry) -> String {
    let who = match entry.members.get("who") {
        Some(Value::Array(names)) => {
            let names: Vec<&str> = names.iter().filter_map(Value::as_str).collect();
            names.join(", ")
        }
        _ => String::new(),
    };
    format!("{} ({who})", entry.text("what").unwrap_or(""))
}

/// What came and what went, shortened.
fn lines_of(entry: &Entry) -> String {
    let part = |name: &str, sign: &str| {
        let lines = entry.members.get(name).and_then(Value::as_array);
        let lines = lines.into_iter().flatten().filter_map(Value::as_str);
        lines
            .map(|line| format!("{sign}{line}"))
            .collect::<Vec<_>>()
    };
    let all = [part("added", "+"), part("removed", "-")].concat();
    let more = all.len().saturating_sub(5);
    let shown = all[..all.len() - more].join(", ");
    if more > 0 {
        format!("{shown} and {more} more")
    } else {
        shown
    }
}
