//! Opening: from a signed request to frozen terms, or a refusal (PROTOCOL §5, §6).

use super::command::Fresh;
use super::event::{Event, Frozen};
use super::refusal::Refusal;
use super::rules::Rules;
use super::{COOLING_MAX_MS, Incident, LAPSE_MS};
use crate::domain::VERSION;
use crate::domain::act::Opening;
use crate::domain::grants;
use crate::domain::ids::{Digest, IncidentId, VaultId};
use crate::domain::lifetime::SessionSecret;
use crate::domain::policy::{Leaf, UseCase};
use crate::domain::quorum;
use crate::domain::roster::{Person, Role};
use crate::domain::scope::Scope;
use crate::domain::terms::{Gate, MAX_REASON_CHARS, Purpose, Requester, Terms, is_plain_text};
use crate::domain::time::MINUTE_MS;
use crate::domain::time::Timestamp;

/// Openings one person may ask for within an hour.
pub const MAX_OPENINGS_PER_HOUR: u32 = 3;

/// A request to open, its signature already checked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Request {
    /// Id the incident will have.
    pub incident: IncidentId,
    /// The vault.
    pub vault: VaultId,
    /// Who asks.
    pub requester: Requester,
    /// The signed act's hash; `None` when the vault asks.
    pub request_sha256: Option<Digest>,
    /// What is asked.
    pub opening: Opening,
    /// One-time recipient and nonce.
    pub fresh: Fresh,
}

/// Decides an opening.
///
/// # Errors
/// The rule that says no; every rule is asked before anything is alerted.
pub fn open(request: &Request, rules: &Rules<'_>, now: Timestamp) -> Result<Vec<Event>, Refusal> {
    opens_something(rules)?;
    check_person(request, rules)?;
    let use_case = match request.opening.purpose {
        Purpose::Rotate => {
            check_rotation(&request.opening)?;
            None
        }
        Purpose::Drill => Some(check_drill(request, rules)?),
        Purpose::Incident => Some(check_opening(request, rules)?),
    };
    check_others(&request.opening, rules)?;
    let terms = freeze(request, use_case, rules, now)?;
    let co_approver = use_case.and_then(|u| u.co_approver);
    Ok(vec![Event::Opened(frozen(terms, co_approver)?)])
}

/// Nobody is asked for a share that opens nothing, whatever for.
pub(super) fn opens_something(rules: &Rules<'_>) -> Result<(), Refusal> {
    match rules.dealt_later {
        Some(later) => Err(Refusal::DeadCredential { later }),
        None => Ok(()),
    }
}

/// Nothing is opened for who may not act any more (PROTOCOL §1), and nobody is asked for it. The
/// way back is for everybody.
pub(super) fn requester_may_act(terms: &Terms, rules: &Rules<'_>) -> Result<(), Refusal> {
    let person = terms.requester.person();
    let left = person.is_some_and(|id| rules.roster.person(id).is_none());
    if left && terms.purpose != Purpose::Rotate {
        return Err(Refusal::WrongRole {
            role: Role::Responder.word(),
        });
    }
    Ok(())
}

fn check_person(request: &Request, rules: &Rules<'_>) -> Result<(), Refusal> {
    let Requester::Person(id) = &request.requester else {
        // The vault asks for nothing but a rotation (PROTOCOL §6).
        return match request.opening.purpose {
            Purpose::Rotate => Ok(()),
            _ => Err(Refusal::WrongRole {
                role: Role::Responder.word(),
            }),
        };
    };
    let person = rules.roster.person(id);
    let allowed = match request.opening.purpose {
        Purpose::Rotate => person.is_some(),
        Purpose::Drill => person.is_some_and(may_drill),
        Purpose::Incident => person.is_some_and(|p| p.is(Role::Responder)),
    };
    if !allowed {
        return Err(Refusal::WrongRole {
            role: Role::Responder.word(),
        });
    }
    if rules.openings_last_hour >= MAX_OPENINGS_PER_HOUR {
        return Err(Refusal::TooMany(
            "three openings an hour are the limit for one person",
        ));
    }
    if rules.has_collecting {
        return Err(Refusal::TooMany(
            "this person already has an incident that is collecting",
        ));
    }
    Ok(())
}

