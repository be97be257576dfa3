//! S6 and S7: my share, and enrolling keys.

pub(in crate::web) const TITLE: &str = "My share";
pub(in crate::web) const NONE: &str =
    "You hold no share of this epoch: the roster does not name you as a custodian.";
pub(in crate::web) const NONE_RELEASED: &str = "Nothing can be released by you.";
pub(in crate::web) const NONE_NOW: &str = "If that is wrong, tell the operator.";
pub(in crate::web) const LOOK: &str = "Look at it";
pub(in crate::web) const STOP: &str = "Stop the session";
pub(in crate::web) const PROVED: &str = "Proved on";
pub(in crate::web) const PROVE_NEXT: &str =
    "Each of your keys opens something every ninety days; the vault reminds you from";
pub(in crate::web) const NOT_PROVED: &str = "You have not yet shown that your share opens.";
pub(in crate::web) const NOT_PROVED_NOW: &str =
    "It takes one touch or one command, and the share never leaves your device.";
pub(in crate::web) const PROVE: &str = "Prove with your passkey";
pub(in crate::web) const UNLOCKERS: &str = "What opens it";
pub(in crate::web) const OPENS: &str = "✓ opened a file";
pub(in crate::web) const OLD: &str = "long ago: prove again";
pub(in crate::web) const NEVER: &str = "never opened a file";
pub(in crate::web) const NEVER_NOW: &str = "Prove with it, so that you know it works at night.";
pub(in crate::web) const TO_ENROL: &str = "Enrol a key on this device";
pub(in crate::web) const LOST: &str = "Lost a key, or fear that somebody has it?";
pub(in crate::web) const LOST_NOW: &str = "Call the operator at once, by phone. With a second unlocker nothing is lost; a stolen key means a new epoch today. Then sign it, so that it is on the record; leave out --stolen if nobody can have it:";

pub(in crate::web) const ENROL: &str = "Enrol a key";
pub(in crate::web) const ENROL_LEAD: &str = "Two keys open your share, so that one lost key loses nothing: for example this phone and a security key.";
pub(in crate::web) const ENROL_STEPS: [&str; 4] = [
    "Make a key here. Your device asks twice for your finger, face or PIN, and compares the two results.",
    "Send the two lines it shows to the operator, who puts them into the roster.",
    "Open the enrol link that you get back, on this device: it opens a test file with each key.",
    "Read the four words it shows to the operator by voice.",
];
pub(in crate::web) const ENROL_PASSKEY: &str = "Make a passkey here";
pub(in crate::web) const ENROL_NO_PRF: &str = "Some browsers and keys cannot derive the secret that opens a share. The page says so before anything is kept; then use another device, a security key, or the command line.";
pub(in crate::web) const ENROL_COMMAND: &str = "With the command line";
pub(in crate::web) const ENROL_COMMAND_LEAD: &str =
    "With the line the operator gave you in place of LINK:";
pub(in crate::web) const ENROL_WORDS: &str = "It tests each key and shows four words. Read them to the operator by voice; they show that both of you see the same vault and key.";

pub(in crate::web) fn asked(name: &str, id: &str) -> String {
    format!("{name} asks for your share for {id}.")
}

pub(in crate::web) fn is_in(id: &str) -> String {
    format!("Your share is in for {id}. You can take it back until enough are in:")
}

pub(in crate::web) fn open(id: &str) -> String {
    format!("{id} is open.")
}

pub(in crate::web) fn which(index: u8, epoch: u32, k: u8, n: u8) -> String {
    format!(
        "You hold share {index} of epoch {epoch}. Any {k} of the {n} shares open the vault. It is kept here encrypted to your own keys; only they open it."
    )
}
