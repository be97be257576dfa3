//! Witness cosignatures (C2SP tlog-cosignature, `cosignature/v1`): parsing and the signed message.
//!
//! Making one is the witness server's business. Knows no policy: which witnesses count is
//! `policy.rs`.

/// One Ed25519 witness cosignature: a time and a signature over it and the checkpoint's body.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Cosignature {
    /// When the witness signed, in seconds since the epoch; at most 2^63 − 1.
    pub time_s: u64,
    /// The Ed25519 signature over [`signed_message`].
    pub signature: [u8; 64],
}

impl Cosignature {
    /// Parses the bytes after the key id of a note signature: `u64be time ‖ 64 bytes`.
    #[must_use]
    pub fn parse(bytes: &[u8]) -> Option<Self> {
        let (time, signature) = bytes.split_first_chunk::<8>()?;
        let time_s = u64::from_be_bytes(*time);
        let signature = <[u8; 64]>::try_from(signature).ok()?;
        (time_s <= i64::MAX as u64).then_some(Self { time_s, signature })
    }
}

/// What a witness signs: two header lines, then the whole note body.
#[must_use]
pub fn signed_message(time_s: u64, body: &str) -> Vec<u8> {
    format!("cosignature/v1\ntime {time_s}\n{body}").into_bytes()
}
