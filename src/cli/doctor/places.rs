//! The account and its workspaces, as a live credential sees them: IP access lists, workspaces
//! that nobody guards, identity federation, the metastore and Databricks' own audit tables.

use std::net::IpAddr;

use super::live::failed;
use super::{Answer, Light};
use crate::config::Config;
use crate::databricks::{CallError, Client, IpLists, Metastore, Minted, Upstream, WorkspaceAdmin};

/// What the account shows.
pub(super) async fn account(config: &Config, client: &Client, bearer: &Minted) -> Vec<Answer> {
    let egress = &config.databricks.egress_addresses;
    let lists = client.ip_lists(&Upstream::Account, bearer).await;
    let mut answers = vec![ip_lists("the account", lists, egress)];
    answers.push(match client.workspaces(bearer).await {
        Ok(found) => {
            let known = &config.databricks.workspaces;
            let other = found.iter().filter(|one| !known.contains_key(&one.id));
            let other: Vec<&str> = other.map(|one| one.id.as_str()).collect();
            if other.is_empty() {
                Answer::green("workspaces", format!("all {} are configured", found.len()))
            } else {
                let words = format!("not behind this vault: {}", other.join(", "));
                let mend = "add them to [databricks.workspaces], or leave them to somebody else";
                Answer::bad("workspaces", Light::Amber, words, mend)
            }
        }
        Err(why) => failed("workspaces", &why),
    });
    answers
}

/// What one workspace shows.
pub(super) async fn workspace(
    config: &Config,
    client: &Client,
    at: &Upstream,
    bearer: &Minted,
    groups: &[String],
) -> Vec<Answer> {
    let Upstream::Workspace(id) = at else {
        return Vec::new();
    };
    let lists = client.ip_lists(at, bearer).await;
    let mut answers = vec![ip_lists(id, lists, &config.databricks.egress_addresses)];
    match client.metastore(at, bearer).await {
        Ok(Some(metastore)) => {
            let ours = &config.databricks.application_id;
            answers.push(owned(id, &metastore, ours, groups));
            let state = client.audit_schema(at, bearer, &metastore).await;
            answers.push(audit_tables(id, state));
        }
        Ok(None) => answers.push(Answer::bad(
            "metastore",
            Light::Amber,
            format!("{id}: none"),
            "without one there is no system.access.audit to compare our log with",
        )),
        Err(why) => answers.push(failed("metastore", &why)),
    }
    answers
}

/// Whether the account, whose bearer this is, can make the principal an admin of a workspace.
pub(super) async fn federation(
    config: &Config,
    client: &Client,
    id: &str,
    bearer: &Minted,
) -> Answer {
    const ABOUT: &str = "identity federation";
    let standing = config.databricks.workspace_admin == WorkspaceAdmin::Standing;
    if standing {
        return Answer::green(
            ABOUT,
            format!("{id}: not needed, the principal is admin for good"),
        );
    }
    match client.is_federated(bearer, id).await {
        Ok(true) => Answer::green(ABOUT, format!("{id}: the account assigns admins")),
        Ok(false) => Answer::bad(
            ABOUT,
            Light::Red,
            format!("{id}: the account cannot assign there"),
            "make the principal an admin there and set workspace_admin = \"standing\"",
        ),
        Err(why) => failed(ABOUT, &why),
    }
}

/// Who administers the metastore: a group that our principal is not in (runbooks/real-account.md).
fn owned(id: &str, metastore: &Metastore, ours: &str, groups: &[String]) -> Answer {
    const ABOUT: &str = "metastore";
    let (name, owner) = (&metastore.name, &metastore.owner);
    let amber = |found: String| {
        let mend = "give it to a group that the break-glass principal is not in: an account admin can \
                    still move it in an emergency";
        Answer::bad(ABOUT, Light::Amber, format!("{id}: {name}, {found}"), mend)
    };
    if owner.is_empty() {
        return amber("its owner is not told".to_owned());
    }
    if owner == ours {
        return amber("owned by the break-glass principal itself".to_owned());
    }
    if groups.iter().any(|group| group == owner) {
        return amber(format!(
            "owned by {owner}, which the break-glass principal is in"
        ));
    }
    // A user name is a mail address; a group's name seldom looks like one.
    if owner.contains('@') {
        return amber(format!("owned by one person, {owner}"));
    }
    Answer::green(ABOUT, format!("{id}: {name}, owned by {owner}"))
}

