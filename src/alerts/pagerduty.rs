//! PagerDuty by Events API v2: an incident is one alert there, by its `dedup_key`.
//!
//! An opening triggers it, a quorum acknowledges it, an end resolves it. Custodians who have a
//! pager of their own are paged by name, in the order `app` decides; at quorum theirs fall silent.
//! What is only for the record does not reach a pager.

mod event;

use std::collections::BTreeMap;

use futures_util::future::BoxFuture;
use secrecy::{ExposeSecret, SecretString};

use super::config::{BuildError, PagerDutyConfig, ReadSecret};
use super::{Addressing, Channel, Delivery, Message, SendError, Severity, http};
use event::{Action, event};

/// Form of a routing key ("should be 32 characters").
const ROUTING_KEY_CHARS: usize = 32;

/// Whose alert it is done to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Target {
    /// The service of `routing_key_file`, with its own escalation.
    Service,
    /// The people the message is for; the service for those among them who have no pager.
    Named,
    /// Everybody with a pager.
    Everyone,
}

/// The part of a message that PagerDuty is told, by the message's kind.
fn plan(kind: &str, severity: Severity) -> &'static [(Action, Target)] {
    use Action::{Acknowledge, Resolve, Trigger};
    use Target::{Everyone, Named, Service};
    match kind {
        // A rotation that is asked for wakes nobody (PROTOCOL §11); its severity says so.
        "incident.opened" | "incident.asked_again" if severity == Severity::Info => &[],
        "incident.opened" | "incident.asked_again" => &[(Trigger, Service)],
        "page.custodians" => &[(Trigger, Named)],
        "page.fallback" | "alert.test" => &[(Trigger, Service), (Trigger, Named)],
        "incident.stand_down" => &[(Acknowledge, Service), (Resolve, Everyone)],
        "session.open" => &[(Acknowledge, Service)],
        "incident.withdrawn" | "incident.refused" | "incident.vetoed" | "incident.lapsed"
        | "incident.closed" => &[(Resolve, Service), (Resolve, Everyone)],
        "share.reject"
        | "approve.mismatch"
        | "session.foreign_address"
        | "cp.unknown"
        | "session.token_seen"
        | "log.broken"
        | "alert.failed"
        | "rotate.no_room"
            if severity == Severity::Alarm =>
        {
            &[(Trigger, Service)]
        }
        _ => &[],
    }
}

/// A PagerDuty service, and pagers of people.
pub struct PagerDutyChannel {
    name: String,
    url: reqwest::Url,
    service: SecretString,
    people: BTreeMap<String, SecretString>,
    client: reqwest::Client,
}

impl std::fmt::Debug for PagerDutyChannel {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let people: Vec<&String> = self.people.keys().collect();
        write!(out, "PagerDutyChannel({}, {people:?})", self.name)
    }
}

impl PagerDutyChannel {
    /// Checks the configuration and reads its files. Does no network call.
    ///
    /// # Errors
    /// [`BuildError`]: a file that cannot be read, a key of another form, an unusable address.
    pub fn new(
        config: &PagerDutyConfig,
        read_secret: &mut ReadSecret<'_>,
    ) -> Result<PagerDutyChannel, BuildError> {
        let fail = |why: String| BuildError::new(&config.name, why);
        let service = routing_key(read_secret(&config.routing_key_file).map_err(fail)?);
        let wrong = || fail("a routing key has 32 letters and digits".to_owned());
        let mut people = BTreeMap::new();
        for (person, file) in &config.people {
            let key = routing_key(read_secret(file).map_err(fail)?).ok_or_else(wrong)?;
            people.insert(person.clone(), key);
        }
        Ok(PagerDutyChannel {
            name: config.name.clone(),
            url: http::address("url", &config.url).map_err(fail)?,
            service: service.ok_or_else(wrong)?,
            people,
            client: http::client(config.ca_file.as_deref(), config.timeout_ms).map_err(fail)?,
        })
    }

    /// The keys of a target with the name under which each is reported.
    fn keys<'a>(&'a self, target: Target, message: &Message) -> Vec<(&'a str, &'a SecretString)> {
        let people = self.people.iter().map(|(name, key)| (name.as_str(), key));
        match target {
            Target::Service => vec![(self.name.as_str(), &self.service)],
            Target::Everyone => people.collect(),
            Target::Named => {
                let mut named: Vec<_> = people
                    .filter(|(name, _)| message.to.iter().any(|to| to == name))
                    .collect();
                let has_pager = |to: &String| self.people.contains_key(to);
                // Nobody is left out because a colleague has a pager.
                if message.to.is_empty() || !message.to.iter().all(has_pager) {
                    named.extend(self.keys(Target::Service, message));
                }
                named
            }
        }
    }

    /// The plan with its keys; what two targets have in common is done once.
    fn events<'a>(&'a self, message: &Message) -> Vec<(Action, &'a str, &'a SecretString)> {
        let mut events: Vec<(Action, &str, &SecretString)> = Vec::new();
        for (action, target) in plan(&message.kind, message.severity) {
            for (name, key) in self.keys(*target, message) {
                if !events
                    .iter()
                    .any(|(a, _, k)| a == action && std::ptr::eq(*k, key))
                {
                    events.push((*action, name, key));
                }
            }
        }
        events
    }

    /// Every event of the plan. A repetition does no harm: PagerDuty joins events by their key, so
    /// one unsure event makes the whole message be sent again.
    async fn post(&self, message: &Message, now_at_ms: i64) -> Result<Delivery, SendError> {
        let mut delivery = Delivery {
            accepted: Vec::new(),
            refused: Vec::new(),
        };
        let mut last_refusal = None;
        for (action, name, key) in self.events(message) {
            let request = self.client.post(self.url.clone());
            let request = with_event(request, key, action, message);
            match http::deliver(&self.name, request, now_at_ms).await {
                Ok(_) => delivery.accepted.push(name.to_owned()),
                Err(SendError::Refused { channel, code }) => {
                    delivery.refused.push((name.to_owned(), code.clone()));
                    last_refusal = Some(SendError::Refused { channel, code });
                }
                Err(unsure) => return Err(unsure),
            }
        }
        match last_refusal {
            Some(refusal) if delivery.accepted.is_empty() => Err(refusal),
            _ => Ok(delivery),
        }
    }
}

