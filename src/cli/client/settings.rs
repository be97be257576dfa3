//! Settings and pins of one vault on this machine: `<config>/<vault>.toml` (PROTOCOL §2).
//!
//! Pins are this client's memory of the log. They only move forward, and every move was verified
//! before it is written.

use std::fs::File;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use crate::audit::checkpoint::Checkpoint;
use crate::audit::note::VerifierKey;
use crate::cli::error::CliError;
use crate::cli::files;
use crate::cli::tree::Globals;
use crate::domain::ids::{Digest, PersonId, VaultId};

/// One vault as this person knows it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Settings {
    /// The vault.
    pub(crate) vault: VaultId,
    /// Origin that is dialled.
    pub(crate) server: String,
    /// Whose settings these are.
    pub(crate) person: PersonId,
    /// Private key that logs in and signs.
    pub(crate) key: PathBuf,
    /// More keys that open shares.
    #[serde(default)]
    pub(crate) unlocker_keys: Vec<PathBuf>,
    /// PEM file of the server's CA; none for the system's roots.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) ca_file: Option<PathBuf>,
    /// What this client remembers of the vault.
    pub(crate) pins: Pins,
}

/// What must not change, or only grow.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Pins {
    /// Public key of the log.
    pub(crate) log_vkey: String,
    /// SHA-256 of the CA file's bytes.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) ca_sha256: Option<Digest>,
    /// SHA-256 of the log's first entry, which names roster and policy 1. Whatever the log is
    /// called later, it begins with this.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) genesis: Option<Digest>,
    /// Newest checkpoint verified: the signed note.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) checkpoint: Option<String>,
    /// The last checkpoint verified in each former epoch of the log: what was seen before a
    /// restore. Evidence, for `log verify --seen`.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub(crate) former: Vec<String>,
    /// Newest live epoch this person has seen.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) epoch: Option<u32>,
    /// Manifest of that epoch.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) manifest_sha256: Option<Digest>,
    /// Last roster this person signed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) roster_sha256: Option<Digest>,
    /// Last policy this person signed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) policy_sha256: Option<Digest>,
    /// Newest roster in force that this client has verified.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) newest_roster: Option<Digest>,
    /// Newest policy in force that this client has verified.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) newest_policy: Option<Digest>,
}

impl Pins {
    /// Nothing but the log's key, as an enrol line brings it.
    pub(crate) fn fresh(log_vkey: String) -> Self {
        Self {
            log_vkey,
            ca_sha256: None,
            genesis: None,
            checkpoint: None,
            former: Vec::new(),
            epoch: None,
            manifest_sha256: None,
            roster_sha256: None,
            policy_sha256: None,
            newest_roster: None,
            newest_policy: None,
        }
    }

    /// The log's key.
    ///
    /// # Errors
    /// When the settings file was damaged.
    pub(crate) fn log_key(&self) -> Result<VerifierKey, CliError> {
        VerifierKey::parse(&self.log_vkey).map_err(|why| damaged(&format!("log_vkey: {why}")))
    }

    /// The newest verified checkpoint; its signature is checked again.
    ///
    /// # Errors
    /// When the settings file was damaged.
    pub(crate) fn checkpoint(&self) -> Result<Option<Checkpoint>, CliError> {
        let Some(note) = &self.checkpoint else {
            return Ok(None);
        };
        let opened = Checkpoint::open(note.as_bytes(), &self.log_key()?);
        opened
            .map(Some)
            .map_err(|why| damaged(&format!("checkpoint: {why}")))
    }

    /// Remembers a manifest; an epoch that went back or a second manifest of one epoch is told.
    ///
    /// # Errors
    /// Log broken, exit 8.
    pub(crate) fn advance_manifest(&mut self, epoch: u32, sha256: Digest) -> Result<(), CliError> {
        match (self.epoch, self.manifest_sha256) {
            (Some(known), _) if epoch < known => Err(CliError::log_broken(format!(
                "the vault shows epoch {epoch}, but this client has seen epoch {known}"
            ))),
            (Some(known), Some(pinned)) if epoch == known && pinned != sha256 => {
                Err(CliError::log_broken(format!(
                    "the vault shows a second manifest for epoch {epoch}"
                )))
            }
            _ => {
                self.epoch = Some(epoch);
                self.manifest_sha256 = Some(sha256);
                Ok(())
            }
        }
    }
}

