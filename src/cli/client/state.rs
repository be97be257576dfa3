//! What a login or session leaves on this machine while it lasts: tokens and the claim key, in a
//! folder of memory-backed files that only its owner can enter; erased at close.

use std::path::PathBuf;

use secrecy::{ExposeSecret as _, SecretString};
use serde::{Deserialize, Serialize};

use crate::api::{ClaimReply, LoginReply};
use crate::cli::error::CliError;
use crate::cli::files;
use crate::cli::tree::Globals;
use crate::domain::ids::{Digest, IncidentId, PersonId, VaultId};
use crate::domain::time::Timestamp;
use crate::sealed::loaded_key::LoadedKey;

/// The folder, for one vault and person.
#[derive(Debug, Clone)]
pub(crate) struct State {
    folder: PathBuf,
    prefix: String,
}

/// A login that is kept.
#[derive(Serialize, Deserialize)]
struct KeptLogin {
    server: String,
    reply: LoginReply,
}

/// A session that is kept, with the way to its incident.
#[derive(Serialize, Deserialize)]
pub(crate) struct KeptSession {
    /// The incident.
    pub(crate) incident: IncidentId,
    /// What the vault handed over.
    pub(crate) reply: ClaimReply,
    /// Of a drill: its calls go nowhere.
    #[serde(default)]
    pub(crate) drill: bool,
}

impl State {
    /// Finds and makes the folder.
    ///
    /// # Errors
    /// Usage when there is no runtime folder and no `--state`.
    pub(crate) fn open(
        globals: &Globals,
        vault: &VaultId,
        person: &PersonId,
    ) -> Result<Self, CliError> {
        let runtime =
            || Some(PathBuf::from(files::variable("XDG_RUNTIME_DIR")?).join("breakglass"));
        let folder = globals.state.clone().or_else(runtime).ok_or_else(|| {
            CliError::usage(
                "XDG_RUNTIME_DIR is not set: there is no memory-backed folder for tokens",
            )
            .hint("pass --state DIR, best on a tmpfs")
        })?;
        files::private_folder(&folder)?;
        Ok(Self {
            folder,
            prefix: format!("{vault}.{person}"),
        })
    }

    fn path(&self, ending: &str) -> PathBuf {
        self.folder.join(format!("{}.{ending}", self.prefix))
    }

    /// The login token for this server, unless it has ended.
    pub(crate) fn login(&self, server: &str, now: Timestamp) -> Option<SecretString> {
        let bytes = files::read_private(&self.path("login")).ok()?;
        let kept: KeptLogin = serde_json::from_slice(&bytes).ok()?;
        let lives = kept.server == server && kept.reply.expires_ms > now.0;
        lives.then(|| SecretString::from(kept.reply.token))
    }

    /// Keeps a login.
    ///
    /// # Errors
    /// What the file system says.
    pub(crate) fn keep_login(&self, server: &str, reply: LoginReply) -> Result<(), CliError> {
        let kept = KeptLogin {
            server: server.to_owned(),
            reply,
        };
        files::write_private(&self.path("login"), &written(&kept)?)
    }

    /// Keeps a claim key before its opening is sent: an opening whose key is lost cannot be claimed.
    ///
    /// # Errors
    /// What the file system says.
    pub(crate) fn keep_claim_key(&self, key: &LoadedKey) -> Result<(), CliError> {
        let text = key
            .to_openssh()
            .map_err(|why| CliError::failed("key", why.to_string()))?;
        files::write_private(&self.claim_key_path(key.public().text()), text.as_bytes())
    }

    /// The claim key with this public half.
    ///
    /// # Errors
    /// Not allowed, when it is not on this machine.
    pub(crate) fn claim_key(&self, public: &str) -> Result<LoadedKey, CliError> {
        let file = files::read_private(&self.claim_key_path(public)).map_err(|_| {
            CliError::new(
                crate::cli::Exit::NOT_ALLOWED,
                "no_claim_key",
                "the claim key of this incident is not on this machine",
            )
            .hint("claim on the machine, and with the --state folder, that ran `open`")
        })?;
        let file = zeroize::Zeroizing::new(file);
        let key = LoadedKey::from_openssh(&file, || None);
        key.map_err(|why| CliError::failed("key", format!("the claim key: {why}")))
    }

    fn claim_key_path(&self, public: &str) -> PathBuf {
        let name = Digest::of(public.as_bytes()).hex();
        self.path(&format!("{}.claim", &name[..16]))
    }

    /// Keeps a session.
    ///
    /// # Errors
    /// What the file system says.
    pub(crate) fn keep_session(&self, session: &KeptSession) -> Result<(), CliError> {
        let path = self.path(&format!("{}.session", session.incident));
        files::write_private(&path, &written(session)?)
    }

