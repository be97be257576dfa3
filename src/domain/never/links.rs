//! Results that would leave past the proxy.

use serde_json::Value;

use super::{NeverReason, Principal, Seen};
use crate::domain::risk::{Body, BodyRule};

/// A statement whose result is asked for as anything but `INLINE`. Other spellings of the member
/// and numbers for the enum are read by lenient servers, so only the plain form passes.
pub(super) fn external_links(call: &Seen<'_>, _: &Principal) -> Option<NeverReason> {
    if call.classified.body_rule != BodyRule::Sql {
        return None;
    }
    let inline = match call.body {
        Body::Json(Value::Object(members)) => members
            .iter()
            .filter(|(name, _)| name.replace('_', "").eq_ignore_ascii_case("disposition"))
            .all(|(name, value)| {
                name == "disposition"
                    && (value.is_null() || value.as_str().is_some_and(|text| text == "INLINE"))
            }),
        _ => false,
    };
    (!inline).then_some(NeverReason::ExternalLinks)
}

/// A Thrift statement that says it can download results.
pub(super) fn result_links(call: &Seen<'_>, _: &Principal) -> Option<NeverReason> {
    match call.body {
        Body::Thrift(thrift) if thrift.wants_links => Some(NeverReason::ResultLinks),
        _ => None,
    }
}
