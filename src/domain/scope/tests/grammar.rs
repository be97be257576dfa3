use super::*;
use proptest::prelude::*;

#[test]
fn bad_patterns_are_refused_by_name() {
    for text in [
        "",
        "read",
        "ws:",
        "ws:never",
        "ws:unreviewed",
        "ws:Read",
        "other:read",
        "ws:read:jobs",
        "ws:get /a",
        "ws:POST",
        "ws:POST a",
        "ws:POST /a//b",
        "ws:POST /a/../b",
        "ws:POST /a?b=c",
        "ws:POST /a/**b",
        "ws:POST /a{b}",
        "ws:POST /a{=c}",
        "ws:POST /{a}/b",
        "! ws:read",
        "ws:POST /a{b=}",
    ] {
        assert!(Scope::parse(&[text.to_owned()]).is_err(), "{text}");
    }
    let many = vec!["ws:read".to_owned(); MAX_PATTERNS + 1];
    assert_eq!(Scope::parse(&many), Err(ScopeError::TooMuch));
}

fn any_pattern() -> impl Strategy<Value = String> {
    let host = prop_oneof![Just("ws:"), Just("account:")];
    let what = prop_oneof![
        Just("read"),
        Just("egress"),
        Just("change"),
        Just("code"),
        Just("privilege"),
        Just("destroy"),
        Just("change:/api/*/jobs/**"),
        Just("POST /api/*/jobs/*"),
        Just("POST /api/**"),
        Just("GET /**"),
        Just("POST /api/*/jobs/run-now{job_id=1}"),
        Just("DELETE /api/*/fs/files/**"),
    ];
    (host, what).prop_map(|(host, what)| format!("{host}{what}"))
}

proptest! {
    #[test]
    fn adding_a_deny_pattern_never_allows_more(
        patterns in proptest::collection::vec(any_pattern(), 0..5),
        deny in any_pattern(),
        route in 0..risk::all_routes().len(),
        job in 0i64..3,
    ) {
        let route = &risk::all_routes()[route];
        let path: String = route.template.replace("/api/2/", "/api/2.1/").replace("...}", "}")
            .split('/').skip(1)
            .map(|p| p.split_once('}').map_or(format!("/{p}"), |(_, s)| format!("/acc{s}")))
            .collect();
        let body = json!({"job_id": job});
        let before = judge(&Scope::parse(&patterns).unwrap(), route.method, &path, Some(&body));
        let mut more = patterns.clone();
        more.push(format!("!{deny}"));
        let after = judge(&Scope::parse(&more).unwrap(), route.method, &path, Some(&body));
        prop_assert!(after != Verdict::Allow || before == Verdict::Allow);
    }

    #[test]
    fn any_text_is_a_pattern_or_an_error(text in ".{0,40}") {
        let _ = Scope::parse(&[text]);
    }
}
