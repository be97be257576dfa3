//! Around every page.

use crate::domain::roster::Role;

pub(in crate::web) const LANG: &str = "en";
pub(in crate::web) const DIR: &str = "ltr";
pub(in crate::web) const BRAND: &str = "Breakglass";
pub(in crate::web) const SKIP: &str = "Skip to the content";
pub(in crate::web) const MENU: &str = "Menu";
pub(in crate::web) const MENU_CLOSE: &str = "Close menu";
pub(in crate::web) const NAVIGATION: &str = "Console";
pub(in crate::web) const BOARD: &str = "Board";
pub(in crate::web) const ASK: &str = "Ask for access";
pub(in crate::web) const SHARE: &str = "My share";
pub(in crate::web) const INCIDENTS: &str = "Incidents";
pub(in crate::web) const REVIEWS: &str = "Reviews";
pub(in crate::web) const CUSTODIANS: &str = "Custodians";
pub(in crate::web) const LOG: &str = "Log";
pub(in crate::web) const SIGN_OUT: &str = "Sign out";
pub(in crate::web) const FOOT: &str =
    "Everything here can also be done with the command breakglass.";

pub(in crate::web) fn document_title(title: &str, vault: Option<&str>) -> String {
    match vault {
        Some(vault) => format!("{title} – {vault} – {BRAND}"),
        None => format!("{title} – {BRAND}"),
    }
}

pub(in crate::web) const DRILL: &str = "DRILL";
pub(in crate::web) const DRILL_MEANS: &str = "No real incident. A decoy is opened, calls are judged and logged and none is sent, and the live credential is not touched.";

pub(in crate::web) fn drill_title(title: &str) -> String {
    format!("{DRILL}: {title}")
}

pub(in crate::web) fn error_title(title: &str) -> String {
    format!("Error: {title}")
}

pub(in crate::web) fn signed_in_as(name: &str, roles: &[Role]) -> String {
    let roles: Vec<&str> = roles.iter().map(|role| role.word()).collect();
    format!("Signed in as {name} ({})", roles.join(", "))
}
