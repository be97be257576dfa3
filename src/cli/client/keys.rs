//! The person's keys on this machine: one passphrase per command at most (PROTOCOL §2).

use std::path::{Path, PathBuf};

use secrecy::{ExposeSecret as _, SecretString};

use super::signer::public_key_in;
use crate::cli::error::{CliError, Exit};
use crate::cli::files;
use crate::domain::roster::Person;
use crate::sealed::loaded_key::{KeyError, KeyFile, LoadedKey};
use crate::sealed::unlocker::Opener;

/// Loads keys and remembers the passphrase for the time of one command.
pub(crate) struct KeyRing {
    passphrase_file: Option<PathBuf>,
    passphrase: Option<SecretString>,
}

/// A key that opens a share, with its name in the roster.
pub(crate) struct MatchedOpener {
    /// As the roster writes it.
    pub(crate) unlocker: String,
    key: Source,
}

enum Source {
    Ssh(Box<LoadedKey>),
    Age(Opener),
}

impl MatchedOpener {
    /// What opens.
    ///
    /// # Errors
    /// Failed, for an SSH key that only signs.
    pub(crate) fn opener(&self) -> Result<&Opener, CliError> {
        let opener = match &self.key {
            Source::Ssh(key) => key.opener(),
            Source::Age(opener) => Some(opener),
        };
        opener.ok_or_else(|| CliError::failed("key", "this key can sign but cannot open a share"))
    }
}

impl KeyRing {
    /// Without any key yet.
    pub(crate) fn new(passphrase_file: Option<PathBuf>) -> Self {
        Self {
            passphrase_file,
            passphrase: None,
        }
    }

    /// Loads an OpenSSH key; asks for its passphrase when it has one and none was given before.
    ///
    /// # Errors
    /// Failed, or not allowed when the passphrase is wrong or cannot be asked.
    pub(crate) fn ssh(&mut self, path: &Path) -> Result<LoadedKey, CliError> {
        let file = zeroize::Zeroizing::new(files::read_private(path)?);
        let mut asked = None;
        let known = &self.passphrase;
        let passphrase_file = self.passphrase_file.as_deref();
        let loaded = LoadedKey::from_openssh(&file, || {
            let passphrase = match known {
                Some(passphrase) => Ok(passphrase.clone()),
                None => passphrase_for(path, passphrase_file),
            };
            match passphrase {
                Ok(passphrase) => {
                    asked = Some(Ok(passphrase.clone()));
                    Some(passphrase)
                }
                Err(error) => {
                    asked = Some(Err(error));
                    None
                }
            }
        });
        match asked {
            Some(Err(error)) => return Err(error),
            Some(Ok(passphrase)) if loaded.is_ok() => self.passphrase = Some(passphrase),
            _ => {}
        }
        loaded.map_err(|why| key_error(path, &why))
    }

    /// The key files that open a share of this person, each with its name in the roster; files
    /// that match none are skipped.
    ///
    /// # Errors
    /// When a file cannot be loaded.
    pub(crate) fn openers(
        &mut self,
        paths: &[PathBuf],
        person: &Person,
    ) -> Result<Vec<MatchedOpener>, CliError> {
        let mut found = Vec::new();
        for path in paths {
            // An agent signs but cannot open: the public half of such a key opens nothing.
            if public_key_in(path)?.is_some() {
                continue;
            }
            let listed = |text: &str| {
                let mut unlockers = person.unlockers.iter();
                unlockers
                    .find(|each| without_comment(each) == text)
                    .cloned()
            };
            let file = zeroize::Zeroizing::new(files::read_private(path)?);
            let age = std::str::from_utf8(&file)
                .ok()
                .filter(|text| text.contains("AGE-"));
            if let Some(text) = age {
                let opener = Opener::from_age_text(text)
                    .map_err(|why| CliError::failed("key", format!("{}: {why}", path.display())))?;
                let recipient = opener.age_recipient().unwrap_or_default();
                if let Some(unlocker) = listed(&recipient) {
                    let key = Source::Age(opener);
                    found.push(MatchedOpener { unlocker, key });
                }
                continue;
            }
            // A key that is no unlocker is not unlocked: its passphrase may be another one.
            let public = KeyFile::read(&file)
                .map_err(|why| key_error(path, &why))?
                .public;
            if let Some(unlocker) = listed(public.text()) {
                let key = Source::Ssh(Box::new(self.ssh(path)?));
                found.push(MatchedOpener { unlocker, key });
            }
        }
        Ok(found)
    }
}

