//! A new log epoch (PROTOCOL §2, §11): after a restore the log goes on under a new name, from the
//! last entry that was saved. What was lost is declared by signatures, never passed over.
//!
//! The tree of the new epoch begins with the entries that were saved, so every proof about them
//! still holds; the first entry of its own is `log.epoch`, which carries this declaration.

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use super::ids::Digest;
use super::roster::{Role, Roster};
use super::terms::is_plain_text;

/// The entry type by which a log epoch begins.
pub const LOG_EPOCH: &str = "log.epoch";

/// Most characters of the reason.
pub const MAX_WHY: usize = 500;

/// What is declared and signed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct LogEpoch {
    /// Its number, from 2.
    pub epoch: u32,
    /// Name of the log from here on, `…/e<epoch>`.
    pub origin: String,
    /// Its key, a C2SP vkey.
    pub vkey: String,
    /// Name of the log before.
    pub prev_origin: String,
    /// Its key.
    pub prev_vkey: String,
    /// Entries that were saved; the next one is the declaration's own.
    pub prev_size: u64,
    /// Root over them, base64.
    pub prev_root: String,
    /// Why.
    pub why: String,
    /// The live custody epoch that was saved.
    pub custody_epoch: u32,
    /// The newest custody epoch that anybody has seen; a newer one than that saved means that
    /// the credential that was saved is dead.
    pub newest_epoch: u32,
    /// Manifest of the custody epoch that was saved.
    pub manifest_sha256: Digest,
    /// Roster in force.
    pub roster_sha256: Digest,
    /// Policy in force.
    pub policy_sha256: Digest,
}

/// Why a declaration cannot be one.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum LogEpochError {
    /// The reason is empty, too long, or holds control or bidirectional characters.
    #[error("the reason must be one line of 1 to {MAX_WHY} characters")]
    Why,
    /// Number and names do not follow one another.
    #[error("the names of the two log epochs do not follow one another")]
    Names,
    /// The newest custody epoch lies before the one that was saved.
    #[error("the newest custody epoch is older than the one that was saved")]
    Newest,
    /// Not enough of the right people.
    #[error(
        "{custodians} custodian(s) and {operators} operator(s) signed; {k} and {two} are needed"
    )]
    TooFew {
        /// Custodians who signed.
        custodians: usize,
        /// Operators who signed.
        operators: usize,
        /// Custodians needed.
        k: u8,
        /// Operators needed.
        two: usize,
    },
}

/// A log's name without the number of its epoch, and that number.
#[must_use]
pub fn split_origin(origin: &str) -> Option<(&str, u32)> {
    let (base, number) = origin.rsplit_once("/e")?;
    let number: u32 = number.parse().ok()?;
    (number > 0 && format!("{base}/e{number}") == origin).then_some((base, number))
}

impl LogEpoch {
    /// Checks what can be checked without signatures.
    ///
    /// # Errors
    /// [`LogEpochError`].
    pub fn check(&self) -> Result<(), LogEpochError> {
        let length = self.why.chars().count();
        if !(1..=MAX_WHY).contains(&length) || !is_plain_text(&self.why) {
            return Err(LogEpochError::Why);
        }
        let (now, before) = (split_origin(&self.origin), split_origin(&self.prev_origin));
        let follows = now.zip(before).is_some_and(|((base, n), (old_base, old))| {
            base == old_base && n == self.epoch && n == old.saturating_add(1)
        });
        let names_itself = |vkey: &str, origin: &str| vkey.starts_with(&format!("{origin}+"));
        if !follows
            || !names_itself(&self.vkey, &self.origin)
            || !names_itself(&self.prev_vkey, &self.prev_origin)
        {
            return Err(LogEpochError::Names);
        }
        if self.newest_epoch < self.custody_epoch {
            return Err(LogEpochError::Newest);
        }
        Ok(())
    }

    /// Whether the credential that was saved is dead.
    #[must_use]
    pub fn is_stale(&self) -> bool {
        self.newest_epoch > self.custody_epoch
    }