fn audit_tables(id: &str, state: Result<Option<String>, CallError>) -> Answer {
    const ABOUT: &str = "audit tables";
    match state {
        Ok(Some(state)) if state == "ENABLE_COMPLETED" => {
            Answer::green(ABOUT, format!("{id}: system.access is on"))
        }
        Ok(state) => Answer::bad(
            ABOUT,
            Light::Amber,
            format!(
                "{id}: system.access is {}",
                state.as_deref().unwrap_or("not listed")
            ),
            "an account admin turns the schema on, or the review has nothing to compare with",
        ),
        Err(why) => failed(ABOUT, &why),
    }
}

/// Whether the lists let this vault in, by the addresses it is said to come from.
fn ip_lists(place: &str, lists: Result<IpLists, CallError>, egress: &[IpAddr]) -> Answer {
    const ABOUT: &str = "IP access lists";
    let lists = match lists {
        Ok(lists) => lists,
        Err(why) => return failed(ABOUT, &why),
    };
    let count = lists.allow.len() + lists.block.len();
    let force = match lists.enforced {
        Some(false) => "not in force",
        Some(true) => "in force",
        None => "in force where the account has switched them on",
    };
    if count == 0 {
        return Answer::green(ABOUT, format!("{place}: none"));
    }
    let words = format!("{place}: {count} networks, {force}");
    if egress.is_empty() {
        let mend = "set [databricks] egress_addresses, so that the lists can be looked at for them";
        return Answer::bad(ABOUT, Light::Amber, words, mend);
    }
    let shut: Vec<String> = egress
        .iter()
        .filter(|one| !lists.let_in(**one))
        .map(ToString::to_string)
        .collect();
    if shut.is_empty() {
        return Answer::green(ABOUT, format!("{words}; they let this vault in"));
    }
    let light = match lists.enforced {
        Some(false) => Light::Amber,
        _ => Light::Red,
    };
    let words = format!("{words}; they shut out {}", shut.join(", "));
    Answer::bad(
        ABOUT,
        light,
        words,
        "put the vault's egress address on an ALLOW list",
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_list_that_shuts_this_vault_out_is_red_where_it_is_in_force() {
        let egress: Vec<IpAddr> = vec!["192.0.2.7".parse().unwrap()];
        let lists = |enforced, network: &str| {
            let allow = vec![network.to_owned()];
            Ok(IpLists {
                enforced,
                allow,
                ..IpLists::default()
            })
        };
        let light = |lists, egress: &[IpAddr]| ip_lists("9", lists, egress).light;
        assert_eq!(
            light(lists(Some(true), "192.0.2.0/24"), &egress),
            Light::Green
        );
        assert_eq!(
            light(lists(Some(true), "203.0.113.0/24"), &egress),
            Light::Red
        );
        assert_eq!(light(lists(None, "203.0.113.0/24"), &egress), Light::Red);
        assert_eq!(
            light(lists(Some(false), "203.0.113.0/24"), &egress),
            Light::Amber
        );
        assert_eq!(light(lists(Some(true), "192.0.2.0/24"), &[]), Light::Amber);
        assert_eq!(light(Ok(IpLists::default()), &[]), Light::Green);
    }

    #[test]
    fn a_metastore_belongs_to_a_group_that_our_principal_is_not_in() {
        let groups = ["account admins".to_owned()];
        for (owner, light) in [
            ("metastore-admins", Light::Green),
            ("System user", Light::Green),
            ("account admins", Light::Amber),
            ("ada@example.com", Light::Amber),
            ("app-1", Light::Amber),
            ("", Light::Amber),
        ] {
            let metastore = Metastore {
                id: "m".to_owned(),
                name: "practice".to_owned(),
                owner: owner.to_owned(),
            };
            let answer = owned("9", &metastore, "app-1", &groups);
            assert_eq!(answer.light, light, "{owner}: {}", answer.found);
            assert_eq!(answer.mend.is_empty(), light == Light::Green);
        }
    }
}
