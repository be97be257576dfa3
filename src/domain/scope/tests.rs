use super::*;
use crate::domain::risk::{Body, classify, settle};
use crate::domain::target::canonicalise;
use serde_json::{Value, json};

mod grammar;

fn scope(patterns: &[&str]) -> Scope {
    Scope::parse(&patterns.iter().map(|p| (*p).to_owned()).collect::<Vec<_>>()).unwrap()
}

fn judge(scope: &Scope, method: &str, raw: &str, body: Option<&Value>) -> Verdict {
    let target = canonicalise(raw).unwrap();
    let classified = classify(method, &target);
    let body = body.map_or(Body::Empty, Body::Json);
    let (class, sql) =
        settle(&classified, body).map_or((Class::Destroy, None), |s| (s.class, s.sql));
    verdict(
        scope,
        &CallFacts {
            method,
            target: &target,
            classified: &classified,
            class,
            sql,
            body,
            content_type: None,
            upgrade: false,
            target_account: true,
            target_workspace: true,
            account_id: Some("acc"),
        },
    )
}

fn allowed(patterns: &[&str], method: &str, raw: &str, body: Option<Value>) -> bool {
    judge(&scope(patterns), method, raw, body.as_ref()) == Verdict::Allow
}

fn reason(patterns: &[&str], method: &str, raw: &str, body: Option<Value>) -> RefusalReason {
    match judge(&scope(patterns), method, raw, body.as_ref()) {
        Verdict::Refuse { why, .. } => why,
        Verdict::Allow => panic!("allowed {method} {raw}"),
    }
}

#[test]
fn a_class_allows_that_class_on_that_host_and_nothing_else() {
    assert!(allowed(&["ws:read"], "GET", "/api/2.2/jobs/list", None));
    assert!(!allowed(
        &["ws:read"],
        "GET",
        "/api/2.0/secrets/get?scope=a&key=b",
        None
    ));
    assert!(!allowed(
        &["ws:read"],
        "GET",
        "/api/2.0/accounts/acc/workspaces",
        None
    ));
    assert!(allowed(
        &["account:read"],
        "GET",
        "/api/2.0/accounts/acc/workspaces",
        None
    ));
    assert!(!allowed(&["ws:destroy"], "GET", "/api/2.2/jobs/list", None));
    assert!(!allowed(&[], "GET", "/api/2.2/jobs/list", None));
}

#[test]
fn a_path_narrows_a_class() {
    let patterns = ["ws:change:/api/*/jobs/**"];
    assert!(allowed(
        &patterns,
        "POST",
        "/api/2.2/jobs/runs/cancel",
        Some(json!({"run_id": 1}))
    ));
    assert!(!allowed(
        &patterns,
        "POST",
        "/api/2.1/clusters/start",
        Some(json!({}))
    ));
}

#[test]
fn a_method_and_path_allow_one_call() {
    let patterns = ["ws:POST /api/*/clusters/start"];
    assert!(allowed(
        &patterns,
        "POST",
        "/api/2.1/clusters/start",
        Some(json!({}))
    ));
    assert!(allowed(
        &patterns,
        "POST",
        "/api/2.0/clusters/start/",
        Some(json!({}))
    ));
    assert!(!allowed(
        &patterns,
        "POST",
        "/api/2.1/clusters/restart",
        Some(json!({}))
    ));
    assert!(!allowed(&patterns, "GET", "/api/2.1/clusters/start", None));
}

#[test]
fn a_condition_holds_the_call_to_one_resource() {
    let patterns = ["ws:POST /api/*/jobs/run-now{job_id=123}"];
    let run = |body: Value| allowed(&patterns, "POST", "/api/2.2/jobs/run-now", Some(body));
    assert!(run(json!({"job_id": 123})));
    assert!(run(json!({"job_id": "123"})));
    assert!(!run(json!({"job_id": 124})));
    assert!(!run(json!({})));
    assert!(
        !run(json!({"job_id": 123, "jobId": 124})),
        "a second spelling"
    );
    assert!(!run(json!({"jobId": 123})));
    assert!(!run(json!({"job_id": [123]})));
}

#[test]
fn deny_wins_and_sees_through_encodings_and_unread_bodies() {
    let patterns = [
        "ws:read",
        "ws:egress",
        "!ws:egress:/api/*/fs/files/Volumes/hr/**",
    ];
    assert!(allowed(
        &patterns,
        "GET",
        "/api/2.0/fs/files/Volumes/it/a",
        None
    ));
    assert_eq!(
        reason(&patterns, "GET", "/api/2.0/fs/files/Volumes/hr/a", None),
        RefusalReason::Denied
    );
    assert_eq!(
        reason(&patterns, "GET", "/api/2.0/fs/files/Volumes%2Fhr%2Fa", None),
        RefusalReason::Denied
    );
    let patterns = [
        "ws:change",
        "!ws:POST /api/*/clusters/start{cluster_id=prod}",
    ];
    let start = |body: Value| allowed(&patterns, "POST", "/api/2.1/clusters/start", Some(body));
    assert!(start(json!({"cluster_id": "test"})));
    assert!(!start(json!({"cluster_id": "prod"})));
    assert!(
        !start(json!({"clusterId": "prod"})),
        "another spelling may be the same"
    );
}

