//! The client of one vault: settings, pins, keys, and the API with every check that makes its
//! answers worth something (PROTOCOL §2).
//!
//! Nothing here decides what a person should do; the commands do.

mod documents;
mod draft;
mod ending;
mod history;
pub(crate) mod http;
mod keys;
pub(crate) mod link;
mod log_epoch;
mod settings;
mod signer;
mod state;
mod versions;

use crate::api::{
    Challenge, ChallengeRequest, ConsistencyProof, EntryProof, IncidentList, IncidentView,
    LoginReply, SignedDocument, VaultView,
};
use crate::audit::checkpoint::Checkpoint;
use crate::audit::entry::Entry;
use crate::cli::error::{CliError, Exit};
use crate::cli::output::Output;
use crate::cli::tree::Globals;
use crate::cli::{clock, files};
use crate::domain::VERSION;
use crate::domain::act::{Act, Deed, LOGIN_NAMESPACE, Login};
use crate::domain::canonical;
use crate::domain::ids::{Digest, IncidentId, PersonId};
use crate::sealed::loaded_key::LoadedKey;

pub(crate) use documents::{Documents, check_manifest, hashed, typed};
pub(crate) use history::{check_extends, open_head, seen};
pub(crate) use http::Api;
pub(crate) use keys::{KeyRing, without_comment};
pub(crate) use settings::{Kept, Pins, Settings, folder, path_of};
pub(crate) use signer::Signer;
pub(crate) use state::{KeptSession, State};

/// One vault, as one person.
pub(crate) struct Client {
    /// Settings and pins.
    pub(crate) kept: Kept,
    /// The API.
    pub(crate) api: Api,
    /// Tokens and claim keys.
    pub(crate) state: State,
    /// Keys.
    pub(crate) ring: KeyRing,
    login_key: Option<Signer>,
    /// Where a sentence about a new log epoch goes.
    out: Output,
}

impl Client {
    /// Opens the vault that the flags name, without asking the server anything.
    ///
    /// # Errors
    /// When nothing is enrolled, or settings or folders are not usable.
    pub(crate) fn open(globals: &Globals) -> Result<Self, CliError> {
        Self::with(Kept::load(globals)?, globals)
    }

    /// The same, with settings at hand.
    ///
    /// # Errors
    /// When settings or folders are not usable.
    pub(crate) fn with(kept: Kept, globals: &Globals) -> Result<Self, CliError> {
        let settings = &kept.settings;
        let ca = settings.ca_file.as_deref().map(files::read).transpose()?;
        Self::enrolling(kept, globals, ca.as_deref())
    }

    /// The same with the CA's PEM at hand, which nobody has kept yet.
    ///
    /// # Errors
    /// When settings or folders are not usable.
    pub(crate) fn enrolling(
        kept: Kept,
        globals: &Globals,
        ca: Option<&[u8]>,
    ) -> Result<Self, CliError> {
        let settings = &kept.settings;
        let server = globals.server.as_deref().unwrap_or(&settings.server);
        if ca.map(Digest::of) != settings.pins.ca_sha256 {
            return Err(
                CliError::failed("ca", "the CA file changed since it was enrolled")
                    .hint("tell security, then enrol again with a fresh line"),
            );
        }
        let mut api = Api::new(server, ca)?;
        let state = State::open(globals, &settings.vault, &settings.person)?;
        if let Some(token) = state.login(api.origin(), clock::now()) {
            api.set_token(token);
        }
        let ring = KeyRing::new(globals.passphrase_file.clone());
        Ok(Self {
            kept,
            api,
            state,
            ring,
            login_key: None,
            out: Output::standard(globals),
        })
    }

    /// Who this client is.
    pub(crate) fn me(&self) -> &PersonId {
        &self.kept.settings.person
    }

    /// The unlocked login key; asks for its passphrase at the first call.
    ///
    /// # Errors
    /// When it cannot be loaded.
    pub(crate) fn login_key(&mut self) -> Result<&Signer, CliError> {
        if self.login_key.is_none() {
            let path = self.kept.settings.key.clone();
            self.login_key = Some(Signer::load(&mut self.ring, &path)?);
        }
        self.login_key.as_ref().ok_or_else(CliError::login_needed)
    }

    /// Makes sure there is a login: the kept one, or a new one with the login key.
    ///
    /// # Errors
    /// When the key or the server says no.
    pub(crate) async fn ensure_login(&mut self) -> Result<(), CliError> {
        if self.api.has_token() {
            return Ok(());
        }
        self.login().await.map(|_| ())
    }

