//! A longer session: asked by the responder, agreed to by as many custodians as opened it, without
//! shares (PROTOCOL §6). The old deadline stands until the new secret exists.

use super::collecting::{holds_share, not_paused};
use super::command::Signed;
use super::event::Event;
use super::refusal::Refusal;
use super::rules::Rules;
use super::{Extension, Incident, Session};
use crate::domain::canonical::CanonicalError;
use crate::domain::ids::Digest;
use crate::domain::policy::MAX_SESSION_MINUTES;
use crate::domain::terms::Terms;
use crate::domain::time::{MINUTE_MS, Timestamp};

/// How often a session may be extended.
pub const MAX_EXTENSIONS: u8 = 2;

/// The terms a longer session is agreed to under: those it was opened for, with other minutes.
#[must_use]
pub fn extended_terms(terms: &Terms, max_minutes: u32) -> Terms {
    Terms {
        max_minutes,
        ..terms.clone()
    }
}

/// What an `extend` act signs.
///
/// # Errors
/// When the terms have no canonical form.
pub fn extended_sha256(terms: &Terms, max_minutes: u32) -> Result<Digest, CanonicalError> {
    extended_terms(terms, max_minutes).sha256()
}

pub(super) fn extend(
    incident: &Incident,
    session: &Session,
    signed: Signed,
    max_minutes: u32,
    rules: &Rules<'_>,
    now: Timestamp,
) -> Result<Vec<Event>, Refusal> {
    if now >= session.exp_ms {
        return Err(Refusal::SessionEnded {
            incident: incident.id.clone(),
        });
    }
    let right = extended_sha256(&incident.terms, max_minutes);
    if right.ok() != Some(signed.terms_sha256) {
        return Err(Refusal::OtherTerms);
    }
    if incident.requester.person() == Some(&signed.person) {
        return ask(incident, session, signed, max_minutes, now);
    }
    agree(incident, session, signed, rules, now)
}

/// Minutes of the session as agreed so far.
fn minutes_now(session: &Session) -> i64 {
    session.exp_ms.since_ms(session.opened_ms) / MINUTE_MS
}

fn ask(
    incident: &Incident,
    session: &Session,
    signed: Signed,
    max_minutes: u32,
    now: Timestamp,
) -> Result<Vec<Event>, Refusal> {
    if session.extensions >= MAX_EXTENSIONS {
        return Err(bad(incident, "it was extended twice already".to_owned()));
    }
    if max_minutes > MAX_SESSION_MINUTES {
        let limit = MAX_SESSION_MINUTES;
        return Err(bad(
            incident,
            format!("{limit} minutes in all are the limit"),
        ));
    }
    if i64::from(max_minutes) <= minutes_now(session) {
        let minutes = minutes_now(session);
        return Err(bad(incident, format!("it lasts {minutes} minutes already")));
    }
    // Asking anew is possible while nobody makes the secret; what was signed for other minutes
    // is void.
    let same = |e: &Extension| e.max_minutes == max_minutes;
    if incident.agreed_extension().is_some() || session.extension.as_ref().is_some_and(same) {
        return Err(bad(incident, "this is being asked for already".to_owned()));
    }
    Ok(vec![Event::ExtendAsked {
        person: signed.person,
        max_minutes,
        terms_sha256: signed.terms_sha256,
        act_sha256: signed.act_sha256,
        at_ms: now,
    }])
}

fn agree(
    incident: &Incident,
    session: &Session,
    signed: Signed,
    rules: &Rules<'_>,
    now: Timestamp,
) -> Result<Vec<Event>, Refusal> {
    let Some(extension) = &session.extension else {
        return Err(bad(
            incident,
            "its responder has not asked for it".to_owned(),
        ));
    };
    if extension.terms_sha256 != signed.terms_sha256 {
        return Err(Refusal::OtherTerms);
    }
    holds_share(incident, &signed.person, rules)?;
    if incident.refused_by.contains(&signed.person) {
        return Err(Refusal::RefusedBefore {
            incident: incident.id.clone(),
        });
    }
    not_paused(incident, &signed.person, now)?;
    if extension.signed.iter().any(|c| c.person == signed.person) {
        return Err(Refusal::AlreadyApproved);
    }
    Ok(vec![Event::ExtendSigned {
        person: signed.person,
        act_sha256: signed.act_sha256,
        at_ms: now,
    }])
}

impl Incident {
    /// The extension that enough custodians have agreed to.
    #[must_use]
    pub fn agreed_extension(&self) -> Option<&Extension> {
        let extension = self.session()?.extension.as_ref()?;
        let enough = extension.signed.len() >= usize::from(self.terms.needed);
        enough.then_some(extension)
    }
}

/// The new secret exists: the session is longer, unless its time was up meanwhile.
pub(super) fn extended(
    incident: &Incident,
    session: &Session,
    rules: &Rules<'_>,
    now: Timestamp,
) -> Result<Vec<Event>, Refusal> {
    if now >= session.exp_ms {
        return Err(Refusal::SessionEnded {
            incident: incident.id.clone(),
        });
    }
    let Some(extension) = incident.agreed_extension() else {
        return Err(bad(incident, "too few custodians agreed".to_owned()));
    };
    // Asked again when it is used: somebody may have been locked out since she signed.
    let signed = extension.signed.iter();
    let counted = signed.filter(|c| holds_share(incident, &c.person, rules).is_ok());
    if counted.count() < usize::from(incident.terms.needed) {
        return Err(bad(
            incident,
            "somebody who agreed may not any more".to_owned(),
        ));
    }
    let length_ms = i64::from(extension.max_minutes) * MINUTE_MS;
    Ok(vec![Event::Extended {
        sid: session.id.clone(),
        max_minutes: extension.max_minutes,
        exp_ms: session.opened_ms.plus_ms(length_ms),
    }])
}

fn bad(incident: &Incident, why: String) -> Refusal {
    Refusal::BadExtension {
        incident: incident.id.clone(),
        why,
    }
}
