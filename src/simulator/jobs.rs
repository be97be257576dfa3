//! Jobs: list, get, create, update, reset, delete (facts §4.2). Runs are in `runs`.

use std::collections::BTreeMap;

use serde_json::{Value, json};

use super::call::{Call, number, page};
use super::reply::{Handled, Reply};
use super::runs::Runs;
use super::state::{Principal, lock};

/// Jobs and their runs.
#[derive(Debug, Default)]
pub struct Jobs {
    /// Settings and owner by job id.
    pub jobs: BTreeMap<u64, Value>,
    /// Runs by run id.
    pub runs: Runs,
    next_id: u64,
}

/// When the seeded jobs were made, in milliseconds.
const SEEDED_MS: i64 = 1_767_225_600_000;

impl Jobs {
    /// Three named jobs and enough others for a second page.
    pub fn seeded(principal: &Principal) -> Self {
        let mut jobs = Self {
            next_id: 900,
            ..Self::default()
        };
        let named = ["nightly-etl", "slow-backfill", "weekly-report"];
        for at in 0..23_u64 {
            let name = named
                .get(usize::try_from(at).unwrap_or(usize::MAX))
                .map_or_else(|| format!("import-{at:02}"), |name| (*name).to_owned());
            let settings = json!({
                "name": name,
                "max_concurrent_runs": 1,
                "format": "MULTI_TASK",
                "tasks": [{
                    "task_key": "main",
                    "notebook_task": {"notebook_path": "/Shared/nightly"},
                    "existing_cluster_id": "0101-120000-nightly1",
                }],
            });
            jobs.jobs
                .insert(101 + at, job(101 + at, settings, &principal.application_id));
        }
        jobs
    }

    /// The job or the service's odd 400 for a missing one.
    pub fn find(&mut self, id: u64) -> Result<&mut Value, Reply> {
        self.jobs
            .get_mut(&id)
            .ok_or_else(|| Reply::invalid(format!("Job {id} does not exist.")))
    }
}

fn job(id: u64, settings: Value, creator: &str) -> Value {
    json!({
        "job_id": id,
        "creator_user_name": creator,
        "run_as_user_name": creator,
        "run_as_owner": true,
        "created_time": SEEDED_MS,
        "settings": settings,
    })
}

/// `/jobs/…` without runs.
pub fn route(call: &Call<'_>, rest: &[&str]) -> Handled {
    match (call.method, rest) {
        ("GET", ["list"]) => list(call),
        ("GET", ["get"]) => {
            let id = call
                .number_param("job_id")
                .ok_or_else(|| Reply::invalid("job_id missing"))?;
            Ok(Reply::json(lock(&call.state.jobs).find(id)?))
        }
        ("POST", ["create"]) => {
            let body = call.json()?;
            let mut jobs = lock(&call.state.jobs);
            let id = jobs.next_id;
            jobs.next_id += 1;
            jobs.jobs.insert(id, job(id, body, &call.caller.subject));
            Ok(Reply::json(&json!({"job_id": id})))
        }
        ("POST", ["update"]) => change(call, |settings, body| {
            for (name, value) in body["new_settings"].as_object().into_iter().flatten() {
                settings[name.as_str()] = value.clone();
            }
        }),
        ("POST", ["reset"]) => change(call, |settings, body| {
            *settings = body["new_settings"].clone();
        }),
        ("POST", ["delete"]) => {
            let id = number(&call.json()?, "job_id")?;
            let mut jobs = lock(&call.state.jobs);
            jobs.find(id)?;
            jobs.jobs.remove(&id);
            Ok(Reply::done())
        }
        _ => Err(call.no_endpoint()),
    }
}

fn list(call: &Call<'_>) -> Handled {
    let jobs = lock(&call.state.jobs);
    let named = |job: &&Value| match call.param("name") {
        Some(name) => job["settings"]["name"]
            .as_str()
            .is_some_and(|held| held.eq_ignore_ascii_case(name)),
        None => true,
    };
    let all: Vec<Value> = jobs.jobs.values().filter(named).cloned().collect();
    let size = call.number_param("limit").unwrap_or(20).clamp(1, 100);
    let size = usize::try_from(size).unwrap_or(20);
    let (mut taken, next) = page(&all, call.param("page_token"), size)?;
    if call.param("expand_tasks") != Some("true") {
        for job in &mut taken {
            if let Some(settings) = job["settings"].as_object_mut() {
                settings.remove("tasks");
            }
        }
    }
    let mut body = json!({"jobs": taken, "has_more": next.is_some()});
    if let Some(next) = next {
        body["next_page_token"] = json!(next);
    }
    Ok(Reply::json(&body))
}

fn change(call: &Call<'_>, apply: impl Fn(&mut Value, &Value)) -> Handled {
    let body = call.json()?;
    let id = number(&body, "job_id")?;
    let mut jobs = lock(&call.state.jobs);
    let job = jobs.find(id)?;
    if !body["new_settings"].is_object() {
        return Err(Reply::invalid("new_settings is missing"));
    }
    apply(&mut job["settings"], &body);
    Ok(Reply::done())
}
