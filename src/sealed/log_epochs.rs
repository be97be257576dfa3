//! Whether a declared log epoch stands: signed, one declaration, by enough of the right people of
//! the roster in force (PROTOCOL §2). Vault, clients and `log verify` ask the same code.

use std::collections::BTreeSet;

use super::versions::{SignedAct, signers};
use crate::domain::act::Deed;
use crate::domain::ids::PersonId;
use crate::domain::log_epoch::LogEpoch;
use crate::domain::roster::Roster;

/// The people who signed exactly this declaration, if they are enough.
///
/// # Errors
/// One sentence: an act that does not hold, another roster than the one declared, or too few.
pub fn check(
    declared: &LogEpoch,
    roster: &Roster,
    acts: &[SignedAct],
) -> Result<BTreeSet<PersonId>, String> {
    declared.check().map_err(|why| why.to_string())?;
    let named = roster.sha256().map_err(|why| why.to_string())?;
    if named != declared.roster_sha256 {
        return Err("it names another roster than the one in force".to_owned());
    }
    let deed = Deed::Epoch(Box::new(declared.clone()));
    let people = signers(roster, &deed, acts).map_err(|why| why.to_string())?;
    LogEpoch::check_signers(roster, people.iter()).map_err(|why| why.to_string())?;
    Ok(people)
}
