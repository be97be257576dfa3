//! One event as PagerDuty reads it: action, key and, for a trigger, what there is to read.

use chrono::{DateTime, SecondsFormat};
use serde_json::{Value, json};

use crate::alerts::slack::shortened;
use crate::alerts::{Message, Severity};

/// Longest summary PagerDuty takes, characters.
const SUMMARY_CHARS: usize = 1_024;
/// Longest `dedup_key`, characters.
const DEDUP_CHARS: usize = 255;
/// Longest body sent along; the whole event may have 512 KB.
const BODY_CHARS: usize = 50_000;

/// What is done to an alert.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Action {
    Trigger,
    Acknowledge,
    Resolve,
}

impl Action {
    pub(super) fn word(self) -> &'static str {
        match self {
            Self::Trigger => "trigger",
            Self::Acknowledge => "acknowledge",
            Self::Resolve => "resolve",
        }
    }
}

/// The whole event.
pub(super) fn event(routing_key: &str, action: Action, message: &Message) -> Value {
    let mut event = json!({
        "routing_key": routing_key,
        "event_action": action.word(),
        "dedup_key": dedup_key(message),
    });
    if action == Action::Trigger {
        event["payload"] = payload(message);
        event["client"] = "breakglass".into();
    }
    event
}

/// One alert for each incident of a vault; each trouble has one of its own, or an acknowledged
/// opening would keep it quiet.
fn dedup_key(message: &Message) -> String {
    let vault = source(message);
    let incident = message.incident.as_deref().unwrap_or("vault");
    let about_incident = message.kind.starts_with("incident.")
        || message.kind.starts_with("page.")
        || message.kind == "session.open";
    let key = match message.kind.as_str() {
        _ if about_incident => format!("breakglass/{vault}/{incident}"),
        // Two tests are two alerts.
        "alert.test" => format!("breakglass/{vault}/test/{}", message.id),
        kind => format!("breakglass/{vault}/{incident}/{kind}"),
    };
    key.chars().take(DEDUP_CHARS).collect()
}

/// Host and vault, from the origin of the log without its epoch: `bg.example/log/v`.
fn source(message: &Message) -> &str {
    let origin = message.checkpoint.lines().next().unwrap_or("breakglass");
    origin.rsplit_once("/e").map_or(origin, |(vault, _)| vault)
}

fn payload(message: &Message) -> Value {
    let time = DateTime::from_timestamp_millis(message.event_at_ms).unwrap_or_default();
    let severity = match message.severity {
        Severity::Alarm => "critical",
        Severity::Action => "error",
        Severity::Info => "info",
    };
    json!({
        "summary": shortened(&message.full_subject(), SUMMARY_CHARS),
        "source": source(message),
        "severity": severity,
        "timestamp": time.to_rfc3339_opts(SecondsFormat::Millis, true),
        "component": message.incident,
        "group": "breakglass",
        "class": message.kind,
        "custom_details": {
            "text": shortened(&message.body, BODY_CHARS),
            "checkpoint": message.checkpoint,
            "drill": message.drill,
        },
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::alerts::message::tests::about;

    #[test]
    fn a_trigger_has_the_documented_shape() {
        let message = about("incident.opened");
        let expected = json!({
            "routing_key": "k",
            "event_action": "trigger",
            "dedup_key": "breakglass/bg.example/log/v/INC-2041",
            "client": "breakglass",
            "payload": {
                "summary": "[OPEN] Break glass INC-2041 prod-eu until 03:22 UTC",
                "source": "bg.example/log/v",
                "severity": "critical",
                "timestamp": "2026-11-21T03:22:00.000Z",
                "component": "INC-2041",
                "group": "breakglass",
                "class": "incident.opened",
                "custom_details": {"text": "Break glass is open.",
                    "checkpoint": message.checkpoint, "drill": false},
            },
        });
        assert_eq!(event("k", Action::Trigger, &message), expected);
    }

    #[test]
    fn acknowledge_and_resolve_carry_the_key_of_the_trigger_and_nothing_else() {
        let key = dedup_key(&about("incident.opened"));
        for kind in [
            "page.custodians",
            "session.open",
            "incident.stand_down",
            "incident.closed",
            "incident.vetoed",
        ] {
            let event = event("k", Action::Resolve, &about(kind));
            assert_eq!(
                event,
                json!({"routing_key": "k", "event_action": "resolve", "dedup_key": key})
            );
        }
        assert_ne!(key, dedup_key(&about("share.reject")));
    }

    #[test]
    fn limits_hold_for_long_texts() {
        let message = Message {
            subject: "x".repeat(5_000),
            body: "y".repeat(900_000),
            incident: Some("INC-".to_owned() + &"9".repeat(400)),
            ..about("incident.opened")
        };
        let value = event("k", Action::Trigger, &message);
        let chars = |v: &Value| v.as_str().unwrap().chars().count();
        assert_eq!(chars(&value["payload"]["summary"]), SUMMARY_CHARS);
        assert_eq!(chars(&value["dedup_key"]), DEDUP_CHARS);
        assert!(value.to_string().len() < 512_000);
    }
}
