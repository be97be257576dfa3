//! Documents in which everything stands that may stand: a page that has never heard of a member
//! would call the whole log broken. Written member by member, so that a new one does not compile
//! here until it is given, and the vectors made from these fail until the page knows it too.

use crate::domain::policy::{BrowserUnlockers, DelayWhen, MAX_DETAILS_CHARS, Policy, UseCase};
use crate::domain::roster::{Contacts, Person, Role};

/// The same policy with every member that may be left out.
pub(super) fn policy(before: Policy) -> Policy {
    let details = "Begin at the platform team's page – \u{1f9ef} first. ";
    Policy {
        v: before.v,
        vault: before.vault,
        seq: before.seq,
        prev_sha256: before.prev_sha256,
        tree: before.tree,
        use_cases: before.use_cases.into_iter().map(use_case).collect(),
        office_hours: before.office_hours,
        channels: before.channels,
        review_questions: before.review_questions,
        review_due_hours: before.review_due_hours,
        // As long as it may be, in characters that are not one unit each everywhere.
        access_details: Some(details.chars().cycle().take(MAX_DETAILS_CHARS).collect()),
        browser_unlockers: Some(BrowserUnlockers::BelowK),
    }
}

fn use_case(before: UseCase) -> UseCase {
    UseCase {
        id: before.id,
        title: before.title,
        max_minutes: before.max_minutes,
        scope: before.scope,
        delay_minutes: before.delay_minutes.max(5),
        delay_when: Some(DelayWhen::OutOfHours),
        co_approver: Some(Role::Auditor),
    }
}

/// The recipient of `tests/vectors/sealed/share_text.json`.
const PAPER: &str = "age13aqvttdk3ujkyjh9kg2w5an6dmy5mq5a84a4uxk3hfhnugfc9p0sy5p2wh";

/// The same custodian with every member that may be left out.
pub(super) fn person(before: Person) -> Person {
    Person {
        id: before.id.clone(),
        name: before.name,
        roles: before.roles,
        time_zone: before.time_zone,
        contacts: Contacts {
            mail: before.contacts.mail,
            pager: Some(before.id.to_string()),
        },
        login_keys: before.login_keys,
        unlockers: [before.unlockers, vec![PAPER.to_owned()]].concat(),
        single_unlocker: Some(true),
        paper: Some(PAPER.to_owned()),
    }
}
