//! Events applied: the only way an incident changes. Folding the log uses the same function, so
//! the log and the rows cannot disagree.

use std::collections::{BTreeMap, BTreeSet};

use super::command::AskAgain;
use super::event::{Event, Frozen};
use super::{
    Approval, COOLING_MAX_MS, Closing, EndAsked, Gathering, InReview, Incident, Mismatches, Phase,
    Session,
};
use crate::domain::terms::{Purpose, Requester, Terms};

/// Why a log does not fold.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum FoldError {
    /// The terms an entry names are not among the documents.
    #[error("the terms {0} are missing")]
    TermsMissing(String),
    /// An event that cannot follow the state before it.
    #[error("{event} cannot follow phase {phase}")]
    Impossible {
        /// The event.
        event: &'static str,
        /// The phase before it.
        phase: &'static str,
    },
}

impl Incident {
    /// The incident that its first event makes.
    ///
    /// # Errors
    /// When the event is not `incident.opened` or its terms are missing.
    pub fn from_opened(event: &Event) -> Result<Self, FoldError> {
        let Event::Opened(frozen) = event else {
            return Err(FoldError::Impossible {
                event: "first event",
                phase: "none",
            });
        };
        let terms = terms_of(frozen)?;
        let participants = match &frozen.requester {
            Requester::Person(person) => BTreeSet::from([person.clone()]),
            Requester::Vault => BTreeSet::new(),
        };
        let phase = first_phase(&terms);
        Ok(Self {
            id: terms.incident.clone(),
            purpose: frozen.purpose,
            requester: frozen.requester.clone(),
            request_sha256: frozen.request_sha256,
            terms_sha256: frozen.terms_sha256,
            terms,
            opened_terms_sha256: None,
            restarts: 0,
            refused_by: BTreeSet::new(),
            mismatches: BTreeMap::new(),
            participants,
            rotation_owed: false,
            tokens_dead_at_ms: None,
            co_approver: frozen.co_approver,
            end_asked: None,
            phase,
        })
    }

    /// The next state.
    ///
    /// # Errors
    /// When the event cannot follow; a log written by `decide` never meets this.
    pub fn apply(&mut self, event: &Event) -> Result<(), FoldError> {
        match event {
            Event::Opened(_) => Err(self.impossible("incident.opened")),
            Event::AskedAgain { why, frozen } => self.asked_again(*why, frozen),
            Event::ShareAccepted(approval) => self.share_accepted(approval),
            Event::PaperWitnessed(witnessing) => {
                self.participants.insert(witnessing.person.clone());
                let standing = &mut self.gathering_mut("paper.witnessed")?.witnessing;
                standing.retain(|each| each.person != witnessing.person);
                standing.push(witnessing.clone());
                Ok(())
            }
            Event::ShareWithdrawn { person, .. } => self.share_withdrawn(person),
            Event::CoApproved { .. }
            | Event::GateLifted { .. }
            | Event::CoolingBegun { .. }
            | Event::Cooled { .. }
            | Event::Displacing { .. } => self.gathering_event(event),
            Event::EndAsked {
                person,
                reason,
                act_sha256,
                at_ms,
            } => {
                self.participants.insert(person.clone());
                self.end_asked = Some(EndAsked {
                    person: person.clone(),
                    reason: reason.clone(),
                    act_sha256: *act_sha256,
                    at_ms: *at_ms,
                });
                Ok(())
            }
            Event::CustodianRefused { person, .. } => {
                self.refused_by.insert(person.clone());
                Ok(())
            }
            Event::Mismatched {
                person,
                wrong,
                paused_until_ms,
                ..
            } => {
                let mismatches = Mismatches {
                    wrong: *wrong,
                    paused_until_ms: *paused_until_ms,
                };
                self.mismatches.insert(person.clone(), mismatches);
                Ok(())
            }
            Event::Withdrawn { at_ms, .. } => self.end(Phase::Withdrawn { at_ms: *at_ms }),
            Event::Vetoed { person, at_ms, .. } => {
                self.participants.insert(person.clone());
                self.end(Phase::Refused { at_ms: *at_ms })
            }
            Event::Refused { at_ms } => self.end(Phase::Refused { at_ms: *at_ms }),
            Event::Lapsed { at_ms, .. } => self.end(Phase::Lapsed { at_ms: *at_ms }),
            Event::UnsealBegun { .. } | Event::Unsealed {} | Event::UnsealFailed { .. } => {
                self.unsealing(event)
            }
            Event::SessionOpened { .. }
            | Event::Claimed { .. }
            | Event::SessionClosed { .. }
            | Event::MemoryLost {}
            | Event::Closed { .. } => self.session_event(event),
            Event::ExtendAsked { .. }
            | Event::ExtendSigned { .. }
            | Event::Extended { .. }
            | Event::ExtendFailed { .. } => self.extension_event(event),
            Event::Noted { .. } => Ok(()),
            Event::Answered { .. } | Event::Found { .. } | Event::Reviewed { .. } => {
                self.review_event(event)
            }
        }
    }

