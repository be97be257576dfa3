//! Unlockers: what the server can encrypt a share to, and what opens it on a custodian's machine.
//!
//! PROTOCOL §2: `ssh-ed25519`, `ssh-rsa`, `age1…` and `age1tag1…`; any other `age1<plugin>1…` is
//! refused with that reason, because the server never starts a plugin. Knows nothing of shares.

use std::fmt;

/// Why an unlocker was refused. Unlockers are public, so the text may be named.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum UnlockerError {
    /// An age plugin recipient.
    #[error(
        "unlocker age1{plugin}1… needs a plugin, and the vault never starts one: use an ssh-ed25519, ssh-rsa, age1… or age1tag1… key"
    )]
    Plugin {
        /// The plugin's name.
        plugin: String,
    },
    /// An SSH key that can sign but not be encrypted to.
    #[error(
        "a key of type {kind} can sign but cannot open a share: add an ssh-ed25519, ssh-rsa or age1… unlocker"
    )]
    CannotOpen {
        /// The SSH key type.
        kind: String,
    },
    /// A key of the right type that is not intact, or an RSA key outside 2048…16384 bits.
    #[error("unlocker of type {kind} is not a usable key: it is damaged, too short or too long")]
    Damaged {
        /// The type its prefix names.
        kind: &'static str,
    },
    /// Neither SSH nor age.
    #[error("an unlocker is an ssh-ed25519, ssh-rsa, age1… or age1tag1… key; this is none of them")]
    Unknown,
}

enum Kind {
    Ssh(age::ssh::Recipient),
    Age(age::x25519::Recipient),
    Tag(age::tag::Recipient),
}

/// One checked unlocker.
pub struct Unlocker {
    text: String,
    kind: Kind,
}

impl Unlocker {
    /// Reads one unlocker; an SSH key's comment is dropped.
    ///
    /// # Errors
    /// [`UnlockerError`] with what to use instead.
    pub fn parse(text: &str) -> Result<Self, UnlockerError> {
        let mut words = text.split_ascii_whitespace();
        let first = words.next().ok_or(UnlockerError::Unknown)?;
        match (first, words.next()) {
            ("ssh-ed25519", Some(data)) => Self::ssh("ssh-ed25519", data),
            ("ssh-rsa", Some(data)) => Self::ssh("ssh-rsa", data),
            (kind, Some(_)) if is_ssh_key_type(kind) => Err(UnlockerError::CannotOpen {
                kind: kind.to_owned(),
            }),
            (age, None) if age.starts_with("age1") => Self::age(age),
            _ => Err(UnlockerError::Unknown),
        }
    }

    fn ssh(kind: &'static str, data: &str) -> Result<Self, UnlockerError> {
        let text = format!("{kind} {data}");
        let recipient = text.parse().map_err(|_| UnlockerError::Damaged { kind })?;
        Ok(Self {
            text,
            kind: Kind::Ssh(recipient),
        })
    }

    fn age(text: &str) -> Result<Self, UnlockerError> {
        // A plugin's name stands between the two ones; Bech32 data has no "1" in it.
        let plugin = text["age1".len()..].rsplit_once('1').map(|parts| parts.0);
        let kind = match plugin {
            None => Kind::Age(
                text.parse()
                    .map_err(|_| UnlockerError::Damaged { kind: "age1" })?,
            ),
            Some("tag") => Kind::Tag(
                text.parse()
                    .map_err(|_| UnlockerError::Damaged { kind: "age1tag1" })?,
            ),
            Some(plugin) => {
                return Err(UnlockerError::Plugin {
                    plugin: plugin.chars().take(40).collect(),
                });
            }
        };
        Ok(Self {
            text: text.to_owned(),
            kind,
        })
    }

    /// The text without comment, as roster and acts carry it.
    #[must_use]
    pub fn text(&self) -> &str {
        &self.text
    }

    pub(super) fn recipient(&self) -> &dyn age::Recipient {
        match &self.kind {
            Kind::Ssh(recipient) => recipient,
            Kind::Age(recipient) => recipient,
            Kind::Tag(recipient) => recipient,
        }
    }
}

impl fmt::Debug for Unlocker {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Unlocker({})", self.text)
    }
}

impl PartialEq for Unlocker {
    fn eq(&self, other: &Self) -> bool {
        self.text == other.text
    }
}

impl Eq for Unlocker {}

fn is_ssh_key_type(word: &str) -> bool {
    word.starts_with("ecdsa-sha2-") || word.starts_with("sk-") || word.starts_with("ssh-")
}

/// What opens age files on a custodian's machine.
pub struct Opener(Inner);

