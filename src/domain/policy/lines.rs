//! The differences between two versions of a policy in sentences, for whoever is asked to sign.
//! Pure. Must not know: who must sign, or where the lines are shown.
//!
//! Complete by construction: members are compared as the signed documents hold them, so a part
//! that nobody thought of here still has its line, with what it was and what it is.

use std::collections::BTreeSet;

use serde_json::{Map, Value};

use super::{BrowserUnlockers, ChannelRule, Policy};

/// Members that differ in every version.
const NUMBERS: [&str; 2] = ["seq", "prev_sha256"];
/// Members with a sentence of their own.
const TOLD: [&str; 4] = [
    "access_details",
    "browser_unlockers",
    "channels",
    "review_due_hours",
];

/// Every difference, one line each. Texts are as the policies write them: who prints to a
/// terminal escapes them.
#[must_use]
pub fn lines(before: &Policy, after: &Policy) -> Vec<String> {
    let mut lines = of_objects(&members(before), &members(after), "");
    if before.access_details != after.access_details {
        // As the responder will read it: this is its preview.
        lines.push(match &after.access_details {
            Some(text) => format!("~ read when a session opens: {text}"),
            None => "− nothing is read when a session opens".to_owned(),
        });
    }
    if before.browser_unlockers != after.browser_unlockers {
        lines.push(match after.browser_unlockers {
            Some(BrowserUnlockers::BelowK) => {
                "~ fewer than k custodians may open their share on a page of the vault's host"
                    .to_owned()
            }
            None => "~ any number of custodians may open their share on a page of the vault's host"
                .to_owned(),
        });
    }
    lines.extend(channels(&before.channels, &after.channels));
    let (old, now) = (before.review_due_hours, after.review_due_hours);
    if old != now {
        lines.push(format!("~ a review is due after {old} → {now} hours"));
    }
    lines
}

/// Channels that are gone, new, or lead elsewhere; of an address that is a secret the policy has a
/// hash.
fn channels(before: &[ChannelRule], after: &[ChannelRule]) -> Vec<String> {
    let without = |these: &[ChannelRule], others: &[ChannelRule], sign: &str| -> Vec<String> {
        let alone = these.iter().filter(|channel| !others.contains(channel));
        let shown = alone.map(|channel| {
            let [name, kind, to] = [&channel.name, &channel.kind, &channel.destination];
            format!("{sign} channel {name}: {kind} to {to}")
        });
        shown.collect()
    };
    let mut lines = without(before, after, "−");
    lines.extend(without(after, before, "+"));
    if lines.is_empty() && before != after {
        lines.push("~ channels: another order".to_owned());
    }
    lines
}

fn members(policy: &Policy) -> Map<String, Value> {
    let mut members = match serde_json::to_value(policy) {
        Ok(Value::Object(members)) => members,
        _ => Map::new(),
    };
    members.retain(|name, _| !NUMBERS.contains(&name.as_str()) && !TOLD.contains(&name.as_str()));
    members
}

fn of_objects(before: &Map<String, Value>, after: &Map<String, Value>, path: &str) -> Vec<String> {
    let names: BTreeSet<&String> = before.keys().chain(after.keys()).collect();
    let mut lines = Vec::new();
    for name in names {
        let (old, now) = (
            before.get(name).unwrap_or(&Value::Null),
            after.get(name).unwrap_or(&Value::Null),
        );
        if old == now {
            continue;
        }
        let place = format!("{path} {}", name.replace('_', " "));
        let place = place.trim();
        lines.extend(match (old, now) {
            (Value::Array(old), Value::Array(now)) => of_lists(old, now, place),
            (Value::Object(old), Value::Object(now)) => of_objects(old, now, place),
            _ => vec![format!("~ {place}: {} → {}", shown(old), shown(now))],
        });
    }
    lines
}

/// Items with an id or a name are compared member by member; others are there or not.
fn of_lists(before: &[Value], after: &[Value], path: &str) -> Vec<String> {
    let named = before.iter().chain(after).all(|item| title(item).is_some());
    let same = |one: &Value, other: &Value| {
        if named {
            title(one) == title(other)
        } else {
            one == other
        }
    };
    let find = |list: &[Value], item: &Value| list.iter().find(|other| same(other, item)).cloned();
    let name = |item: &Value| match title(item) {
        Some(title) if named => title.to_owned(),
        _ => shown(item),
    };
    let mut lines: Vec<String> = before
        .iter()
        .filter(|item| find(after, item).is_none())
        .map(|item| format!("− {path}: {}", name(item)))
        .collect();
    for item in after {
        let place = format!("{path} {}", name(item));
        match (find(before, item), item) {
            (None, item) => {
                lines.push(format!("+ {path}: {}", name(item)));
                if let (true, Value::Object(members)) = (named, item) {
                    lines.extend(whole(members, &place));
                }
            }
            (Some(Value::Object(old)), Value::Object(now)) => {
                lines.extend(of_objects(&old, now, &place));
            }
            (Some(_), _) => {}
        }
    }
    let kept = before.iter().filter(|item| find(after, item).is_some());
    let now = after.iter().filter(|item| find(before, item).is_some());
    let moved = !kept.map(&name).eq(now.map(&name));
    if moved || lines.is_empty() {
        lines.push(format!("~ {path}: another order"));
    }
    lines
}

