//! Signing a browser in from the command line: who is logged in there gets a short code that is
//! good once, and types it into the console's sign-in page. For people without a passkey here.
//!
//! The codes live in this process only: a restart forgets them, and another one is quickly made.

use std::collections::HashMap;

use serde_json::Value;

use super::acts::Caller;
use super::error::AppError;
use super::step::draft;
use super::{App, chance};
use crate::api::{LoginReply, PageCode};
use crate::domain::ids::{Digest, PersonId};
use crate::domain::time::{SECOND_MS, Timestamp};
use crate::store::change::RowChange;

/// How long a code is good: time to change windows and paste it.
pub const CODE_MS: i64 = 120 * SECOND_MS;
/// Codes that wait at once; more are forgotten, oldest first.
const MAX_CODES: usize = 64;
/// Characters of a code besides its dashes: 80 bits.
const CODE_CHARACTERS: usize = 16;
/// No character that looks like another (Crockford's base 32).
const ALPHABET: &[u8; 32] = b"0123456789ABCDEFGHJKMNPQRSTVWXYZ";

/// What a code stands for.
#[derive(Debug, Clone)]
pub(super) struct Waiting {
    person: PersonId,
    key: String,
    expires_at_ms: Timestamp,
    /// When the login that made it ends.
    login_ends_ms: Timestamp,
}

/// Codes by their hash.
pub(super) type Codes = HashMap<Digest, Waiting>;

impl App {
    /// A code for the sign-in page, for the person behind this login token.
    ///
    /// # Errors
    /// [`AppError::LoginNeeded`].
    pub async fn page_code(&self, token: &str) -> Result<PageCode, AppError> {
        let now = self.now();
        let login = self
            .inner
            .store
            .login(&Digest::of(token.as_bytes()), now)
            .await?;
        let login = login.ok_or(AppError::LoginNeeded("the login has ended or never was"))?;
        let code = new_code()?;
        let waiting = Waiting {
            person: login.person,
            key: login.key,
            expires_at_ms: now.plus_ms(CODE_MS),
            login_ends_ms: login.expires_at_ms,
        };
        let expires_ms = waiting.expires_at_ms.0;
        let mut codes = self.inner.memory.page_codes();
        codes.retain(|_, other| other.expires_at_ms > now);
        if codes.len() >= MAX_CODES {
            let oldest = codes.iter().min_by_key(|(_, other)| other.expires_at_ms);
            let oldest = oldest.map(|(hash, _)| *hash);
            oldest.map(|hash| codes.remove(&hash));
        }
        codes.insert(hash_of(&code), waiting);
        let url = format!("{}/sign-in", self.inner.settings.console_url);
        Ok(PageCode {
            code,
            url,
            expires_ms,
        })
    }

    /// Trades a code for a login of the browser that sent it; the code is used up either way.
    ///
    /// # Errors
    /// [`AppError::LoginNeeded`] for a code that is unknown, used or too old.
    pub async fn login_by_code(&self, typed: &str, from: &str) -> Result<LoginReply, AppError> {
        self.knock(from)?;
        let now = self.now();
        let found = self.inner.memory.page_codes().remove(&hash_of(typed));
        let facts = self.inner.facts.get();
        let waiting = found.filter(|waiting| {
            let owner = facts.roster.owner_of_key(&waiting.key);
            waiting.expires_at_ms > now
                && waiting.login_ends_ms > now
                && owner.is_some_and(|p| p.id == waiting.person)
        });
        let Some(waiting) = waiting else {
            return self.no_login(None, from, "not a code for the page").await;
        };
        let token = chance::token("bgl_")?;
        // A signature is good for eight hours (PROTOCOL §4), however often it changes its window.
        let expires_at_ms = waiting.login_ends_ms;
        let row = RowChange::PutLogin {
            token_sha256: Digest::of(token.as_bytes()),
            person: waiting.person.clone(),
            key: waiting.key,
            expires_at_ms,
        };
        let person = Value::from(waiting.person.as_str());
        let entry = draft(
            "login",
            [
                ("person", person),
                ("from", Value::from(from)),
                ("via", Value::from("page")),
            ],
        );
        self.record(vec![entry], vec![row], Vec::new(), None)
            .await?;
        Ok(LoginReply {
            token,
            expires_ms: expires_at_ms.0,
            name: facts.roster.name_of(&waiting.person),
            person: waiting.person.to_string(),
        })
    }

    /// Ends a login: its token admits nobody any more.
    ///
    /// # Errors
    /// A store that cannot be written.
    pub async fn sign_out(&self, token: &str, caller: &Caller) -> Result<(), AppError> {
        let row = RowChange::EndLogin {
            token_sha256: Digest::of(token.as_bytes()),
        };
        tracing::info!(person = %caller.person, "signed out");
        self.record(Vec::new(), vec![row], Vec::new(), None).await?;
        Ok(())
    }
}

fn new_code() -> Result<String, AppError> {
    let bytes = hex::decode(chance::hex32()?)
        .map_err(|_| AppError::Inconsistent("random bytes are no hexadecimal".into()))?;
    let letters = bytes.iter().take(CODE_CHARACTERS);
    let letters = letters.map(|b| char::from(ALPHABET[usize::from(*b % 32)]));
    let mut code = String::new();
    for (at, letter) in letters.enumerate() {
        if at > 0 && at % 4 == 0 {
            code.push('-');
        }
        code.push(letter);
    }
    Ok(code)
}

/// Dashes, spaces and case do not count; letters that are mistyped for digits are those digits.
fn hash_of(typed: &str) -> Digest {
    let letters = typed.chars().filter(char::is_ascii_alphanumeric);
    let read: String = letters
        .map(|c| match c.to_ascii_uppercase() {
            'O' => '0',
            'I' | 'L' => '1',
            other => other,
        })
        .collect();
    Digest::of(read.as_bytes())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_code_is_the_same_however_it_is_typed() {
        let hash = hash_of("0A1B-2C3D-4E5F-6G7H");
        assert_eq!(hash, hash_of(" oalb 2c3d 4e5f 6g7h\n"));
        assert_ne!(hash, hash_of("0A1B-2C3D-4E5F-6G7J"));
    }

    #[test]
    fn codes_have_eighty_bits_in_groups_of_four() {
        let code = new_code().unwrap();
        assert_eq!(code.len(), 19);
        assert_eq!(code.matches('-').count(), 3);
        assert_ne!(code, new_code().unwrap());
    }
}
