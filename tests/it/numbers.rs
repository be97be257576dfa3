//! The numbers of a list: right from the first look, and right again after what came since.

use std::collections::BTreeMap;

use breakglass::app::look::{CallEnd, Numbers};
use breakglass::audit::entry::Draft;
use breakglass::domain::ids::IncidentId;
use breakglass::domain::incident::Phase;
use breakglass::domain::time::Timestamp;
use breakglass::store::Commit;
use serde_json::{Value, json};

use crate::support::{Plan, TestVault};

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

/// The body of somebody's mail of a kind.
fn mail_to(vault: &TestVault, who: &str, kind: &str) -> String {
    vault.deliver();
    let to = format!("{who}@example.com");
    let mails = vault.mail.messages().into_iter();
    let own: Vec<String> = mails
        .filter(|m| m.kind == kind && m.to.contains(&to))
        .map(|m| m.body)
        .collect();
    assert_eq!(own.len(), 1, "{who} gets one mail of {kind}: {own:#?}");
    own.into_iter().next().unwrap()
}

#[test]
fn the_mails_say_who_released_what_was_called_and_when_by_each_readers_own_clock() {
    let vault = TestVault::planned(Plan {
        roster: Box::new(|roster| {
            let zones = [("tess", "Asia/Tokyo"), ("ben", "Asia/Kolkata")];
            for (who, zone) in zones {
                let person = roster.people.iter_mut().find(|p| p.id.as_str() == who);
                person.unwrap().time_zone = zone.to_owned();
            }
        }),
        ..Plan::default()
    });
    let (incident, _) = vault.opened();
    let id = &incident.id;
    let open = mail_to(&vault, "tess", "session.open");
    assert!(open.contains("Released by ada, ben and cleo.\n"), "{open}");
    let stop = format!("https://vault.example/i/{id}/stop\n");
    assert!(open.contains(&stop), "{open}");

    for class in ["read", "read", "egress", "change", "destroy", "unreviewed"] {
        let call = json!({"cls": class, "method": "GET", "route": "/api/2.0/x"});
        wrote(&vault, id, "call.begin", call);
    }
    let deny = |why: &str| json!({"cls": "read", "method": "GET", "route": "-", "why": why});
    wrote(&vault, id, "deny", deny("outside_scope"));
    wrote(&vault, id, "deny", deny("never_credential"));
    vault.pass_ms(600_000);
    vault.close(&incident).unwrap();
    vault.settle();

    let utc = mail_to(&vault, "ada", "incident.closed");
    let at = |kind: &str| Timestamp(vault.last_entry(kind).unwrap().ts_ms);
    let (opened, refused) = (at("session.open"), at("rotate.done"));
    for said in [
        "6 calls: 2 read, 1 egress, 1 write, 2 dangerous; 2 refused by the vault, 1 of them outside \
         the stated scope.\n"
            .to_owned(),
        format!(", opened {}, closed ", opened.date_clock_utc()),
        format!("Databricks refused the old one at {}.\n", refused.date_clock_utc()),
        "The review by vera or tess is due ".to_owned(),
    ] {
        assert!(utc.contains(&said), "{said}: {utc}");
    }
    assert!(!utc.contains(" JST)") && !utc.contains(" IST)"), "{utc}");
    let tokyo = mail_to(&vault, "tess", "incident.closed");
    let kolkata = mail_to(&vault, "ben", "incident.closed");
    assert_eq!(tokyo.matches(" JST)").count(), 6, "{tokyo}");
    assert_eq!(kolkata.matches(" IST)").count(), 6, "{kolkata}");
    // One message to the chat room, whoever reads it.
    let hooks = vault.hook.kinds();
    let closed = hooks.iter().filter(|kind| *kind == "incident.closed");
    assert_eq!(closed.count(), 1);
}
