//! Job runs. A run is over at once and succeeds, except that a job whose name starts with
//! `slow-` runs until it is cancelled and one that starts with `broken-` fails.

use std::collections::BTreeMap;

use serde_json::{Value, json};

use super::call::{Call, number, page};
use super::reply::{Handled, Reply};
use super::state::lock;

/// Runs by id.
#[derive(Debug, Default)]
pub struct Runs {
    runs: BTreeMap<u64, Value>,
    by_idempotency_token: BTreeMap<String, u64>,
}

impl Runs {
    fn find(&mut self, id: u64) -> Result<&mut Value, Reply> {
        self.runs
            .get_mut(&id)
            .ok_or_else(|| Reply::invalid(format!("Run {id} does not exist.")))
    }
}

fn finished(result: &str) -> Value {
    json!({"life_cycle_state": "TERMINATED", "result_state": result, "state_message": ""})
}

/// `POST /jobs/run-now`.
pub fn run_now(call: &Call<'_>) -> Handled {
    let body = call.json()?;
    let job_id = number(&body, "job_id")?;
    let mut jobs = lock(&call.state.jobs);
    let job = jobs.find(job_id)?.clone();
    let token = body["idempotency_token"]
        .as_str()
        .unwrap_or_default()
        .to_owned();
    if let Some(known) = jobs.runs.by_idempotency_token.get(&token) {
        return Ok(Reply::json(
            &json!({"run_id": known, "number_in_job": known}),
        ));
    }
    let id = 5001 + jobs.runs.runs.len() as u64;
    let name = job["settings"]["name"].as_str().unwrap_or_default();
    let state = match name {
        slow if slow.starts_with("slow-") => {
            json!({"life_cycle_state": "RUNNING", "state_message": "In run"})
        }
        broken if broken.starts_with("broken-") => finished("FAILED"),
        _ => finished("SUCCESS"),
    };
    let run = json!({
        "job_id": job_id,
        "run_id": id,
        "original_attempt_run_id": id,
        "number_in_job": id,
        "run_name": name,
        "run_type": "JOB_RUN",
        "creator_user_name": call.caller.subject,
        "start_time": call.now_ms,
        "state": state,
        "tasks": [{"run_id": id + 100_000, "task_key": "main", "state": state}],
    });
    jobs.runs.runs.insert(id, run);
    if !token.is_empty() {
        jobs.runs.by_idempotency_token.insert(token, id);
    }
    Ok(Reply::json(&json!({"run_id": id, "number_in_job": id})))
}

/// `/jobs/runs/…`.
pub fn route(call: &Call<'_>, rest: &[&str]) -> Handled {
    let run_id = || {
        call.number_param("run_id")
            .ok_or_else(|| Reply::invalid("run_id is missing"))
    };
    let mut jobs = lock(&call.state.jobs);
    match (call.method, rest) {
        ("GET", ["get"]) => Ok(Reply::json(jobs.runs.find(run_id()?)?)),
        ("GET", ["get-output"]) => {
            let run = jobs.runs.find(run_id()?)?;
            Ok(Reply::json(&json!({
                "metadata": run,
                "notebook_output": {"result": "42 rows written", "truncated": false},
            })))
        }
        ("GET", ["list"]) => {
            let job = call.number_param("job_id");
            let wanted = |run: &&Value| job.is_none_or(|job| run["job_id"] == json!(job));
            let all: Vec<Value> = jobs
                .runs
                .runs
                .values()
                .rev()
                .filter(wanted)
                .cloned()
                .collect();
            let size = call.number_param("limit").unwrap_or(20).clamp(1, 25);
            let size = usize::try_from(size).unwrap_or(20);
            let (taken, next) = page(&all, call.param("page_token"), size)?;
            let mut body = json!({"runs": taken, "has_more": next.is_some()});
            if let Some(next) = next {
                body["next_page_token"] = json!(next);
            }
            Ok(Reply::json(&body))
        }
        ("POST", ["cancel"]) => {
            let run = jobs.runs.find(number(&call.json()?, "run_id")?)?;
            if run["state"]["life_cycle_state"] == "RUNNING" {
                run["state"] = finished("CANCELED");
            }
            Ok(Reply::done())
        }
        ("POST", ["repair"]) => {
            jobs.runs.find(number(&call.json()?, "run_id")?)?["state"] = finished("SUCCESS");
            Ok(Reply::json(&json!({"repair_id": 4})))
        }
        ("POST", ["delete"]) => {
            let id = number(&call.json()?, "run_id")?;
            jobs.runs.find(id)?;
            jobs.runs.runs.remove(&id);
            Ok(Reply::done())
        }
        _ => Err(call.no_endpoint()),
    }
}
