//! The differences between two versions of a roster in sentences, for whoever is asked to sign.
//! Pure. Must not know: who must sign, or where the lines are shown.

use super::super::{Person, Roster};

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
        let (mail, keys) = (&person.contacts.mail, person.login_keys.len());
        lines.push(format!(
            "+ {} joins as {} ({mail}, {keys} login keys, {} unlockers{})",
            person.name,
            roles(person),
            person.unlockers.len(),
            waiver(person)
        ));
    }
    if before.auditor_recipients != after.auditor_recipients {
        lines.push("~ auditors' recipients differ".to_owned());
    }
    if lines.is_empty() && before.people != after.people {
        lines.push("~ the order of people differs".to_owned());
    }
    lines
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
    }
    say(
        before.single_unlocker != after.single_unlocker,
        format!("waiver of the second unlocker{}", waiver(after)),
    );
    lines
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
