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
pub(in crate::web) const WHO_IS_ASKED: &str = "Who would be asked";

pub(in crate::web) fn question(number: usize) -> String {
    format!("Question {number}")
}

pub(in crate::web) fn too_long(is: usize, most: usize) -> String {
    format!("The reason has {is} characters; {most} is the most.")
}

pub(in crate::web) fn minutes(most: u32) -> String {
    format!("Minutes, at most {most}")
}

pub(in crate::web) fn minutes_odd(most: u32) -> String {
    format!("Minutes are a number from 1 to {most}.")
}

pub(in crate::web) fn delay(minutes: u32) -> String {
    match minutes {
        0..=119 => format!("There is a veto window of {minutes} minutes, at some hours or always."),
        _ => format!("It opens {} hours after it was asked.", minutes / 60),
    }
}

pub(in crate::web) fn needed(k: u8) -> String {
    format!(
        "{k} of these people are needed; each closed gate, such as an overdue review, adds one."
    )
}

pub(in crate::web) const TOUCH: &str = "Ask now, with your passkey";
pub(in crate::web) const TOUCH_KEY: &str = "This page has no claim key: without one nobody could use the session. Come here by the address that breakglass open --page prints.";
