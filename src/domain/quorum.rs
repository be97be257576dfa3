//! Who may give a share, and how many shares are needed (PROTOCOL §6).

use super::ids::PersonId;
use super::incident::refusal::Refusal;
use super::roster::{Role, Roster};
use super::terms::{Gate, Purpose, Requester};

/// The people who may approve: holders of a share of the epoch who are custodians of the roster in
/// force, and are not excluded.
#[must_use]
pub fn eligible<'a>(
    holders: &'a [(u8, PersonId)],
    roster: &Roster,
    excluded: &[&PersonId],
) -> Vec<&'a (u8, PersonId)> {
    holders
        .iter()
        .filter(|(_, person)| {
            let now = roster.person(person);
            now.is_some_and(|now| now.is(Role::Custodian)) && !excluded.contains(&person)
        })
        .collect()
}

/// People excluded from approving: who asked, and for a rotation also the responders whose
/// incidents left it owed (PROTOCOL §7).
#[must_use]
pub fn excluded<'a>(
    requester: &'a Requester,
    purpose: Purpose,
    debtors: &'a [PersonId],
) -> Vec<&'a PersonId> {
    let debtors = debtors.iter().filter(|_| purpose == Purpose::Rotate);
    requester.person().into_iter().chain(debtors).collect()
}

/// Shares that their holders may still give, with the unlockers that open them: dealt to somebody
/// who is a custodian of the roster in force, sealed to an unlocker that is hers in both. Only a
/// proof of such an unlocker says that a new epoch can be opened (PROTOCOL §3, DESIGN §4.10).
#[must_use]
pub fn still_given<'r>(
    dealt: &'r Roster,
    in_force: &Roster,
) -> Vec<(u8, &'r PersonId, Vec<&'r str>)> {
    let share = |(index, person): (u8, &'r super::roster::Person)| {
        let now = in_force.person(&person.id);
        let now = now.filter(|now| now.is(Role::Custodian))?;
        let hers = person
            .unlockers
            .iter()
            .filter(|u| now.unlockers.contains(u));
        Some((index, &person.id, hers.map(String::as_str).collect()))
    };
    dealt.custodians().filter_map(share).collect()
}

/// Approvals needed: min(k + (1 if any gate is closed), eligible), never below k; k exactly for
/// purpose `rotate`. Where a gate is closed and the answer is k all the same, security must
/// override it.
///
/// # Errors
/// [`Refusal::TooFewEligible`] when the mathematics cannot be met.
pub fn needed(k: u8, eligible: usize, gates: &[Gate], purpose: Purpose) -> Result<u8, Refusal> {
    let available = u8::try_from(eligible).unwrap_or(u8::MAX);
    if available < k {
        return Err(Refusal::TooFewEligible {
            eligible: available,
            k,
        });
    }
    if purpose == Purpose::Rotate || gates.is_empty() {
        return Ok(k);
    }
    Ok(available.min(k + 1))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::roster::tests::roster;

    #[test]
    fn a_share_counts_while_its_holder_and_the_unlocker_it_is_sealed_to_are_still_there() {
        let mut dealt = roster();
        for person in &mut dealt.people[..3] {
            person.unlockers = vec![
                format!("{} one", person.name),
                format!("{} two", person.name),
            ];
        }
        let mut now = dealt.clone();
        now.people[1].unlockers.remove(0);
        now.people[2].unlockers = vec!["new".to_owned()];
        now.people[3].roles = vec![Role::Auditor];
        now.people.remove(0);
        let given = still_given(&dealt, &now);
        let indexes: Vec<u8> = given.iter().map(|(index, ..)| *index).collect();
        assert_eq!(indexes, [2, 3, 5], "ada left, dora keeps no share any more");
        let ben = &dealt.people[1];
        assert_eq!(given[0].1, &ben.id);
        assert_eq!(given[0].2, [ben.unlockers[1].as_str()]);
        assert!(
            given[1].2.is_empty(),
            "sealed to nothing that cleo still has"
        );
    }

    #[test]
    fn a_closed_gate_asks_for_one_more_and_two_gates_ask_for_no_second() {
        let gates = [Gate::ReviewOverdue, Gate::RotationOwed];
        assert_eq!(needed(3, 5, &[], Purpose::Incident), Ok(3));
        assert_eq!(needed(3, 5, &gates[..1], Purpose::Incident), Ok(4));
        assert_eq!(needed(3, 5, &gates, Purpose::Incident), Ok(4));
    }

    #[test]
    fn a_rotation_needs_exactly_k_whatever_is_owed() {
        assert_eq!(needed(3, 3, &[Gate::RotationOwed], Purpose::Rotate), Ok(3));
    }

    #[test]
    fn where_the_extra_approver_does_not_exist_k_stays_and_below_k_nothing_opens() {
        assert_eq!(
            needed(3, 3, &[Gate::ReviewOverdue], Purpose::Incident),
            Ok(3)
        );
        assert!(matches!(
            needed(3, 2, &[], Purpose::Incident),
            Err(Refusal::TooFewEligible { .. })
        ));
    }
}
