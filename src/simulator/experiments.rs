//! MLflow tracking, as far as a night's work needs it: experiments and runs with their parameters,
//! metrics and tags. Kept in memory.

use serde_json::{Map, Value, json};

use super::call::{Call, number, text};
use super::reply::{Handled, Reply};
use super::state::lock;

const SEEDED: [(&str, &str); 2] = [("1", "/Shared/nightly"), ("2", "/Shared/forecast")];
const SEEDED_AT_MS: i64 = 1_767_225_600_000;

/// Experiments and runs in the order in which they were made.
#[derive(Debug, Default)]
pub struct Tracking {
    experiments: Vec<Value>,
    runs: Vec<Run>,
}

#[derive(Debug)]
struct Run {
    info: Map<String, Value>,
    params: Vec<Value>,
    tags: Vec<Value>,
    /// Every value that was logged, oldest first.
    metrics: Vec<Value>,
}

impl Tracking {
    /// What a fresh workspace has.
    pub fn seeded() -> Self {
        let made = SEEDED.map(|(id, name)| experiment(id, name, SEEDED_AT_MS));
        Self {
            experiments: made.into(),
            runs: Vec::new(),
        }
    }

    fn experiment(&mut self, id: &str) -> Result<&mut Value, Reply> {
        let mut known = self.experiments.iter_mut();
        known
            .find(|one| one["experiment_id"] == id)
            .ok_or_else(|| Reply::missing(format!("Node ID {id} does not exist.")))
    }

    fn run(&mut self, id: &str) -> Result<&mut Run, Reply> {
        let mut known = self.runs.iter_mut();
        known
            .find(|run| run.info["run_id"] == id)
            .ok_or_else(|| Reply::missing(format!("Run '{id}' not found.")))
    }
}

fn experiment(id: &str, name: &str, now_ms: i64) -> Value {
    json!({
        "experiment_id": id,
        "name": name,
        "lifecycle_stage": "active",
        "artifact_location": format!("dbfs:/databricks/mlflow-tracking/{id}"),
        "creation_time": now_ms,
        "last_update_time": now_ms,
    })
}

impl Run {
    fn new(id: &str, body: &Value) -> Self {
        let experiment = &body["experiment_id"];
        let artifacts = format!(
            "dbfs:/databricks/mlflow-tracking/{}/{id}/artifacts",
            experiment.as_str().unwrap_or_default()
        );
        let mut info = Map::new();
        info.insert("run_id".into(), json!(id));
        info.insert("run_uuid".into(), json!(id));
        info.insert("status".into(), json!("RUNNING"));
        info.insert("lifecycle_stage".into(), json!("active"));
        info.insert("artifact_uri".into(), json!(artifacts));
        for name in ["experiment_id", "run_name", "user_id", "start_time"] {
            if !body[name].is_null() {
                info.insert(name.into(), body[name].clone());
            }
        }
        let mut run = Self {
            info,
            params: Vec::new(),
            tags: Vec::new(),
            metrics: Vec::new(),
        };
        run.log(body);
        run
    }

    /// Takes the parameters, tags and metrics of a body. The newest tag of a name stands.
    fn log(&mut self, body: &Value) {
        let all = |name: &str| body[name].as_array().cloned().unwrap_or_default();
        self.params.extend(all("params"));
        self.metrics.extend(all("metrics"));
        for tag in all("tags") {
            self.tags.retain(|one| one["key"] != tag["key"]);
            self.tags.push(tag);
        }
    }

    fn shown(&self) -> Value {
        let newest = |(at, metric): &(usize, &Value)| {
            let mut later = self.metrics[at + 1..].iter();
            !later.any(|other| other["key"] == metric["key"])
        };
        let metrics: Vec<&Value> = self
            .metrics
            .iter()
            .enumerate()
            .filter(newest)
            .map(|m| m.1)
            .collect();
        json!({
            "info": self.info,
            "data": {"params": self.params, "tags": self.tags, "metrics": metrics},
        })
    }
}

