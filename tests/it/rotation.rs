//! The saga against everything Databricks may do wrong.

use breakglass::app::genesis::Initialised;
use breakglass::domain::rotation::State;

use crate::restart::all_is_well;
use crate::support::{Plan, TestVault};

#[test]
fn init_can_be_run_again_after_a_crash_before_any_of_its_entries() {
    let kinds = [
        "secret.post",
        "secret.result",
        "secret.deleted",
        "rotate.measured",
        "rotate.begun",
        "rotate.prepared",
        "rotate.create_sent",
        "rotate.sealed",
        "rotate.verified",
        "rotate.acked",
        "rotate.switched",
        "rotate.deleted",
        "rotate.done",
    ];
    for kind in kinds {
        let mut vault = TestVault::founded(Plan::default());
        vault.break_at(kind);
        vault.initialise().unwrap_err();
        vault.kill();
        vault.mend();
        vault.start_for_init();
        let ended = vault.initialise().unwrap();
        let dead_already = matches!(kind, "rotate.deleted" | "rotate.done");
        if dead_already {
            assert_eq!(ended, Initialised::RotationOwed, "{kind}");
            vault.restart();
            vault.tick();
            let asked = vault.incidents().remove(0);
            vault.approve_by_three(&asked.id);
            vault.settle();
        } else {
            assert_eq!(ended, Initialised::Done, "{kind}");
        }
        all_is_well(&vault);
        assert_eq!(vault.rotation().state, State::Done);
    }
}
