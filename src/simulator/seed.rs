//! What a new simulator holds: people, groups, principals and the first secret.

use serde_json::{Value, json};

use super::persist::Saved;
use super::scim::Directory;
use super::secrets::{Secret, SecretBook};
use super::tokens::PersonalTokens;
use super::{FirstSecret, SimulatorConfig};

/// Lifetime of the first secret: the default of 730 days.
const FIRST_LIFETIME_SECONDS: i64 = 63_072_000;
const PEOPLE: [&str; 11] = [
    "ada", "ben", "cleo", "dora", "emil", "rio", "vera", "tess", "otto", "olga", "sam",
];
/// SCIM id of the group `admins` of the workspace.
pub const ADMINS_GROUP: u64 = 1001;

/// Fresh state and the value of the first secret.
pub fn fresh(config: &SimulatorConfig, now_ms: i64) -> (Saved, FirstSecret) {
    let value = config
        .first_secret
        .clone()
        .unwrap_or_else(|| FirstSecret(Secret::random_value()));
    let mut first = Secret::new(&value.0, now_ms, FIRST_LIFETIME_SECONDS, Vec::new());
    first.settled = true;
    let mut secrets = SecretBook::default();
    secrets
        .by_principal
        .insert(config.principal.id, vec![first]);
    let mut signing_key = [0; 32];
    getrandom::fill(&mut signing_key).expect("the system always has random bytes");
    let saved = Saved {
        signing_key,
        token_generation: 0,
        secrets,
        directory: directory(config),
        personal_tokens: PersonalTokens::default(),
    };
    (saved, value)
}

fn directory(config: &SimulatorConfig) -> Directory {
    let mut directory = Directory {
        next_id: 9_000_000_001,
        ..Directory::default()
    };
    for (at, name) in (0_u64..).zip(PEOPLE) {
        directory.users.insert(4_000_000_001 + at, person(name));
    }
    let principal = &config.principal;
    directory.principals.insert(
        principal.id,
        service_principal(&principal.application_id, &principal.display_name, true),
    );
    directory.principals.insert(
        7_001_002_099,
        service_principal("e71a0000-0e71-4000-8000-000000000002", "nightly-etl", false),
    );
    let own = principal.id.to_string();
    let olga = "4000000010";
    let everyone: Vec<String> = (0..PEOPLE.len())
        .map(|at| (4_000_000_001 + at).to_string())
        .collect();
    let members = |ids: &[&str]| {
        ids.iter()
            .map(|id| json!({"value": id}))
            .collect::<Vec<_>>()
    };
    let all: Vec<&str> = everyone.iter().map(String::as_str).collect();
    let workspace = [
        (ADMINS_GROUP, "admins", members(&[&own, olga])),
        (1002, "users", members(&all)),
        (
            1003,
            "data-engineers",
            members(&["4000000001", "4000000002"]),
        ),
    ];
    for (id, name, members) in workspace {
        directory
            .workspace_groups
            .insert(id, group(name, members, "WorkspaceGroup"));
    }
    let account = [
        (2001, "account admins", members(&[&own])),
        (2002, "analysts", members(&["4000000003"])),
        (2003, "on-call", members(&["4000000006"])),
    ];
    for (id, name, members) in account {
        directory
            .account_groups
            .insert(id, group(name, members, "Group"));
    }
    for workspace in &config.workspaces {
        let seeded = [
            (principal.id, "ADMIN"),
            (4_000_000_010, "ADMIN"),
            (2002, "USER"),
        ];
        let assigned = seeded.map(|(id, level)| (id, level.to_owned()));
        directory.assignments.insert(*workspace, assigned.into());
    }
    directory
}

fn person(name: &str) -> Value {
    let mut letters = name.chars();
    let first = letters
        .next()
        .map(|letter| letter.to_ascii_uppercase())
        .unwrap_or_default();
    let shown = format!("{first}{}", letters.as_str());
    let mail = format!("{name}@example.com");
    json!({
        "schemas": ["urn:ietf:params:scim:schemas:core:2.0:User"],
        "userName": mail,
        "displayName": shown,
        "name": {"givenName": shown},
        "emails": [{"value": mail, "type": "work", "primary": true}],
        "active": true,
    })
}

fn service_principal(application_id: &str, name: &str, admin: bool) -> Value {
    let mut object = json!({
        "schemas": ["urn:ietf:params:scim:schemas:core:2.0:ServicePrincipal"],
        "applicationId": application_id,
        "displayName": name,
        "active": true,
    });
    if admin {
        object["roles"] = json!([{"value": "account_admin"}]);
    }
    object
}

fn group(name: &str, members: Vec<Value>, kind: &str) -> Value {
    json!({
        "schemas": ["urn:ietf:params:scim:schemas:core:2.0:Group"],
        "displayName": name,
        "members": members,
        "meta": {"resourceType": kind},
    })
}