/// Whether this person may ask for a drill: operators prepare them, responders rehearse.
#[must_use]
pub fn may_drill(person: &Person) -> bool {
    person.is(Role::Operator) || person.is(Role::Responder)
}

/// A drill is asked for like an emergency; what would touch people or other incidents is not
/// rehearsed.
fn check_drill<'a>(request: &Request, rules: &Rules<'a>) -> Result<&'a UseCase, Refusal> {
    let opening = &request.opening;
    if !opening.grants_to.is_empty() {
        return Err(bad("grants_to", "a drill gives nobody a right"));
    }
    if opening.displaces.is_some() || opening.continues.is_some() {
        let why = "a drill neither displaces nor continues another incident";
        return Err(bad("purpose", why));
    }
    check_opening(request, rules)
}

fn check_rotation(opening: &Opening) -> Result<(), Refusal> {
    check_texts(opening)?;
    let empty = opening.use_case.is_empty()
        && opening.answers.is_empty()
        && opening.scope.is_empty()
        && opening.grants_to.is_empty()
        && opening.max_minutes == 0
        && opening.claim_key.is_none()
        && opening.displaces.is_none()
        && opening.continues.is_none();
    if empty {
        Ok(())
    } else {
        Err(bad(
            "purpose",
            "rotate opens no session: all that belongs to one is empty",
        ))
    }
}

/// Custodians read these texts before they sign, whatever the purpose.
fn check_texts(opening: &Opening) -> Result<(), Refusal> {
    let reason = &opening.reason;
    if reason.chars().count() > MAX_REASON_CHARS || !is_plain_text(reason) {
        return Err(Refusal::BadText { what: "reason" });
    }
    if opening.ticket.chars().count() > 100 || !is_plain_text(&opening.ticket) {
        return Err(Refusal::BadText { what: "ticket" });
    }
    let workspace = opening.target.workspace.as_deref().unwrap_or("0");
    let in_id = |b: u8| b.is_ascii_alphanumeric() || b == b'-';
    if workspace.is_empty() || workspace.len() > 40 || !workspace.bytes().all(in_id) {
        return Err(bad("target", "names a workspace that is not an id"));
    }
    Ok(())
}

fn check_opening<'a>(request: &Request, rules: &Rules<'a>) -> Result<&'a UseCase, Refusal> {
    let opening = &request.opening;
    let policy = rules.policy;
    let use_case = match policy.walk(&opening.answers) {
        Some(Leaf::UseCase(found)) if found.id == opening.use_case => found,
        Some(Leaf::UseCase(found)) => {
            return Err(tree_says(opening, format!("they lead to {}", found.id)));
        }
        Some(Leaf::Door(sentence)) => {
            return Err(tree_says(
                opening,
                sentence.trim_end_matches('.').to_owned(),
            ));
        }
        Some(Leaf::Unanswered(q)) => {
            return Err(tree_says(opening, format!("not answered: {}", q.text)));
        }
        None => return Err(tree_says(opening, "the tree has no such leaf".to_owned())),
    };
    if opening.reason.trim().is_empty() {
        return Err(Refusal::BadText { what: "reason" });
    }
    check_texts(opening)?;
    if opening.max_minutes == 0 || opening.max_minutes > use_case.max_minutes {
        let limit = use_case.max_minutes;
        return Err(bad(
            "max_minutes",
            &format!("must be 1 to {limit} for {}", use_case.id),
        ));
    }
    if !opening.target.account && opening.target.workspace.is_none() {
        return Err(bad("target", "names neither the account nor a workspace"));
    }
    if opening
        .claim_key
        .as_deref()
        .is_none_or(|k| !k.starts_with("ssh-ed25519 "))
    {
        return Err(bad("claim_key", "must be an ssh-ed25519 key"));
    }
    grants::check(&opening.grants_to, rules.roster).map_err(|why| bad("grants_to", &why))?;
    check_scope(opening, use_case)?;
    Ok(use_case)
}

