//! Errors of commands: a sentence, a code, a next step, a page, an exit code (DESIGN §13).
//!
//! The sentence says what happened and whether anything was released; it never carries a secret.

use crate::api::ErrorDetail;

/// How a command ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Exit(pub u8);

impl Exit {
    /// Done.
    pub const DONE: Self = Self(0);
    /// Failed.
    pub const FAILED: Self = Self(1);
    /// Wrong usage.
    pub const USAGE: Self = Self(2);
    /// Sealed, or no such incident.
    pub const SEALED: Self = Self(3);
    /// Timed out waiting.
    pub const TIMED_OUT: Self = Self(4);
    /// Refused.
    pub const REFUSED: Self = Self(5);
    /// Share rejected.
    pub const SHARE_REJECTED: Self = Self(6);
    /// Session ended.
    pub const SESSION_ENDED: Self = Self(7);
    /// Log broken.
    pub const LOG_BROKEN: Self = Self(8);
    /// Not allowed, or login needed.
    pub const NOT_ALLOWED: Self = Self(9);
    /// Databricks unreachable.
    pub const DATABRICKS_UNREACHABLE: Self = Self(10);
    /// Interrupted.
    pub const INTERRUPTED: Self = Self(130);
}

/// Why a command did not do what it was asked.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{message}")]
pub struct CliError {
    /// Exit code.
    pub exit: Exit,
    /// Stable word for scripts.
    pub code: String,
    /// One sentence.
    pub message: String,
    /// What to do next; may be empty.
    pub hint: String,
    /// Page under `runbooks/`, without ending; may be empty.
    pub runbook: String,
}

impl CliError {
    /// An error with its exit code.
    #[must_use]
    pub fn new(exit: Exit, code: &str, message: impl Into<String>) -> Self {
        Self {
            exit,
            code: code.to_owned(),
            message: message.into(),
            hint: String::new(),
            runbook: String::new(),
        }
    }

    /// Exit code 1.
    #[must_use]
    pub fn failed(code: &str, message: impl Into<String>) -> Self {
        Self::new(Exit::FAILED, code, message)
    }

    /// Exit code 2.
    #[must_use]
    pub fn usage(message: impl Into<String>) -> Self {
        Self::new(Exit::USAGE, "usage", message)
    }

    /// Exit code 8: what the server shows is not the history this client has seen.
    #[must_use]
    pub fn log_broken(message: impl Into<String>) -> Self {
        Self::new(Exit::LOG_BROKEN, "log_broken", message)
            .hint("sign nothing, call security by phone, and keep this machine's client folder as evidence")
            .page("log-broken")
    }

    /// Exit code 9 without a valid login.
    #[must_use]
    pub fn login_needed() -> Self {
        Self::new(Exit::NOT_ALLOWED, "login_needed", "nobody is logged in").hint("breakglass login")
    }

    /// Adds the next step.
    #[must_use]
    pub fn hint(mut self, hint: impl Into<String>) -> Self {
        self.hint = hint.into();
        self
    }

    /// Adds the page that helps.
    #[must_use]
    pub fn page(mut self, runbook: &str) -> Self {
        runbook.clone_into(&mut self.runbook);
        self
    }

    /// What the server answered.
    #[must_use]
    pub fn from_server(detail: ErrorDetail) -> Self {
        Self {
            exit: Exit(exit_code_of(&detail.code)),
            code: detail.code,
            message: detail.message,
            hint: detail.hint,
            runbook: detail.runbook,
        }
    }
}

