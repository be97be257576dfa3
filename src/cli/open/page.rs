//! `open --page`: the opening is signed by a passkey on the console's page, and claimed here. The
//! claim key is made and kept here; the page gets its public half after the `#`, which no server
//! sees. Anybody could send such an address with a key of her own: both sides show the key's words.

use reqwest::Url;
use serde_json::json;

use super::Args;
use crate::cli::client::Client;
use crate::cli::{CliError, Exit, Globals, Output};
use crate::domain::phrase;
use crate::sealed::loaded_key::LoadedKey;

/// Makes the claim key and prints the page's address, with what was typed already filled in, and the
/// words by which the page shows that it will sign for this key and no other.
///
/// # Errors
/// [`CliError`]; nothing was sent then.
pub(super) fn address(args: &Args, globals: &Globals, out: &Output) -> Result<Exit, CliError> {
    let client = Client::open(globals)?;
    let key = LoadedKey::generate_ed25519("breakglass claim")
        .map_err(|why| CliError::failed("key", why.to_string()))?;
    let url = filled(&client.kept.settings.server, args, key.public().text())?;
    // Kept before the address is shown: an opening whose claim key is lost can never be claimed.
    client.state.keep_claim_key(&key)?;
    let words = words(key.public().text());
    out.result(
        json!({"url": url.as_str(), "claim_words": words}),
        &format!(
            "Open this in the browser that has your passkey:\n\n{url}\n\n\
             Go on there only if the page shows these four words: {words}\n\
             Then fill in the rest and sign. Once it is open, on this machine: breakglass claim INC"
        ),
    );
    Ok(Exit::DONE)
}

/// The four words of a claim key, as the page makes them from what stands after the `#`.
fn words(claim_key: &str) -> String {
    phrase::fingerprint(claim_key.as_bytes()).join(" ")
}

fn filled(server: &str, args: &Args, claim_key: &str) -> Result<Url, CliError> {
    let wrong = |why: String| CliError::failed("address", format!("the page's address: {why}"));
    let base = format!("{}/ask", server.trim_end_matches('/'));
    let mut url = Url::parse(&base).map_err(|why| wrong(why.to_string()))?;
    {
        let mut query = url.query_pairs_mut();
        for (question, yes) in &args.answers {
            query.append_pair(question, if *yes { "yes" } else { "no" });
        }
        let minutes = args.minutes.map(|minutes| minutes.to_string());
        let typed = [
            ("reason", args.reason.as_deref()),
            ("ticket", Some(args.ticket.as_str())),
            ("workspace", args.workspace.as_deref()),
            ("account", args.account.then_some("yes")),
            ("minutes", minutes.as_deref()),
        ];
        for (name, text) in typed {
            if let Some(text) = text.filter(|text| !text.is_empty()) {
                query.append_pair(name, text);
            }
        }
    }
    if url.query() == Some("") {
        url.set_query(None);
    }
    // A plus would be read as a space there.
    let key = claim_key.replace(' ', "%20").replace('+', "%2B");
    url.set_fragment(Some(&format!("claim={key}")));
    Ok(url)
}

#[cfg(test)]
mod tests {
    use clap::Parser as _;

    use super::*;

    #[derive(clap::Parser)]
    struct Line {
        #[command(flatten)]
        args: Args,
    }

    #[test]
    fn a_claim_key_has_four_words_and_another_key_has_others() {
        // The page's own test has the same key and words.
        let key = format!("ssh-ed25519 {}", "A".repeat(68));
        assert_eq!(words(&key), "keno drum zoom iced");
        assert_ne!(words(&key), words(&key.replace("AA", "AB")));
    }

    #[test]
    fn what_was_typed_is_filled_in_and_the_key_stands_where_no_server_sees_it() {
        let line = Line::parse_from([
            "open",
            "--page",
            "--answers",
            "platform_down=yes,x=no",
            "--workspace",
            "12",
            "--account",
            "--for",
            "1h",
            "it's down & out",
        ]);
        let url = filled("https://vault.example/", &line.args, "ssh-ed25519 AA+/=").unwrap();
        assert_eq!(
            url.as_str(),
            "https://vault.example/ask?platform_down=yes&x=no&reason=it%27s+down+%26+out\
             &workspace=12&account=yes&minutes=60#claim=ssh-ed25519%20AA%2B/="
        );
        let bare = Line::parse_from(["open", "--page"]);
        let url = filled("https://vault.example", &bare.args, "k").unwrap();
        assert_eq!(url.as_str(), "https://vault.example/ask#claim=k");
    }
}
