//! The differences between two versions of a roster in sentences, for whoever is asked to sign.
//! Pure. Must not know: who must sign, or where the lines are shown.

use super::super::{Person, Roster};
use crate::domain::ids::PersonId;

/// The differences, one line each, for whoever is asked to sign. Names are as the rosters write
/// them: who prints to a terminal escapes them.
#[must_use]
pub fn lines(before: &Roster, after: &Roster) -> Vec<String> {
    let mut lines = Vec::new();
    if (before.k, before.n) != (after.k, after.n) {
        lines.push(format!(
            "{} of {} shares → {} of {}",
            before.k, before.n, after.k, after.n
        ));
    }
    for person in &before.people {
        match after.person(&person.id) {
            None => lines.push(format!("− {} leaves ({})", person.name, roles(person))),
            Some(now) => lines.extend(person_lines(person, now)),
        }
    }
    let joined = |p: &&Person| before.person(&p.id).is_none();
    for person in after.people.iter().filter(joined) {
        lines.push(format!(
            "+ {} joins as {} ({}, time zone {}{})",
            person.name,
            roles(person),
            contacts(person),
            person.time_zone,
            waiver(person)
        ));
        // Compared with what she reads from her own screen: the name alone proves nothing.
        let keys = [
            ("login key", &person.login_keys),
            ("unlocker", &person.unlockers),
        ];
        for (what, keys) in keys {
            let keys = keys.iter().map(|key| short(key));
            lines.extend(keys.map(|key| format!("+ {}: {what} {key}", person.name)));
        }
    }
    let (old, new) = (&before.auditor_recipients, &after.auditor_recipients);
    for key in new.iter().filter(|key| !old.contains(key)) {
        lines.push(format!("+ auditors' recipient {}", short(key)));
    }
    for key in old.iter().filter(|key| !new.contains(key)) {
        lines.push(format!("− auditors' recipient {}", short(key)));
    }
    if reordered(old, new) {
        lines.push(format!("~ auditors' recipients: {ANOTHER_ORDER}"));
    }
    // Beside whatever else differs: the order of custodians decides whose share is which.
    if reordered(&ids(before), &ids(after)) {
        lines.push(format!("~ people: {ANOTHER_ORDER}"));
    }
    lines
}

/// In the words of the custodian's page.
const ANOTHER_ORDER: &str = "another order";

fn ids(roster: &Roster) -> Vec<&PersonId> {
    roster.people.iter().map(|person| &person.id).collect()
}

/// Whether those in both lists stand in another order.
fn reordered<T: PartialEq>(old: &[T], new: &[T]) -> bool {
    let kept = old.iter().filter(|item| new.contains(item));
    !kept.eq(new.iter().filter(|item| old.contains(item)))
}

fn person_lines(before: &Person, after: &Person) -> Vec<String> {
    let name = &after.name;
    let mut lines = Vec::new();
    let mut say = |differs: bool, text: String| {
        if differs {
            lines.push(format!("~ {name}: {text}"));
        }
    };
    say(
        before.name != after.name,
        format!("was called {}", before.name),
    );
    say(
        before.roles != after.roles,
        format!("{} → {}", roles(before), roles(after)),
    );
    say(
        before.contacts != after.contacts,
        format!("contacts {} → {}", contacts(before), contacts(after)),
    );
    say(
        before.time_zone != after.time_zone,
        format!("time zone {} → {}", before.time_zone, after.time_zone),
    );
    let keys = [
        ("login key", &before.login_keys, &after.login_keys),
        ("unlocker", &before.unlockers, &after.unlockers),
    ];
    for (what, old, new) in keys {
        for key in new.iter().filter(|key| !old.contains(key)) {
            say(true, format!("new {what} {}", short(key)));
        }
        for key in old.iter().filter(|key| !new.contains(key)) {
            say(true, format!("loses {what} {}", short(key)));
        }
        say(reordered(old, new), format!("{what}s: {ANOTHER_ORDER}"));
    }
    say(
        before.single_unlocker != after.single_unlocker,
        format!("waiver of the second unlocker{}", waiver(after)),
    );
    say(before.paper != after.paper, paper(after));
    lines
}

fn paper(person: &Person) -> String {
    match &person.paper {
        Some(unlocker) => format!("unlocker {} is on paper", short(unlocker)),
        None => "no unlocker on paper any more".to_owned(),
    }
}

fn waiver(person: &Person) -> &'static str {
    if person.single_unlocker == Some(true) {
        ": a single unlocker is enough"
    } else {
        ""
    }
}

fn contacts(person: &Person) -> String {
    let pager = person.contacts.pager.as_deref();
    let pager = pager.map_or(String::new(), |pager| format!(", pager {pager}"));
    format!("{}{pager}", person.contacts.mail)
}

fn roles(person: &Person) -> String {
    let words: Vec<&str> = person.roles.iter().map(|role| role.word()).collect();
    words.join(", ")
}

/// Type and the last letters of a key: what a person can compare by eye.
fn short(key: &str) -> String {
    let mut words = key.split_whitespace();
    let first = words.next().unwrap_or_default();
    let tail = |text: &str| {
        let skip = text.chars().count().saturating_sub(12);
        text.chars().skip(skip).collect::<String>()
    };
    match words.next() {
        Some(data) => format!("{first} …{}", tail(data)),
        None => format!(
            "{}…{}",
            first.chars().take(8).collect::<String>(),
            tail(first)
        ),
    }
}

#[cfg(test)]
mod tests {
    use super::super::super::tests::{person, roster};
    use super::*;
    use crate::domain::roster::Role;

    fn told(change: fn(&mut Roster)) -> Vec<String> {
        let (before, mut after) = (roster(), roster());
        change(&mut after);
        lines(&before, &after)
    }

    #[test]
    fn another_order_is_told_beside_what_else_differs() {
        let order = "~ people: another order";
        let swapped = told(|r| r.people.swap(0, 1));
        assert_eq!(swapped, std::slice::from_ref(&order));
        let more = told(|r| {
            r.people.swap(0, 1);
            r.people[8].time_zone = "UTC".into();
            r.people.insert(0, person("gus", &[Role::Responder]));
        });
        assert!(
            more.len() > 3 && more.iter().any(|line| line == order),
            "{more:?}"
        );
        let keys = told(|r| {
            r.people[0].unlockers.swap(0, 1);
            r.people[0].unlockers.push("age1qqnew".into());
        });
        assert_eq!(
            keys,
            [
                "~ Ada: new unlocker age1qqne…age1qqnew",
                "~ Ada: unlockers: another order"
            ]
        );
    }

    #[test]
    fn who_comes_and_goes_is_no_other_order() {
        let lines = told(|r| {
            r.people.remove(0);
            r.people.insert(0, person("gus", &[Role::Custodian]));
        });
        assert!(
            lines.iter().all(|line| !line.contains("order")),
            "{lines:?}"
        );
    }

    #[test]
    fn every_key_of_a_newcomer_and_every_recipient_is_shown() {
        let lines = told(|r| {
            r.people.push(person("gus", &[Role::Custodian]));
            r.auditor_recipients.push("age1auditorrecipientnew".into());
        });
        let gus = person("gus", &[Role::Custodian]);
        for key in gus.login_keys.iter().chain(&gus.unlockers) {
            let wanted = short(key);
            assert!(
                lines.iter().any(|line| line.ends_with(&wanted)),
                "{wanted}: {lines:?}"
            );
        }
        let recipient = "+ auditors' recipient age1audi…recipientnew";
        assert!(lines.iter().any(|line| line == recipient), "{lines:?}");
    }
}