    fn asked_again(&mut self, why: AskAgain, frozen: &Frozen) -> Result<(), FoldError> {
        self.terms = terms_of(frozen)?;
        self.terms_sha256 = frozen.terms_sha256;
        self.co_approver = frozen.co_approver;
        match &mut self.phase {
            Phase::Closing(closing) => {
                closing.rotate = Some(Gathering::default());
                closing.unsealing = false;
            }
            _ => {
                if matches!(why, AskAgain::Restart | AskAgain::OpeningBroke) {
                    self.restarts = self.restarts.saturating_add(1);
                }
                self.phase = Phase::Collecting(Gathering::default());
            }
        }
        Ok(())
    }

    fn share_accepted(&mut self, approval: &Approval) -> Result<(), FoldError> {
        self.participants.insert(approval.person.clone());
        self.gathering_mut("share.accept")?
            .approvals
            .push(approval.clone());
        Ok(())
    }

    fn unsealing(&mut self, event: &Event) -> Result<(), FoldError> {
        match (&mut self.phase, event) {
            (
                Phase::Collecting(gathering) | Phase::Cooling(gathering),
                Event::UnsealBegun { at_ms, indexes },
            ) => {
                let mut approvals = std::mem::take(&mut gathering.approvals);
                approvals.retain(|a| indexes.contains(&a.index));
                self.opened_terms_sha256 = Some(self.terms_sha256);
                self.phase = Phase::Opening {
                    approvals,
                    begun_ms: *at_ms,
                    unsealed: false,
                };
                Ok(())
            }
            (Phase::Closing(closing), Event::UnsealBegun { indexes, .. }) => {
                if let Some(gathering) = &mut closing.rotate {
                    gathering.approvals.retain(|a| indexes.contains(&a.index));
                }
                closing.unsealing = true;
                Ok(())
            }
            (Phase::Opening { unsealed, .. }, Event::Unsealed {}) => {
                *unsealed = true;
                Ok(())
            }
            (Phase::Closing(closing), Event::Unsealed {}) => {
                closing.unsealing = false;
                closing.memory_lost = false;
                closing.rotate = None;
                Ok(())
            }
            (_, Event::UnsealFailed { combined, .. }) => {
                // A decoy that was combined is nobody's secret.
                self.rotation_owed |= *combined && self.purpose != Purpose::Drill;
                Ok(())
            }
            _ => Err(self.impossible("unseal")),
        }
    }

