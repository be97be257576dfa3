//! Who else could let somebody in at Databricks: account admins, managers of our principal, and who
//! may run jobs as it. What a credential shows now is held against the roster and against what the
//! vault saw last; without one, what it saw last is told with its age.

use std::collections::BTreeSet;

use super::live::failed;
use super::{Answer, Light};
use crate::app::{ACCESS, Access, SeenList, holder_line, holder_lines};
use crate::config::Config;
use crate::databricks::{CallError, Holder, HolderKind, WhoElse};
use crate::domain::canonical;
use crate::domain::roster::Roster;
use crate::domain::time::{DAY_MS, Timestamp};
use crate::store::{StoreError, peek};

const ADMINS: &str = "other admins";
const MANAGERS: &str = "managers";
const USERS: &str = "run as it";
const SEEN: &str = "who else, last seen";

/// Names that one line shows; the rest is counted. `--json` has up to the second number.
const SHOWN: usize = 12;
const LISTED: usize = 200;
/// Older than this, what was seen says little.
const STALE_MS: i64 = 100 * DAY_MS;

/// What is known besides Databricks' answer.
#[derive(Debug, Default)]
pub(super) struct Known {
    /// Mails and names of the roster in force; `None` where there is no vault yet.
    roster: Option<BTreeSet<String>>,
    /// What the vault saw last.
    last: Option<Access>,
}

impl Known {
    /// From the database beside which this runs; nothing where there is none.
    pub async fn read(config: &Config) -> Self {
        let Ok(found) = peek::standing(&config.store(), ACCESS).await else {
            return Self::default();
        };
        let roster: Option<Roster> = found
            .roster
            .and_then(|bytes| canonical::parse_exact(&bytes).ok());
        let names = |roster: Roster| {
            let people = roster.people.into_iter();
            people
                .flat_map(|person| [person.name, person.contacts.mail])
                .map(|name| name.to_ascii_lowercase())
                .collect()
        };
        Self {
            roster: roster.map(names),
            last: found.fact.and_then(|text| serde_json::from_str(&text).ok()),
        }
    }
}

/// What a credential shows, judged.
pub(super) fn answers(found: &WhoElse, known: &Known, now: Timestamp) -> Vec<Answer> {
    let last = |pick: fn(&Access) -> &Option<SeenList>| {
        let seen = known.last.as_ref()?;
        Some((pick(seen).as_ref()?, seen.at_ms))
    };
    vec![
        judge(
            ADMINS,
            &found.admins,
            known.roster.as_ref(),
            news(&found.admins, last(|seen| &seen.admins), now),
            "each can mint a secret of our principal: account console, User management, take the role \
             account admin from whoever need not have it; put the rest on the roster, so that they are known",
        ),
        judge(
            MANAGERS,
            &found.managers,
            None,
            news(&found.managers, last(|seen| &seen.managers), now),
            "each can mint a secret of our principal without being account admin: account console, \
             Service principals, this one, Permissions: remove every Manager",
        ),
        judge(
            USERS,
            &found.users,
            None,
            news(&found.users, last(|seen| &seen.users), now),
            "each can run jobs as our principal: account console, Service principals, this one, \
             Permissions: remove every User",
        ),
    ]
}

/// Green when nobody holds it, or only people of the roster, and not by a group.
fn judge(
    about: &'static str,
    found: &Result<Vec<Holder>, CallError>,
    expected: Option<&BTreeSet<String>>,
    news: String,
    mend: &'static str,
) -> Answer {
    let found = match found {
        Ok(found) => found,
        Err(why) => return unseen(about, why),
    };
    let lines = holder_lines(found);
    let who: Vec<String> = lines.iter().take(LISTED).cloned().collect();
    let is_expected = |one: &Holder| {
        one.kind == HolderKind::Person
            && expected.is_some_and(|names| names.contains(&one.name.to_ascii_lowercase()))
    };
    let strangers: Vec<String> = found
        .iter()
        .filter(|one| !is_expected(one))
        .map(holder_line)
        .collect();
    let closed = found.iter().filter_map(|one| {
        let why = one.unseen.as_ref()?;
        Some(format!(
            "; the members of {} are not seen: {why}",
            holder_line(one)
        ))
    });
    let closed: String = closed.collect();
    if found.is_empty() {
        let words = format!("nobody besides our principal{news}");
        return Answer::green(about, words);
    }
    let words = format!("{} besides our principal: {}", lines.len(), shown(&lines));
    if strangers.is_empty() {
        let words = format!("{words}; all on the roster{news}");
        return Answer::green(about, words).with(who);
    }
    let strangers = match expected {
        Some(_) => format!("; not on the roster: {}", shown(&strangers)),
        None => String::new(),
    };
    let words = format!("{words}{strangers}{closed}{news}");
    Answer::bad(about, Light::Amber, words, mend).with(who)
}

