//! The phase × command table: printed, and held by `decide`.

use std::collections::BTreeSet;

use super::paper;
use super::world::*;
use crate::domain::act::Pick;
use crate::domain::incident::table::{self, CommandName, PhaseName};
use crate::domain::incident::{CloseCause, Command, Incident, Refusal};
use crate::domain::review::{Finding, Severity, Verdict};
use crate::domain::terms::Gate;

fn samples(world: &World) -> Vec<Incident> {
    let mut all = vec![
        world.waiting(),
        world.cooling(),
        world.collecting(),
        world.with_quorum(world.collecting()),
        world.opening(world.collecting()),
        world.unsealed(world.collecting()),
        world.unsealed(world.rotating()),
        world.open_session(),
        world.closing(),
        world.closing_without_memory(),
        world.closing_asked(),
        world.closing_unsealing(),
        world.in_review(),
    ];
    all.extend(world.over());
    all
}

fn commands(world: &World, incident: &Incident) -> Vec<Command> {
    let finding = Finding {
        severity: Severity::Note,
        text: "slow".to_owned(),
    };
    vec![
        Command::Approve(world.offer(incident, "emil")),
        paper::witness(incident, "vera", "emil"),
        co_approve(world, incident, "vera"),
        refuse(incident, "emil"),
        mismatch(incident, "emil", Pick::Wrong),
        withdraw("rio"),
        veto("sam"),
        lift(incident, "sam", &[Gate::ReviewOverdue]),
        Command::WaitOver { fresh: fresh(6) },
        Command::Time,
        Command::Begin,
        Command::Unsealed,
        Command::SessionReady {
            session: "ses-0002".parse().unwrap(),
        },
        Command::OpeningBroke {
            why: "broke".to_owned(),
            fresh: fresh(2),
            combined: true,
            replaced: false,
        },
        Command::RotationBegun,
        claim("rio", CLAIM_KEY, 1),
        Command::Note {
            person: id("rio"),
            text: "restarted the cluster".to_owned(),
        },
        extend(incident, "rio", 90),
        Command::Extended,
        Command::ExtendFailed {
            why: "refused".to_owned(),
        },
        close("rio"),
        stop("ada"),
        Command::Cut {
            cause: CloseCause::LogLost,
        },
        Command::Restarted { fresh: fresh(3) },
        Command::EpochEnded { fresh: fresh(4) },
        Command::AskRotation { fresh: fresh(5) },
        Command::Rotated {
            tokens_dead_at_ms: world.now,
        },
        Command::Answer {
            person: id("vera"),
            id: "q".to_owned(),
            text: "yes".to_owned(),
        },
        Command::Find {
            person: id("vera"),
            finding,
        },
        Command::Sign {
            person: id("vera"),
            act_sha256: hash("sign"),
            answers: Default::default(),
            findings: Vec::new(),
            verdict: Verdict::Justified,
            record_sha256: hash("record"),
            current_record_sha256: hash("record"),
            items: Vec::new(),
        },
    ]
}

fn says_wrong_phase(refusal: &Refusal) -> bool {
    matches!(
        refusal,
        Refusal::NotInPhase { .. } | Refusal::SessionEnded { .. } | Refusal::Lapsed { .. }
    )
}

#[test]
fn the_table_of_phases_and_commands_is_the_one_on_record() {
    insta::assert_snapshot!(table::print());
}

#[test]
fn the_samples_hold_every_command_and_every_phase() {
    let world = World::plain();
    let incident = world.collecting();
    let names: BTreeSet<_> = commands(&world, &incident)
        .iter()
        .map(Command::name)
        .collect();
    assert_eq!(names.len(), CommandName::ALL.len());
    let phases: BTreeSet<_> = samples(&world).iter().map(|i| i.phase.name()).collect();
    assert_eq!(phases.len(), PhaseName::ALL.len());
}

#[test]
fn decide_answers_with_the_wrong_phase_exactly_where_the_table_says_no() {
    let world = paper::with_a_paper();
    let mut reached = BTreeSet::new();
    for incident in samples(&world) {
        for command in commands(&world, &incident) {
            let cell = (incident.phase.name(), command.name());
            let wrong = world
                .decide(&incident, command)
                .is_err_and(|r| says_wrong_phase(&r));
            if !table::accepts(cell.0, cell.1) {
                assert!(wrong, "{cell:?} is not in the table but was decided");
            } else if !wrong {
                reached.insert(cell);
            }
        }
    }
    for phase in PhaseName::ALL {
        for command in CommandName::ALL
            .iter()
            .filter(|c| table::accepts(phase, **c))
        {
            assert!(
                reached.contains(&(phase, *command)),
                "{phase} never takes {command:?}"
            );
        }
    }
}