fn passphrase_for(path: &Path, file: Option<&Path>) -> Result<SecretString, CliError> {
    if let Some(file) = file {
        let bytes = zeroize::Zeroizing::new(files::read_private(file)?);
        let text = std::str::from_utf8(&bytes)
            .map_err(|_| CliError::failed("passphrase", "the passphrase file is not text"))?;
        let line = text.split('\n').next().unwrap_or_default();
        return Ok(SecretString::from(line.trim_end_matches('\r').to_owned()));
    }
    let prompt = format!("Passphrase of {}: ", path.display());
    let typed = rpassword::prompt_password(prompt);
    let typed = typed.map(SecretString::from).map_err(|_| {
        CliError::usage("the key has a passphrase and there is no terminal to ask for it")
            .hint("scripts pass --passphrase-file FILE")
    })?;
    if is_empty(&typed) {
        return Err(CliError::new(
            Exit::NOT_ALLOWED,
            "wrong_passphrase",
            "no passphrase was typed",
        ));
    }
    Ok(typed)
}

#[expect(
    clippy::disallowed_methods,
    reason = "only whether it is empty is looked at"
)]
fn is_empty(typed: &SecretString) -> bool {
    typed.expose_secret().is_empty()
}

fn key_error(path: &Path, why: &KeyError) -> CliError {
    let (exit, code) = match why {
        KeyError::WrongPassphrase | KeyError::PassphraseNeeded => {
            (Exit::NOT_ALLOWED, "wrong_passphrase")
        }
        _ => (Exit::FAILED, "key"),
    };
    CliError::new(exit, code, format!("{}: {why}", path.display()))
}

/// `type base64`, or an age recipient, without a comment.
pub(crate) fn without_comment(key: &str) -> String {
    key.split_ascii_whitespace()
        .take(2)
        .collect::<Vec<_>>()
        .join(" ")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::roster::Contacts;

    fn person(unlockers: Vec<String>) -> Person {
        Person {
            id: "ada".parse().unwrap(),
            name: "Ada".into(),
            roles: vec![],
            time_zone: "UTC".into(),
            contacts: Contacts {
                mail: "ada@example.org".into(),
                pager: None,
            },
            login_keys: vec![],
            unlockers,
            single_unlocker: None,
            paper: None,
        }
    }

    #[test]
    fn only_keys_of_the_roster_entry_are_taken_as_unlockers() {
        let folder = tempfile::tempdir().unwrap();
        let mut paths = Vec::new();
        let mut public = Vec::new();
        for name in ["hers", "other"] {
            let key = LoadedKey::generate_ed25519(name).unwrap();
            let path = folder.path().join(name);
            files::write_private(&path, key.to_openssh().unwrap().as_bytes()).unwrap();
            public.push(key.public().text().to_owned());
            paths.push(path);
        }
        let ada = person(vec![format!("{} ada@laptop", public[0])]);
        let found = KeyRing::new(None).openers(&paths, &ada).unwrap();
        assert_eq!(found.len(), 1);
        assert_eq!(found[0].unlocker, ada.unlockers[0]);
        assert!(found[0].opener().is_ok());
    }

    #[test]
    fn a_file_that_is_no_key_is_named_and_not_quoted() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("key");
        files::write_private(&path, b"canary").unwrap();
        let error = KeyRing::new(None).ssh(&path).unwrap_err();
        assert!(error.message.contains("key") && !format!("{error:?}").contains("canary"));
    }
}
