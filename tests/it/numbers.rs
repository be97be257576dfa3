//! The numbers of a list: right from the first look, and right again after what came since.

use std::collections::BTreeMap;

use breakglass::app::look::{CallEnd, Numbers};
use breakglass::audit::entry::Draft;
use breakglass::domain::ids::IncidentId;
use breakglass::domain::incident::Phase;
use breakglass::store::Commit;
use serde_json::{Value, json};

use crate::support::TestVault;

/// Writes an entry about a call as the proxy would.
fn wrote(vault: &TestVault, id: &IncidentId, kind: &str, more: Value) {
    let mut members = more.as_object().unwrap().clone();
    members.insert("inc".to_owned(), id.as_str().into());
    let draft = Draft {
        kind: kind.to_owned(),
        members,
    };
    let committed = vault.store().commit(Commit::call(draft));
    vault.block(committed).unwrap();
}

fn numbers(vault: &TestVault, id: &IncidentId) -> Numbers {
    vault.block(vault.app().numbers(id)).unwrap()
}

#[test]
fn a_second_look_counts_what_came_since_the_first() {
    let vault = TestVault::new();
    let (incident, _) = vault.open();
    let id = &incident.id;
    assert_eq!(numbers(&vault, id), Numbers::default());
    let call = |class: &str| json!({"cls": class, "method": "GET", "route": "/api/2.0/x"});
    for class in ["read", "change", "read"] {
        wrote(&vault, id, "call.begin", call(class));
    }
    wrote(&vault, id, "deny", call("destroy"));
    let counted = |pairs: &[(&str, usize)]| -> BTreeMap<String, usize> {
        let pairs = pairs.iter();
        pairs
            .map(|(class, calls)| ((*class).to_owned(), *calls))
            .collect()
    };
    let first = numbers(&vault, id);
    assert_eq!(first.calls, counted(&[("change", 1), ("read", 2)]));
    assert_eq!((first.denied, first.unsealed_at), (1, None));

    wrote(&vault, id, "call.begin", call("read"));
    wrote(&vault, id, "deny.burst", json!({"n": 40}));
    vault.deliver();
    vault.approve_by_three(id);
    vault.wait_for(id, |i| matches!(i.phase, Phase::Open(_)));
    let second = numbers(&vault, id);
    assert_eq!(second.calls, counted(&[("change", 1), ("read", 3)]));
    assert_eq!(second.denied, 41);

    // The page of one incident says the same.
    let story = vault.block(vault.app().story(id)).unwrap();
    let unsealed = story.moments.iter().find(|m| m.kind == "unseal.begin");
    assert!(unsealed.is_some());
    assert_eq!(second.unsealed_at, unsealed.map(|m| m.at));
    let is_denied = |end: &CallEnd| matches!(end, CallEnd::Denied(_));
    let upstream = story.calls.iter().filter(|call| !is_denied(&call.end));
    assert_eq!(upstream.count(), 4);
}