    /// Logs in afresh and keeps the token.
    ///
    /// # Errors
    /// When the key or the server says no.
    pub(crate) async fn login(&mut self) -> Result<LoginReply, CliError> {
        let key = self.login_key()?.public().text().to_owned();
        let asked = ChallengeRequest { key: key.clone() };
        let challenge: Challenge = self.api.post("/login/challenge", &asked).await?;
        let document = Login {
            origin: self.api.origin().to_owned(),
            challenge: challenge.challenge,
            key,
            at_ms: clock::now(),
        };
        let bytes = canonical_bytes(&document)?;
        let signature = self.login_key()?.sign(LOGIN_NAMESPACE, &bytes)?;
        let signed = signed(bytes, signature)?;
        let reply: LoginReply = self.api.post("/login", &signed).await?;
        if reply.person != self.me().as_str() {
            let (found, wanted) = (&reply.person, self.me());
            return Err(CliError::new(
                Exit::NOT_ALLOWED,
                "other_person",
                format!("this key is {found}'s, the settings are {wanted}'s"),
            ));
        }
        self.state.keep_login(self.api.origin(), reply.clone())?;
        self.api.set_token(reply.token.clone().into());
        Ok(reply)
    }

    /// Fetches the newest checkpoint, verifies that it extends the pinned one, and pins it.
    ///
    /// # Errors
    /// Log broken when it does not.
    pub(crate) async fn head(&mut self) -> Result<Checkpoint, CliError> {
        let note = self.api.get_bytes("/log/checkpoint").await?;
        self.follow(&note).await
    }

    /// [`Client::head`] for a note that is already here.
    ///
    /// # Errors
    /// Log broken.
    pub(crate) async fn follow(&mut self, note: &[u8]) -> Result<Checkpoint, CliError> {
        self.follow_log_epochs(note).await?;
        // Another command of this person may move the pin meanwhile: look at it under the lock.
        let _lock = self.kept.lock().await?;
        self.kept.reread_pins()?;
        let pins = &self.kept.settings.pins;
        let pinned = pins.checkpoint()?;
        let (head, step) = open_head(note, &pins.log_key()?, pinned.as_ref())?;
        if let (history::Step::Prove(old), Some(pinned)) = (&step, &pinned) {
            let path = format!("/log/consistency?old={old}&new={}", head.size);
            let proof: ConsistencyProof = self.get_again(&path).await?;
            check_extends(pinned, &head, &proof)?;
        }
        let note = String::from_utf8_lossy(note).into_owned();
        self.kept.settings.pins.checkpoint = Some(note);
        self.kept.save()?;
        Ok(head)
    }

    /// An entry that is proved to be in the log under `head`.
    ///
    /// # Errors
    /// Log broken.
    pub(crate) async fn entry(&self, seq: u64, head: &Checkpoint) -> Result<Entry, CliError> {
        Ok(self.hashed_entry(seq, head).await?.0)
    }

    /// The same, with the hash of its bytes.
    async fn hashed_entry(&self, seq: u64, head: &Checkpoint) -> Result<(Entry, Digest), CliError> {
        let path = format!("/log/proof?seq={seq}&size={}", head.size);
        let proof: EntryProof = self.api.get(&path).await?;
        let entry = history::check_entry(&proof, seq, head)?;
        Ok((entry, Digest::of(proof.entry.as_bytes())))
    }

    /// How the log begins under a verified head. Remembered once: what goes on under another name
    /// later must begin the same way.
    async fn genesis(&mut self, head: &Checkpoint) -> Result<Entry, CliError> {
        let (genesis, sha256) = self.hashed_entry(0, head).await?;
        match self.kept.settings.pins.genesis {
            Some(pinned) if pinned == sha256 => {}
            Some(_) => return Err(log_epoch::another_beginning()),
            None => {
                let pin = |pins: &mut Pins| {
                    pins.genesis = Some(sha256);
                    Ok(())
                };
                self.save_pins(pin).await?;
            }
        }
        Ok(genesis)
    }

    /// The vault's documents, checked against pins and log.
    ///
    /// # Errors
    /// Log broken, or no login.
    pub(crate) async fn documents(&mut self) -> Result<Documents, CliError> {
        self.ensure_login().await?;
        let view: VaultView = self.get_again("/vault").await?;
        let head = self.head().await?;
        let genesis = self.genesis(&head).await?;
        let keys = log_epoch::keys(self, &view, &genesis, &head).await?;
        let versions = versions::fetch(self, &view, &genesis, &head).await?;
        let documents = Documents::check(view, versions, head, keys, &self.kept.settings)?;
        self.pin_versions(&documents).await?;
        Ok(documents)
    }

    /// Keys of the log, one per epoch of it, the present one last. Asks for nothing but the log:
    /// evidence is taken also where a roster or policy does not stand.
    ///
    /// # Errors
    /// Log broken, or no login.
    pub(crate) async fn log_vkeys(&mut self, head: &Checkpoint) -> Result<Vec<String>, CliError> {
        let view: VaultView = self.get_again("/vault").await?;
        let genesis = self.genesis(head).await?;
        log_epoch::keys(self, &view, &genesis, head).await
    }