/// Not allowed to look is not the same as nobody.
fn unseen(about: &'static str, why: &CallError) -> Answer {
    if !matches!(
        why,
        CallError::Refused {
            status: 403 | 404,
            ..
        }
    ) {
        return failed(about, why);
    }
    Answer::bad(
        about,
        Light::Unseen,
        format!("the account does not show it: {why}"),
        "give the principal the role account admin, or have an account admin look: account console, \
         User management",
    )
}

/// Who came and who went since the vault looked last; empty when nothing did.
fn news(
    found: &Result<Vec<Holder>, CallError>,
    last: Option<(&SeenList, Timestamp)>,
    now: Timestamp,
) -> String {
    let (Ok(found), Some((last, at))) = (found, last) else {
        return String::new();
    };
    // A list that was cut off cannot tell who is new.
    if last.count > last.names.len() {
        return String::new();
    }
    let lines = holder_lines(found);
    let came: Vec<String> = lines.difference(&last.names).cloned().collect();
    let went: Vec<String> = last.names.difference(&lines).cloned().collect();
    let since = age(at, now);
    let mut text = String::new();
    if !came.is_empty() {
        text.push_str(&format!(
            "; new since the vault looked {since}: {}",
            shown(&came)
        ));
    }
    if !went.is_empty() {
        text.push_str(&format!(
            "; gone since the vault looked {since}: {}",
            shown(&went)
        ));
    }
    text
}

/// What the vault saw last, for whoever has no credential at hand.
pub(super) fn seen_last(fact: Option<&str>, now: Timestamp) -> Answer {
    let mend =
        "breakglass doctor --credential-file … asks now; every opening and rotation looks again";
    let Some(text) = fact else {
        return Answer::bad(SEEN, Light::Amber, "never looked at", mend);
    };
    let Ok(seen) = serde_json::from_str::<Access>(text) else {
        return Answer::bad(SEEN, Light::Red, "the record cannot be read", mend);
    };
    let list = |name: &str, list: &Option<SeenList>| match list {
        None => format!("{name}: not shown by the account"),
        Some(list) if list.count == 0 => format!("{name}: nobody else"),
        Some(list) => format!("{name}: {}", shown_of(&list.names, list.count)),
    };
    let words = format!(
        "{}: {}; {}; {}",
        age(seen.at_ms, now),
        list("account admins", &seen.admins),
        list("managers", &seen.managers),
        list("may run as it", &seen.users),
    );
    let lists = [&seen.admins, &seen.managers, &seen.users];
    let who = lists.into_iter().flatten().flat_map(|list| &list.names);
    let who = who.take(LISTED).cloned().collect();
    let holds = |list: &Option<SeenList>| list.as_ref().is_none_or(|list| list.count > 0);
    let old = now.since_ms(seen.at_ms) > STALE_MS;
    if old || holds(&seen.managers) || holds(&seen.users) || seen.admins.is_none() {
        return Answer::bad(SEEN, Light::Amber, words, mend).with(who);
    }
    Answer::green(SEEN, words).with(who)
}

/// The record is there, and the database does not give it.
pub(super) fn unread(why: &StoreError) -> Answer {
    Answer::bad(
        SEEN,
        Light::Unseen,
        why.to_string(),
        "runbooks/log-broken.md",
    )
}

fn age(at: Timestamp, now: Timestamp) -> String {
    format!("{} days ago", now.since_ms(at).max(0) / DAY_MS)
}

fn shown<'a>(lines: impl IntoIterator<Item = &'a String>) -> String {
    let lines: Vec<&String> = lines.into_iter().collect();
    let count = lines.len();
    shown_of(lines, count)
}

