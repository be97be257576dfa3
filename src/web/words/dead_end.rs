//! Pages on which something did not go on.

/// Title and the three parts.
#[derive(Debug, Clone, Copy)]
pub(in crate::web) struct Sentences {
    pub title: &'static str,
    pub happened: &'static str,
    pub released: &'static str,
    pub now: &'static str,
}

pub(in crate::web) const NOTHING: &str = "Nothing was released and nothing has changed.";

/// An incident whose name in the address cannot be read.
pub(in crate::web) const UNREAD_NAME: &str = "of that name";

pub(in crate::web) const EXACTLY: &str = "In the vault's own words:";

pub(in crate::web) const TO_BOARD: &str = "To the board";

pub(in crate::web) const CROSS_SITE: Sentences = Sentences {
    title: "This came from another site",
    happened: "The request was not sent by a page of this vault, or your browser does not say which page sent it.",
    released: NOTHING,
    now: "Open the vault's address yourself and do it there. If a link or page brought you here, tell security.",
};
pub(in crate::web) const NOT_A_FORM: Sentences = Sentences {
    title: "Not understood",
    happened: "The page expected a form and got something else.",
    released: NOTHING,
    now: "Go back: your browser still has what you typed. Send it once more.",
};
pub(in crate::web) const TOO_LONG: Sentences = Sentences {
    title: "Too long",
    happened: "What was sent is longer than this page takes.",
    released: NOTHING,
    now: "Go back: your browser still has what you typed. Shorten it and send it again.",
};
pub(in crate::web) const ODD_ADDRESS: Sentences = Sentences {
    title: "Not understood",
    happened: "The address says something that this page does not know.",
    released: NOTHING,
    now: "Open the page from the menu, or start at the board.",
};
pub(in crate::web) const NO_SUCH_PAGE: Sentences = Sentences {
    title: "No such page",
    happened: "There is no page at this address.",
    released: NOTHING,
    now: "Check the address, or start at the board.",
};
pub(in crate::web) const WRONG_METHOD: Sentences = Sentences {
    title: "Not understood",
    happened: "This address does not take what was sent.",
    released: NOTHING,
    now: "Go back, load the page again and send it once more.",
};
pub(in crate::web) const SIGNED_OUT: Sentences = Sentences {
    title: "You are signed out",
    happened: "Your login ended before this was sent: it lasts eight hours.",
    released: NOTHING,
    now: "Sign in in another window, then go back here and send it again; your browser still has what you typed.",
};

/// A message of the vault as a sentence on a page.
pub(in crate::web) fn sentence(message: &str) -> String {
    let mut letters = message.chars();
    let first = letters.next().map(|c| c.to_uppercase().to_string());
    let text = format!("{}{}", first.unwrap_or_default(), letters.as_str());
    if text.ends_with(['.', '!', '?']) {
        text
    } else {
        format!("{text}.")
    }
}