    /// Remembers the newest versions, so that no older one is ever taken for them.
    async fn pin_versions(&mut self, documents: &Documents) -> Result<(), CliError> {
        let newest = (documents.roster_sha256, documents.policy_sha256);
        let pins = &self.kept.settings.pins;
        if (pins.newest_roster, pins.newest_policy) == (Some(newest.0), Some(newest.1)) {
            return Ok(());
        }
        self.save_pins(|pins| {
            pins.newest_roster = Some(newest.0);
            pins.newest_policy = Some(newest.1);
            Ok(())
        })
        .await
    }

    /// One incident as the server shows it: not verified.
    ///
    /// # Errors
    /// What the server says.
    pub(crate) async fn incident(&mut self, id: &IncidentId) -> Result<IncidentView, CliError> {
        self.get_again(&format!("/incidents/{id}")).await
    }

    /// Every incident as the server shows it: not verified.
    ///
    /// # Errors
    /// What the server says.
    pub(crate) async fn incidents(&mut self) -> Result<Vec<IncidentView>, CliError> {
        let list: IncidentList = self.get_again("/incidents").await?;
        Ok(list.incidents)
    }

    /// A read that logs in once more when the kept login has ended on the server.
    ///
    /// # Errors
    /// What the server says.
    pub(crate) async fn get_again<T: serde::de::DeserializeOwned>(
        &mut self,
        path: &str,
    ) -> Result<T, CliError> {
        self.ensure_login().await?;
        match self.api.get(path).await {
            Err(error) if error.code == "login_needed" => {
                self.login().await?;
                self.api.get(path).await
            }
            other => other,
        }
    }

    /// Signs an act with the login key; it carries the newest verified checkpoint.
    ///
    /// # Errors
    /// When the key cannot be loaded or does not sign.
    pub(crate) fn sign_act(
        &mut self,
        head: &Checkpoint,
        about: Option<(&IncidentId, Digest)>,
        deed: Deed,
    ) -> Result<SignedDocument, CliError> {
        let key = self.login_key()?.public().text().to_owned();
        let act = self.act(head, about, deed, key);
        let bytes = act_bytes(&act)?;
        let signature = self.login_key()?.sign(&act.namespace(), &bytes)?;
        signed(bytes, signature)
    }

    /// Signs a claim with the claim key.
    ///
    /// # Errors
    /// When the key does not sign.
    pub(crate) fn sign_claim(
        &self,
        head: &Checkpoint,
        about: (&IncidentId, Digest),
        key: &LoadedKey,
    ) -> Result<SignedDocument, CliError> {
        let act = self.act(
            head,
            Some(about),
            Deed::Claim {},
            key.public().text().to_owned(),
        );
        let bytes = act_bytes(&act)?;
        let signature = key
            .sign(&act.namespace(), &bytes)
            .map_err(|why| CliError::failed("key", why.to_string()))?;
        signed(bytes, signature)
    }

    fn act(
        &self,
        head: &Checkpoint,
        about: Option<(&IncidentId, Digest)>,
        deed: Deed,
        key: String,
    ) -> Act {
        Act {
            v: VERSION.to_owned(),
            vault: self.kept.settings.vault.clone(),
            incident: about.map(|(incident, _)| incident.clone()),
            terms_sha256: about.map(|(_, terms)| terms),
            person: self.me().clone(),
            key,
            at_ms: clock::now(),
            cp: seen(head),
            deed,
        }
    }

    /// Every key file that may open a share: the login key and the unlocker keys.
    pub(crate) fn key_paths(&self) -> Vec<std::path::PathBuf> {
        let settings = &self.kept.settings;
        std::iter::once(settings.key.clone())
            .chain(settings.unlocker_keys.iter().cloned())
            .collect()
    }

    /// Writes pins that a command moved, keeping the newest checkpoint.
    ///
    /// # Errors
    /// What the file system says.
    pub(crate) async fn save_pins(
        &mut self,
        change: impl FnOnce(&mut Pins) -> Result<(), CliError>,
    ) -> Result<(), CliError> {
        let _lock = self.kept.lock().await?;
        self.kept.reread_pins()?;
        change(&mut self.kept.settings.pins)?;
        self.kept.save()
    }
}

fn act_bytes(act: &Act) -> Result<Vec<u8>, CliError> {
    act.bytes()
        .map_err(|why| CliError::failed("act", format!("this cannot be signed: {why}")))
}

fn canonical_bytes<T: serde::Serialize>(document: &T) -> Result<Vec<u8>, CliError> {
    canonical::to_bytes(document)
        .map_err(|why| CliError::failed("act", format!("this cannot be signed: {why}")))
}

fn signed(document: Vec<u8>, signature: String) -> Result<SignedDocument, CliError> {
    let document = String::from_utf8(document)
        .map_err(|_| CliError::failed("act", "a signed document is always text"))?;
    Ok(SignedDocument {
        document,
        signature,
    })
}

#[cfg(test)]
pub(in crate::cli) mod history_tests;
#[cfg(test)]
pub(in crate::cli) mod test_pages;
#[cfg(test)]
mod tests;
