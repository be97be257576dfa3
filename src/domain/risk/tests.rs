use super::*;
use crate::domain::target::canonicalise;
use serde_json::json;

fn class(method: &str, raw: &str) -> Class {
    classify(method, &canonicalise(raw).unwrap()).class
}

#[test]
fn every_line_of_the_data_file_became_a_route_that_finds_itself() {
    let lines = include_str!("routes.tsv")
        .lines()
        .filter(|line| !line.starts_with('#'))
        .count();
    assert_eq!(all_routes().len(), lines);
    for route in all_routes() {
        let path = route
            .template
            .replace("/api/2/", "/api/2.1/")
            .replace("...}", "}");
        let path: String = path
            .split('/')
            .skip(1)
            .map(|part| match part.split_once('}') {
                Some((_, suffix)) => format!("/x{suffix}"),
                None => format!("/{part}"),
            })
            .collect();
        let found = classify(route.method, &canonicalise(&path).unwrap());
        assert_eq!(found.route, Some(route), "{} {path}", route.method);
    }
}

#[test]
fn the_counts_per_class_are_the_reviewed_ones() {
    let counts: Vec<String> = counts().iter().map(|(k, v)| format!("{k} {v}")).collect();
    assert_eq!(
        counts.join(", "),
        "change 41, code 35, destroy 95, egress 49, never 46, privilege 126, read 431, unreviewed 376"
    );
}

#[test]
fn reads_are_only_get_head_or_known_reading_posts() {
    for route in all_routes() {
        let reads = matches!(route.class, Class::Read | Class::Egress);
        if reads && !matches!(route.method, "GET" | "HEAD") {
            let known = [
                "events",
                "search",
                "get-latest-versions",
                "validate-",
                "sql/sessions",
            ];
            assert!(
                known.iter().any(|word| route.template.contains(word)),
                "{}",
                route.template
            );
        }
    }
}

#[test]
fn no_template_is_a_bare_variable_after_the_version() {
    for route in all_routes() {
        let parts: Vec<&str> = routes::template_segments(route.template).collect();
        assert!(!parts[0].starts_with('{'), "{}", route.template);
        if parts[0] == "api" && parts[1].starts_with(|c: char| c.is_ascii_digit()) {
            assert!(!parts[2].starts_with('{'), "{}", route.template);
        }
    }
}

#[test]
fn every_write_that_is_not_raw_has_its_body_read() {
    for route in all_routes() {
        let write = !matches!(route.method, "GET" | "HEAD");
        let read = body_need(route.method, Some(route)) != BodyNeed::None;
        if write && route.class != Class::Never {
            assert!(read || route.has(Flag::Raw), "{}", route.template);
        }
    }
}

#[test]
fn the_versions_are_one() {
    for version in ["2.0", "2.1", "2.2"] {
        assert_eq!(
            class("POST", &format!("/api/{version}/jobs/delete")),
            Class::Destroy
        );
        assert_eq!(
            class("GET", &format!("/api/{version}/clusters/list")),
            Class::Read
        );
    }
    for version in ["2", "2.3", "1.2", "3.0", "2.00", "02.0"] {
        assert!(
            classify(
                "GET",
                &canonicalise(&format!("/api/{version}/jobs/list")).unwrap()
            )
            .route
            .is_none()
        );
    }
}

#[test]
fn unknown_is_destroy() {
    for (method, path) in [
        ("GET", "/api/2.0/whatever"),
        ("GET", "/"),
        ("DELETE", "/api/2.0/whatever"),
        ("PUT", "/api/2.2/jobs/list"),
        ("GET", "/API/2.0/jobs/list"),
        ("OPTIONS", "/api/2.0/jobs/list"),
    ] {
        assert_eq!(class(method, path), Class::Destroy, "{method} {path}");
    }
}

#[test]
fn usual_calls_have_the_reviewed_class() {
    for (method, path, expected) in [
        ("GET", "/api/2.0/secrets/get", Class::Egress),
        ("GET", "/api/2.0/workspace/export", Class::Egress),
        ("GET", "/api/2.0/fs/files/Volumes/a/b", Class::Egress),
        ("HEAD", "/api/2.0/fs/directories/Volumes/a", Class::Read),
        ("PUT", "/api/2.0/fs/files/Volumes/a/b", Class::Change),
        ("POST", "/api/2.1/clusters/start", Class::Change),
        ("POST", "/api/2.1/clusters/create", Class::Code),
        ("POST", "/api/1.2/commands/execute", Class::Code),
        ("PATCH", "/api/2.0/permissions/jobs/1", Class::Privilege),
        (
            "PUT",
            "/api/2.0/permissions/sql/warehouses/1",
            Class::Privilege,
        ),
        ("POST", "/api/2.0/groups/add-member", Class::Privilege),
        ("PATCH", "/api/2.0/workspace-conf", Class::Destroy),
        ("POST", "/api/2.0/token/create", Class::Never),
        (
            "POST",
            "/api/2.0/postgres/projects/a/branches",
            Class::Unreviewed,
        ),
        (
            "GET",
            "/api/2.0/postgres/projects/a/branches/b",
            Class::Read,
        ),
        (
            "DELETE",
            "/api/2.1/unity-catalog/tables/a.b.c",
            Class::Destroy,
        ),
    ] {
        assert_eq!(class(method, path), expected, "{method} {path}");
    }
}

#[test]
fn an_encoded_slash_cannot_lower_the_class() {
    // Read literally a table of an odd name; decoded first, a route of its own.
    assert_eq!(
        class(
            "POST",
            "/api/2.1/unity-catalog/recipients%2Fa%2Frotate-token"
        ),
        Class::Never
    );
}

#[test]
fn the_body_moves_the_class() {
    let settled = |path: &str, body: serde_json::Value| {
        let classified = classify("POST", &canonicalise(path).unwrap());
        settle(&classified, Body::Json(&body)).unwrap().class
    };
    let run = "/api/2.2/jobs/run-now";
    assert_eq!(
        settled(run, json!({"job_id": 1, "job_parameters": {}})),
        Class::Change
    );
    assert_eq!(
        settled(run, json!({"job_id": 1, "job_parameters": {"a": "b"}})),
        Class::Code
    );
    assert_eq!(
        settled(run, json!({"job_id": 1, "notebookParams": {"a": "b"}})),
        Class::Code
    );
    let cancel = "/api/2.2/jobs/runs/cancel-all";
    assert_eq!(settled(cancel, json!({"job_id": 1})), Class::Change);
    assert_eq!(
        settled(cancel, json!({"all_queued_runs": true})),
        Class::Destroy
    );
    assert_eq!(settled(cancel, json!({})), Class::Destroy);
    let sql = "/api/2.0/sql/statements/";
    assert_eq!(
        settled(sql, json!({"statement": "select 1"})),
        Class::Egress
    );
    assert_eq!(
        settled(sql, json!({"statement": "drop table a"})),
        Class::Destroy
    );
}

#[test]
fn a_statement_request_without_text_is_refused() {
    let classified = classify("POST", &canonicalise("/api/2.0/sql/statements").unwrap());
    for body in [json!({}), json!({"statement": 1}), json!([])] {
        assert_eq!(
            settle(&classified, Body::Json(&body)),
            Err(BodyRefusal::NoStatement)
        );
    }
    assert_eq!(
        settle(&classified, Body::Empty),
        Err(BodyRefusal::NoStatement)
    );
}
