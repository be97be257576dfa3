use super::*;
use proptest::prelude::*;

fn canon(raw: &str) -> String {
    canonicalise(raw).unwrap().as_str().to_owned()
}

fn refusal(raw: &str) -> TargetRefusal {
    canonicalise(raw).unwrap_err()
}

#[test]
fn recorded_client_targets_pass_and_mean_the_same() {
    for (raw, sent) in [
        (
            "/api/2.0/preview/scim/v2/Me?",
            "/api/2.0/preview/scim/v2/Me",
        ),
        (
            "/api/2.0/preview/scim/v2/Groups?filter=displayName+eq+%22admins%22&startIndex=1",
            "/api/2.0/preview/scim/v2/Groups?filter=displayName%20eq%20%22admins%22&startIndex=1",
        ),
        (
            "/api/2.0/fs/files/Volumes/a/b/c/x%20y.txt?overwrite=true",
            "/api/2.0/fs/files/Volumes/a/b/c/x%20y.txt?overwrite=true",
        ),
        ("/api/2.0/sql/statements/", "/api/2.0/sql/statements/"),
        ("/api/2.0/%6Aobs/l%69st", "/api/2.0/jobs/list"),
        ("/a?b", "/a?b="),
        ("/a?&b=1&", "/a?b=1"),
        ("/a?b=%e2%82%ac", "/a?b=%E2%82%AC"),
    ] {
        assert_eq!(canon(raw), sent, "{raw}");
    }
}

#[test]
fn other_forms_than_origin_form_are_refused() {
    for raw in [
        "",
        "*",
        "api",
        "http://evil/x",
        "//evil/api",
        "/\\evil/api",
        "evil:443",
        "@evil",
    ] {
        assert_eq!(refusal(raw), TargetRefusal::Form, "{raw}");
    }
}

#[test]
fn an_encoded_slash_passes_only_in_a_declared_parameter() {
    assert!(canonicalise("/api/2.1/unity-catalog/tables/a.b.c%2Fd").is_ok());
    assert!(canonicalise("/api/2.0/fs/files/Volumes/a%2Fb/50%25.txt").is_ok());
    assert_eq!(refusal("/api/2.0/jobs%2Flist"), TargetRefusal::Separator);
    assert_eq!(
        refusal("/api/2.0/pipelines/a%2Fb"),
        TargetRefusal::Separator
    );
    assert_eq!(refusal("/unknown/a%2Fb"), TargetRefusal::Separator);
}

#[test]
fn an_encoded_way_up_is_refused_even_in_a_declared_parameter() {
    for raw in [
        "/api/2.0/fs/files/Volumes/a%2F..%2F..%2Fsecret",
        "/api/2.0/fs/files/Volumes/a%2F%2E%2E%2Fb",
        "/api/2.0/fs/files/Volumes/a%5C..%5Cb",
        "/api/2.0/fs/files/Volumes/a;/../b",
        "/api/2.0/fs/files/Volumes/..;/b",
        "/api/2.0/fs/files/Volumes/a%2F%2Fb",
    ] {
        assert_eq!(refusal(raw), TargetRefusal::Segment, "{raw}");
    }
    assert_eq!(
        refusal("/api/2.0/fs/files/Volumes/%252e%252e"),
        TargetRefusal::Percent
    );
}

#[test]
fn both_hosts_are_told_apart() {
    for raw in [
        "/api/2.0/accounts/3f1/scim/v2/Users",
        "/api/2.0/preview/accounts/3f1/access-control/rule-sets",
        "/api/2.0/identity/accounts/3f1/groups",
        "/oidc/accounts/3f1/v1/token",
        "/api/networking/v1/accounts/3f1/endpoints",
    ] {
        let target = canonicalise(raw).unwrap();
        assert_eq!(target.upstream(), Upstream::Account, "{raw}");
        assert_eq!(target.account_id(), Some("3f1"), "{raw}");
    }
    for raw in [
        "/api/2.0/accounts/servicePrincipals/1/credentials/secrets",
        "/api/2.0/preview/accounts/access-control/rule-sets",
        "/api/2.2/jobs/list",
        "/oidc/v1/token",
    ] {
        assert_eq!(
            canonicalise(raw).unwrap().upstream(),
            Upstream::Workspace,
            "{raw}"
        );
    }
}