/// What a new item says, member by member.
fn whole(members: &Map<String, Value>, path: &str) -> Vec<String> {
    let said = members
        .iter()
        .filter(|(name, _)| !["id", "name"].contains(&name.as_str()));
    said.map(|(name, value)| format!("+ {path} {}: {}", name.replace('_', " "), shown(value)))
        .collect()
}

fn title(item: &Value) -> Option<&str> {
    let found = item.get("name").or_else(|| item.get("id"))?;
    found.as_str()
}

/// A value as people read it; an empty text and a missing member say that they are nothing.
fn shown(value: &Value) -> String {
    match value {
        Value::Null => "nothing".to_owned(),
        Value::String(text) if text.is_empty() => "nothing".to_owned(),
        Value::String(text) => text.clone(),
        Value::Array(items) if items.is_empty() => "nothing".to_owned(),
        Value::Array(items) => items.iter().map(shown).collect::<Vec<_>>().join(", "),
        Value::Object(members) => {
            let pairs = members
                .iter()
                .map(|(name, value)| format!("{} {}", name.replace('_', " "), shown(value)));
            pairs.collect::<Vec<_>>().join(" ")
        }
        other => other.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use super::super::DelayWhen;
    use super::super::tests::policy;
    use super::*;
    use crate::domain::roster::Role;

    fn told(change: fn(&mut Policy)) -> Vec<String> {
        let (before, mut after) = (policy(), policy());
        after.seq += 1;
        change(&mut after);
        lines(&before, &after)
    }

    fn one(change: fn(&mut Policy), wanted: &[&str]) {
        let lines = told(change);
        assert_eq!(lines.len(), 1, "{lines:?}");
        for word in wanted {
            assert!(lines[0].contains(word), "{word}: {lines:?}");
        }
    }

    #[test]
    fn whatever_is_loosened_in_a_use_case_is_shown_with_what_it_was_and_is() {
        one(
            |p| p.use_cases[0].title = "Anything".into(),
            &["title", "→ Anything"],
        );
        one(
            |p| p.use_cases[0].delay_minutes = 77,
            &["delay minutes", "→ 77"],
        );
        one(
            |p| p.use_cases[0].co_approver = Some(Role::Security),
            &["co approver", "nothing → security"],
        );
        one(
            |p| p.use_cases[0].delay_when = Some(DelayWhen::OutOfHours),
            &["delay when", "→ out_of_hours"],
        );
        one(
            |p| p.use_cases[0].scope.push("everything".into()),
            &["+ use cases", "scope: everything"],
        );
    }

    #[test]
    fn tree_channels_hours_and_questions_are_shown_and_not_only_named() {
        one(
            |p| p.tree[0].text = "Is it late?".into(),
            &["tree", "→ Is it late?"],
        );
        one(
            |p| p.office_hours.to_hour = 23,
            &["office hours to hour", "→ 23"],
        );
        let lines = told(|p| p.channels[0].destination = "elsewhere.example".into());
        assert!(
            lines.len() == 2 && lines[1].ends_with("elsewhere.example"),
            "{lines:?}"
        );
        one(
            |p| p.review_questions[0].text = "Fine?".into(),
            &["review questions", "→ Fine?"],
        );
        one(
            |p| p.review_due_hours = 99,
            &["a review is due after", "→ 99 hours"],
        );
    }

    #[test]
    fn what_is_new_is_shown_whole_and_what_is_gone_by_name() {
        let lines = told(|p| {
            let mut case = p.use_cases[0].clone();
            case.id = "hatch".into();
            case.title = "A way past everybody".into();
            p.use_cases.push(case);
            p.channels.push(ChannelRule {
                name: "third".into(),
                kind: "smtp".into(),
                destination: "third.example".into(),
            });
        });
        let page = lines.join("\n");
        for word in [
            "+ use cases: hatch",
            "A way past everybody",
            "max minutes",
            "third.example",
        ] {
            assert!(page.contains(word), "{word}: {page}");
        }
        let gone = told(|p| drop(p.use_cases.remove(0)));
        assert!(gone[0].starts_with("− use cases: "), "{gone:?}");
    }

    #[test]
    fn another_order_is_no_silence_and_the_same_policy_no_line() {
        let lines = told(|p| p.tree.reverse());
        assert!(
            lines.contains(&"~ tree: another order".to_owned()),
            "{lines:?}"
        );
        assert_eq!(
            told(|p| p.channels.reverse()),
            ["~ channels: another order"]
        );
        assert!(told(|_| {}).is_empty());
    }
}
