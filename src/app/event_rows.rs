//! The rows that follow from an event by themselves, committed with it.

use super::drills::drilled;
use super::step::ROTATION_OWED;
use crate::domain::incident::extend::extended_terms;
use crate::domain::incident::{Event, Incident};
use crate::domain::terms::{Purpose, Terms};
use crate::domain::time::Timestamp;
use crate::store::change::{Document, DocumentKind, RowChange};

/// Rows that follow from an event by themselves.
pub(super) fn rows_of(event: &Event, after: &Incident, now: Timestamp) -> Vec<RowChange> {
    let rows = rows_by_event(event, after, now);
    if after.purpose != Purpose::Drill {
        return rows;
    }
    // A decoy owes no rotation, and settles none.
    let debt =
        |row: &RowChange| matches!(row, RowChange::SetFact { name, .. } if name == ROTATION_OWED);
    let mut rows: Vec<RowChange> = rows.into_iter().filter(|row| !debt(row)).collect();
    if matches!(event, Event::Unsealed {}) {
        rows.extend(after.approvals().iter().map(|approval| RowChange::SetFact {
            name: drilled(&approval.person),
            value: Some(now.0.to_string()),
        }));
    }
    rows
}

fn rows_by_event(event: &Event, after: &Incident, now: Timestamp) -> Vec<RowChange> {
    let incident = after.id.clone();
    let owed = || RowChange::SetFact {
        name: ROTATION_OWED.to_owned(),
        value: Some(now.0.to_string()),
    };
    match event {
        Event::Opened(frozen) | Event::AskedAgain { frozen, .. } => {
            let document = frozen.terms.as_deref().and_then(terms_document);
            [Some(RowChange::DropEnvelopes { incident }), document]
                .into_iter()
                .flatten()
                .collect()
        }
        Event::ShareWithdrawn { index, .. } => {
            vec![RowChange::DropEnvelope {
                incident,
                index: *index,
            }]
        }
        Event::Unsealed {}
        | Event::Withdrawn { .. }
        | Event::Vetoed { .. }
        | Event::Refused { .. }
        | Event::Lapsed { .. } => {
            vec![RowChange::DropEnvelopes { incident }]
        }
        Event::UnsealFailed { combined: true, .. } | Event::MemoryLost {} => {
            vec![RowChange::DropEnvelopes { incident }, owed()]
        }
        Event::SessionOpened { sid, exp_ms, .. } => {
            vec![RowChange::PutSession {
                session: sid.clone(),
                incident,
                exp_ms: *exp_ms,
            }]
        }
        Event::ExtendAsked { max_minutes, .. } => {
            let terms = extended_terms(&after.terms, *max_minutes);
            terms_document(&terms).into_iter().collect()
        }
        Event::Extended { sid, exp_ms, .. } => {
            vec![RowChange::ExtendSession {
                session: sid.clone(),
                exp_ms: *exp_ms,
            }]
        }
        Event::Claimed {
            sid, token_sha256, ..
        } => {
            vec![RowChange::SetToken {
                session: sid.clone(),
                token_sha256: *token_sha256,
            }]
        }
        Event::SessionClosed {
            sid,
            memory_lost,
            at_ms,
            ..
        } => {
            let end = sid.clone().map(|session| RowChange::EndSession {
                session,
                at_ms: *at_ms,
            });
            let owed = memory_lost.then(owed);
            [Some(RowChange::DropEnvelopes { incident }), end, owed]
                .into_iter()
                .flatten()
                .collect()
        }
        Event::Closed { .. } => {
            vec![RowChange::SetFact {
                name: ROTATION_OWED.to_owned(),
                value: None,
            }]
        }
        _ => Vec::new(),
    }
}

/// Terms as the export holds them: under their hash.
fn terms_document(terms: &Terms) -> Option<RowChange> {
    Some(RowChange::PutDocument(Document {
        kind: DocumentKind::Terms,
        sha256: terms.sha256().ok()?,
        bytes: crate::domain::canonical::to_bytes(terms).ok()?,
        signature: None,
    }))
}
