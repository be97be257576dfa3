//! Lists: filter, sort, page, pick attributes. Clients page until a page comes back empty.

use hyper::StatusCode;
use serde_json::{Value, json};

use super::directory::Kind;
use super::{filter, scim};
use crate::simulator::auth::Level;
use crate::simulator::call::Call;
use crate::simulator::reply::{Handled, Reply};
use crate::simulator::state::lock;

/// `GET …/Users` and the like.
pub fn list(call: &Call<'_>, kind: Kind) -> Handled {
    let wanted = call
        .param("filter")
        .map(filter::parse)
        .transpose()
        .map_err(|detail| Reply::scim_error(StatusCode::BAD_REQUEST, "invalidFilter", detail))?;
    let mut found: Vec<Value> = {
        let directory = lock(&call.state.directory);
        let ids = directory.table(kind).keys();
        ids.filter_map(|id| directory.shown(kind, *id)).collect()
    };
    found.retain(|object| wanted.as_ref().is_none_or(|filter| filter.matches(object)));
    sort(call, &mut found);
    let total = found.len();
    let start = call.number_param("startIndex").unwrap_or(1).max(1);
    let count = call.number_param("count").unwrap_or(100);
    let skip = usize::try_from(start - 1).unwrap_or(usize::MAX);
    let take = usize::try_from(count).unwrap_or(usize::MAX);
    let mut page: Vec<Value> = found.into_iter().skip(skip).take(take).collect();
    for object in &mut page {
        pick(call, kind, object);
    }
    Ok(scim(&json!({
        "schemas": ["urn:ietf:params:scim:api:messages:2.0:ListResponse"],
        "totalResults": total,
        "startIndex": start,
        "itemsPerPage": page.len(),
        "Resources": page,
    })))
}

fn sort(call: &Call<'_>, found: &mut [Value]) {
    let Some(by) = call.param("sortBy") else {
        return;
    };
    found.sort_by_key(|object| object[by].as_str().unwrap_or_default().to_lowercase());
    if call.param("sortOrder") == Some("descending") {
        found.reverse();
    }
}

/// Keeps the asked attributes. Account group lists never show members (facts §3.1).
fn pick(call: &Call<'_>, kind: Kind, object: &mut Value) {
    let Some(members) = object.as_object_mut() else {
        return;
    };
    if kind == Kind::Group(Level::Account) {
        members.remove("members");
    }
    let first = |path: &str| path.split('.').next().unwrap_or(path).to_owned();
    if let Some(wanted) = call.param("attributes") {
        let wanted: Vec<String> = wanted.split(',').map(first).collect();
        members.retain(|name, _| name == "id" || name == "schemas" || wanted.contains(name));
    }
    if let Some(unwanted) = call.param("excludedAttributes") {
        let unwanted: Vec<String> = unwanted.split(',').map(first).collect();
        members.retain(|name, _| !unwanted.contains(name));
    }
}
