//! S4, S5 and the stop.

pub(in crate::web) const RELEASE: &str = "Release your share";
pub(in crate::web) const RELEASE_QUESTION: &str = "Release your share?";
pub(in crate::web) const NOTHING_TO_DO: &str = "Nothing to release";
pub(in crate::web) const BEFORE: &str = "Join the bridge first and hear the three words from the person who asks. No words, no release.";
pub(in crate::web) const ROTATION_ONLY: &str = "For the rotation alone: nobody gets access.";
pub(in crate::web) const ROTATION_MEANS: &str = "Your share opens the old secret once more, so that the vault can replace it and prove it dead.";
pub(in crate::web) const WITH_PASSKEY: &str = "Release with your passkey";
pub(in crate::web) const WITH_COMMAND: &str = "With the command line";
pub(in crate::web) const REFUSE: &str = "Refuse";
pub(in crate::web) const ALL_FACTS: &str = "All facts of this incident";
pub(in crate::web) const LOOKS_DIFFERENT: &str = "Something looks wrong?";
pub(in crate::web) const LOOKS_DIFFERENT_DO: &str = "Check the address in your browser. On a wrong address your passkey does not work. Release nothing and call security.";
pub(in crate::web) const BACK: &str = "Back: look at it again";
pub(in crate::web) const REFUSE_QUESTION: &str = "Refuse?";
pub(in crate::web) const REFUSE_MEANS: &str = "Everybody reads your reason. Your no is final for this incident; one no alone does not end it.";
pub(in crate::web) const REFUSE_PASSKEY: &str = "Refuse with your passkey";
pub(in crate::web) const ATTACKER: &str =
    "If you think somebody pretends to be a colleague: refuse, then call security by phone.";
pub(in crate::web) const REFUSALS: [&str; 5] = [
    "nobody called me",
    "the words did not match",
    "the reason does not hold",
    "another way is open",
    "I cannot check this now",
];
pub(in crate::web) const STOP: &str = "Stop the session";
pub(in crate::web) const STOP_QUESTION: &str = "Stop the session?";
pub(in crate::web) const STOP_MEANS: &str = "Its calls are cut within a second, what it added is undone, and the secret is replaced (in a drill, the decoy). Opening again costs nothing extra.";
pub(in crate::web) const STOP_PASSKEY: &str = "Stop it now";
pub(in crate::web) const STOP_WHY: &str = "Why? Everybody reads it.";
pub(in crate::web) const STOP_REASON: &str = "not expected";
pub(in crate::web) const STOP_WHO: &str =
    "The responder, custodians, auditors and security can stop it. Call one of them.";
pub(in crate::web) const NOT_OPEN: &str =
    "No session is open here. Nothing is released by this incident now. There is nothing to stop.";
pub(in crate::web) const VETO: &str = "Veto it";
pub(in crate::web) const VETO_QUESTION: &str = "Veto it?";
pub(in crate::web) const VETO_MEANS: &str = "The incident ends, and shares that came in are worth nothing. Nobody is let in. Whoever still needs access asks again.";
pub(in crate::web) const VETO_PASSKEY: &str = "Veto it now";
pub(in crate::web) const VETO_WHO: &str =
    "Only a security person can veto it, before a session is open. Call one of them.";
pub(in crate::web) const NOTHING_TO_VETO: &str = "It is not asked for any more, or a session is open: that is stopped, not vetoed. Nothing was changed by you.";
pub(in crate::web) const SECURITY: &str = "Security:";

// Dead ends: what happened, whether anything was released, what to do now.
pub(in crate::web) const NO_SHARE: [&str; 3] = [
    "You hold no share of this epoch.",
    "Nothing was released by you.",
    "Nothing for you to do here.",
];
pub(in crate::web) const OWN_INCIDENT: [&str; 3] = [
    "You asked for this yourself, and who asks does not count as a custodian.",
    "Nothing was released by you.",
    "Read the phrase to the others.",
];
pub(in crate::web) const ALREADY_IN: [&str; 3] = [
    "Your share is in.",
    "It was released to this incident alone and stays encrypted until enough are in.",
    "Nothing more to do. Changed your mind? Take it back on the incident's page.",
];
pub(in crate::web) const REFUSED_ALREADY: [&str; 3] = [
    "You refused this incident, and a no is final.",
    "Nothing was released by you.",
    "If the need is real after all, the responder opens another incident.",
];
pub(in crate::web) const PAUSED: [&str; 3] = [
    "Other words than this incident's were picked twice, so you are paused for five minutes. Security knows.",
    "Nothing was released.",
    "Join the bridge, ask who is calling, and load this page again in five minutes.",
];
pub(in crate::web) const LAPSED: [&str; 3] = [
    "Too few shares came in time, and the incident lapsed.",
    "Nothing was released.",
    "If the need goes on, the responder opens another incident.",
];
pub(in crate::web) const NOT_NEEDED: [&str; 3] = [
    "Enough shares are in, or the incident is over.",
    "Your share was not released.",
    "Nothing for you to do. Good night.",
];

pub(in crate::web) fn reach(name: &str, pager: Option<&str>) -> String {
    match pager {
        Some(pager) => format!("{name}, {pager}"),
        None => name.to_owned(),
    }
}

pub(in crate::web) fn shares_in(shares: u8, needed: u8) -> String {
    format!("{shares} of {needed} shares are in")
}

pub(in crate::web) fn to_incident(id: &str) -> String {
    format!("To {id}")
}
