//! Clusters: list, get, start, restart, delete, events (facts §4.2). State changes are instant.

use std::collections::BTreeMap;
use std::sync::PoisonError;

use bytes::Bytes;
use serde_json::{Value, json};

use super::call::{Call, text};
use super::reply::{Handled, Reply};
use super::state::lock;

/// Clusters by id.
#[derive(Debug)]
pub struct Clusters {
    clusters: BTreeMap<String, Value>,
    created: u64,
}

impl Clusters {
    /// One running and one terminated cluster.
    pub fn seeded() -> Self {
        let seeds = [
            ("0101-120000-nightly1", "nightly", "RUNNING"),
            ("0101-120001-adhoc001", "adhoc", "TERMINATED"),
        ];
        let clusters = seeds
            .into_iter()
            .map(|(id, name, state)| {
                let cluster = json!({
                    "cluster_id": id,
                    "cluster_name": name,
                    "spark_version": "16.4.x-scala2.12",
                    "node_type_id": "i3.xlarge",
                    "num_workers": 2,
                    "autotermination_minutes": 60,
                    "creator_user_name": "olga@example.com",
                    "cluster_source": "UI",
                    "state": state,
                    "state_message": "",
                    "start_time": 1_767_225_600_000_i64,
                });
                (id.to_owned(), cluster)
            })
            .collect();
        Self {
            clusters,
            created: 0,
        }
    }

    /// The reply of `clusters/list`, ready made.
    pub fn list_bytes(&self) -> Bytes {
        let all: Vec<&Value> = self.clusters.values().collect();
        Bytes::from(json!({"clusters": all}).to_string())
    }
}

fn missing(id: &str) -> Reply {
    Reply::invalid(format!("Cluster {id} does not exist"))
}

/// `/clusters/…` except the hot `list`.
pub fn route(call: &Call<'_>, rest: &[&str]) -> Handled {
    match (call.method, rest) {
        ("GET", ["get"]) => {
            let id = call.param("cluster_id").unwrap_or_default();
            let held = lock(&call.state.clusters);
            Ok(Reply::json(
                held.clusters.get(id).ok_or_else(|| missing(id))?,
            ))
        }
        ("GET", ["spark-versions"]) => Ok(Reply::json(
            &json!({"versions": [{"key": "16.4.x-scala2.12", "name": "16.4 LTS"}]}),
        )),
        ("POST", ["events"]) => {
            let body = call.json()?;
            let id = text(&body, "cluster_id")?;
            lock(&call.state.clusters)
                .clusters
                .get(id)
                .ok_or_else(|| missing(id))?;
            Ok(Reply::json(&json!({"total_count": 1, "events": [{
                "cluster_id": id,
                "timestamp": 1_767_225_600_000_i64,
                "type": "RUNNING",
                "details": {},
            }]})))
        }
        ("POST", ["create"]) => create(call),
        ("POST", ["edit"]) => change(call, |cluster, body| {
            for (name, value) in body.as_object().into_iter().flatten() {
                cluster[name.as_str()] = value.clone();
            }
        }),
        ("POST", ["resize"]) => change(call, |cluster, body| {
            cluster["num_workers"] = body["num_workers"].clone();
        }),
        ("POST", ["start"]) => change(call, |cluster, _| cluster["state"] = json!("RUNNING")),
        // A restart does nothing unless the cluster runs, and then it runs again.
        ("POST", ["restart"]) => change(call, |_, _| {}),
        ("POST", ["delete"]) => change(call, |cluster, _| cluster["state"] = json!("TERMINATED")),
        ("POST", ["permanent-delete"]) => {
            let body = call.json()?;
            let id = text(&body, "cluster_id")?;
            let mut held = lock(&call.state.clusters);
            held.clusters.remove(id).ok_or_else(|| missing(id))?;
            refresh(call, &held);
            Ok(Reply::done())
        }
        _ => Err(call.no_endpoint()),
    }
}

fn refresh(call: &Call<'_>, held: &Clusters) {
    let mut list = call
        .state
        .clusters_list
        .write()
        .unwrap_or_else(PoisonError::into_inner);
    *list = held.list_bytes();
}

fn create(call: &Call<'_>) -> Handled {
    let mut body = call.json()?;
    text(&body, "spark_version")?;
    let mut held = lock(&call.state.clusters);
    held.created += 1;
    let id = format!("0202-{:06}-created1", held.created);
    body["cluster_id"] = json!(id);
    body["state"] = json!("RUNNING");
    held.clusters.insert(id.clone(), body);
    refresh(call, &held);
    Ok(Reply::json(&json!({"cluster_id": id})))
}

fn change(call: &Call<'_>, apply: impl Fn(&mut Value, &Value)) -> Handled {
    let body = call.json()?;
    let id = text(&body, "cluster_id")?;
    let mut held = lock(&call.state.clusters);
    apply(held.clusters.get_mut(id).ok_or_else(|| missing(id))?, &body);
    refresh(call, &held);
    Ok(Reply::done())
}
