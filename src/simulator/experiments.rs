//! A little of MLflow tracking: experiments to search and to get.

use serde_json::{Value, json};

use super::call::Call;
use super::reply::{Handled, Reply};

const SEEDED: [(&str, &str); 2] = [("1", "/Shared/nightly"), ("2", "/Shared/forecast")];

fn experiment((id, name): (&str, &str)) -> Value {
    json!({
        "experiment_id": id,
        "name": name,
        "lifecycle_stage": "active",
        "artifact_location": format!("dbfs:/databricks/mlflow-tracking/{id}"),
        "creation_time": 1_767_225_600_000_i64,
        "last_update_time": 1_767_225_600_000_i64,
    })
}

/// `/mlflow/…`.
pub fn route(call: &Call<'_>, rest: &[&str]) -> Handled {
    match (call.method, rest) {
        ("POST" | "GET", ["experiments", "search"]) => {
            let all: Vec<Value> = SEEDED.into_iter().map(experiment).collect();
            Ok(Reply::json(&json!({"experiments": all})))
        }
        ("GET", ["experiments", "get"]) => {
            let id = call.param("experiment_id").unwrap_or_default();
            let found = SEEDED.into_iter().find(|(known, _)| *known == id);
            let found =
                found.ok_or_else(|| Reply::missing(format!("Node ID {id} does not exist.")))?;
            Ok(Reply::json(&json!({"experiment": experiment(found)})))
        }
        _ => Err(call.no_endpoint()),
    }
}
