//! SQL warehouses: list, get, start, stop.

use serde_json::{Value, json};

use super::call::Call;
use super::reply::{Handled, Reply};
use super::state::lock;

const SEEDED: [(&str, &str); 2] = [
    ("wh0000000000001", "starter"),
    ("wh0000000000002", "reports"),
];

/// Whether a warehouse exists.
pub fn exists(id: &str) -> bool {
    SEEDED.iter().any(|(known, _)| *known == id)
}

fn shown(id: &str, name: &str, stopped: bool) -> Value {
    json!({
        "id": id,
        "name": name,
        "cluster_size": "2X-Small",
        "state": if stopped { "STOPPED" } else { "RUNNING" },
        "warehouse_type": "PRO",
        "num_clusters": u8::from(!stopped),
        "odbc_params": {"path": format!("/sql/1.0/warehouses/{id}"), "protocol": "https"},
    })
}

/// `/sql/warehouses…`.
pub fn route(call: &Call<'_>, rest: &[&str]) -> Handled {
    let mut settings = lock(&call.state.settings);
    let stopped = |id: &str| settings.stopped_warehouses.iter().any(|known| known == id);
    if rest.is_empty() && call.method == "GET" {
        let all: Vec<Value> = SEEDED
            .iter()
            .map(|(id, name)| shown(id, name, stopped(id)))
            .collect();
        return Ok(Reply::json(&json!({"warehouses": all})));
    }
    let [id, tail @ ..] = rest else {
        return Err(call.no_endpoint());
    };
    let (id, name) = SEEDED
        .iter()
        .find(|(known, _)| known == id)
        .ok_or_else(|| Reply::missing(format!("SQL warehouse {id} does not exist")))?;
    match (call.method, tail) {
        ("GET", []) => Ok(Reply::json(&shown(id, name, stopped(id)))),
        ("POST", ["start"]) => {
            settings.stopped_warehouses.retain(|known| known != id);
            Ok(Reply::done())
        }
        ("POST", ["stop"]) => {
            settings.stopped_warehouses.push((*id).to_owned());
            Ok(Reply::done())
        }
        _ => Err(call.no_endpoint()),
    }
}