    /// The members of its `log.epoch` entry.
    #[must_use]
    pub fn members(&self, acts: &[Digest]) -> Map<String, Value> {
        let value = serde_json::to_value(self).unwrap_or(Value::Null);
        let mut members = match value {
            Value::Object(members) => members,
            _ => Map::new(),
        };
        let acts = acts.iter().map(|act| Value::from(act.hex())).collect();
        members.insert("acts".to_owned(), Value::Array(acts));
        members
    }

    /// The declaration in a `log.epoch` entry, with the acts under it; `None` when it holds none.
    #[must_use]
    pub fn from_members(members: &Map<String, Value>) -> Option<(Self, Vec<Digest>)> {
        let declared: Self = serde_json::from_value(Value::Object(members.clone())).ok()?;
        let acts = members.get("acts")?.as_array()?.iter();
        let acts: Option<Vec<Digest>> = acts.map(|act| act.as_str()?.parse().ok()).collect();
        declared.check().ok()?;
        Some((declared, acts?))
    }

    /// Whether enough people of the roster in force signed: k custodians (PROTOCOL §2), and two
    /// operators where there are two (facts on the log §1.3).
    ///
    /// # Errors
    /// [`LogEpochError::TooFew`].
    pub fn check_signers<'p>(
        roster: &Roster,
        signers: impl Iterator<Item = &'p super::ids::PersonId> + Clone,
    ) -> Result<(), LogEpochError> {
        let of = |role: Role| {
            let people = signers.clone().filter_map(|id| roster.person(id));
            people.filter(|person| person.is(role)).count()
        };
        let all = roster.people.iter().filter(|p| p.is(Role::Operator));
        let two = all.count().min(2);
        let (custodians, operators) = (of(Role::Custodian), of(Role::Operator));
        if custodians >= usize::from(roster.k) && operators >= two {
            return Ok(());
        }
        Err(LogEpochError::TooFew {
            custodians,
            operators,
            k: roster.k,
            two,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn declared() -> LogEpoch {
        LogEpoch {
            epoch: 2,
            origin: "v.example/log/v/e2".into(),
            vkey: "v.example/log/v/e2+0+x".into(),
            prev_origin: "v.example/log/v/e1".into(),
            prev_vkey: "v.example/log/v/e1+0+x".into(),
            prev_size: 41,
            prev_root: "AAAA".into(),
            why: "the disk died".into(),
            custody_epoch: 1,
            newest_epoch: 1,
            manifest_sha256: Digest::of(b"m"),
            roster_sha256: Digest::of(b"r"),
            policy_sha256: Digest::of(b"p"),
        }
    }

    #[test]
    fn a_declaration_comes_back_from_its_entry() {
        let acts = [Digest::of(b"a"), Digest::of(b"b")];
        let mut members = declared().members(&acts);
        members.insert("seq".into(), 41.into());
        let (found, signed) = LogEpoch::from_members(&members).unwrap();
        assert_eq!((found, signed), (declared(), acts.to_vec()));
        members.remove("acts");
        assert_eq!(LogEpoch::from_members(&members), None);
    }

    #[test]
    fn names_and_numbers_must_follow_one_another() {
        declared().check().unwrap();
        let wrong: [fn(&mut LogEpoch); 7] = [
            |d| d.epoch = 3,
            |d| d.origin = "v.example/log/v/e3".into(),
            |d| d.prev_origin = "elsewhere/log/v/e1".into(),
            |d| d.vkey = "v.example/log/v/e1+0+x".into(),
            |d| d.why = "two\nlines".into(),
            |d| d.why = "nothing is \u{202e}tsol".into(),
            |d| d.newest_epoch = 0,
        ];
        for change in wrong {
            let mut other = declared();
            change(&mut other);
            assert!(other.check().is_err(), "{other:?}");
        }
        assert_eq!(split_origin("v.example/log/v/e02"), None);
        assert_eq!(split_origin("v.example/log/v/e0"), None);
        assert_eq!(
            split_origin("v.example/log/v/e12"),
            Some(("v.example/log/v", 12))
        );
    }
}
