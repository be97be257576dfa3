//! What the body adds to the class. Pure; the door has read the body as [`super::body_need`] says.

use serde_json::Value;

use super::{BodyRule, Class, Classified};
use crate::domain::statement;
use crate::domain::thrift_text::{self, ThriftCall};

/// A request body as far as the policy may read it.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Body<'a> {
    /// No body, or an empty one.
    Empty,
    /// Not read: data that is only hashed and passed on.
    Unread,
    /// Strict JSON.
    Json(&'a Value),
    /// A Thrift call.
    Thrift(&'a ThriftCall),
}

impl<'a> Body<'a> {
    /// The JSON value, if the body is JSON.
    pub fn json(self) -> Option<&'a Value> {
        match self {
            Self::Json(value) => Some(value),
            _ => None,
        }
    }
}

/// Why a body that decides the class was refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum BodyRefusal {
    /// A statement request without one string member `statement`.
    #[error("the body is not a statement request with a string member statement")]
    NoStatement,
    /// A Thrift route whose body is not a Thrift call.
    #[error("the body is not a thrift call")]
    NotThrift,
    /// A JSON object was expected.
    #[error("the body is not a json object")]
    NotAnObject,
}

/// The class after the body was read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Settled<'a> {
    /// The final class.
    pub class: Class,
    /// The SQL text, for the log and the never-list.
    pub sql: Option<&'a str>,
}

/// Settles the class with the body.
///
/// # Errors
/// [`BodyRefusal`] when the route's class depends on a body that is not there or not readable.
pub fn settle<'a>(classified: &Classified, body: Body<'a>) -> Result<Settled<'a>, BodyRefusal> {
    let plain = |class| Settled { class, sql: None };
    match classified.body_rule {
        BodyRule::None => Ok(plain(classified.class)),
        BodyRule::Sql => {
            let text = body
                .json()
                .and_then(|value| value.get("statement"))
                .and_then(Value::as_str)
                .ok_or(BodyRefusal::NoStatement)?;
            Ok(Settled {
                class: class_of_sql(text),
                sql: Some(text),
            })
        }
        BodyRule::Thrift => match body {
            Body::Thrift(call) => Ok(settle_thrift(call)),
            _ => Err(BodyRefusal::NotThrift),
        },
        BodyRule::RunParameters => Ok(plain(class_of_run(body)?)),
        BodyRule::CancelAll => Ok(plain(class_of_cancel_all(body)?)),
    }
}

/// One reading statement is egress, everything else destroys. The verb chooses the words people
/// see; it is no fence (PROTOCOL §8).
fn class_of_sql(text: &str) -> Class {
    if statement::surely_reads(text) {
        Class::Egress
    } else {
        Class::Destroy
    }
}

fn settle_thrift(call: &ThriftCall) -> Settled<'_> {
    let class = match &call.statement {
        Some(text) => class_of_sql(text),
        None if thrift_text::vends_credential(&call.method) => Class::Never,
        None if thrift_text::only_reads(&call.method) => Class::Egress,
        None => Class::Destroy,
    };
    Settled {
        class,
        sql: call.statement.as_deref(),
    }
}

/// Members of run-now and runs/repair that choose a job and a run, and carry no parameters.
const RUN_MEMBERS: [&str; 9] = [
    "job_id",
    "run_id",
    "idempotency_token",
    "queue",
    "only",
    "latest_repair_id",
    "rerun_all_failed_tasks",
    "rerun_dependent_tasks",
    "rerun_tasks",
];

/// Parameters can be code; an unknown member may be one under another name.
fn class_of_run(body: Body<'_>) -> Result<Class, BodyRefusal> {
    let members = object(body)?;
    let parameters = members
        .iter()
        .any(|(name, value)| !RUN_MEMBERS.contains(&name.as_str()) && !is_void(value));
    Ok(if parameters {
        Class::Code
    } else {
        Class::Change
    })
}

/// `all_queued_runs` cancels the whole workspace; without a job there is no bound either.
fn class_of_cancel_all(body: Body<'_>) -> Result<Class, BodyRefusal> {
    let members = object(body)?;
    let one_job = members.iter().all(|(name, value)| {
        name == "job_id"
            || is_void(value)
            || (name == "all_queued_runs" && *value == Value::Bool(false))
    }) && members.contains_key("job_id");
    Ok(if one_job {
        Class::Change
    } else {
        Class::Destroy
    })
}

fn object(body: Body<'_>) -> Result<&serde_json::Map<String, Value>, BodyRefusal> {
    body.json()
        .and_then(Value::as_object)
        .ok_or(BodyRefusal::NotAnObject)
}

fn is_void(value: &Value) -> bool {
    match value {
        Value::Null => true,
        Value::Array(items) => items.is_empty(),
        Value::Object(members) => members.is_empty(),
        _ => false,
    }
}
