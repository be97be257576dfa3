//! Passkeys as login keys: our own check of one WebAuthn assertion (W3C WebAuthn Level 3 §7.2).
//!
//! No library lets the relying party choose the challenge, and the challenge is the point: it is
//! SHA-256(`breakglass/<act>/v1\n` ‖ document), derived here again from the document, never taken
//! from anybody (PROTOCOL §4). Pure: bytes in, yes or a reason out. Knows no roster and no HTTP.

use std::fmt;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD as BASE64URL;
use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};

/// First word of a passkey's key text.
pub const KIND: &str = "passkey";
/// DER of a P-256 SubjectPublicKeyInfo up to the point's coordinates (RFC 5480 §2).
const P256_SPKI: [u8; 27] = [
    0x30, 0x59, 0x30, 0x13, 0x06, 0x07, 0x2a, 0x86, 0x48, 0xce, 0x3d, 0x02, 0x01, 0x06, 0x08, 0x2a,
    0x86, 0x48, 0xce, 0x3d, 0x03, 0x01, 0x07, 0x03, 0x42, 0x00, 0x04,
];
/// DER of an Ed25519 SubjectPublicKeyInfo up to the key (RFC 8410 §4).
const ED25519_SPKI: [u8; 12] = [
    0x30, 0x2a, 0x30, 0x05, 0x06, 0x03, 0x2b, 0x65, 0x70, 0x03, 0x21, 0x00,
];
/// Longest credential id that WebAuthn allows, bytes.
const MAX_CREDENTIAL_ID_BYTES: usize = 1023;
/// Longest assertion text looked at, bytes: four fields, each far shorter.
const MAX_ASSERTION_BYTES: usize = 8 * 1024;
/// Hash of the relying party, flags, counter (WebAuthn §6.1).
const AUTHENTICATOR_DATA_BYTES: usize = 37;
/// Flags of authenticator data (WebAuthn §6.1).
const USER_PRESENT: u8 = 0x01;
const USER_VERIFIED: u8 = 0x04;
const ATTESTED_DATA: u8 = 0x40;
const EXTENSIONS: u8 = 0x80;
/// How a result of the PRF extension would be named inside authenticator data: CBOR text `prf`.
const PRF_IN_CBOR: &[u8] = b"\x63prf";

/// Why a key text is no passkey.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum PasskeyError {
    /// Not `passkey HOST/CREDENTIAL/KEY`.
    #[error("not an intact passkey: it should be one line like \"passkey HOST/…/…\"")]
    Damaged,
    /// Neither ES256 nor EdDSA.
    #[error("a passkey must sign with ES256 or EdDSA")]
    Algorithm,
}

/// Why an assertion was refused. Never carries a byte of it.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum AssertionError {
    /// Not the four fields, or more than them.
    #[error("not an assertion of exactly id, authenticatorData, clientDataJSON and signature")]
    Damaged,
    /// Something that looks like the result of the PRF extension came with it.
    #[error("the assertion carries more than a signature: the page must never send that")]
    Prf,
    /// Made with another passkey.
    #[error("the assertion was made with another passkey")]
    OtherKey,
    /// Not `webauthn.get`.
    #[error("the assertion is not of type webauthn.get")]
    Type,
    /// Signed for other bytes, such as altered terms.
    #[error("the assertion was made for another document")]
    Challenge,
    /// Made on another page.
    #[error("the assertion was made on another origin")]
    Origin,
    /// Made inside a frame of another page.
    #[error("the assertion was made inside another page")]
    Framed,
    /// For another host.
    #[error("the assertion is for another host")]
    RelyingParty,
    /// Nobody touched the authenticator.
    #[error("the passkey signed without a person present")]
    NotPresent,
    /// No biometric, no PIN.
    #[error("the passkey did not verify who touched it")]
    NotVerified,
    /// The mathematics says no.
    #[error("the signature does not fit document and passkey")]
    Wrong,
}

/// Which pages an assertion may come from.
#[derive(Debug, Clone, Copy)]
pub enum Origins<'a> {
    /// Exactly these, as browsers spell them. What a running vault asks.
    Exactly(&'a [String]),
    /// Any page of the passkey's own host over TLS, or of `localhost`. What can be asked offline.
    OfItsHost,
}

/// The four fields a page sends: no more, because `toJSON()` would hand over the PRF result.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Assertion {
    /// Bytes that were signed first, base64url.
    #[serde(rename = "authenticatorData")]
    pub authenticator_data: String,
    /// The browser's statement, base64url.
    #[serde(rename = "clientDataJSON")]
    pub client_data_json: String,
    /// Credential id, base64url.
    pub id: String,
    /// The signature, base64url.
    pub signature: String,
}