#[test]
fn queries_that_servers_split_differently_are_refused() {
    assert_eq!(refusal("/a?b=1;c=2"), TargetRefusal::Query);
    assert_eq!(refusal("/a?b=%zz"), TargetRefusal::Percent);
    assert_eq!(refusal("/a?b=%00"), TargetRefusal::Percent);
    assert_eq!(refusal("/a?b=%FF"), TargetRefusal::Percent);
    let many = |count: usize| format!("/a?{}", vec!["k=1"; count].join("&"));
    assert!(canonicalise(&many(200)).is_ok());
    assert_eq!(refusal(&many(201)), TargetRefusal::Query);
    assert_eq!(canonicalise("/a?k=1&k=2").unwrap().pairs().len(), 2);
}

#[test]
fn a_long_target_is_refused_before_it_is_read() {
    assert_eq!(
        refusal(&format!("/{}", "a".repeat(MAX_TARGET_BYTES))),
        TargetRefusal::TooLong
    );
}

/// Anything a client might send, biased towards what parsers disagree about.
fn hostile() -> impl Strategy<Value = String> {
    let piece = prop_oneof![
        Just("/".to_owned()),
        Just("..".to_owned()),
        Just(".".to_owned()),
        Just("%2e".to_owned()),
        Just("%2F".to_owned()),
        Just("%25".to_owned()),
        Just("%41".to_owned()),
        Just(";".to_owned()),
        Just("?".to_owned()),
        Just("&".to_owned()),
        Just("=".to_owned()),
        Just("+".to_owned()),
        Just("'".to_owned()),
        Just("[".to_owned()),
        Just("api/2.0/fs/files/".to_owned()),
        Just("api/2.1/unity-catalog/tables/".to_owned()),
        "[ -~]{0,4}",
    ];
    proptest::collection::vec(piece, 0..14).prop_map(|pieces| format!("/{}", pieces.concat()))
}

fn decode_as_a_careless_server(path: &str) -> String {
    let bytes = path.as_bytes();
    let mut decoded = Vec::new();
    let mut at = 0;
    while at < bytes.len() {
        if let Ok(value) = triplet(&bytes[at..]) {
            decoded.push(value);
            at += 3;
        } else {
            decoded.push(bytes[at]);
            at += 1;
        }
    }
    String::from_utf8_lossy(&decoded).into_owned()
}

proptest! {
    #[test]
    fn the_canonical_form_is_its_own_canonical_form(raw in hostile()) {
        if let Ok(target) = canonicalise(&raw) {
            prop_assert_eq!(canonicalise(target.as_str()).unwrap(), target);
        }
    }

    #[test]
    fn a_common_address_parser_sends_exactly_the_same_path_and_query(raw in hostile()) {
        if let Ok(target) = canonicalise(&raw) {
            let address = format!("https://example.test{}", target.as_str());
            let parsed = reqwest::Url::parse(&address).unwrap();
            prop_assert_eq!(parsed.host_str(), Some("example.test"));
            prop_assert_eq!(parsed.path(), target.path());
            prop_assert_eq!(parsed.query(), target.query());
            prop_assert!(parsed.fragment().is_none());
            let uri: hyper::Uri = address.parse().unwrap();
            prop_assert_eq!(uri.path_and_query().unwrap().as_str(), target.as_str());
        }
    }

    #[test]
    fn a_plain_path_reads_the_same_decoded(raw in hostile()) {
        if let Ok(target) = canonicalise(&raw)
            && target.is_plain()
        {
            prop_assert_eq!(target.decoded_segments(), target.segments());
        }
    }

    #[test]
    fn a_server_that_decodes_twice_never_walks_up(raw in hostile()) {
        if let Ok(target) = canonicalise(&raw) {
            let mut path = target.path().to_owned();
            for _ in 0..3 {
                let steps: Vec<&str> = path.split(['/', '\\']).collect();
                prop_assert!(!steps.contains(&"..") && !steps.contains(&"."));
                path = decode_as_a_careless_server(&path);
            }
        }
    }

    #[test]
    fn any_bytes_at_all_never_panic(raw in ".{0,80}") {
        let _ = canonicalise(&raw);
    }
}
