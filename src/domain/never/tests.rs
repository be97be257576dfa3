use super::*;
use crate::domain::risk::{Body, Class, classify, settle};
use crate::domain::target::canonicalise;
use crate::domain::thrift_text::ThriftCall;
use serde_json::{Value, json};

mod grants;
mod people;

const APP: &str = "5c1f5d9e-3a52-4a0e-9d2b-0a4d5b6c7d8e";

fn principal() -> Principal {
    Principal {
        application_id: APP.to_owned(),
        numeric_id: "4711".to_owned(),
        group_ids: vec!["900".to_owned()],
        group_names: vec!["Night keepers".to_owned()],
        grantees: Vec::new(),
    }
}

fn judge(method: &str, raw: &str, body: Body<'_>, kind: Option<&str>) -> Option<NeverReason> {
    let target = canonicalise(raw).unwrap();
    let classified = classify(method, &target);
    let (class, sql) =
        settle(&classified, body).map_or((Class::Destroy, None), |s| (s.class, s.sql));
    let call = CallFacts {
        method,
        target: &target,
        classified: &classified,
        class,
        sql,
        body,
        content_type: kind,
        upgrade: false,
        target_account: true,
        target_workspace: true,
        account_id: None,
    };
    forbidden(&call, &principal())
}

fn bare(method: &str, raw: &str) -> Option<NeverReason> {
    judge(method, raw, Body::Empty, None)
}

fn with(method: &str, raw: &str, body: Value) -> Option<NeverReason> {
    judge(method, raw, Body::Json(&body), None)
}

#[test]
fn replies_that_carry_a_credential_are_never() {
    for (method, raw) in [
        (
            "POST",
            "/api/2.0/accounts/a/servicePrincipals/1/credentials/secrets",
        ),
        (
            "POST",
            "/api/2.0/accounts/servicePrincipals/1/credentials/secrets",
        ),
        ("POST", "/api/2.0/token/create"),
        ("POST", "/api/2.2/token/create"),
        ("POST", "/api/2.0/token-management/on-behalf-of/tokens"),
        ("POST", "/api/2.0/accounts/a/oauth2/custom-app-integrations"),
        (
            "POST",
            "/api/2.0/accounts/a/oauth2/published-app-integrations",
        ),
        ("POST", "/api/2.0/unity-catalog/temporary-table-credentials"),
        (
            "POST",
            "/api/2.1/unity-catalog/temporary-service-credentials",
        ),
        (
            "POST",
            "/api/2.0/unity-catalog/temporary-anything-credentials",
        ),
        ("POST", "/api/2.0/database/credentials"),
        ("POST", "/api/2.0/postgres/credentials"),
        (
            "POST",
            "/api/2.0/postgres/projects/a/branches/b/roles/c/password",
        ),
        ("POST", "/api/2.1/unity-catalog/recipients"),
        ("POST", "/api/2.1/unity-catalog/recipients/a/rotate-token"),
        (
            "GET",
            "/api/2.1/unity-catalog/public/data_sharing_activation/x",
        ),
        ("POST", "/api/2.0/credentials-manager/exchange-tokens/token"),
        ("POST", "/oidc/v1/token"),
        ("GET", "/oidc/v1/authorize"),
        ("POST", "/api/2.0/new-token-service/mint"),
    ] {
        assert_eq!(
            bare(method, raw),
            Some(NeverReason::CredentialInReply),
            "{method} {raw}"
        );
    }
    let call = ThriftCall {
        method: "GetDelegationToken".to_owned(),
        statement: None,
        wants_links: false,
    };
    assert_eq!(
        judge("POST", "/sql/1.0/warehouses/a", Body::Thrift(&call), None),
        Some(NeverReason::CredentialInReply)
    );
}

#[test]
fn federation_policies_are_never_written_but_may_be_read() {
    for raw in [
        "/api/2.0/accounts/a/federationPolicies",
        "/api/2.0/accounts/a/servicePrincipals/1/federationPolicies",
        "/api/2.0/data-sharing/recipients/a/federation-policies",
    ] {
        assert_eq!(
            bare("POST", raw),
            Some(NeverReason::FederationPolicy),
            "{raw}"
        );
        assert_eq!(bare("GET", raw), None, "{raw}");
    }
}

#[test]
fn audit_settings_are_never_written() {
    for (method, raw) in [
        ("POST", "/api/2.0/accounts/a/log-delivery"),
        ("PATCH", "/api/2.0/accounts/a/log-delivery/1"),
        (
            "PUT",
            "/api/2.1/unity-catalog/metastores/1/systemschemas/access",
        ),
        (
            "DELETE",
            "/api/2.1/unity-catalog/metastores/1/systemschemas/access",
        ),
        (
            "PATCH",
            "/api/2.0/settings/types/shield_esm_enablement_ws_db/names/default",
        ),
        ("PATCH", "/api/2.1/settings/verbose_audit_logs"),
        ("PATCH", "/api/2.1/accounts/a/settings/audit_x"),
    ] {
        assert_eq!(
            bare(method, raw),
            Some(NeverReason::AuditSetting),
            "{method} {raw}"
        );
    }
    let conf = "/api/2.0/workspace-conf";
    assert_eq!(
        with("PATCH", conf, json!({"enableVerboseAuditLogs": "false"})),
        Some(NeverReason::AuditSetting)
    );
    assert_eq!(
        with("PATCH", conf, json!({"enableIpAccessLists": "false"})),
        None
    );
    assert_eq!(
        judge("PATCH", conf, Body::Unread, None),
        Some(NeverReason::AuditSetting)
    );
}