enum Inner {
    Ssh(Box<age::ssh::Identity>),
    Age(Box<age::x25519::Identity>),
}

impl Opener {
    /// An age identity from the text of its file: comments and one `AGE-SECRET-KEY-1…` line.
    ///
    /// # Errors
    /// [`OpenerError`], without the text.
    pub fn from_age_text(text: &str) -> Result<Self, OpenerError> {
        let mut keys = text
            .lines()
            .map(str::trim)
            .filter(|line| !line.is_empty() && !line.starts_with('#'));
        let key = keys.next().ok_or(OpenerError::NoKey)?;
        if keys.next().is_some() {
            return Err(OpenerError::SeveralKeys);
        }
        if key.starts_with("AGE-PLUGIN-") {
            return Err(OpenerError::Plugin);
        }
        let identity = key.parse().map_err(|_| OpenerError::NoKey)?;
        Ok(Self(Inner::Age(Box::new(identity))))
    }

    pub(super) fn from_age(identity: Box<age::x25519::Identity>) -> Self {
        Self(Inner::Age(identity))
    }

    pub(super) fn from_ssh(identity: age::ssh::Identity) -> Self {
        Self(Inner::Ssh(Box::new(identity)))
    }

    pub(super) fn identity(&self) -> &dyn age::Identity {
        match &self.0 {
            Inner::Ssh(identity) => identity.as_ref(),
            Inner::Age(identity) => identity.as_ref(),
        }
    }

    /// The recipient of an age identity; none for an SSH key, whose public key the caller has.
    #[must_use]
    pub fn age_recipient(&self) -> Option<String> {
        match &self.0 {
            Inner::Ssh(_) => None,
            Inner::Age(identity) => Some(identity.to_public().to_string()),
        }
    }
}

impl fmt::Debug for Opener {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Opener(hidden)")
    }
}

/// Why an age identity was not read.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum OpenerError {
    /// No `AGE-SECRET-KEY-1…` line, or a damaged one.
    #[error("the file holds no intact age identity: it should have one line AGE-SECRET-KEY-1…")]
    NoKey,
    /// More than one key line.
    #[error(
        "the file holds several age identities: keep the one of this vault in a file of its own"
    )]
    SeveralKeys,
    /// A plugin identity.
    #[error("the file holds a plugin identity: this command does not start plugins yet")]
    Plugin,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_kind_that_cannot_be_used_is_refused_with_its_reason() {
        let plugin = "age1yubikey1qwt50d05nh5vutpdzmlg5wn80xq5negm4uj9ghv0snvdd3yysf5yw3rhl3t";
        assert!(matches!(
            Unlocker::parse(plugin),
            Err(UnlockerError::Plugin { plugin }) if plugin == "yubikey"
        ));
        for kind in [
            "ecdsa-sha2-nistp256",
            "sk-ssh-ed25519@openssh.com",
            "ssh-dss",
        ] {
            assert!(matches!(
                Unlocker::parse(&format!("{kind} AAAA ada")),
                Err(UnlockerError::CannotOpen { kind: k }) if k == kind
            ));
        }
        assert!(matches!(
            Unlocker::parse("ssh-ed25519 AAAAC3"),
            Err(UnlockerError::Damaged { .. })
        ));
        assert!(matches!(
            Unlocker::parse("age1qqqq"),
            Err(UnlockerError::Damaged { .. })
        ));
        for nothing in ["", "hello", "AGE-SECRET-KEY-1QQ"] {
            assert!(matches!(
                Unlocker::parse(nothing),
                Err(UnlockerError::Unknown)
            ));
        }
    }

    #[test]
    fn a_hardware_tag_recipient_is_taken() {
        // The generator of P-256, compressed: y is odd.
        let point =
            hex::decode("036b17d1f2e12c4247f8bce6e563a440f277037d812deb33a0f4a13945d898c296")
                .unwrap();
        let prefix = bech32::Hrp::parse("age1tag").unwrap();
        let text = bech32::encode::<bech32::Bech32>(prefix, &point).unwrap();
        let unlocker = Unlocker::parse(&text).unwrap();
        assert_eq!(unlocker.text(), text);
        assert!(super::super::age_file::seal(&[unlocker.recipient()], b"x").is_ok());
    }

    #[test]
    fn errors_about_identities_do_not_carry_them() {
        let text = "AGE-SECRET-KEY-1CANARYCANARY";
        let error = Opener::from_age_text(text).unwrap_err();
        assert!(!format!("{error} {error:?}").contains("CANARY"));
        assert_eq!(
            Opener::from_age_text("# nothing\n").unwrap_err(),
            OpenerError::NoKey
        );
    }
}
