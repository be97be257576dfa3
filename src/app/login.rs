//! Logging in: a signature over a single-use challenge. A login reads and writes notes; everything
//! that matters is a signed act (PROTOCOL §4). No identity provider is in the path.

use std::sync::atomic::Ordering;

use serde_json::Value;

use super::acts::{Caller, passkey_used};
use super::error::AppError;
use super::permit::Noted;
use super::step::draft;
use super::{App, chance};
use crate::api::{Challenge, LoginReply, SignedDocument};
use crate::domain::act::{LOGIN_WORD, Login};
use crate::domain::canonical;
use crate::domain::ids::{Digest, PersonId};
use crate::domain::incident::CLOCK_APART_MS;
use crate::domain::roster::{Roster, comparable};
use crate::domain::time::{HOUR_MS, SECOND_MS};
use crate::sealed::login_key::{LoginKey, Signed};
use crate::sealed::passkey::{self, Assertion, Origins};
use crate::store::change::RowChange;

/// How long a challenge is accepted.
pub const CHALLENGE_MS: i64 = 60 * SECOND_MS;
/// How long tries beyond the limits are counted before their number is written.
pub(super) const COUNTED_MS: u64 = 60_000;
/// How often challenges that nobody used are removed.
const EXPIRED_EVERY_MS: i64 = 10 * SECOND_MS;
/// How long a login lasts.
pub const LOGIN_MS: i64 = 8 * HOUR_MS;

impl App {
    /// Lets one source address try only so often: each try costs a row and may cost an entry and
    /// a mail. What is beyond is counted in one entry, so that a flood is seen and fills nothing.
    pub(super) fn knock(&self, from: &str) -> Result<(), AppError> {
        let boot_ms = self.inner.clock.boot_ms();
        let (source, noted) = self.inner.memory.knocks().note(from, boot_ms);
        match noted {
            Noted::Write => return Ok(()),
            Noted::First => self.count_knocks(source),
            Noted::Counted => {}
        }
        Err(AppError::Overloaded)
    }

    /// Writes the count of one source a minute later: a flood is one entry a minute.
    fn count_knocks(&self, source: String) {
        let app = self.clone();
        self.spawn(async move {
            super::secrets::pause(COUNTED_MS).await;
            let counted = app.inner.memory.knocks().take(&source);
            app.note_burst("login.burst", &source, counted).await;
        });
    }

    /// Writes how many tries were counted instead of written.
    pub(super) async fn note_burst(&self, kind: &'static str, from: &str, counted: u64) {
        let members = [("from", Value::from(from)), ("n", Value::from(counted))];
        let entry = draft(kind, members);
        if let Err(error) = self.record(vec![entry], Vec::new(), Vec::new(), None).await {
            tracing::error!(%error, kind, "a burst could not be logged");
        }
    }

    /// A challenge for one key. Given for any key, so that the answer tells nothing about who is
    /// in the roster.
    ///
    /// # Errors
    /// A log that cannot be written.
    pub async fn login_challenge(&self, key: &str, from: &str) -> Result<Challenge, AppError> {
        self.knock(from)?;
        self.challenge("login", &subject(key)).await
    }

    pub(super) async fn challenge(
        &self,
        purpose: &str,
        subject: &str,
    ) -> Result<Challenge, AppError> {
        let challenge = chance::hex32()?;
        let expires_at_ms = self.now().plus_ms(CHALLENGE_MS);
        let row = RowChange::PutChallenge {
            challenge: challenge.clone(),
            purpose: purpose.to_owned(),
            subject: subject.to_owned(),
            expires_at_ms,
        };
        let mut rows = vec![row];
        rows.extend(self.expired_challenges());
        self.record(Vec::new(), rows, Vec::new(), None).await?;
        Ok(Challenge {
            challenge,
            expires_ms: expires_at_ms.0,
        })
    }

    /// Strangers ask for challenges that nobody ever uses; without this the table grows with them.
    fn expired_challenges(&self) -> Option<RowChange> {
        let boot_ms = self.inner.clock.boot_ms();
        let last = &self.inner.memory.challenges_expired_ms;
        let due = boot_ms - last.load(Ordering::SeqCst) >= EXPIRED_EVERY_MS;
        due.then(|| {
            last.store(boot_ms, Ordering::SeqCst);
            RowChange::ExpireChallenges { now_ms: self.now() }
        })
    }