#[test]
fn code_passes_only_when_the_terms_hold_the_word() {
    let create = |patterns: &[&str]| {
        allowed(
            patterns,
            "POST",
            "/api/2.1/clusters/create",
            Some(json!({})),
        )
    };
    assert!(create(&["ws:code"]));
    assert!(!create(&["ws:change", "ws:privilege", "ws:destroy"]));
    assert!(!create(&["ws:POST /api/*/clusters/create"]));
    assert_eq!(
        reason(
            &["ws:change"],
            "POST",
            "/api/2.1/clusters/create",
            Some(json!({}))
        ),
        RefusalReason::CodeNotNamed
    );
    let parameters = Some(json!({"job_id": 1, "notebook_params": {"a": "b"}}));
    assert!(!allowed(
        &["ws:change"],
        "POST",
        "/api/2.2/jobs/run-now",
        parameters.clone()
    ));
    assert!(allowed(
        &["ws:code"],
        "POST",
        "/api/2.2/jobs/run-now",
        parameters
    ));
}

#[test]
fn unreviewed_writes_pass_only_by_their_exact_name() {
    let call = |patterns: &[&str]| allowed(patterns, "PATCH", "/api/2.0/alerts/7", Some(json!({})));
    assert!(call(&["ws:PATCH /api/*/alerts/*"]));
    assert!(call(&["ws:PATCH /api/2.0/alerts/7"]));
    assert!(!call(&["ws:PATCH /api/**"]));
    assert!(!call(&["ws:PATCH /api/*/*/*"]));
    assert!(!call(&[
        "ws:change",
        "ws:destroy",
        "ws:privilege",
        "ws:code"
    ]));
}

#[test]
fn unknown_paths_pass_only_by_their_exact_name() {
    let call = |patterns: &[&str]| allowed(patterns, "POST", "/api/2.0/new/thing", Some(json!({})));
    assert!(!call(&["ws:destroy"]));
    assert!(!call(&["ws:POST /api/2.0/new/*"]));
    assert!(call(&["ws:POST /api/2.0/new/thing"]));
}

#[test]
fn wide_calls_do_not_reach_grave_classes() {
    let patterns = ["ws:POST /api/**"];
    assert!(allowed(
        &patterns,
        "POST",
        "/api/2.1/clusters/start",
        Some(json!({}))
    ));
    for path in [
        "/api/2.2/jobs/delete",
        "/api/2.0/secrets/put",
        "/api/2.2/jobs/create",
    ] {
        assert!(!allowed(&patterns, "POST", path, Some(json!({}))), "{path}");
    }
}

#[test]
fn nothing_allows_what_is_never() {
    let all = [
        "ws:read",
        "ws:egress",
        "ws:change",
        "ws:code",
        "ws:privilege",
        "ws:destroy",
    ];
    assert_eq!(
        reason(&all, "POST", "/api/2.0/token/create", Some(json!({}))),
        RefusalReason::Never
    );
    assert!(!allowed(
        &["ws:POST /api/2.0/token/create"],
        "POST",
        "/api/2.0/token/create",
        None
    ));
}

#[test]
fn another_account_and_an_untargeted_host_are_refused() {
    assert_eq!(
        reason(
            &["account:read"],
            "GET",
            "/api/2.0/accounts/other/workspaces",
            None
        ),
        RefusalReason::Account
    );
    let target = canonicalise("/api/2.2/jobs/list").unwrap();
    let classified = classify("GET", &target);
    let call = CallFacts {
        method: "GET",
        target: &target,
        classified: &classified,
        class: Class::Read,
        sql: None,
        body: Body::Empty,
        content_type: None,
        upgrade: false,
        target_account: true,
        target_workspace: false,
        account_id: None,
    };
    assert!(matches!(
        verdict(&scope(&["ws:read"]), &call),
        Verdict::Refuse {
            why: RefusalReason::Upstream,
            ..
        }
    ));
}

#[test]
fn the_hint_is_a_pattern_that_allows_the_call() {
    for (method, raw) in [
        ("POST", "/api/2.2/jobs/delete"),
        ("PATCH", "/api/2.0/alerts/7"),
        ("POST", "/api/2.1/clusters/create"),
        ("POST", "/api/2.0/new/thing"),
        ("DELETE", "/api/2.0/fs/files/Volumes/a/b"),
        ("GET", "/api/2.0/secrets/get"),
    ] {
        let body = json!({});
        let Verdict::Refuse { hint, .. } = judge(&scope(&[]), method, raw, Some(&body)) else {
            panic!("allowed");
        };
        let pattern = hint.split('\'').nth(1).unwrap();
        assert!(allowed(&[pattern], method, raw, Some(body)), "{hint}");
    }
}

#[test]
fn what_a_scope_names_is_known_before_anybody_signs() {
    assert!(scope(&["ws:privilege"]).names_privilege());
    assert!(scope(&["ws:PATCH /api/*/permissions/jobs/*"]).names_privilege());
    assert!(!scope(&["ws:read", "!ws:privilege"]).names_privilege());
    assert!(scope(&["ws:code:/api/*/jobs/**"]).names_code());
    assert!(scope(&["ws:POST /api/*/jobs/create"]).names_code());
    assert!(!scope(&["ws:change"]).names_code());
    let words = scope(&["ws:code", "!ws:egress:/api/*/secrets/**"]).describe();
    assert_eq!(
        words[0],
        "may run code as the admin identity in the workspace"
    );
    assert!(words[1].starts_with("may never read data and secrets under /api/*/secrets/**"));
    assert!(words[2].contains("may outlive the session"));
}

#[test]
fn a_condition_holds_nothing_that_hides_or_turns_what_is_shown() {
    for value in ["1\u{202e}2", "1\u{7}", "1\n2", "\u{2066}9", "1\u{feff}"] {
        let pattern = format!("ws:POST /api/*/jobs/run-now{{job_id={value}}}");
        assert_eq!(
            Scope::parse(std::slice::from_ref(&pattern)),
            Err(ScopeError::Condition(pattern))
        );
    }
    let plain = "ws:change{name=Nachtlauf für Köln}".to_owned();
    assert!(Scope::parse(&[plain]).is_ok());
}
