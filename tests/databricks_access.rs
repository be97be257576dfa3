//! Who else could let somebody in: every call of that look against a server that answers well, that
//! refuses, that fails, and that answers with something else. The judging is `doctor`'s.
#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

#[expect(dead_code, reason = "other files need the rest of the shared server")]
mod databricks_support;

use breakglass::databricks::{
    CallError, Client, Config, Holder, HolderKind, Minted, Upstream, Waits, WhoElse,
};
use databricks_support::{Act, Server};
use secrecy::SecretString;

const TOKEN: &str =
    r#"{"access_token":"canary-bearer-0001","token_type":"Bearer","expires_in":3600}"#;
const SIGN_IN_PAGE: &str = "HTTP/1.1 200 OK\r\ncontent-type: text/html; charset=utf-8\r\n\
     content-length: 22\r\n\r\n<html>sign in</html>\r\n";
const NO_MORE: &str = r#"{"totalResults":0,"Resources":[]}"#;
const RULES: &str = r#"{"name":"accounts/acc-1/servicePrincipals/app-1/ruleSets/default","etag":"e",
    "grant_rules":[
      {"role":"roles/servicePrincipal.manager","principals":["users/olga@example.com","groups/platform"]},
      {"role":"roles/servicePrincipal.user","principals":["servicePrincipals/app-1"]}]}"#;
/// As many requests as a whole look makes here, the token's among them.
const CALLS: usize = 10;

fn config(url: &str) -> Config {
    let mut config: Config = toml::from_str(&format!(
        "account_host = '{url}'\naccount_id = 'acc-1'\napplication_id = 'app-1'\nprincipal_id = 77"
    ))
    .unwrap();
    config.waits = Waits {
        request_timeout_ms: 5_000,
        connect_timeout_ms: 5_000,
        ..Waits::default()
    };
    config
}

/// Two pages of people, our principal, one group that gives the role, its members, the rules, and
/// the group once more for the rules.
fn well() -> Vec<Act> {
    [
        r#"{"totalResults":2,"Resources":[{"id":"1","userName":"ada@example.com",
            "roles":[{"value":"account_admin"}]}]}"#,
        r#"{"totalResults":2,"Resources":[{"id":"2","userName":"olga@example.com","active":false}]}"#,
        NO_MORE,
        r#"{"totalResults":1,"Resources":[{"id":"77","applicationId":"app-1","active":true,
            "roles":[{"value":"account_admin"}]}]}"#,
        NO_MORE,
        r#"{"totalResults":1,"Resources":[{"id":"9","displayName":"platform",
            "roles":[{"value":"account_admin"}]}]}"#,
        NO_MORE,
        RULES,
        r#"{"id":"9","displayName":"platform","members":[{"value":"2"},{"value":"77"},
            {"value":"10","display":"inner","$ref":"Groups/10"}]}"#,
        r#"{"id":"9","displayName":"platform","members":[{"value":"1"}]}"#,
    ]
    .map(|body| Act::json(200, body))
    .into()
}

async fn look(acts: Vec<Act>) -> (WhoElse, Vec<String>) {
    let all = std::iter::once(Act::json(200, TOKEN)).chain(acts).collect();
    let server = Server::start(all).await;
    let client = Client::new(&config(&server.url)).unwrap();
    let secret = SecretString::from("dosevaultcanary");
    let bearer: Minted = client.mint(&Upstream::Account, &secret, 0).await.unwrap();
    let found = client.who_else(&bearer).await;
    (found, server.seen())
}

/// The same look with one answer replaced, and none after it.
async fn look_with(at: usize, act: Act) -> WhoElse {
    let mut acts = well();
    acts[at] = act;
    look(acts).await.0
}

fn names(found: &[Holder]) -> Vec<&str> {
    found.iter().map(|one| one.name.as_str()).collect()
}