    /// Checks a signed login and gives a token for the API.
    ///
    /// # Errors
    /// [`AppError::LoginNeeded`] for anything wrong; the reason goes into the log.
    pub async fn login(
        &self,
        signed: &SignedDocument,
        dialled: &str,
        from: &str,
    ) -> Result<LoginReply, AppError> {
        self.knock(from)?;
        let login: Login = match canonical::parse_exact(signed.document.as_bytes()) {
            Ok(login) => login,
            Err(_) => return self.no_login(None, from, "not a login document").await,
        };
        let facts = self.inner.facts.get();
        let Some(key) = signing_key(&facts.roster, &login.key, &signed.signature) else {
            return self.no_login(None, from, "unknown key").await;
        };
        let Some(person) = facts.roster.owner_of_key(&key) else {
            return self.no_login(None, from, "unknown key").await;
        };
        let id = person.id.clone();
        if login.origin != dialled {
            return self
                .no_login(Some(id), from, "signed for another origin")
                .await;
        }
        if self.now().since_ms(login.at_ms).abs() > CLOCK_APART_MS {
            return self
                .no_login(Some(id), from, "signed at another time")
                .await;
        }
        let origins = self.page_origins();
        let holds = LoginKey::parse(&key).ok().and_then(|key| {
            let document = signed.document.as_bytes();
            let origins = Origins::Exactly(&origins);
            key.verify(LOGIN_WORD, document, &signed.signature, origins)
                .ok()
        });
        let Some(by) = holds else {
            return self
                .no_login(Some(id), from, "the signature does not hold")
                .await;
        };
        let name = person.name.clone();
        match self.let_in(&login, (&id, &key, &by), from).await {
            Ok((token, expires_ms)) => Ok(LoginReply {
                token,
                expires_ms,
                person: id.to_string(),
                name,
            }),
            Err(AppError::LoginNeeded(why)) => self.no_login(Some(id), from, why).await,
            Err(error) => Err(error),
        }
    }

    async fn let_in(
        &self,
        login: &Login,
        (person, key, by): (&PersonId, &str, &Signed),
        from: &str,
    ) -> Result<(String, i64), AppError> {
        let now = self.now();
        let token = chance::token("bgl_")?;
        let expires_at_ms = now.plus_ms(LOGIN_MS);
        let mut rows = vec![
            RowChange::UseChallenge {
                challenge: login.challenge.clone(),
                purpose: "login".to_owned(),
                subject: subject(&login.key),
                now_ms: now,
            },
            RowChange::PutLogin {
                token_sha256: Digest::of(token.as_bytes()),
                person: person.clone(),
                key: key.to_owned(),
                expires_at_ms,
            },
        ];
        rows.extend(passkey_used(by, now));
        let entry = draft(
            "login",
            [
                ("person", Value::from(person.as_str())),
                ("from", Value::from(from)),
            ],
        );
        self.record(vec![entry], rows, Vec::new(), None).await?;
        Ok((token, expires_at_ms.0))
    }

    pub(super) async fn no_login<T>(
        &self,
        person: Option<PersonId>,
        from: &str,
        why: &'static str,
    ) -> Result<T, AppError> {
        self.login_failed(person, from, why).await;
        // The same sentence for every reason: who guesses learns nothing.
        Err(AppError::LoginNeeded("the login was not accepted"))
    }

    /// The person behind a login token; removed people are out at once.
    ///
    /// # Errors
    /// [`AppError::LoginNeeded`].
    pub async fn caller(&self, token: &str, from: &str) -> Result<Caller, AppError> {
        let found = self
            .inner
            .store
            .login(&Digest::of(token.as_bytes()), self.now())
            .await?;
        let facts = self.inner.facts.get();
        let login = found.filter(|l| {
            facts
                .roster
                .owner_of_key(&l.key)
                .is_some_and(|p| p.id == l.person)
        });
        match login {
            Some(login) => Ok(Caller {
                person: login.person,
                from: from.to_owned(),
            }),
            None => Err(AppError::LoginNeeded("the login has ended or never was")),
        }
    }
}

/// What a login's challenge is for: of one length, however long the key is.
fn subject(key: &str) -> String {
    Digest::of(comparable(key).as_bytes()).hex()
}

/// The key that is said to have signed, as the roster writes it. A page does not know which
/// passkey a person will touch, so it signs in as `passkey HOST` and the assertion names the rest.
fn signing_key(roster: &Roster, key: &str, signature: &str) -> Option<String> {
    let key = comparable(key);
    match key.split_once(' ') {
        Some((passkey::KIND, host)) if !host.contains('/') => {
            let assertion = Assertion::parse(signature).ok()?;
            roster.passkey(host, &assertion.id).map(comparable)
        }
        _ => Some(key),
    }
}