fn check_scope(opening: &Opening, use_case: &UseCase) -> Result<(), Refusal> {
    let patterns = if opening.scope.is_empty() {
        &use_case.scope
    } else {
        &opening.scope
    };
    Scope::parse(patterns).map_err(|e| bad("scope", &e.to_string()))?;
    Ok(())
}

/// The incidents that an opening names besides its own: the one it displaces must have the vault,
/// the one it continues must have broken lately.
fn check_others(opening: &Opening, rules: &Rules<'_>) -> Result<(), Refusal> {
    if opening.displaces.is_some() && opening.displaces != rules.busy {
        return Err(bad(
            "displaces",
            "names an incident that does not have the vault",
        ));
    }
    if opening.continues.is_some() && opening.continues != rules.continues {
        let why = "names no incident that broke within 24 hours and left its rotation owed";
        return Err(bad("continues", why));
    }
    Ok(())
}

fn freeze(
    request: &Request,
    use_case: Option<&UseCase>,
    rules: &Rules<'_>,
    now: Timestamp,
) -> Result<Terms, Refusal> {
    let purpose = request.opening.purpose;
    let excluded = quorum::excluded(&request.requester, purpose, &rules.debtors);
    let eligible = quorum::eligible(&rules.epoch.holders, rules.roster, &excluded).len();
    // A drill neither closes gates nor minds them: k is what it rehearses.
    let gates = if purpose == Purpose::Incident {
        gates_of(rules, request.opening.continues.is_some())
    } else {
        Vec::new()
    };
    let delay_minutes = use_case.map_or(0, |u| u.delay_minutes_at(&rules.policy.office_hours, now));
    let delay_ms = i64::from(delay_minutes) * MINUTE_MS;
    let not_before_ms = now.plus_ms(delay_ms);
    let scope = match use_case {
        Some(use_case) if request.opening.scope.is_empty() => use_case.scope.clone(),
        _ => request.opening.scope.clone(),
    };
    Ok(Terms {
        v: VERSION.to_owned(),
        purpose,
        kind: rules.epoch.kind,
        incident: request.incident.clone(),
        vault: request.vault.clone(),
        epoch: rules.epoch.epoch,
        k: rules.epoch.k,
        n: rules.epoch.n,
        needed: quorum::needed(rules.epoch.k, eligible, &gates, purpose)?,
        gates,
        recipient: request.fresh.recipient.clone(),
        requester: request.requester.clone(),
        request_sha256: request.request_sha256,
        claim_key: request.opening.claim_key.clone(),
        use_case: request.opening.use_case.clone(),
        answers: request.opening.answers.clone(),
        reason: request.opening.reason.clone(),
        ticket: request.opening.ticket.clone(),
        target: request.opening.target.clone(),
        scope,
        grants_to: request.opening.grants_to.clone(),
        max_minutes: request.opening.max_minutes,
        not_before_ms,
        continues: request.opening.continues.clone(),
        displaces: request.opening.displaces.clone(),
        roster_sha256: rules.roster_sha256,
        manifest_sha256: rules.epoch.manifest_sha256,
        policy_sha256: rules.policy_sha256,
        asked_ms: now,
        expires_ms: lapse(not_before_ms, now),
        nonce: request.fresh.nonce.clone(),
        session_secret: session_secret(purpose, request.opening.max_minutes, rules),
    })
}

/// What the terms say of the session secret; a drill makes none.
fn session_secret(purpose: Purpose, max_minutes: u32, rules: &Rules<'_>) -> Option<SessionSecret> {
    (purpose != Purpose::Drill)
        .then(|| SessionSecret::for_minutes(max_minutes, rules.lifetimes))
        .flatten()
}

/// Custodians have half an hour; a delay that is waited for comes before it.
fn lapse(not_before_ms: Timestamp, now: Timestamp) -> Timestamp {
    if not_before_ms.since_ms(now) > COOLING_MAX_MS {
        return not_before_ms.plus_ms(LAPSE_MS);
    }
    now.plus_ms(LAPSE_MS)
}

