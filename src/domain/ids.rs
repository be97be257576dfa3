//! Names of things: newtypes, never bare strings, so that a person is not taken for an incident.
//!
//! Each parses once at the door and is trusted afterwards. Knows nothing of how ids are drawn.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};

/// Why a text is not an id of the wanted kind.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("not a valid {kind}: {rule}")]
pub struct IdError {
    /// What was expected.
    pub kind: &'static str,
    /// The rule it broke.
    pub rule: &'static str,
}

macro_rules! text_id {
    ($(#[$doc:meta])* $name:ident, $kind:literal, $rule:literal, $check:expr) => {
        $(#[$doc])*
        #[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
        #[serde(try_from = "String", into = "String")]
        pub struct $name(String);

        impl $name {
            /// The id as written.
            #[must_use]
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&self.0)
            }
        }

        impl FromStr for $name {
            type Err = IdError;

            fn from_str(text: &str) -> Result<Self, IdError> {
                let check: fn(&str) -> bool = $check;
                if check(text) {
                    Ok(Self(text.to_owned()))
                } else {
                    Err(IdError { kind: $kind, rule: $rule })
                }
            }
        }

        impl TryFrom<String> for $name {
            type Error = IdError;

            fn try_from(text: String) -> Result<Self, IdError> {
                text.parse()
            }
        }

        impl From<$name> for String {
            fn from(id: $name) -> String {
                id.0
            }
        }
    };
}

text_id!(
    /// The vault's own name (PROTOCOL §1), chosen in `roster.toml`, part of the log's origin.
    VaultId,
    "vault id",
    "[a-z][a-z0-9-]{2,39}",
    |t| t.len() >= 3 && t.len() <= 40 && starts_lower(t) && t.bytes().all(is_slug)
);

text_id!(
    /// A person in log entries: opaque, so that erasing the name table erases the person.
    PersonId,
    "person id",
    "[a-z][a-z0-9_-]{1,39}",
    |t| t.len() >= 2
        && t.len() <= 40
        && starts_lower(t)
        && t.bytes().all(|b| is_slug(b) || b == b'_')
);

text_id!(
    /// One break-glass case, `INC-1`, `INC-2`, …; a drill counts in the same series.
    IncidentId,
    "incident id",
    "INC- and up to nine digits",
    |t| t.strip_prefix("INC-").is_some_and(|d| {
        (1..=9).contains(&d.len()) && d.bytes().all(|b| b.is_ascii_digit()) && !d.starts_with('0')
    })
);

text_id!(
    /// One session of one incident; clients present it as the OAuth client id.
    SessionId,
    "session id",
    "ses- and 4 to 40 lower-case letters or digits",
    |t| t.strip_prefix("ses-").is_some_and(|d| {
        (4..=40).contains(&d.len())
            && d.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit())
    })
);

text_id!(
    /// One rotation saga.
    RotationId,
    "rotation id",
    "rot- and 1 to 9 digits",
    |t| t.strip_prefix("rot-").is_some_and(|d| {
        (1..=9).contains(&d.len()) && d.bytes().all(|b| b.is_ascii_digit())
    })
);

impl IncidentId {
    /// The incident with this number in the vault's series.
    #[must_use]
    pub fn numbered(number: u32) -> Self {
        Self(format!("INC-{}", number.max(1)))
    }

    /// Its number in the vault's series.
    #[must_use]
    pub fn number(&self) -> u32 {
        self.0[4..].parse().unwrap_or(0)
    }
}

impl RotationId {
    /// The rotation with this number in the vault's series.
    #[must_use]
    pub fn numbered(number: u32) -> Self {
        Self(format!("rot-{number}"))
    }
}

fn starts_lower(text: &str) -> bool {
    text.as_bytes().first().is_some_and(u8::is_ascii_lowercase)
}

fn is_slug(byte: u8) -> bool {
    byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-'
}

/// A SHA-256 value, written as 64 lower-case hexadecimal characters.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Digest(pub [u8; 32]);

impl Digest {
    /// SHA-256 of some bytes.
    #[must_use]
    pub fn of(bytes: &[u8]) -> Self {
        Self(Sha256::digest(bytes).into())
    }

    /// The 32 bytes.
    #[must_use]
    pub fn bytes(&self) -> &[u8; 32] {
        &self.0
    }

    /// 64 lower-case hexadecimal characters.
    #[must_use]
    pub fn hex(&self) -> String {
        hex::encode(self.0)
    }
}

impl fmt::Debug for Digest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.hex())
    }
}

impl fmt::Display for Digest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.hex())
    }
}

impl FromStr for Digest {
    type Err = IdError;

    fn from_str(text: &str) -> Result<Self, IdError> {
        let wrong = IdError {
            kind: "sha-256",
            rule: "64 lower-case hexadecimal characters",
        };
        if text.len() != 64 || text.bytes().any(|b| b.is_ascii_uppercase()) {
            return Err(wrong);
        }
        let mut bytes = [0; 32];
        hex::decode_to_slice(text, &mut bytes).map_err(|_| wrong)?;
        Ok(Self(bytes))
    }
}

impl TryFrom<String> for Digest {
    type Error = IdError;

    fn try_from(text: String) -> Result<Self, IdError> {
        text.parse()
    }
}

impl From<Digest> for String {
    fn from(digest: Digest) -> String {
        digest.hex()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_parse_once_and_refuse_other_spellings() {
        assert!("prod-eu".parse::<VaultId>().is_ok());
        assert!("Prod".parse::<VaultId>().is_err());
        assert!("INC-12".parse::<IncidentId>().is_ok());
        for wrong in ["INC-", "INC-01", "inc-1", "INC-1234567890", "INC-1x"] {
            assert!(wrong.parse::<IncidentId>().is_err(), "{wrong}");
        }
        assert_eq!("INC-12".parse::<IncidentId>().unwrap().number(), 12);
    }

    #[test]
    fn a_digest_is_written_one_way_only() {
        let digest = Digest::of(b"");
        assert_eq!(digest.hex().parse::<Digest>().unwrap(), digest);
        assert!(digest.hex().to_uppercase().parse::<Digest>().is_err());
    }
}