    /// The session of an incident.
    ///
    /// # Errors
    /// Session ended, when none is kept or its time is up.
    pub(crate) fn session(
        &self,
        incident: &IncidentId,
        now: Timestamp,
    ) -> Result<KeptSession, CliError> {
        let ended = |text: &str| {
            CliError::new(
                crate::cli::Exit::SESSION_ENDED,
                "session_ended",
                format!("{incident}: {text}"),
            )
        };
        let bytes =
            files::read_private(&self.path(&format!("{incident}.session"))).map_err(|_| {
                ended("the session has ended, or was not claimed on this machine").hint(format!(
                    "breakglass status {incident}; while it is open: breakglass claim {incident}"
                ))
            })?;
        let kept: KeptSession = serde_json::from_slice(&bytes).map_err(|_| {
            ended("the kept session is damaged").hint(format!("breakglass claim {incident}"))
        })?;
        if kept.reply.exp_ms <= now.0 {
            return Err(
                ended("the session's time is up").hint("open a new incident if it is still needed")
            );
        }
        Ok(kept)
    }

    /// Keeps the file that `run` and `env` point CA variables at.
    ///
    /// # Errors
    /// What the file system says.
    pub(crate) fn keep_ca_bundle(&self, pem: &str) -> Result<PathBuf, CliError> {
        let path = self.path("ca-bundle.pem");
        files::write_private(&path, pem.as_bytes())?;
        Ok(path)
    }

    /// Erases session and claim key: what a close leaves behind must open nothing.
    ///
    /// # Errors
    /// What the file system says.
    pub(crate) fn erase(
        &self,
        incident: &IncidentId,
        claim_key: Option<&str>,
    ) -> Result<(), CliError> {
        files::remove(&self.path(&format!("{incident}.session")))?;
        files::remove(&self.path("ca-bundle.pem"))?;
        if let Some(public) = claim_key {
            files::remove(&self.claim_key_path(public))?;
        }
        Ok(())
    }

    /// Erases the login.
    ///
    /// # Errors
    /// What the file system says.
    pub(crate) fn erase_login(&self) -> Result<(), CliError> {
        files::remove(&self.path("login"))
    }
}

fn written<T: Serialize>(value: &T) -> Result<zeroize::Zeroizing<Vec<u8>>, CliError> {
    let bytes =
        serde_json::to_vec(value).map_err(|why| CliError::failed("state", why.to_string()))?;
    Ok(zeroize::Zeroizing::new(bytes))
}

/// The text of a token, for the one header or variable it is meant for.
#[expect(
    clippy::disallowed_methods,
    reason = "a bearer token is sent in a header"
)]
pub(crate) fn token_text(token: &SecretString) -> &str {
    token.expose_secret()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn state(folder: &std::path::Path) -> State {
        let globals = Globals {
            state: Some(folder.join("state")),
            ..Globals::default()
        };
        State::open(
            &globals,
            &"prod-eu".parse().unwrap(),
            &"rio".parse().unwrap(),
        )
        .unwrap()
    }

    fn session(exp_ms: i64) -> KeptSession {
        KeptSession {
            incident: IncidentId::numbered(1),
            drill: false,
            reply: ClaimReply {
                session: "ses-1234".into(),
                token: "bgt_x".into(),
                exp_ms,
                proxy_url: None,
                account_proxy_url: None,
                plain_url: None,
                account_id: "a".into(),
                workspace: None,
                ca_pem: None,
            },
        }
    }

    #[test]
    fn a_login_counts_for_its_server_and_its_time_only() {
        let folder = tempfile::tempdir().unwrap();
        let state = state(folder.path());
        let reply = LoginReply {
            token: "bgl_x".into(),
            expires_ms: 100,
            person: "rio".into(),
            name: "Rio".into(),
        };
        state.keep_login("https://vault.example", reply).unwrap();
        assert!(
            state
                .login("https://vault.example", Timestamp(99))
                .is_some()
        );
        assert!(
            state
                .login("https://vault.example", Timestamp(100))
                .is_none()
        );
        assert!(state.login("https://other.example", Timestamp(0)).is_none());
    }

    #[test]
    fn an_ended_session_is_exit_7_and_closing_erases_everything() {
        let folder = tempfile::tempdir().unwrap();
        let state = state(folder.path());
        let incident = IncidentId::numbered(1);
        let key = LoadedKey::generate_ed25519("claim").unwrap();
        state.keep_claim_key(&key).unwrap();
        state.keep_session(&session(100)).unwrap();
        assert!(state.session(&incident, Timestamp(99)).is_ok());
        let ended = state.session(&incident, Timestamp(100)).err().unwrap();
        assert_eq!(ended.exit, crate::cli::Exit::SESSION_ENDED);
        let public = key.public().text();
        assert_eq!(state.claim_key(public).unwrap().public().text(), public);
        state.erase(&incident, Some(public)).unwrap();
        assert_eq!(
            std::fs::read_dir(folder.path().join("state"))
                .unwrap()
                .count(),
            0
        );
    }
}