    fn session_event(&mut self, event: &Event) -> Result<(), FoldError> {
        match (&mut self.phase, event) {
            (
                Phase::Opening { .. },
                Event::SessionOpened {
                    sid,
                    actor,
                    opened_ms,
                    exp_ms,
                },
            ) => {
                self.phase = Phase::Open(Session {
                    id: sid.clone(),
                    actor: actor.clone(),
                    opened_ms: *opened_ms,
                    exp_ms: *exp_ms,
                    claims: 0,
                    token_sha256: None,
                    extensions: 0,
                    extension: None,
                });
            }
            (
                Phase::Open(session),
                Event::Claimed {
                    token_sha256,
                    claims,
                    ..
                },
            ) => {
                session.claims = *claims;
                session.token_sha256 = Some(*token_sha256);
            }
            (
                Phase::Opening { .. } | Phase::Open(_),
                Event::SessionClosed {
                    why,
                    person,
                    memory_lost,
                    at_ms,
                    ..
                },
            ) => {
                self.participants.extend(person.clone());
                self.phase = Phase::Closing(Closing {
                    cause: *why,
                    since_ms: *at_ms,
                    memory_lost: *memory_lost,
                    rotate: None,
                    unsealing: false,
                });
            }
            (Phase::Closing(closing), Event::MemoryLost {}) => {
                closing.memory_lost = true;
                closing.rotate = None;
                closing.unsealing = false;
            }
            (
                Phase::Closing(_),
                Event::Closed {
                    at_ms,
                    tokens_dead_at_ms,
                    due_ms,
                },
            ) => {
                self.rotation_owed = false;
                self.tokens_dead_at_ms = Some(*tokens_dead_at_ms);
                self.phase = match due_ms {
                    None => Phase::Reviewed { at_ms: *at_ms },
                    Some(due_ms) => Phase::InReview(InReview {
                        since_ms: *at_ms,
                        due_ms: *due_ms,
                        answers: BTreeMap::new(),
                        findings: Vec::new(),
                    }),
                };
            }
            _ => return Err(self.impossible("session")),
        }
        Ok(())
    }

    fn review_event(&mut self, event: &Event) -> Result<(), FoldError> {
        match (&mut self.phase, event) {
            (Phase::InReview(review), Event::Answered { id, text, .. }) => {
                review.answers.insert(id.clone(), text.clone());
            }
            (Phase::InReview(review), Event::Found { finding, .. }) => {
                review.findings.push(finding.clone());
            }
            (Phase::InReview(_), Event::Reviewed { at_ms, .. }) => {
                self.phase = Phase::Reviewed { at_ms: *at_ms };
            }
            _ => return Err(self.impossible("review")),
        }
        Ok(())
    }

    fn end(&mut self, phase: Phase) -> Result<(), FoldError> {
        match self.phase {
            // A broken Opening that was restarted too often lapses from there.
            Phase::Waiting { .. }
            | Phase::Collecting(_)
            | Phase::Cooling(_)
            | Phase::Opening { .. } => {
                self.phase = phase;
                Ok(())
            }
            _ => Err(self.impossible("end")),
        }
    }

    pub(super) fn gathering_mut(
        &mut self,
        event: &'static str,
    ) -> Result<&mut Gathering, FoldError> {
        let phase = self.phase.name().word();
        match &mut self.phase {
            Phase::Collecting(gathering) | Phase::Cooling(gathering) => Ok(gathering),
            Phase::Closing(Closing {
                rotate: Some(gathering),
                ..
            }) => Ok(gathering),
            _ => Err(FoldError::Impossible { event, phase }),
        }
    }

    pub(super) fn impossible(&self, event: &'static str) -> FoldError {
        FoldError::Impossible {
            event,
            phase: self.phase.name().word(),
        }
    }
}

/// A delay longer than the veto window's is waited for before anyone is asked for a share.
fn first_phase(terms: &Terms) -> Phase {
    if terms.not_before_ms.since_ms(terms.asked_ms) > COOLING_MAX_MS {
        return Phase::Waiting {
            until_ms: terms.not_before_ms,
        };
    }
    Phase::Collecting(Gathering::default())
}

fn terms_of(frozen: &Frozen) -> Result<Terms, FoldError> {
    frozen
        .terms
        .as_deref()
        .cloned()
        .ok_or_else(|| FoldError::TermsMissing(frozen.terms_sha256.hex()))
}