/// `/mlflow/…`.
pub fn route(call: &Call<'_>, rest: &[&str]) -> Handled {
    match (call.method, rest) {
        (_, ["experiments", what]) => experiments(call, what),
        (_, ["runs", what]) => runs(call, what),
        ("GET", ["metrics", "get-history"]) => {
            let mut tracking = lock(&call.state.tracking);
            let run = tracking.run(call.param("run_id").unwrap_or_default())?;
            let key = call.param("metric_key").unwrap_or_default();
            let of_key = run.metrics.iter().filter(|one| one["key"] == key);
            Ok(Reply::json(&json!({"metrics": of_key.collect::<Vec<_>>()})))
        }
        _ => Err(call.no_endpoint()),
    }
}

fn experiments(call: &Call<'_>, what: &str) -> Handled {
    let mut tracking = lock(&call.state.tracking);
    match (call.method, what) {
        ("POST" | "GET", "search") => {
            let known = tracking.experiments.iter();
            let active = known.filter(|one| one["lifecycle_stage"] == "active");
            Ok(Reply::json(
                &json!({"experiments": active.collect::<Vec<_>>()}),
            ))
        }
        ("GET", "get") => {
            let found = tracking.experiment(call.param("experiment_id").unwrap_or_default())?;
            Ok(Reply::json(&json!({"experiment": found})))
        }
        ("POST", "create") => {
            let body = call.json()?;
            let name = text(&body, "name")?;
            if tracking.experiments.iter().any(|one| one["name"] == name) {
                return Err(Reply::error(
                    hyper::StatusCode::BAD_REQUEST,
                    "RESOURCE_ALREADY_EXISTS",
                    format!("Node named '{name}' already exists"),
                ));
            }
            let id = (tracking.experiments.len() + 1).to_string();
            tracking
                .experiments
                .push(experiment(&id, name, call.now_ms));
            Ok(Reply::json(&json!({"experiment_id": id})))
        }
        ("POST", "delete") => {
            let body = call.json()?;
            let found = tracking.experiment(text(&body, "experiment_id")?)?;
            found["lifecycle_stage"] = json!("deleted");
            Ok(Reply::done())
        }
        _ => Err(call.no_endpoint()),
    }
}

fn runs(call: &Call<'_>, what: &str) -> Handled {
    let mut tracking = lock(&call.state.tracking);
    match (call.method, what) {
        ("GET", "get") => {
            let run = tracking.run(call.param("run_id").unwrap_or_default())?;
            Ok(Reply::json(&json!({"run": run.shown()})))
        }
        ("POST", "create") => {
            let body = call.json()?;
            tracking.experiment(text(&body, "experiment_id")?)?;
            let run = Run::new(&format!("{:032x}", tracking.runs.len() + 1), &body);
            let shown = run.shown();
            tracking.runs.push(run);
            Ok(Reply::json(&json!({"run": shown})))
        }
        ("POST", "search") => {
            let body = call.json()?;
            let wanted = body["experiment_ids"]
                .as_array()
                .cloned()
                .unwrap_or_default();
            let newest = tracking.runs.iter().rev();
            let found = newest.filter(|run| wanted.contains(&run.info["experiment_id"]));
            let shown: Vec<Value> = found.map(Run::shown).collect();
            Ok(Reply::json(&json!({"runs": shown})))
        }
        ("POST", "update" | "log-metric" | "log-parameter" | "log-batch" | "set-tag") => {
            let body = call.json()?;
            change(tracking.run(text(&body, "run_id")?)?, what, &body)
        }
        _ => Err(call.no_endpoint()),
    }
}

fn change(run: &mut Run, what: &str, body: &Value) -> Handled {
    let pair = || json!({"key": body["key"], "value": body["value"]});
    match what {
        "log-batch" => run.log(body),
        "log-parameter" => run.log(&json!({"params": [pair()]})),
        "set-tag" => run.log(&json!({"tags": [pair()]})),
        "log-metric" => {
            let mut metric = pair();
            metric["timestamp"] = json!(number(body, "timestamp")?);
            metric["step"] = json!(number(body, "step").unwrap_or_default());
            run.log(&json!({"metrics": [metric]}));
        }
        _ => {
            for name in ["status", "end_time", "run_name"] {
                if !body[name].is_null() {
                    run.info.insert(name.into(), body[name].clone());
                }
            }
            return Ok(Reply::json(&json!({"run_info": run.info})));
        }
    }
    Ok(Reply::done())
}