/// Exit code of an error code, the same for server and client (DESIGN §13). The codes of refusals
/// are those of `domain::incident::refusal::Refusal`; a test compares them.
#[must_use]
pub fn exit_code_of(code: &str) -> u8 {
    let exit = match code {
        "sealed" | "no_such_incident" | "not_in_phase" => Exit::SEALED,
        "lapsed" => Exit::TIMED_OUT,
        "share_rejected" | "other_index" => Exit::SHARE_REJECTED,
        "session_ended" => Exit::SESSION_ENDED,
        "log_broken" => Exit::LOG_BROKEN,
        "login_needed" | "not_allowed" | "wrong_role" | "no_share" | "own_incident"
        | "wrong_claim_key" | "participant" | "not_auditor" => Exit::NOT_ALLOWED,
        "databricks_unreachable" => Exit::DATABRICKS_UNREACHABLE,
        "refused"
        | "disk_full"
        | "ending"
        | "other_terms"
        | "other_manifest"
        | "already_approved"
        | "refused_before"
        | "nothing_to_withdraw"
        | "paused"
        | "replayed"
        | "clock_apart"
        | "tree_says_no"
        | "bad_opening"
        | "too_many"
        | "too_few_eligible"
        | "override_needed"
        | "nothing_to_override"
        | "co_approver_missing"
        | "too_early"
        | "bad_extension"
        | "busy"
        | "no_quorum"
        | "no_alert_confirmed"
        | "second_stop"
        | "not_in_grants"
        | "outside_target"
        | "unanswered"
        | "other_record"
        | "bad_text"
        | "bad_version"
        | "signed_before"
        | "one_paper"
        | "own_witness"
        | "no_witness"
        | "not_paper"
        | "paper_alone"
        | "keeper_left"
        | "keeper_asked"
        | "keeper_refused"
        | "keeper_gave"
        | "paper_too_few_left" => Exit::REFUSED,
        _ => Exit::FAILED,
    };
    exit.0
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::ids::IncidentId;
    use crate::domain::incident::PaperFault;
    use crate::domain::incident::refusal::Refusal;
    use crate::domain::terms::Gate;
    use crate::domain::time::Timestamp;

    fn every_refusal() -> Vec<Refusal> {
        let incident = IncidentId::numbered(1);
        let text = String::new;
        let at = Timestamp(0);
        vec![
            Refusal::NotInPhase {
                incident: incident.clone(),
                phase: "open",
                command: "approve",
            },
            Refusal::SessionEnded {
                incident: incident.clone(),
            },
            Refusal::NoSuchIncident(text()),
            Refusal::WrongRole { role: "responder" },
            Refusal::OwnIncident,
            Refusal::NoShare { epoch: 1 },
            Refusal::OtherTerms,
            Refusal::OtherManifest { epoch: 1 },
            Refusal::OtherIndex { given: 1, own: 2 },
            Refusal::AlreadyApproved,
            Refusal::RefusedBefore {
                incident: incident.clone(),
            },
            Refusal::NothingToWithdraw,
            Refusal::Paused { until: at },
            Refusal::Replayed,
            Refusal::Lapsed {
                incident: incident.clone(),
                at,
            },
            Refusal::ClockApart {
                signed: at,
                now: at,
            },
            Refusal::TreeSaysNo {
                use_case: text(),
                because: text(),
            },
            Refusal::BadOpening {
                what: "scope",
                why: text(),
            },
            Refusal::TooMany("three"),
            Refusal::TooFewEligible { eligible: 1, k: 2 },
            Refusal::OverrideNeeded {
                gates: vec![Gate::RotationOwed],
            },
            Refusal::NothingToOverride { gates: Vec::new() },
            Refusal::CoApproverMissing { role: "auditor" },
            Refusal::TooEarly { at },
            Refusal::BadExtension {
                incident: incident.clone(),
                why: text(),
            },
            Refusal::Busy(incident),
            Refusal::NoQuorum {
                given: 1,
                needed: 3,
            },
            Refusal::NoAlertConfirmed,
            Refusal::SecondStop,
            Refusal::WrongClaimKey,
            Refusal::Participant,
            Refusal::NotAuditor,
            Refusal::Unanswered {
                missing: Vec::new(),
            },
            Refusal::OtherRecord,
            Refusal::BadText { what: "reason" },
            Refusal::DeadCredential { later: 2 },
            Refusal::NotInGrants {
                person: "rio".parse().unwrap(),
            },
            Refusal::OutsideTarget {
                right: "account-admin",
                target: text(),
            },
            Refusal::BadVersion {
                what: "roster",
                why: text(),
            },
            Refusal::SignedBefore,
            Refusal::Paper(PaperFault::OnlyOne),
            Refusal::Paper(PaperFault::OwnWitness),
            Refusal::Paper(PaperFault::NoWitness),
            Refusal::Paper(PaperFault::NotPaper),
            Refusal::Paper(PaperFault::Alone),
            Refusal::Paper(PaperFault::KeeperLeft),
            Refusal::Paper(PaperFault::KeeperAsked),
            Refusal::Paper(PaperFault::KeeperRefused),
            Refusal::Paper(PaperFault::KeeperGave),
            Refusal::Paper(PaperFault::TooFewLeft),
        ]
    }

    /// Does not compile with a variant that is new: put it into the list above, and count it.
    fn counted(refusal: &Refusal) -> usize {
        match refusal {
            Refusal::NotInPhase { .. }
            | Refusal::SessionEnded { .. }
            | Refusal::NoSuchIncident(_)
            | Refusal::WrongRole { .. }
            | Refusal::OwnIncident
            | Refusal::NoShare { .. }
            | Refusal::DeadCredential { .. }
            | Refusal::OtherTerms
            | Refusal::OtherManifest { .. }
            | Refusal::OtherIndex { .. }
            | Refusal::AlreadyApproved
            | Refusal::RefusedBefore { .. }
            | Refusal::NothingToWithdraw
            | Refusal::Paused { .. }
            | Refusal::Replayed
            | Refusal::Lapsed { .. }
            | Refusal::ClockApart { .. }
            | Refusal::TreeSaysNo { .. }
            | Refusal::BadOpening { .. }
            | Refusal::NotInGrants { .. }
            | Refusal::OutsideTarget { .. }
            | Refusal::TooMany(_)
            | Refusal::TooFewEligible { .. }
            | Refusal::OverrideNeeded { .. }
            | Refusal::NothingToOverride { .. }
            | Refusal::CoApproverMissing { .. }
            | Refusal::TooEarly { .. }
            | Refusal::BadExtension { .. }
            | Refusal::Busy(_)
            | Refusal::NoQuorum { .. }
            | Refusal::NoAlertConfirmed
            | Refusal::SecondStop
            | Refusal::WrongClaimKey
            | Refusal::Participant
            | Refusal::NotAuditor
            | Refusal::Unanswered { .. }
            | Refusal::OtherRecord
            | Refusal::BadText { .. }
            | Refusal::BadVersion { .. }
            | Refusal::SignedBefore => {}
            Refusal::Paper(fault) => match fault {
                PaperFault::OnlyOne
                | PaperFault::OwnWitness
                | PaperFault::NoWitness
                | PaperFault::NotPaper
                | PaperFault::Alone
                | PaperFault::KeeperLeft
                | PaperFault::KeeperAsked
                | PaperFault::KeeperRefused
                | PaperFault::KeeperGave
                | PaperFault::TooFewLeft => {}
            },
        }
        50
    }

    #[test]
    fn the_list_of_refusals_is_whole() {
        let codes: std::collections::BTreeSet<&str> =
            every_refusal().iter().map(Refusal::code).collect();
        assert_eq!(codes.len(), counted(&Refusal::SignedBefore));
    }

    #[test]
    fn the_client_ends_with_the_exit_code_the_rules_name() {
        for refusal in every_refusal() {
            assert_eq!(
                exit_code_of(refusal.code()),
                refusal.exit_code(),
                "{}",
                refusal.code()
            );
        }
    }

    #[test]
    fn codes_that_are_no_refusals_have_their_exit_codes_too() {
        let codes = [
            ("sealed", 3),
            ("share_rejected", 6),
            ("session_ended", 7),
            ("log_broken", 8),
            ("disk_full", 5),
            ("ending", 5),
            ("login_needed", 9),
            ("databricks_unreachable", 10),
            ("something_new", 1),
        ];
        for (code, exit) in codes {
            assert_eq!(exit_code_of(code), exit, "{code}");
        }
    }
}