/// Gates closed now; an incident that continues a broken one settles that one's debt.
fn gates_of(rules: &Rules<'_>, continues: bool) -> Vec<Gate> {
    let own = |gate: &Gate| continues && *gate == Gate::RotationOwed;
    rules.gates.iter().copied().filter(|g| !own(g)).collect()
}

/// New terms for an incident that is asked again: same id, request, purpose, reason, scope and
/// minutes; new recipient, nonce, epoch, needed, gates and times (PROTOCOL §6).
///
/// # Errors
/// When the epoch's holders can no longer meet the threshold, what their shares open is dead, or
/// who asked may not act any more.
pub(super) fn refreeze(
    incident: &Incident,
    fresh: &Fresh,
    gates: &[Gate],
    rules: &Rules<'_>,
    now: Timestamp,
) -> Result<Frozen, Refusal> {
    opens_something(rules)?;
    requester_may_act(&incident.terms, rules)?;
    let purpose = incident.terms.purpose;
    let excluded = quorum::excluded(&incident.requester, purpose, &rules.debtors);
    let eligible = quorum::eligible(&rules.epoch.holders, rules.roster, &excluded).len();
    let old = incident.terms.clone();
    let gates = if old.purpose == Purpose::Incident {
        gates
    } else {
        &[]
    };
    let terms = Terms {
        kind: rules.epoch.kind,
        epoch: rules.epoch.epoch,
        k: rules.epoch.k,
        n: rules.epoch.n,
        needed: quorum::needed(rules.epoch.k, eligible, gates, old.purpose)?,
        gates: gates.to_vec(),
        recipient: fresh.recipient.clone(),
        // A veto window runs from the opening alert: asking again neither shortens nor renews it.
        not_before_ms: old.not_before_ms.max(now),
        roster_sha256: rules.roster_sha256,
        manifest_sha256: rules.epoch.manifest_sha256,
        policy_sha256: rules.policy_sha256,
        asked_ms: now,
        expires_ms: now.plus_ms(LAPSE_MS),
        nonce: fresh.nonce.clone(),
        session_secret: session_secret(old.purpose, old.max_minutes, rules),
        ..old
    };
    // A policy that asks for a co-approver by now is obeyed; one that no longer does is not.
    let now_asked = rules.policy.use_case(&terms.use_case);
    let co_approver = incident
        .co_approver
        .or(now_asked.and_then(|u| u.co_approver))
        .filter(|_| terms.purpose != Purpose::Rotate);
    frozen(terms, co_approver)
}

/// Terms of purpose `rotate` for an incident in Closing: empty scope and grants, no minutes, no
/// claim key, same requester and request (PROTOCOL §6 a). They do not lapse.
///
/// # Errors
/// When the epoch's holders can no longer meet the threshold, or what their shares open is dead.
pub(super) fn freeze_rotation(
    incident: &Incident,
    fresh: &Fresh,
    rules: &Rules<'_>,
    now: Timestamp,
) -> Result<Frozen, Refusal> {
    let as_rotation = Incident {
        terms: Terms {
            purpose: Purpose::Rotate,
            claim_key: None,
            not_before_ms: now,
            scope: Vec::new(),
            grants_to: Vec::new(),
            max_minutes: 0,
            ..incident.terms.clone()
        },
        ..incident.clone()
    };
    refreeze(&as_rotation, fresh, &[], rules, now)
}

fn frozen(terms: Terms, co_approver: Option<Role>) -> Result<Frozen, Refusal> {
    Frozen::new(terms, co_approver).map_err(|e| bad("document", &e.to_string()))
}

fn tree_says(opening: &Opening, because: String) -> Refusal {
    Refusal::TreeSaysNo {
        use_case: opening.use_case.clone(),
        because,
    }
}

fn bad(what: &'static str, why: &str) -> Refusal {
    Refusal::BadOpening {
        what,
        why: why.to_owned(),
    }
}