fn damaged(what: &str) -> CliError {
    CliError::failed(
        "settings",
        format!("the client settings are damaged: {what}"),
    )
    .hint("enrol again with a fresh line, after telling security that this file changed")
}

/// The settings of one vault, with the place they are kept at.
#[derive(Debug, Clone)]
pub(crate) struct Kept {
    /// Where.
    pub(crate) path: PathBuf,
    /// What.
    pub(crate) settings: Settings,
}

impl Kept {
    /// Loads the vault that the flags name, or the only one there is.
    ///
    /// # Errors
    /// When none or several are enrolled, or the file is damaged.
    pub(crate) fn load(globals: &Globals) -> Result<Self, CliError> {
        let folder = folder(globals)?;
        let path = match &globals.vault {
            Some(vault) => path_of(&folder, &parse_vault(vault)?),
            None => only_one(&folder)?,
        };
        Self::read(path)
    }

    /// Reads one file.
    ///
    /// # Errors
    /// When it cannot be read or is no settings file.
    pub(crate) fn read(path: PathBuf) -> Result<Self, CliError> {
        let bytes = files::read(&path)?;
        let text = String::from_utf8(bytes).map_err(|_| damaged("it is not text"))?;
        let settings = toml::from_str(&text).map_err(|why| damaged(why.message()))?;
        Ok(Self { path, settings })
    }

    /// Writes the file as a whole.
    ///
    /// # Errors
    /// What the file system says.
    pub(crate) fn save(&self) -> Result<(), CliError> {
        let text = toml::to_string(&self.settings).map_err(|why| damaged(&why.to_string()))?;
        files::write_private(&self.path, text.as_bytes())
    }

    /// Takes over pins that another command moved meanwhile. What the `enrol` line says stays.
    ///
    /// # Errors
    /// When the file is damaged.
    pub(crate) fn reread_pins(&mut self) -> Result<(), CliError> {
        if self.path.exists() {
            let newer = Self::read(self.path.clone())?.settings.pins;
            let pins = &mut self.settings.pins;
            // A log epoch that another command followed meanwhile stays followed.
            let log_vkey = if newer.former.len() > pins.former.len() {
                newer.log_vkey.clone()
            } else {
                std::mem::take(&mut pins.log_vkey)
            };
            *pins = Pins {
                log_vkey,
                ca_sha256: pins.ca_sha256,
                ..newer
            };
        }
        Ok(())
    }

    /// Holds the pins against other commands of this person until the file is dropped.
    ///
    /// # Errors
    /// What the file system says.
    pub(crate) async fn lock(&self) -> Result<File, CliError> {
        let path = self.path.with_extension("lock");
        let shown = path.clone();
        let taken = tokio::task::spawn_blocking(move || {
            let file = File::options().create(true).append(true).open(&path)?;
            file.lock().map(|()| file)
        });
        let taken = taken.await.map_err(|why| damaged(&why.to_string()))?;
        taken.map_err(|why| files::cannot("lock", &shown, &why))
    }
}

/// The folder of client settings.
///
/// # Errors
/// When neither flag nor environment names one.
pub(crate) fn folder(globals: &Globals) -> Result<PathBuf, CliError> {
    if let Some(folder) = &globals.config {
        return Ok(folder.clone());
    }
    let base = files::variable("XDG_CONFIG_HOME").map(PathBuf::from);
    let base = base.or_else(|| Some(Path::new(&files::variable("HOME")?).join(".config")));
    base.map(|base| base.join("breakglass")).ok_or_else(|| {
        CliError::usage("neither XDG_CONFIG_HOME nor HOME is set").hint("pass --config DIR")
    })
}