/// What the browser states (WebAuthn §5.8.1). Members that are not known here may stand in it:
/// browsers add some on purpose. Members that are known stand once.
#[derive(Deserialize)]
struct ClientData {
    r#type: String,
    challenge: String,
    origin: String,
    #[serde(rename = "crossOrigin", default)]
    cross_origin: bool,
    #[serde(rename = "topOrigin")]
    top_origin: Option<serde::de::IgnoredAny>,
}

#[derive(Clone, PartialEq, Eq)]
enum Verifier {
    Es256(p256::ecdsa::VerifyingKey),
    EdDsa(ed25519_dalek::VerifyingKey),
}

/// A passkey's public half, with the host it is bound to.
#[derive(Clone, PartialEq, Eq)]
pub struct Passkey {
    text: String,
    relying_party: String,
    credential_id: String,
    verifier: Verifier,
}

impl Passkey {
    /// Reads `passkey HOST/CREDENTIAL/KEY`, both base64url, the key as SubjectPublicKeyInfo.
    ///
    /// # Errors
    /// [`PasskeyError`].
    pub fn parse(text: &str) -> Result<Self, PasskeyError> {
        let data = text.strip_prefix(KIND).and_then(|t| t.strip_prefix(' '));
        let mut parts = data.ok_or(PasskeyError::Damaged)?.split('/');
        let (Some(host), Some(id), Some(key), None) =
            (parts.next(), parts.next(), parts.next(), parts.next())
        else {
            return Err(PasskeyError::Damaged);
        };
        let bytes = bytes_of(id).ok_or(PasskeyError::Damaged)?;
        if !is_host(host) || bytes.is_empty() || bytes.len() > MAX_CREDENTIAL_ID_BYTES {
            return Err(PasskeyError::Damaged);
        }
        Ok(Self {
            text: text.to_owned(),
            relying_party: host.to_owned(),
            credential_id: id.to_owned(),
            verifier: verifier(&bytes_of(key).ok_or(PasskeyError::Damaged)?)?,
        })
    }

    /// The key text, as documents carry it.
    #[must_use]
    pub fn text(&self) -> &str {
        &self.text
    }

    /// The host name it is bound to.
    #[must_use]
    pub fn relying_party(&self) -> &str {
        &self.relying_party
    }

    /// Its credential id, base64url.
    #[must_use]
    pub fn credential_id(&self) -> &str {
        &self.credential_id
    }

    /// Checks that this passkey signed `document` as an act of this word, on an allowed page, by
    /// a person who was verified. Gives the signature counter; 0 means that it has none.
    ///
    /// # Errors
    /// The first of [`AssertionError`] that applies.
    pub fn verify(
        &self,
        word: &str,
        document: &[u8],
        assertion: &str,
        origins: Origins<'_>,
    ) -> Result<u32, AssertionError> {
        let assertion = Assertion::parse(assertion)?;
        if assertion.id != self.credential_id {
            return Err(AssertionError::OtherKey);
        }
        let field = |text: &str| bytes_of(text).ok_or(AssertionError::Damaged);
        let client_data = field(&assertion.client_data_json)?;
        self.check_client_data(&client_data, &challenge(word, document), origins)?;
        let authenticator_data = field(&assertion.authenticator_data)?;
        let counter = self.check_authenticator_data(&authenticator_data)?;
        let mut signed = authenticator_data;
        signed.extend_from_slice(&Sha256::digest(&client_data));
        self.verifier
            .verify(&signed, &field(&assertion.signature)?)?;
        Ok(counter)
    }

    fn check_client_data(
        &self,
        bytes: &[u8],
        wanted: &[u8; 32],
        origins: Origins<'_>,
    ) -> Result<(), AssertionError> {
        let said: ClientData =
            serde_json::from_slice(bytes).map_err(|_| AssertionError::Damaged)?;
        if said.r#type != "webauthn.get" {
            return Err(AssertionError::Type);
        }
        if said.challenge != BASE64URL.encode(wanted) {
            return Err(AssertionError::Challenge);
        }
        if said.cross_origin || said.top_origin.is_some() {
            return Err(AssertionError::Framed);
        }
        let allowed = match origins {
            Origins::Exactly(list) => list.contains(&said.origin),
            Origins::OfItsHost => true,
        };
        // Narrower than WebAuthn, which lets a page use passkeys of its parent domain.
        if !allowed || !is_page_of(&said.origin, &self.relying_party) {
            return Err(AssertionError::Origin);
        }
        Ok(())
    }

    fn check_authenticator_data(&self, bytes: &[u8]) -> Result<u32, AssertionError> {
        let (head, rest) = bytes
            .split_at_checked(AUTHENTICATOR_DATA_BYTES)
            .ok_or(AssertionError::Damaged)?;
        let (relying_party, flags) = (&head[..32], head[32]);
        if relying_party != &Sha256::digest(self.relying_party.as_bytes())[..] {
            return Err(AssertionError::RelyingParty);
        }
        if flags & USER_PRESENT == 0 {
            return Err(AssertionError::NotPresent);
        }
        if flags & USER_VERIFIED == 0 {
            return Err(AssertionError::NotVerified);
        }
        if flags & ATTESTED_DATA != 0 || (flags & EXTENSIONS != 0) == rest.is_empty() {
            return Err(AssertionError::Damaged);
        }
        if memchr::memmem::find(rest, PRF_IN_CBOR).is_some() {
            return Err(AssertionError::Prf);
        }
        let counter = head[33..].try_into().map_err(|_| AssertionError::Damaged)?;
        Ok(u32::from_be_bytes(counter))
    }
}

