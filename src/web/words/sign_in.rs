//! The sign-in page.

pub(in crate::web) const TITLE: &str = "Sign in";
pub(in crate::web) const LEAD: &str =
    "A login lets you read and write notes for eight hours. Everything else is signed on its own.";
pub(in crate::web) const BY_PASSKEY: &str = "With a passkey";
pub(in crate::web) const PASSKEY_BUTTON: &str = "Sign in with a passkey";
pub(in crate::web) const BY_COMMAND: &str = "With the command line";
pub(in crate::web) const STEP_RUN: &str = "On the machine that has your key, run:";
pub(in crate::web) const STEP_PASTE: &str = "Type or paste the code it prints here.";
pub(in crate::web) const CODE: &str = "Code";
pub(in crate::web) const CODE_HINT: &str =
    "Good once, for two minutes. Dashes, spaces and small letters do not matter.";
pub(in crate::web) const CODE_BUTTON: &str = "Sign in";
pub(in crate::web) const FAILED: &str = "This code does not sign anybody in: it was used already, is older than two minutes, or has a typing mistake.";
pub(in crate::web) const FAILED_RELEASED: &str = "Nothing was released.";
pub(in crate::web) const FAILED_NOW: &str =
    "Run `breakglass login --page` again and enter the new code.";
