//! A restart in every phase of PROTOCOL §6: one table, one row each, none forgotten.

use breakglass::domain::act::Deed;
use breakglass::domain::incident::table::PhaseName;
use breakglass::domain::incident::{Incident, Phase};

use crate::restart::{all_is_well, bring_home};
use crate::support::{Plan, TestVault, rotation_opening};

/// A phase, how an incident comes into it, and where a restart must leave it.
struct Row {
    before: PhaseName,
    reach: fn(&mut TestVault) -> Incident,
    after: PhaseName,
}

const TABLE: [Row; 12] = [
    row(PhaseName::Waiting, waiting, PhaseName::Waiting),
    row(PhaseName::Collecting, collecting, PhaseName::Collecting),
    row(PhaseName::Cooling, cooling, PhaseName::Collecting),
    row(PhaseName::Opening, opening, PhaseName::Collecting),
    row(PhaseName::Open, open, PhaseName::Closing),
    row(PhaseName::Closing, closing, PhaseName::Closing),
    row(PhaseName::Closing, closing_by_people, PhaseName::Closing),
    row(PhaseName::InReview, in_review, PhaseName::InReview),
    row(PhaseName::Reviewed, reviewed, PhaseName::Reviewed),
    row(PhaseName::Refused, refused, PhaseName::Refused),
    row(PhaseName::Withdrawn, withdrawn, PhaseName::Withdrawn),
    row(PhaseName::Lapsed, lapsed, PhaseName::Lapsed),
];

const fn row(before: PhaseName, reach: fn(&mut TestVault) -> Incident, after: PhaseName) -> Row {
    Row {
        before,
        reach,
        after,
    }
}

fn waiting(vault: &mut TestVault) -> Incident {
    vault.open_case("compliance-mandate").0
}

fn collecting(vault: &mut TestVault) -> Incident {
    let (incident, _) = vault.open();
    vault.deliver();
    vault.approve(&vault.people.ada, &incident.id).unwrap();
    incident
}

fn cooling(vault: &mut TestVault) -> Incident {
    let (incident, _) = vault.open_case("blocked-recovery-path");
    vault.deliver();
    vault.approve_by_three(&incident.id);
    vault.settle();
    incident
}

fn opening(vault: &mut TestVault) -> Incident {
    let (incident, _) = vault.open();
    vault.deliver();
    // Databricks is away: the step waits for it until the process dies.
    vault.knobs(|knobs| knobs.unavailable_next = u32::MAX);
    vault.approve_by_three(&incident.id);
    vault.wait_for(&incident.id, |i| {
        matches!(i.phase, Phase::Opening { unsealed: true, .. })
    });
    incident
}

fn open(vault: &mut TestVault) -> Incident {
    vault.opened().0
}

fn closing(vault: &mut TestVault) -> Incident {
    let (incident, _) = vault.opened();
    vault.knobs(|knobs| knobs.unavailable_next = u32::MAX);
    vault.close(&incident).unwrap();
    incident
}

fn closing_by_people(vault: &mut TestVault) -> Incident {
    let (incident, _) = vault.opened();
    vault.restart();
    vault.approve(&vault.people.ada, &incident.id).unwrap();
    incident
}

fn in_review(vault: &mut TestVault) -> Incident {
    let (incident, _) = vault.opened();
    bring_home(vault, &incident);
    incident
}

fn reviewed(vault: &mut TestVault) -> Incident {
    let otto = &vault.people.otto;
    let signed = otto.sign(vault, Deed::Open(Box::new(rotation_opening())));
    let caller = otto.caller(vault);
    let incident = vault.block(vault.app().open(&signed, &caller)).unwrap();
    vault.deliver();
    vault.approve_by_three(&incident.id);
    vault.settle();
    incident
}

fn refused(vault: &mut TestVault) -> Incident {
    let incident = collecting(vault);
    let now = vault.incident(&incident.id);
    vault.veto(&vault.people.sam, &now).unwrap();
    incident
}

fn withdrawn(vault: &mut TestVault) -> Incident {
    let incident = collecting(vault);
    let rio = &vault.people.rio;
    let signed = rio.sign_about(vault, &vault.incident(&incident.id), Deed::Withdraw {});
    let caller = rio.caller(vault);
    let answer = vault
        .app()
        .answer(&incident.id, &signed, &caller, "withdraw");
    vault.block(answer).unwrap();
    incident
}

fn lapsed(vault: &mut TestVault) -> Incident {
    let incident = collecting(vault);
    vault.pass_ms(31 * 60_000);
    vault.tick();
    incident
}

/// At night, where the built-in veto window runs.
fn at_night() -> TestVault {
    TestVault::planned(Plan {
        policy: Box::new(|policy| policy.office_hours.days.clear()),
        ..Plan::default()
    })
}

#[test]
fn the_table_of_restarts_has_every_phase() {
    for phase in PhaseName::ALL {
        assert!(TABLE.iter().any(|row| row.before == phase), "{phase:?}");
    }
}

#[test]
fn a_restart_in_every_phase_leaves_it_where_the_protocol_says_and_nothing_live_behind() {
    for Row {
        before,
        reach,
        after,
    } in TABLE
    {
        let mut vault = at_night();
        let incident = reach(&mut vault);
        let name = |vault: &TestVault| vault.incident(&incident.id).phase.name();
        assert_eq!(name(&vault), before);
        vault.kill();
        vault.allow_all();
        vault.start();
        assert_eq!(name(&vault), after, "after a restart in {before:?}");
        // Without shares nothing goes on by itself, and a second restart changes nothing.
        vault.tick();
        vault.settle();
        vault.restart();
        assert_eq!(name(&vault), after, "after two restarts in {before:?}");
        assert!(vault.incident(&incident.id).approvals().is_empty());
        if matches!(after, PhaseName::Collecting | PhaseName::Closing) {
            let cooled = vault.incident(&incident.id).terms.not_before_ms;
            vault.pass_ms(cooled.since_ms(vault.now()).max(0));
            bring_home(&vault, &incident);
        }
        all_is_well(&vault);
    }
}
