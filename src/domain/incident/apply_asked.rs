//! Events about what is said besides shares, applied: signatures without shares, veto windows,
//! longer sessions. Part of `apply`.

use super::apply::FoldError;
use super::event::Event;
use super::{Consent, Extension, Incident, Lifted, Phase};
use crate::domain::ids::PersonId;

impl Incident {
    /// Back to Collecting when what is left no longer suffices.
    pub(super) fn share_withdrawn(&mut self, person: &PersonId) -> Result<(), FoldError> {
        let gathering = self.gathering_mut("approve.withdrawn")?;
        gathering.approvals.retain(|a| a.person != *person);
        gathering.co_approval.take_if(|c| c.person == *person);
        if matches!(self.phase, Phase::Cooling(_)) && self.agreed().is_err() {
            self.cooling_ends();
        }
        Ok(())
    }

    fn cooling_ends(&mut self) {
        if let Phase::Cooling(gathering) = &mut self.phase {
            self.phase = Phase::Collecting(std::mem::take(gathering));
        }
    }

    /// Signatures without shares, and the veto window.
    pub(super) fn gathering_event(&mut self, event: &Event) -> Result<(), FoldError> {
        let gathering = self.gathering_mut("gathering")?;
        match event {
            Event::CoApproved {
                person,
                act_sha256,
                at_ms,
            } => {
                gathering.co_approval = Some(Consent {
                    person: person.clone(),
                    act_sha256: *act_sha256,
                    at_ms: *at_ms,
                });
                self.participants.insert(person.clone());
            }
            Event::GateLifted {
                person,
                gates,
                act_sha256,
                at_ms,
            } => {
                gathering.lifted.push(Lifted {
                    person: person.clone(),
                    gates: gates.clone(),
                    act_sha256: *act_sha256,
                    at_ms: *at_ms,
                });
                self.participants.insert(person.clone());
            }
            Event::Displacing { .. } => gathering.displacing = true,
            Event::CoolingBegun { .. } => {
                let gathering = std::mem::take(gathering);
                self.phase = Phase::Cooling(gathering);
            }
            _ => self.cooling_ends(),
        }
        Ok(())
    }

    pub(super) fn extension_event(&mut self, event: &Event) -> Result<(), FoldError> {
        let impossible = self.impossible("extend");
        let Phase::Open(session) = &mut self.phase else {
            return Err(impossible);
        };
        match (event, &mut session.extension) {
            (
                Event::ExtendAsked {
                    max_minutes,
                    terms_sha256,
                    ..
                },
                extension,
            ) => {
                *extension = Some(Extension {
                    max_minutes: *max_minutes,
                    terms_sha256: *terms_sha256,
                    signed: Vec::new(),
                });
            }
            (
                Event::ExtendSigned {
                    person,
                    act_sha256,
                    at_ms,
                },
                Some(extension),
            ) => {
                extension.signed.push(Consent {
                    person: person.clone(),
                    act_sha256: *act_sha256,
                    at_ms: *at_ms,
                });
                self.participants.insert(person.clone());
            }
            (Event::Extended { exp_ms, .. }, extension) => {
                *extension = None;
                session.extensions = session.extensions.saturating_add(1);
                session.exp_ms = *exp_ms;
            }
            (Event::ExtendFailed { .. }, extension) => *extension = None,
            _ => return Err(impossible),
        }
        Ok(())
    }
}