#[test]
fn routes_that_forward_to_code_are_never() {
    for raw in [
        "/driver-proxy/o/1/2/8888/",
        "/driver-proxy-api/o/1/2/22/ssh?id=1",
        "/apps/mine/",
        "/Driver-Proxy/o/1",
    ] {
        assert_eq!(bare("GET", raw), Some(NeverReason::CodeForwarding), "{raw}");
    }
}

#[test]
fn other_protocols_are_never() {
    assert_eq!(bare("CONNECT", "/x"), Some(NeverReason::Upgrade));
    assert_eq!(
        bare("POST", "/spark.connect.SparkConnectService/ExecutePlan"),
        Some(NeverReason::DatabricksConnect)
    );
    assert_eq!(
        judge("POST", "/x", Body::Empty, Some("application/grpc+proto")),
        Some(NeverReason::DatabricksConnect)
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
        upgrade: true,
        target_account: true,
        target_workspace: true,
        account_id: None,
    };
    assert_eq!(forbidden(&call, &principal()), Some(NeverReason::Upgrade));
}

#[test]
fn external_links_are_refused_as_a_bad_parameter() {
    let statement = |more: Value| {
        let mut body = json!({"statement": "select 1", "warehouse_id": "a"});
        body.as_object_mut()
            .unwrap()
            .extend(more.as_object().unwrap().clone());
        with("POST", "/api/2.0/sql/statements/", body)
    };
    assert_eq!(statement(json!({})), None);
    assert_eq!(statement(json!({"disposition": "INLINE"})), None);
    for more in [
        json!({"disposition": "EXTERNAL_LINKS"}),
        json!({"disposition": "INLINE_OR_EXTERNAL_LINKS"}),
        json!({"disposition": 2}),
        json!({"Disposition": "EXTERNAL_LINKS"}),
    ] {
        assert_eq!(statement(more), Some(NeverReason::ExternalLinks));
    }
    assert_eq!(
        NeverReason::ExternalLinks.answer(),
        (400, "INVALID_PARAMETER_VALUE")
    );
}

#[test]
fn presigned_file_addresses_are_refused_so_that_sdks_fall_back() {
    for raw in [
        "/api/2.0/fs/create-download-url?path=/Volumes/a",
        "/api/2.0/fs/create-upload-part-urls",
        "/api/2.0/fs/create-resumable-upload-url",
        "/api/2.0/fs/create-abort-upload-url",
        "/api/2.0/fs/files/Volumes/a/b?action=initiate-upload",
    ] {
        assert_eq!(bare("POST", raw), Some(NeverReason::PresignedUrl), "{raw}");
    }
    assert_eq!(NeverReason::PresignedUrl.answer().0, 403);
    assert_eq!(
        NeverReason::PresignedUrl.detail(),
        Some("FILES_API_API_IS_NOT_ENABLED")
    );
    assert_eq!(bare("GET", "/api/2.0/fs/files/Volumes/a/b"), None);
    assert_eq!(bare("PUT", "/api/2.0/fs/files/Volumes/a/b"), None);
}

#[test]
fn a_thrift_statement_with_result_links_names_the_clients_switch() {
    let mut call = ThriftCall {
        method: "ExecuteStatement".to_owned(),
        statement: Some("select 1".to_owned()),
        wants_links: true,
    };
    let judged =
        |call: &ThriftCall| judge("POST", "/sql/1.0/warehouses/a", Body::Thrift(call), None);
    assert_eq!(judged(&call), Some(NeverReason::ResultLinks));
    assert!(
        NeverReason::ResultLinks
            .sentence()
            .contains("use_cloud_fetch=False")
    );
    call.wants_links = false;
    assert_eq!(judged(&call), None);
}

#[test]
fn ordinary_work_is_not_on_the_list() {
    for (method, raw) in [
        ("GET", "/api/2.2/jobs/list"),
        ("GET", "/api/2.0/token/list"),
        (
            "GET",
            "/api/2.0/accounts/a/servicePrincipals/4711/credentials/secrets",
        ),
        ("POST", "/api/2.1/clusters/start"),
        ("POST", "/api/2.0/token/delete"),
        ("DELETE", "/api/2.0/token-management/tokens/1"),
    ] {
        assert_eq!(bare(method, raw), None, "{method} {raw}");
    }
}

#[test]
fn sentences_avoid_the_words_on_which_clients_try_again() {
    for reason in [
        NeverReason::AdminRole,
        NeverReason::ResultLinks,
        NeverReason::PresignedUrl,
    ] {
        let sentence = reason.sentence().to_ascii_lowercase();
        for word in [
            "try again",
            "unexpected error",
            "timed out",
            "deadline",
            "token bucket",
        ] {
            assert!(!sentence.contains(word));
        }
    }
}