fn shown_of<'a>(lines: impl IntoIterator<Item = &'a String>, count: usize) -> String {
    let first: Vec<&str> = lines.into_iter().take(SHOWN).map(String::as_str).collect();
    match count.saturating_sub(first.len()) {
        0 => first.join(", "),
        more => format!("{} and {more} more", first.join(", ")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: Timestamp = Timestamp(1_800_000_000_000);

    fn one(kind: HolderKind, name: &str) -> Holder {
        Holder::named(kind, "1", name)
    }

    fn found(admins: Vec<Holder>) -> WhoElse {
        WhoElse {
            admins: Ok(admins),
            managers: Ok(Vec::new()),
            users: Ok(Vec::new()),
        }
    }

    fn known(roster: &[&str], last: Option<Access>) -> Known {
        let roster = roster.iter().map(|name| (*name).to_owned()).collect();
        Known {
            roster: Some(roster),
            last,
        }
    }

    fn refused(status: u16) -> CallError {
        CallError::Refused {
            step: "list people",
            status,
            code: "PERMISSION_DENIED".to_owned(),
        }
    }

    #[test]
    fn admins_of_the_roster_are_green_and_anybody_else_is_amber_by_name() {
        let ada = || one(HolderKind::Person, "Ada@example.com");
        let roster = known(&["ada@example.com"], None);
        let answer = &answers(&found(vec![ada()]), &roster, NOW)[0];
        assert_eq!(answer.light, Light::Green);
        assert!(answer.found.contains("Ada@example.com; all on the roster"));
        let robot = one(HolderKind::Principal, "e71a");
        let answer = &answers(&found(vec![ada(), robot]), &roster, NOW)[0];
        assert_eq!(answer.light, Light::Amber);
        assert!(answer.found.contains("not on the roster: application e71a"));
        assert_eq!(answer.who, ["Ada@example.com", "application e71a"]);
        // Before there is a roster nobody is expected.
        let answer = &answers(&found(vec![ada()]), &Known::default(), NOW)[0];
        assert_eq!(answer.light, Light::Amber);
    }

    #[test]
    fn a_group_that_gives_the_right_is_amber_though_all_its_members_are_on_the_roster() {
        let mut group = one(HolderKind::Group, "platform");
        group.members = vec![one(HolderKind::Person, "ada@example.com")];
        let roster = known(&["ada@example.com"], None);
        let answer = &answers(&found(vec![group.clone()]), &roster, NOW)[0];
        assert_eq!(answer.light, Light::Amber);
        assert!(answer.found.contains("ada@example.com (group platform)"));
        group.members.clear();
        group.unseen = Some("it said 500".to_owned());
        let answer = &answers(&found(vec![group]), &roster, NOW)[0];
        assert!(
            answer
                .found
                .contains("the members of group platform are not seen: it said 500")
        );
    }

    #[test]
    fn a_manager_is_amber_though_she_is_on_the_roster() {
        let mut all = found(Vec::new());
        all.managers = Ok(vec![one(HolderKind::Person, "ada@example.com")]);
        let answers = answers(&all, &known(&["ada@example.com"], None), NOW);
        let lights: Vec<Light> = answers.iter().map(|answer| answer.light).collect();
        assert_eq!(lights, [Light::Green, Light::Amber, Light::Green]);
    }

    #[test]
    fn what_may_not_be_seen_is_unseen_and_what_failed_is_red() {
        for (why, light) in [
            (refused(403), Light::Unseen),
            (refused(404), Light::Unseen),
            (refused(400), Light::Red),
            (
                CallError::SignInPage {
                    host: "accounts.example.com".to_owned(),
                },
                Light::Red,
            ),
        ] {
            let mut all = found(Vec::new());
            all.admins = Err(why.clone());
            all.managers = Err(why.clone());
            let answers = answers(&all, &Known::default(), NOW);
            assert_eq!(answers[0].light, light, "{why}");
            assert_eq!(answers[1].light, light, "{why}");
            assert!(answers[0].found.contains(&why.to_string()));
        }
    }

    #[test]
    fn who_came_and_went_since_the_vault_looked_is_said_with_its_age() {
        let olga = one(HolderKind::Person, "olga@example.com");
        let otto = one(HolderKind::Person, "otto@example.com");
        let then = Timestamp(NOW.0 - 12 * DAY_MS);
        let last = Access::of(&found(vec![otto]), then);
        let answer = &answers(&found(vec![olga]), &known(&[], Some(last.clone())), NOW)[0];
        for words in [
            "new since the vault looked 12 days ago: olga@example.com",
            "gone since the vault looked 12 days ago: otto@example.com",
        ] {
            assert!(answer.found.contains(words), "{}", answer.found);
        }
        let same = &answers(
            &found(vec![one(HolderKind::Person, "otto@example.com")]),
            &known(&[], Some(last)),
            NOW,
        )[0];
        assert!(!same.found.contains("since"), "{}", same.found);
    }

    #[test]
    fn a_long_list_is_counted_after_its_first_names() {
        let many = (10..60).map(|n| one(HolderKind::Person, &format!("p{n}@example.com")));
        let answer = &answers(&found(many.collect()), &Known::default(), NOW)[0];
        assert!(answer.found.contains("p21@example.com and 38 more"));
        assert!(!answer.found.contains("p22@example.com"));
        assert_eq!(answer.who.len(), 50);
    }

    #[test]
    fn what_was_seen_last_is_told_with_its_age_and_turns_amber() {
        let seen = Access::of(
            &found(vec![one(HolderKind::Person, "olga@example.com")]),
            Timestamp(NOW.0 - 3 * DAY_MS),
        );
        let text = serde_json::to_string(&seen).unwrap();
        let answer = seen_last(Some(&text), NOW);
        assert_eq!(answer.light, Light::Green);
        assert_eq!(
            answer.found,
            "3 days ago: account admins: olga@example.com; managers: nobody else; may run as it: nobody else"
        );
        let later = Timestamp(NOW.0 + 100 * DAY_MS);
        assert_eq!(seen_last(Some(&text), later).light, Light::Amber);
        assert_eq!(seen_last(None, NOW).light, Light::Amber);
        assert_eq!(seen_last(Some("{"), NOW).light, Light::Red);
        let mut all = found(Vec::new());
        all.managers = Err(refused(403));
        let shut = serde_json::to_string(&Access::of(&all, NOW)).unwrap();
        let answer = seen_last(Some(&shut), NOW);
        assert_eq!(answer.light, Light::Amber);
        assert!(answer.found.contains("managers: not shown by the account"));
    }
}
