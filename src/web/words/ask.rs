//! S2, ask for access.

pub(in crate::web) const TITLE: &str = "Ask for access";
pub(in crate::web) const YES: &str = "Yes";
pub(in crate::web) const NO: &str = "No";
pub(in crate::web) const START_AGAIN: &str = "Start again";
pub(in crate::web) const ANOTHER_DOOR: &str = "There is another door";
pub(in crate::web) const NOTHING_OPENED: &str = "Nothing was opened and nobody was woken.";
pub(in crate::web) const DOOR_NOW: &str = "If this turns out not to work, start again here.";
pub(in crate::web) const BROKEN_TREE: &str =
    "The decision tree of the policy leads nowhere. Nothing was opened. Call the operator.";
pub(in crate::web) const TREE_LEADS: &str = "Your answers lead to:";
pub(in crate::web) const REASON: &str = "Why? One sentence";
pub(in crate::web) const REASON_HINT: &str = "Custodians read it before they release their shares.";
pub(in crate::web) const TARGET: &str = "For what";
pub(in crate::web) const WORKSPACE: &str = "Workspace id";
pub(in crate::web) const ACCOUNT: &str = "The account (users, groups, workspaces)";
pub(in crate::web) const TICKET: &str = "Ticket, if there is one";
pub(in crate::web) const GO_ON: &str = "Go on";
pub(in crate::web) const AS_COMMAND: &str = "Ask by command instead";
pub(in crate::web) const SCOPE: &str = "What the session may call";
pub(in crate::web) const NOT_YET: &str = "It is not complete yet.";
pub(in crate::web) const NOTHING_SENT: &str =
    "Nothing was opened or sent, and what you typed is still here.";
pub(in crate::web) const REASON_MISSING: &str = "Say why, in one sentence.";
pub(in crate::web) const REASON_ODD: &str =
    "The reason holds characters that could look like something else. Type it again by hand.";
pub(in crate::web) const WORKSPACE_ODD: &str =
    "A workspace id is a number, such as 1234567890123456.";
pub(in crate::web) const TARGET_MISSING: &str = "Name a workspace, or tick the account, or both.";
pub(in crate::web) const TICKET_ODD: &str = "A ticket is at most 80 plain characters.";
pub(in crate::web) const READY: &str = "Ready to ask";
pub(in crate::web) const READY_LEAD: &str =
    "The opening is signed with your key. On the machine that has it, run:";
pub(in crate::web) const READY_THEN: &str = "It shows three words to read on the bridge, waits for the shares, and claims the session. This console shows it at once on the board.";
pub(in crate::web) const CHANGE: &str = "Change something";
pub(in crate::web) const WHO_IS_WOKEN: &str = "Who would be woken, and what time it is there";
pub(in crate::web) const WHO_ELSE: &str =
    "Custodians, security and auditors also read of it at once, by mail and chat.";
pub(in crate::web) const BESIDE: &str = "Who would be woken, and the decision tree";
pub(in crate::web) const REASONS: &str = "Reasons to break glass";
pub(in crate::web) const TREE: &str = "The decision tree";
pub(in crate::web) const YOU_ARE_HERE: &str = "you are here";
pub(in crate::web) const YOU_SAID_YES: &str = "you said yes";
pub(in crate::web) const YOU_SAID_NO: &str = "you said no";
pub(in crate::web) const ANSWER_ANEW: &str = "answer anew";
pub(in crate::web) const MINUTES: &str = "Minutes";

pub(in crate::web) fn question(number: usize) -> String {
    format!("Question {number}")
}

pub(in crate::web) fn too_long(is: usize, most: usize) -> String {
    format!("The reason has {is} characters; {most} is the most.")
}

pub(in crate::web) fn answer_anew(question: &str) -> String {
    format!("{ANSWER_ANEW}: {question}")
}

pub(in crate::web) fn another_door(sentence: &str) -> String {
    format!("{ANOTHER_DOOR}: {sentence}")
}

/// A reason in one line: how long, and what comes before.
pub(in crate::web) fn reason(most: u32, delay: u32, out_of_hours: bool) -> String {
    let before = match delay {
        0 => "opens as soon as enough shares are in".to_owned(),
        1..=119 if out_of_hours => {
            format!("veto window of {delay} minutes outside office hours")
        }
        1..=119 => format!("veto window of {delay} minutes"),
        _ => format!("opens {} hours after it was asked", delay / 60),
    };
    format!("At most {most} minutes; {before}")
}

pub(in crate::web) fn minutes_other(most: u32) -> String {
    format!("Other, at most {most}")
}

pub(in crate::web) fn minutes_twice(chosen: &str, written: &str) -> String {
    format!("{chosen} minutes are chosen and {written} are typed: choose one.")
}

pub(in crate::web) fn co_approver(role: &str) -> String {
    format!("Besides the custodians, one {role} must agree.")
}

pub(in crate::web) fn minutes_odd(most: u32) -> String {
    format!("Minutes are a number from 1 to {most}.")
}

pub(in crate::web) fn delay(minutes: u32) -> String {
    match minutes {
        0..=15 => {
            format!(
                "Asked for now, there is a veto window of {minutes} minutes from the asking on."
            )
        }
        16..=119 => {
            format!("It opens {minutes} minutes after it was asked; nobody is paged before.")
        }
        _ => format!(
            "It opens {} hours after it was asked; nobody is paged before.",
            minutes / 60
        ),
    }
}

pub(in crate::web) const TOUCH: &str = "Ask now, with your passkey";
pub(in crate::web) const TOUCH_KEY: &str = "This page has no claim key: without one nobody could use the session. Come here by the address that breakglass open --page prints.";
