//! Never by route, by name of the path, and by protocol.

use serde_json::Value;

use super::{NeverReason, Principal, Seen, writes};
use crate::domain::risk::{Body, Class, Flag};

/// Routes the data file marks, and Thrift methods that hand out tokens.
pub(super) fn by_flag(call: &Seen<'_>, _: &Principal) -> Option<NeverReason> {
    if call.class != Class::Never && call.classified.class != Class::Never {
        return None;
    }
    let reasons = [
        (Flag::Federation, NeverReason::FederationPolicy),
        (Flag::Audit, NeverReason::AuditSetting),
        (Flag::Presigned, NeverReason::PresignedUrl),
    ];
    let route = call.classified.route;
    let marked = reasons
        .into_iter()
        .find(|(flag, _)| route.is_some_and(|route| route.has(*flag)));
    Some(marked.map_or(NeverReason::CredentialInReply, |(_, reason)| reason))
}

/// `Upgrade`, `CONNECT`, and gRPC, which Databricks Connect speaks.
pub(super) fn other_protocol(call: &Seen<'_>, _: &Principal) -> Option<NeverReason> {
    let grpc = call.content_type.is_some_and(|kind| {
        kind.trim()
            .to_ascii_lowercase()
            .starts_with("application/grpc")
    });
    let spark = call.readings.iter().any(|path| {
        path.first()
            .is_some_and(|part| part.starts_with("spark.connect"))
    });
    if grpc || spark {
        Some(NeverReason::DatabricksConnect)
    } else if call.upgrade || call.method == "CONNECT" {
        Some(NeverReason::Upgrade)
    } else {
        None
    }
}

/// Paths that hand the request to code of users on a cluster or in an app.
pub(super) fn forwards_to_code(call: &Seen<'_>, _: &Principal) -> Option<NeverReason> {
    const FORWARDING: [&str; 3] = ["driver-proxy", "driver-proxy-api", "apps"];
    call.readings
        .iter()
        .any(|path| {
            path.first()
                .is_some_and(|part| FORWARDING.contains(&part.as_ref()))
        })
        .then_some(NeverReason::CodeForwarding)
}

/// Paths that hand out or federate credentials by their name: the token endpoints, database
/// passwords under any resource name, and every path we do not know that sounds like it.
pub(super) fn vends_by_name(call: &Seen<'_>, _: &Principal) -> Option<NeverReason> {
    const SOUNDS_LIKE_IT: [&str; 6] = [
        "credential",
        "token",
        "password",
        "federation",
        "authorize",
        "presigned",
    ];
    let unknown = call.classified.route.is_none();
    let vends = call.readings.iter().any(|path| {
        let first = path.first().map(AsRef::as_ref);
        let database = writes(call)
            && path
                .iter()
                .any(|part| part == "postgres" || part == "database")
            && path
                .last()
                .is_some_and(|part| part == "password" || part.contains("credential"));
        let sounds = unknown
            && path
                .iter()
                .any(|part| SOUNDS_LIKE_IT.iter().any(|word| part.contains(word)));
        first == Some("oidc") || database || sounds
    });
    vends.then_some(NeverReason::CredentialInReply)
}

/// Audit settings under general settings routes, by the name in the path or in the body.
pub(super) fn audit_setting(call: &Seen<'_>, _: &Principal) -> Option<NeverReason> {
    if !writes(call) {
        return None;
    }
    let named = call.readings.iter().any(|path| {
        let settings = path
            .iter()
            .any(|part| part == "settings" || part == "workspace-conf");
        let unknown = call.classified.route.is_none();
        (settings || unknown) && path.iter().any(|part| is_audit_word(part))
    });
    let conf = call.readings[0]
        .last()
        .is_some_and(|part| part == "workspace-conf");
    let inside = conf
        && match call.body {
            Body::Json(Value::Object(members)) => members.keys().any(|name| is_audit_word(name)),
            Body::Empty => false,
            // Not readable: it may hold the audit switch.
            _ => true,
        };
    (named || inside).then_some(NeverReason::AuditSetting)
}

fn is_audit_word(name: &str) -> bool {
    let name = name.to_ascii_lowercase();
    [
        "audit",
        "log-delivery",
        "logdelivery",
        "systemschema",
        "_esm_",
        "verboselog",
    ]
    .iter()
    .any(|word| name.contains(word))
}
