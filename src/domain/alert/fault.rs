//! What is wrong with the vault or around it, rather than done by somebody (facts on the log §2.2).
//!
//! One variant per fault, one message each. How often the same one is sent is the caller's decision.

use super::{AlertDraft, Audience, Severity, security_and};
use crate::domain::ids::{IncidentId, PersonId};
use crate::domain::roster::{Role, Roster};
use crate::domain::time::Timestamp;

/// A fault that people must know of. Holds ids, numbers and our own sentences only.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Fault {
    /// Databricks refused every lifetime: the session uses the dormant credential.
    CredentialInUse {
        /// Which incident.
        incident: IncidentId,
    },
    /// Live secrets of the principal that this vault did not make.
    ForeignSecrets {
        /// Which incident's opening found them.
        incident: IncidentId,
        /// Their ids.
        ids: Vec<String>,
    },
    /// The wall clock is not to be trusted: nothing is unsealed.
    ClockApart {
        /// Which incident waits.
        incident: IncidentId,
        /// How far it lies from the other clock, seconds.
        apart_s: i64,
    },
    /// The database's disk is full.
    DiskFull,
    /// The database's disk will be full soon.
    DiskLow {
        /// Free room, MiB.
        free_mib: u64,
    },
    /// The emergency log took entries while the main log could not be written.
    EmergencyBound {
        /// How many.
        entries: usize,
        /// The rotation was done meanwhile.
        rotated: bool,
    },
    /// The emergency log's file is not what it was.
    EmergencyCut {
        /// Whose.
        node: String,
        /// Entries it had.
        had: u64,
        /// Entries found.
        found: u64,
    },
    /// The emergency log's entries do not follow from the database.
    EmergencyUnfit {
        /// What does not fit.
        why: String,
        /// The epoch that was sealed meanwhile and is in force now.
        epoch: Option<u32>,
        /// Sealed files that it names and that are not there.
        missing: Vec<String>,
    },
    /// A fact in the database was not what the log says, and was put right.
    FactMended {
        /// Which.
        name: String,
    },
    /// The first epoch lacks proofs.
    NotReady {
        /// Proofs so far.
        have: u8,
        /// How many are needed.
        need: u8,
    },
    /// After a restore the log goes on under a new name.
    LogEpoch {
        /// Its number.
        epoch: u32,
        /// Entries kept.
        kept: u64,
        /// Entries that somebody had seen.
        seen: u64,
        /// Why.
        why: String,
        /// Who signed.
        signers: Vec<PersonId>,
    },
    /// The database is older than the last epoch.
    Stale {
        /// The epoch sealed in it.
        epoch: u32,
        /// The newest known.
        later: u32,
    },
    /// No backup holds the epoch in force.
    BackupLacks {
        /// The epoch in force.
        epoch: u32,
    },
    /// The newest backup is old.
    BackupOld {
        /// Its age, days.
        days: i64,
    },
    /// The credential ends by itself soon.
    Expires {
        /// Which step before the end is reached, days.
        days: i64,
        /// When it ends.
        expires_at: Timestamp,
    },
    /// No other clock could be asked: nothing is unsealed.
    ClockUnknown {
        /// Which incident waits.
        incident: IncidentId,
        /// Why not.
        why: String,
    },
}

