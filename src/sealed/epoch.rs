//! The name of an epoch as it stands in every secret document: vault, kind and number.
//!
//! Plain values, checked once, so that the documents need no escaping and no second check.

use std::fmt;

/// Why a name was refused.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum EpochNameError {
    /// Not `[a-z][a-z0-9-]{2,39}` (PROTOCOL §1).
    #[error("vault id {0:?} does not match [a-z][a-z0-9-]{{2,39}}")]
    Vault(String),
    /// Neither `live` nor `drill`.
    #[error("kind {0:?} is neither live nor drill")]
    Kind(String),
    /// Epochs count from 1.
    #[error("epoch 0 does not exist, epochs count from 1")]
    Zero,
}

/// Which epoch of which vault, live or drill.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EpochName {
    vault: String,
    kind: String,
    epoch: u32,
}

impl EpochName {
    /// Checks and takes the three values.
    ///
    /// # Errors
    /// [`EpochNameError`].
    pub fn new(vault: &str, kind: &str, epoch: u32) -> Result<Self, EpochNameError> {
        let bytes = vault.as_bytes();
        let good = (3..=40).contains(&bytes.len())
            && bytes[0].is_ascii_lowercase()
            && bytes
                .iter()
                .all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || *b == b'-');
        if !good {
            return Err(EpochNameError::Vault(vault.to_owned()));
        }
        if kind != "live" && kind != "drill" {
            return Err(EpochNameError::Kind(kind.to_owned()));
        }
        if epoch == 0 {
            return Err(EpochNameError::Zero);
        }
        Ok(Self {
            vault: vault.to_owned(),
            kind: kind.to_owned(),
            epoch,
        })
    }

    /// The vault id.
    #[must_use]
    pub fn vault(&self) -> &str {
        &self.vault
    }

    /// `live` or `drill`.
    #[must_use]
    pub fn kind(&self) -> &str {
        &self.kind
    }

    /// The number, from 1.
    #[must_use]
    pub fn epoch(&self) -> u32 {
        self.epoch
    }
}

impl fmt::Display for EpochName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} epoch {} of {}", self.kind, self.epoch, self.vault)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn odd_names_are_refused() {
        for vault in ["", "ab", "Abc", "1abc", "a_bc", "a\"bc", &"a".repeat(41)] {
            assert!(EpochName::new(vault, "live", 1).is_err(), "{vault}");
        }
        assert!(EpochName::new("abc", "other", 1).is_err());
        assert!(EpochName::new("abc", "drill", 0).is_err());
        assert_eq!(
            EpochName::new("prod-1", "live", 7).unwrap().to_string(),
            "live epoch 7 of prod-1"
        );
    }
}