#[tokio::test]
async fn everybody_is_named_page_by_page_and_groups_are_followed_once() {
    let (found, seen) = look(well()).await;
    let admins = found.admins.unwrap();
    assert_eq!(names(&admins), ["ada@example.com", "platform"]);
    // Our own principal is left out, also as a member; a group in a group is named only.
    assert_eq!(names(&admins[1].members), ["olga@example.com", "inner"]);
    assert!(!admins[1].members[0].active);
    assert_eq!(admins[1].members[1].kind, HolderKind::Group);
    let managers = found.managers.unwrap();
    assert_eq!(names(&managers), ["olga@example.com", "platform"]);
    assert_eq!(names(&managers[1].members), ["ada@example.com"]);
    assert_eq!(found.users.unwrap(), []);
    assert_eq!(seen.len(), CALLS + 1);
    assert!(
        seen[1].contains("/accounts/acc-1/scim/v2/Users?"),
        "{}",
        seen[1]
    );
    assert!(seen[2].contains("startIndex=2"), "{}", seen[2]);
    assert!(seen[3].contains("startIndex=3"), "{}", seen[3]);
    let rules = "/api/2.0/preview/accounts/acc-1/access-control/rule-sets?name=accounts%2Facc-1%2F\
                 servicePrincipals%2Fapp-1%2FruleSets%2Fdefault&etag= ";
    assert!(seen[8].contains(rules), "{}", seen[8]);
}

#[tokio::test]
async fn a_list_that_is_refused_or_not_there_is_never_taken_for_empty() {
    let refused = r#"{"error_code":"PERMISSION_DENIED","message":"account admins only"}"#;
    let gone = r#"{"error_code":"RESOURCE_DOES_NOT_EXIST","message":"x"}"#;
    for (at, list) in [(0, "people"), (3, "principals"), (5, "groups")] {
        for (status, body) in [(403, refused), (404, gone)] {
            let found = look_with(at, Act::json(status, body)).await;
            let why = found.admins.unwrap_err();
            assert_eq!(why.status_and_code().0, status, "{list}: {why}");
        }
    }
}

#[tokio::test]
async fn a_page_in_place_of_a_list_and_an_answer_that_is_no_list_are_told_apart() {
    let page = look_with(0, Act::raw(SIGN_IN_PAGE))
        .await
        .admins
        .unwrap_err();
    assert!(matches!(page, CallError::SignInPage { .. }), "{page}");
    for odd in ["{}", "[]", r#"{"Resources":"all"}"#] {
        let why = look_with(0, Act::json(200, odd)).await.admins.unwrap_err();
        assert!(why.to_string().contains("unreadable_list"), "{why}");
    }
    let cut = look_with(0, Act::Drop).await.admins.unwrap_err();
    assert!(matches!(cut, CallError::Unknown { .. }), "{cut}");
}

#[tokio::test]
async fn rules_that_are_refused_failed_or_of_somebody_else_are_not_nobody() {
    const AT: usize = 7;
    let refused = r#"{"error_code":"PERMISSION_DENIED","message":"x"}"#;
    let gone = r#"{"error_code":"NOT_FOUND","message":"x"}"#;
    for (status, body) in [(403, refused), (404, gone)] {
        let found = look_with(AT, Act::json(status, body)).await;
        assert_eq!(found.managers.unwrap_err().status_and_code().0, status);
        assert!(found.users.is_err());
        // What was seen of the admins stands.
        assert_eq!(found.admins.unwrap().len(), 2);
    }
    let page = look_with(AT, Act::raw(SIGN_IN_PAGE)).await;
    assert!(matches!(page.managers, Err(CallError::SignInPage { .. })));
    let other = RULES.replace("app-1/ruleSets", "app-2/ruleSets");
    let odd = RULES
        .replace("\"grant_rules\":[", "\"grant_rules\":{\"a\":[")
        .replace("}]}", "}]}}");
    for body in [other.as_str(), odd.as_str(), "{}"] {
        let found = look_with(AT, Act::json(200, body)).await;
        let why = found.managers.unwrap_err().to_string();
        assert!(why.contains("unreadable_rule_set"), "{why}");
    }
}

#[tokio::test]
async fn a_group_that_does_not_show_its_members_says_why() {
    const AT: usize = 8;
    for act in [
        Act::json(500, r#"{"error_code":"INTERNAL_ERROR"}"#),
        Act::json(404, r#"{"error_code":"NOT_FOUND"}"#),
        Act::raw(SIGN_IN_PAGE),
    ] {
        let admins = look_with(AT, act.clone()).await.admins.unwrap();
        assert!(admins[1].unseen.is_some(), "{act:?}");
        assert_eq!(admins[1].members, []);
    }
}