/// Where a vault's settings are.
pub(crate) fn path_of(folder: &Path, vault: &VaultId) -> PathBuf {
    folder.join(format!("{vault}.toml"))
}

fn parse_vault(text: &str) -> Result<VaultId, CliError> {
    text.parse()
        .map_err(|why: crate::domain::ids::IdError| CliError::usage(why.to_string()))
}

fn only_one(folder: &Path) -> Result<PathBuf, CliError> {
    let none = || {
        CliError::new(
            crate::cli::Exit::NOT_ALLOWED,
            "not_enrolled",
            "no vault is enrolled on this machine",
        )
        .hint("run the `breakglass enrol` line that an operator gave you")
    };
    let listed = std::fs::read_dir(folder).map_err(|_| none())?;
    let mut found: Vec<PathBuf> = listed
        .filter_map(|each| Some(each.ok()?.path()))
        .filter(|path| path.extension().is_some_and(|ending| ending == "toml"))
        .collect();
    match (found.pop(), found.len()) {
        (Some(path), 0) => Ok(path),
        (Some(_), _) => Err(CliError::usage("several vaults are enrolled").hint("pass --vault ID")),
        (None, _) => Err(none()),
    }
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;

    pub(in crate::cli::client) fn settings() -> Settings {
        Settings {
            vault: "prod-eu".parse().unwrap(),
            server: "https://vault.example".to_owned(),
            person: "ada".parse().unwrap(),
            key: "id_ed25519".into(),
            unlocker_keys: vec!["second".into()],
            ca_file: None,
            pins: Pins {
                checkpoint: Some("a\nb\n".to_owned()),
                former: vec!["c\nd\n".to_owned()],
                roster_sha256: Some(Digest::of(b"roster")),
                ..Pins::fresh("x".to_owned())
            },
        }
    }

    #[test]
    fn settings_come_back_as_they_were_saved() {
        let folder = tempfile::tempdir().unwrap();
        let globals = Globals {
            config: Some(folder.path().to_owned()),
            ..Globals::default()
        };
        let vault = "prod-eu".parse().unwrap();
        let kept = Kept {
            path: path_of(folder.path(), &vault),
            settings: settings(),
        };
        kept.save().unwrap();
        assert_eq!(Kept::load(&globals).unwrap().settings, settings());
    }

    #[test]
    fn one_vault_is_found_by_itself_and_of_two_one_must_be_named() {
        let folder = tempfile::tempdir().unwrap();
        let mut globals = Globals {
            config: Some(folder.path().to_owned()),
            ..Globals::default()
        };
        assert_eq!(Kept::load(&globals).unwrap_err().code, "not_enrolled");
        for vault in ["prod-eu", "prod-us"] {
            let vault: VaultId = vault.parse().unwrap();
            let settings = Settings {
                vault: vault.clone(),
                ..settings()
            };
            Kept {
                path: path_of(folder.path(), &vault),
                settings,
            }
            .save()
            .unwrap();
        }
        assert_eq!(
            Kept::load(&globals).unwrap_err().exit,
            crate::cli::Exit::USAGE
        );
        globals.vault = Some("prod-us".to_owned());
        assert_eq!(
            Kept::load(&globals).unwrap().settings.vault.as_str(),
            "prod-us"
        );
    }

    #[test]
    fn a_manifest_pin_never_goes_back_and_never_changes_within_an_epoch() {
        let mut pins = settings().pins;
        pins.advance_manifest(2, Digest::of(b"two")).unwrap();
        pins.advance_manifest(2, Digest::of(b"two")).unwrap();
        for (epoch, manifest) in [(1, &b"one"[..]), (2, b"another")] {
            let error = pins
                .advance_manifest(epoch, Digest::of(manifest))
                .unwrap_err();
            assert_eq!(error.exit, crate::cli::Exit::LOG_BROKEN);
        }
        pins.advance_manifest(3, Digest::of(b"three")).unwrap();
        assert_eq!(pins.epoch, Some(3));
    }
}