/// The message about a fault.
pub(super) fn message(fault: &Fault, roster: &Roster) -> AlertDraft {
    let runners = || security_and(roster, &[Role::Operator, Role::Auditor]);
    let (kind, severity, audience, subject, body) = match fault {
        Fault::CredentialInUse { incident } => (
            "session.uses_credential",
            Severity::Alarm,
            security_and(roster, &[Role::Custodian, Role::Operator, Role::Auditor]),
            format!("[NO SESSION SECRET] {incident} uses the dormant credential"),
            format!(
                "Databricks refused a secret of every lifetime for {incident}. As its terms say, \
                 the session's tokens come from the dormant credential itself. It is replaced and \
                 proved dead at the close, as always; if the vault is lost before, it lives on."
            ),
        ),
        Fault::ForeignSecrets { incident, ids } => (
            "secret.foreign",
            Severity::Alarm,
            runners(),
            format!(
                "[FOREIGN SECRET] {incident}: {} secret(s) not of this vault",
                ids.len()
            ),
            format!(
                "The opening of {incident} found live secrets of the service principal that this \
                 vault did not make: {}. They are reported and never deleted. Find out who made \
                 them, and delete what nobody needs in the account console.",
                ids.join(", ")
            ),
        ),
        Fault::ClockApart { incident, apart_s } => (
            "opening.clock",
            Severity::Alarm,
            runners(),
            format!("[CLOCK WRONG] {incident} is not opened"),
            format!(
                "The vault's clock lies {apart_s} s from Databricks'; 60 s are the limit, because \
                 deadlines hang on it. {incident} has its approvals and opens by itself once the \
                 clock is right.\nOperators: set the host's clock, see runbooks/clock.md"
            ),
        ),
        Fault::DiskFull => (
            "disk.full",
            Severity::Alarm,
            runners(),
            "[DISK FULL] nothing new is opened".to_owned(),
            "The disk of the vault's database is full. The reserved room was given back: a session \
             that was open is being closed and the credential rotated. Nothing new is opened until \
             there is room.\nOperators: free space; see runbooks/log-broken.md"
                .to_owned(),
        ),
        Fault::DiskLow { free_mib } => (
            "disk.low",
            Severity::Action,
            security_and(roster, &[Role::Operator]),
            format!("[DISK LOW] {free_mib} MiB left"),
            format!(
                "The disk of the vault's database has {free_mib} MiB left. When it is full nothing \
                 is opened, and a session that is open is ended."
            ),
        ),
        Fault::EmergencyCut { node, had, found } => (
            "emergency.cut",
            Severity::Alarm,
            security_and(roster, &[Role::Custodian, Role::Operator, Role::Auditor]),
            format!("[LOG] the emergency log of {node} was cut or changed"),
            format!(
                "The file held {had} entries, and {found} were found at the start. What the main \
                 log has of it stands; what came later may be missing. Somebody changed a file \
                 of the vault, or its disk lost some: find out which."
            ),
        ),
        Fault::EmergencyBound { entries, rotated } => (
            "emergency.bound",
            Severity::Alarm,
            security_and(roster, &[Role::Custodian, Role::Operator, Role::Auditor]),
            format!("[LOG WAS BROKEN] {entries} entries of the emergency log"),
            format!(
                "An earlier run of the vault could not write its log. What it did at Databricks \
                 meanwhile was recorded in the emergency log; its {entries} entries stand in the \
                 main log now. {}",
                if *rotated {
                    "The credential was rotated meanwhile and the old one proved dead."
                } else {
                    "The rotation is owed, and custodians are asked for it."
                }
            ),
        ),
        Fault::EmergencyUnfit {
            why,
            epoch,
            missing,
        } => (
            "emergency.unfit",
            Severity::Alarm,
            security_and(roster, &[Role::Custodian, Role::Operator, Role::Auditor]),
            "[LOG] the emergency log does not fit the database".to_owned(),
            unfit(why, *epoch, missing),
        ),
        Fault::FactMended { name } => (
            "fact.mended",
            Severity::Alarm,
            security_and(roster, &[Role::Operator, Role::Auditor]),
            format!("[DATABASE CHANGED] the fact {name} was not what the log says"),
            format!(
                "Somebody or something changed the fact {name} in the vault's database. The vault \
                 did not believe it: it goes on with what its log says, and has put the row right. \
                 Find out who can write to the database; see runbooks/log-broken.md"
            ),
        ),
        Fault::NotReady { have, need } => (
            "custody.not_ready",
            Severity::Action,
            Audience::Everyone,
            format!("[NOT READY] {have} of {need} custodians proved their share"),
            format!(
                "The vault works, but only {have} custodians have shown that they can open their \
                 share of the first epoch; {need} are needed before anyone should rely on it. You \
                 hear this daily until then.\nCustodians: breakglass prove"
            ),
        ),
        Fault::LogEpoch {
            epoch,
            kept,
            seen,
            why,
            signers,
        } => (
            "log.epoch",
            Severity::Alarm,
            Audience::Everyone,
            format!("[NEW LOG EPOCH] the log goes on as e{epoch} after a restore"),
            format!(
                "The vault's database was restored, and its log goes on under a new name, e{epoch}, \
                 from entry {kept}. {lost} Signed by {people}. Reason: {why}\n\
                 Your client tells you once and then follows the new name. Keep every mail with a \
                 checkpoint of the former log: it shows what was in it.\n\
                 *Not expected?* Sign nothing, and call security by phone.",
                lost = match seen.saturating_sub(*kept) {
                    0 => "Nobody who signed had seen more than that.".to_owned(),
                    lost => format!("{lost} later entries that people had seen are lost."),
                },
                people = super::names(roster, &signers.iter().collect::<Vec<_>>()),
            ),
        ),
        Fault::Stale { epoch, later } => (
            "database.stale",
            Severity::Alarm,
            Audience::Everyone,
            format!("[DEAD CREDENTIAL] the vault runs on a database older than epoch {later}"),
            format!(
                "The vault was restored from a database that holds epoch {epoch}. Epoch {later} was \
                 dealt after it, so the credential sealed here is dead and nothing can be opened.\n\
                 Operators: with a recovery bundle of epoch {later} k custodians get the secret back \
                 (breakglass recover); otherwise make a new secret in the account console. Then \
                 `breakglass init` in an empty folder. See runbooks/host-lost.md"
            ),
        ),
        Fault::BackupLacks { epoch } => (
            "backup.lacks",
            Severity::Action,
            security_and(roster, &[Role::Operator]),
            format!("[NO BACKUP] no backup holds epoch {epoch}"),
            format!(
                "The credential is sealed in epoch {epoch}, and no backup on record holds that \
                 epoch: an older one opens a dead secret. If the host were lost now, so were the \
                 credential. You hear this weekly until there is one.\n\
                 Operators, on the vault's host: breakglass backup DIR --config FILE, then take \
                 DIR elsewhere"
            ),
        ),
        Fault::BackupOld { days } => (
            "backup.lacks",
            Severity::Action,
            security_and(roster, &[Role::Operator]),
            format!("[BACKUP OLD] the newest backup is {days} days old"),
            format!(
                "The newest backup on record is {days} days old. It still opens the credential; \
                 what the log says since is on the vault's host alone.\n\
                 Operators, on the vault's host: breakglass backup DIR --config FILE, then take \
                 DIR elsewhere"
            ),
        ),
        Fault::Expires { days, expires_at } => (
            "credential.expires",
            if *days <= 14 {
                Severity::Alarm
            } else {
                Severity::Action
            },
            security_and(roster, &[Role::Custodian, Role::Operator]),
            match days {
                0 => "[EXPIRED] the guarded credential has ended".to_owned(),
                days => format!("[EXPIRES] the guarded credential ends within {days} day(s)"),
            },
            format!(
                "Databricks ends the guarded secret at {}. After that nothing can be opened. A \
                 rotation replaces it: any person of the roster asks for one, k custodians \
                 release their shares, no session is opened.",
                expires_at.date_clock_utc()
            ),
        ),
        Fault::ClockUnknown { incident, why } => (
            "opening.clock",
            Severity::Alarm,
            runners(),
            format!("[CLOCK UNKNOWN] {incident} is not opened"),
            format!(
                "Before anything is unsealed the vault compares its clock with Databricks', and \
                 could not: {why}. {incident} has its approvals and opens by itself once \
                 Databricks answers.\nOperators: see runbooks/clock.md"
            ),
        ),
    };
    AlertDraft {
        kind,
        severity,
        audience,
        subject,
        body,
    }
}

fn unfit(why: &str, epoch: Option<u32>, missing: &[String]) -> String {
    let sealed = match epoch {
        Some(epoch) => format!(" Epoch {epoch}, sealed meanwhile, is in force here now."),
        None => String::new(),
    };
    let lost = match missing {
        [] => String::new(),
        files => format!(
            "\n*The live secret may be sealed in a file alone that is not there.* Operators: find \
             {}, put it back into the data folder with its owner, and restart.",
            files.join(", ")
        ),
    };
    format!(
        "An earlier run of the vault could not write its log, and what it recorded in the \
         emergency log does not follow from this database: {why}. Perhaps an older one was \
         restored. The entries stand in the main log now.{sealed} Custodians are asked for a \
         rotation.{lost}\nSee runbooks/log-broken.md"
    )
}
