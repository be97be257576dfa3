//! A denied route in every spelling we know: none may pass. Each line is either refused by the
//! canonicaliser or judged like the plain spelling.

use breakglass::domain::risk::{Body, classify, settle};
use breakglass::domain::scope::{CallFacts, Scope, Verdict, verdict};
use breakglass::domain::target::canonicalise;

/// Spellings of `/api/2.2/jobs/delete` that some server or library reads as that path.
const SPELLINGS: &[&str] = &[
    "/api/2.2/jobs/delete",
    "/api/2.0/jobs/delete",
    "/api/2.1/jobs/delete",
    "/api/2.2/jobs/delete/",
    "/api/2.2/jobs/delete?",
    "/api/2.2/jobs/delete?a=b",
    "/api/2.2/jobs/delete#x",
    "/api/2.2/jobs/delete;",
    "/api/2.2/jobs/delete;a=b",
    "/api/2.2/jobs;a=b/delete",
    "/api/2.2/jobs/delete%3Bx",
    "/api/2.2/jobs/delete%20",
    "/api/2.2/jobs/delete%00",
    "/api/2.2/jobs/delete%0a",
    "/api/2.2/jobs/delete%0d%0a",
    "/api/2.2/jobs/delete%3F",
    "/api/2.2/jobs/delete%23",
    "/api/2.2/jobs/delete/.",
    "/api/2.2/jobs/delete/x/..",
    "/api/2.2/jobs/./delete",
    "/api/2.2/jobs/x/../delete",
    "/api/2.2/jobs/%2e/delete",
    "/api/2.2/jobs/%2E%2e/jobs/delete",
    "/api/2.2/jobs/x/%2e%2e/delete",
    "/api/2.2/jobs/x/.%2e/delete",
    "/api/2.2/jobs/x/%2e./delete",
    "/api/2.2/jobs/x/%252e%252e/delete",
    "/api/2.2/jobs/x/%25252e%25252e/delete",
    "/api/2.2/jobs/..;/jobs/delete",
    "/api/2.2/jobs//delete",
    "//api/2.2/jobs/delete",
    "///api/2.2/jobs/delete",
    "/api//2.2/jobs/delete",
    "/api/2.2//jobs/delete",
    "/\\api/2.2/jobs/delete",
    "\\api/2.2/jobs/delete",
    "/api\\2.2\\jobs\\delete",
    "/api/2.2/jobs\\delete",
    "/api/2.2/jobs%5Cdelete",
    "/api/2.2/jobs%5cdelete",
    "/api/2.2/jobs%2Fdelete",
    "/api/2.2/jobs%2fdelete",
    "/api/2.2/jobs%252Fdelete",
    "/api/2.2%2Fjobs%2Fdelete",
    "/api%2F2.2%2Fjobs%2Fdelete",
    "/%61pi/2.2/jobs/delete",
    "/api/%32.2/jobs/delete",
    "/api/2%2e2/jobs/delete",
    "/api/2.2/%6Aobs/delete",
    "/api/2.2/j%6Fbs/delete",
    "/api/2.2/jobs/%64elete",
    "/api/2.2/jobs/d%65l%65t%65",
    "/api/2.2/jobs/%64%65%6c%65%74%65",
    "/api/2.2/jobs/%2564elete",
    "/API/2.2/jobs/delete",
    "/api/2.2/Jobs/Delete",
    "/api/2.2/jobs/DELETE",
    "/api/2.2/jobs/%44elete",
    "/api/2.2/jobs/delete%c0%af",
    "/api/2.2/jobs%c0%afdelete",
    "/api/2.2/jobs%e0%80%afdelete",
    "/api/2.2/jobs/%ef%bd%84elete",
    "/api/2.2/jobs/delete\u{ff0f}",
    "/api/2.2/jobs/ delete",
    "/api/2.2/jobs/delete ",
    "/api/2.2/jobs/\tdelete",
    "/api/2.2/jobs/delete\r\nX: y",
    "/api/2.2/jobs/delete HTTP/1.1",
    "/api/2.2/jobs/d%elete",
    "/api/2.2/jobs/delete%",
    "/api/2.2/jobs/delete%2",
    "/api/2.2/jobs/delete%u0065",
    "http://evil.test/api/2.2/jobs/delete",
    "https:/api/2.2/jobs/delete",
    "//evil.test/../api/2.2/jobs/delete",
    "@evil.test/api/2.2/jobs/delete",
    "api/2.2/jobs/delete",
    "*",
    "",
    "/api/2/jobs/delete",
    "/api/02.2/jobs/delete",
    "/api/2.3/jobs/delete",
    "/api/2.2./jobs/delete",
    "/api/2.2/jobs/delete|x",
    "/api/2.2/jobs/{delete}",
    "/api/2.2/jobs/\"delete\"",
    "/api/2.2/jobs/<delete>",
    "/api/2.2/fs/files/../../jobs/delete",
    "/api/2.0/fs/files/a%2F..%2F..%2F..%2F..%2Fjobs%2Fdelete",
    "/api/2.1/unity-catalog/tables/..%2F..%2Fjobs%2Fdelete",
];

#[test]
fn a_denied_route_is_refused_in_every_spelling() {
    assert!(SPELLINGS.len() >= 60);
    let scope = Scope::parse(&[
        "ws:read".to_owned(),
        "ws:egress".to_owned(),
        "ws:change".to_owned(),
        "ws:code".to_owned(),
        "ws:privilege".to_owned(),
        "ws:destroy".to_owned(),
        "ws:POST /**".to_owned(),
        "!ws:POST /api/*/jobs/delete".to_owned(),
    ])
    .unwrap();
    for raw in SPELLINGS {
        let Ok(target) = canonicalise(raw) else {
            continue;
        };
        let classified = classify("POST", &target);
        let class = settle(&classified, Body::Empty).map_or(classified.class, |s| s.class);
        let call = CallFacts {
            method: "POST",
            target: &target,
            classified: &classified,
            class,
            sql: None,
            body: Body::Empty,
            content_type: None,
            upgrade: false,
            target_account: true,
            target_workspace: true,
            account_id: None,
        };
        assert_ne!(verdict(&scope, &call), Verdict::Allow, "{raw}");
    }
}

#[test]
fn the_plain_spelling_of_the_neighbour_still_passes() {
    let scope = Scope::parse(&["ws:read".to_owned()]).unwrap();
    let target = canonicalise("/api/2.2/jobs/list?limit=5").unwrap();
    let classified = classify("GET", &target);
    let call = CallFacts {
        method: "GET",
        target: &target,
        classified: &classified,
        class: classified.class,
        sql: None,
        body: Body::Empty,
        content_type: None,
        upgrade: false,
        target_account: false,
        target_workspace: true,
        account_id: None,
    };
    assert_eq!(verdict(&scope, &call), Verdict::Allow);
}