impl fmt::Debug for Passkey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Passkey({})", self.text)
    }
}

impl Assertion {
    /// Reads the four fields, strictly.
    ///
    /// # Errors
    /// [`AssertionError::Damaged`], or [`AssertionError::Prf`] when a field is named so.
    pub fn parse(text: &str) -> Result<Self, AssertionError> {
        if text.len() > MAX_ASSERTION_BYTES {
            return Err(AssertionError::Damaged);
        }
        serde_json::from_str(text).map_err(|_| {
            if mentions_prf(text) {
                AssertionError::Prf
            } else {
                AssertionError::Damaged
            }
        })
    }
}

impl Verifier {
    fn verify(&self, signed: &[u8], signature: &[u8]) -> Result<(), AssertionError> {
        use p256::ecdsa::signature::Verifier as _;
        let holds = match self {
            Self::Es256(key) => p256::ecdsa::Signature::from_der(signature)
                .and_then(|signature| key.verify(signed, &signature))
                .is_ok(),
            Self::EdDsa(key) => ed25519_dalek::Signature::from_slice(signature)
                .is_ok_and(|signature| key.verify_strict(signed, &signature).is_ok()),
        };
        if holds {
            Ok(())
        } else {
            Err(AssertionError::Wrong)
        }
    }
}

/// What a passkey signs for a document: SHA-256(`breakglass/<word>/v1\n` ‖ document).
#[must_use]
pub fn challenge(word: &str, document: &[u8]) -> [u8; 32] {
    let mut hash = Sha256::new();
    hash.update(format!("breakglass/{word}/v1\n"));
    hash.update(document);
    hash.finalize().into()
}

/// Whether a JSON text has a member named for the PRF extension anywhere, also inside texts that
/// are JSON themselves. Such a body may hold somebody's key and is refused unread.
#[must_use]
pub fn mentions_prf(json: &str) -> bool {
    // Nearly every body ends here.
    if memchr::memmem::find(json.as_bytes(), b"prf").is_none() {
        return false;
    }
    serde_json::from_str(json).is_ok_and(|value| has_prf(&value))
}

fn has_prf(value: &serde_json::Value) -> bool {
    match value {
        serde_json::Value::Object(members) => members
            .iter()
            .any(|(name, value)| name == "prf" || has_prf(value)),
        serde_json::Value::Array(values) => values.iter().any(has_prf),
        serde_json::Value::String(text) => text.starts_with(['{', '[']) && mentions_prf(text),
        _ => false,
    }
}

fn verifier(spki: &[u8]) -> Result<Verifier, PasskeyError> {
    if let Some(point) = spki.strip_prefix(&P256_SPKI) {
        let point: &[u8; 64] = point.try_into().map_err(|_| PasskeyError::Damaged)?;
        let point = p256::EncodedPoint::from_untagged_bytes(point.into());
        let key = p256::ecdsa::VerifyingKey::from_encoded_point(&point);
        return key.map(Verifier::Es256).map_err(|_| PasskeyError::Damaged);
    }
    let key = spki
        .strip_prefix(&ED25519_SPKI)
        .ok_or(PasskeyError::Algorithm)?;
    let key: &[u8; 32] = key.try_into().map_err(|_| PasskeyError::Damaged)?;
    let key = ed25519_dalek::VerifyingKey::from_bytes(key).map_err(|_| PasskeyError::Damaged)?;
    // Under a weak point many messages verify.
    if key.is_weak() {
        return Err(PasskeyError::Damaged);
    }
    Ok(Verifier::EdDsa(key))
}

/// The bytes of a base64url text in its one spelling.
fn bytes_of(text: &str) -> Option<Vec<u8>> {
    BASE64URL.decode(text).ok()
}

fn is_host(text: &str) -> bool {
    let plain = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-' || b == b'.';
    !text.is_empty() && text.len() <= 253 && text.bytes().all(plain)
}

/// Whether an origin is `https://host[:port]`, or plain HTTP on `localhost`, which browsers trust.
fn is_page_of(origin: &str, host: &str) -> bool {
    let Some((scheme, authority)) = origin.split_once("://") else {
        return false;
    };
    let (name, port) = authority.split_once(':').unwrap_or((authority, "443"));
    let trusted = scheme == "https"
        || scheme == "http" && (host == "localhost" || host.ends_with(".localhost"));
    trusted && name == host && port.parse::<u16>().is_ok()
}
