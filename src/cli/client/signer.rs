//! What signs logins and acts: a key file this program can sign with, or `ssh-keygen -Y sign` for
//! RSA keys, keys in an SSH agent and security keys (PROTOCOL §2).
//!
//! A document is no secret and goes to `ssh-keygen` on its standard input; nothing is written to
//! disk. What comes back is verified before it is sent, the touch of a security key too.

use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use super::keys::KeyRing;
use crate::cli::error::{CliError, Exit};
use crate::cli::files;
use crate::sealed::loaded_key::{KeyFile, LoadedKey};
use crate::sealed::sshsig::SshPublicKey;

/// One login key, ready to sign.
pub(crate) enum Signer {
    /// Unlocked here.
    Own(Box<LoadedKey>),
    /// Signed by stock OpenSSH.
    Keygen {
        /// Its public half.
        public: Box<SshPublicKey>,
        /// The file `ssh-keygen -f` is given.
        file: PathBuf,
        /// Only an agent can sign: the file is a public key, or has a passphrase.
        agent: bool,
    },
}

impl Signer {
    /// Loads the key at this path: a private key file, or the public half of a key that lives in
    /// an agent.
    ///
    /// # Errors
    /// When it is no key, or its passphrase is wrong.
    pub(crate) fn load(ring: &mut KeyRing, path: &Path) -> Result<Self, CliError> {
        if let Some(public) = public_key_in(path)? {
            return Ok(Self::Keygen {
                public: Box::new(public),
                file: path.to_owned(),
                agent: true,
            });
        }
        let file = zeroize::Zeroizing::new(files::read_private(path)?);
        let read = KeyFile::read(&file);
        match read {
            Ok(key) if !key.can_sign() => Ok(Self::Keygen {
                // A passphrase would be asked for at every signature: the agent asks once.
                agent: key.is_encrypted,
                public: Box::new(key.public),
                file: path.to_owned(),
            }),
            _ => ring.ssh(path).map(|key| Self::Own(Box::new(key))),
        }
    }

    /// The public half.
    pub(crate) fn public(&self) -> &SshPublicKey {
        match self {
            Self::Own(key) => key.public(),
            Self::Keygen { public, .. } => public,
        }
    }

    /// An armored SSHSIG over `document`.
    ///
    /// # Errors
    /// When the key, the agent or the person at the security key does not sign.
    pub(crate) fn sign(&self, namespace: &str, document: &[u8]) -> Result<String, CliError> {
        match self {
            Self::Own(key) => key
                .sign(namespace, document)
                .map_err(|why| CliError::failed("key", why.to_string())),
            Self::Keygen {
                public,
                file,
                agent,
            } => {
                let armored = keygen(file, *agent, namespace, document)?;
                public
                    .verify(namespace, document, &armored)
                    .map_err(|why| CliError::failed("key", format!("ssh-keygen signed, but {why}")))
                    .map(|()| armored)
            }
        }
    }
}

/// The public key a file holds, if it is a public key file.
///
/// # Errors
/// When it cannot be read, or is a public key that cannot log in.
pub(crate) fn public_key_in(path: &Path) -> Result<Option<SshPublicKey>, CliError> {
    let bytes = zeroize::Zeroizing::new(files::read(path)?);
    let text = std::str::from_utf8(&bytes).unwrap_or_default();
    let is_public = ["ssh-", "ecdsa-", "sk-"]
        .iter()
        .any(|start| text.starts_with(start));
    if !is_public {
        return Ok(None);
    }
    SshPublicKey::parse(text.lines().next().unwrap_or_default())
        .map(Some)
        .map_err(|why| CliError::failed("key", format!("{}: {why}", path.display())))
}

fn keygen(file: &Path, agent: bool, namespace: &str, document: &[u8]) -> Result<String, CliError> {
    run(command(file, agent, namespace), agent, document)
}

fn command(file: &Path, agent: bool, namespace: &str) -> Command {
    let mut command = Command::new("ssh-keygen");
    command.args(["-q", "-Y", "sign", "-n", namespace, "-f"]);
    command.arg(file);
    if agent {
        command.arg("-U");
    }
    command
}

fn run(mut command: Command, agent: bool, document: &[u8]) -> Result<String, CliError> {
    // Its questions (a touch, a PIN) go to the terminal, its complaints to ours.
    command.stdin(Stdio::piped()).stdout(Stdio::piped());
    let started = command.spawn().map_err(|why| {
        CliError::failed("ssh_keygen", format!("ssh-keygen does not start: {why}"))
            .hint("install OpenSSH's client, or log in with an ed25519 or p256 key file")
    })?;
    let signed = feed(started, document)
        .map_err(|why| CliError::failed("ssh_keygen", format!("ssh-keygen: {why}")))?;
    if !signed.status.success() {
        let hint = if agent {
            "load the key into your agent with ssh-add and see that SSH_AUTH_SOCK is set"
        } else {
            "touch the security key when it blinks, or use another login key"
        };
        return Err(
            CliError::new(Exit::NOT_ALLOWED, "not_signed", "ssh-keygen did not sign").hint(hint),
        );
    }
    String::from_utf8(signed.stdout)
        .map_err(|_| CliError::failed("ssh_keygen", "ssh-keygen's signature is not text"))
}

fn feed(
    mut child: std::process::Child,
    document: &[u8],
) -> Result<std::process::Output, std::io::Error> {
    if let Some(mut stdin) = child.stdin.take() {
        // It may have ended already: then its status says so.
        match stdin.write_all(document) {
            Err(why) if why.kind() != std::io::ErrorKind::BrokenPipe => return Err(why),
            _ => {}
        }
    }
    child.wait_with_output()
}

#[cfg(test)]
#[path = "signer_tests.rs"]
mod tests;