impl Channel for PagerDutyChannel {
    fn name(&self) -> &str {
        &self.name
    }

    fn kind(&self) -> &'static str {
        "pagerduty"
    }

    fn addressing(&self) -> Addressing {
        Addressing::Pager
    }

    fn wants(&self, kind: &str, severity: Severity) -> bool {
        !plan(kind, severity).is_empty()
    }

    fn silences(&self, kind: &str, severity: Severity) -> bool {
        let mut actions = plan(kind, severity).iter().map(|(action, _)| *action);
        actions.all(|action| action != Action::Trigger)
    }

    fn send<'a>(
        &'a self,
        message: &'a Message,
        now_at_ms: i64,
    ) -> BoxFuture<'a, Result<Delivery, SendError>> {
        Box::pin(self.post(message, now_at_ms))
    }
}

#[expect(clippy::disallowed_methods, reason = "only its form is looked at")]
fn routing_key(secret: SecretString) -> Option<SecretString> {
    let text = secret.expose_secret().trim();
    let good = text.len() == ROUTING_KEY_CHARS && text.bytes().all(|b| b.is_ascii_alphanumeric());
    good.then(|| SecretString::from(text.to_owned()))
}

#[expect(
    clippy::disallowed_methods,
    reason = "PagerDuty takes the routing key in the body"
)]
fn with_event(
    request: reqwest::RequestBuilder,
    key: &SecretString,
    action: Action,
    message: &Message,
) -> reqwest::RequestBuilder {
    request.json(&event(key.expose_secret(), action, message))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::alerts::message::tests::about;

    #[test]
    fn whoever_has_no_pager_is_paged_through_the_service_and_nobody_twice() {
        let config = PagerDutyConfig {
            name: "pager".into(),
            url: "http://127.0.0.1:9/".into(),
            routing_key_file: "pager.key".into(),
            people: [
                ("ada".into(), "ada.key".into()),
                ("ben".into(), "ben.key".into()),
            ]
            .into(),
            ca_file: None,
            timeout_ms: 1_000,
        };
        let mut read = |_: &std::path::Path| Ok(SecretString::from("x".repeat(32)));
        let channel = PagerDutyChannel::new(&config, &mut read).unwrap();
        let paged = |kind: &str, to: &[&str]| {
            let message = Message {
                to: to.iter().map(|name| (*name).to_owned()).collect(),
                ..about(kind)
            };
            let events = channel.events(&message).into_iter();
            events
                .map(|(_, name, _)| name.to_owned())
                .collect::<Vec<_>>()
        };
        assert_eq!(paged("page.custodians", &["ada", "ben"]), ["ada", "ben"]);
        assert_eq!(paged("page.custodians", &["ada", "cleo"]), ["ada", "pager"]);
        assert_eq!(paged("page.custodians", &["cleo"]), ["pager"]);
        assert_eq!(paged("page.custodians", &[]), ["pager"]);
        assert_eq!(paged("page.fallback", &["ada", "cleo"]), ["pager", "ada"]);
    }

    #[test]
    fn an_incident_is_triggered_then_acknowledged_then_resolved() {
        use Severity::{Action as Act, Alarm, Info};
        let said = |kind, severity| plan(kind, severity).iter().map(|(a, _)| a.word()).collect();
        let words: Vec<Vec<&str>> = vec![
            said("incident.opened", Act),
            said("page.custodians", Act),
            said("incident.stand_down", Info),
            said("session.open", Alarm),
            said("incident.closed", Info),
            said("incident.vetoed", Alarm),
        ];
        let expected: Vec<Vec<&str>> = vec![
            vec!["trigger"],
            vec!["trigger"],
            vec!["acknowledge", "resolve"],
            vec!["acknowledge"],
            vec!["resolve", "resolve"],
            vec!["resolve", "resolve"],
        ];
        assert_eq!(words, expected);
        // An owed rotation and what is for the record wake nobody.
        for (kind, severity) in [
            ("incident.opened", Info),
            ("rotate.owed", Alarm),
            ("share.accept", Info),
        ] {
            assert!(plan(kind, severity).is_empty(), "{kind}");
        }
    }
}
