//! An authenticator in software: it makes assertions as a browser would hand them over, right ones
//! and every wrong one a test needs.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD as BASE64URL;
use breakglass::sealed::passkey::challenge;
use p256::ecdsa::signature::Signer as _;
use serde_json::{Value, json};
use sha2::{Digest as _, Sha256};

/// Host of the test's pages.
pub const HOST: &str = "localhost";
/// Their origin.
pub const ORIGIN: &str = "http://localhost:7070";

/// The private half.
enum Key {
    Es256(p256::ecdsa::SigningKey),
    EdDsa(Box<ed25519_dalek::SigningKey>),
}

/// One passkey.
pub struct SoftPasskey {
    id: Vec<u8>,
    key: Key,
}

/// What one assertion says; tests change one thing at a time.
#[derive(Clone)]
pub struct Said {
    /// `webauthn.get`.
    pub kind: &'static str,
    /// Page.
    pub origin: &'static str,
    /// Relying party that is hashed.
    pub host: &'static str,
    /// Flags: present and verified.
    pub flags: u8,
    /// Signature counter.
    pub counter: u32,
    /// More members of the browser's statement.
    pub more: Value,
    /// Bytes after the counter.
    pub extensions: Vec<u8>,
}

impl Default for Said {
    fn default() -> Self {
        Self {
            kind: "webauthn.get",
            origin: ORIGIN,
            host: HOST,
            flags: 0x05,
            counter: 0,
            more: json!({"crossOrigin": false}),
            extensions: Vec::new(),
        }
    }
}

impl SoftPasskey {
    /// A P-256 passkey made of a seed.
    pub fn es256(seed: u8) -> Self {
        let key = p256::ecdsa::SigningKey::from_slice(&[seed; 32]).unwrap();
        Self {
            id: vec![seed; 16],
            key: Key::Es256(key),
        }
    }

    /// An Ed25519 passkey made of a seed.
    pub fn eddsa(seed: u8) -> Self {
        let key = ed25519_dalek::SigningKey::from_bytes(&[seed; 32]);
        Self {
            id: vec![seed; 16],
            key: Key::EdDsa(Box::new(key)),
        }
    }

    /// As the roster writes it.
    pub fn text(&self) -> String {
        let spki = match &self.key {
            Key::Es256(key) => {
                let mut der =
                    hex::decode("3059301306072a8648ce3d020106082a8648ce3d030107034200").unwrap();
                der.extend_from_slice(key.verifying_key().to_encoded_point(false).as_bytes());
                der
            }
            Key::EdDsa(key) => {
                let mut der = hex::decode("302a300506032b6570032100").unwrap();
                der.extend_from_slice(key.verifying_key().as_bytes());
                der
            }
        };
        format!(
            "passkey {HOST}/{}/{}",
            self.id_text(),
            BASE64URL.encode(spki)
        )
    }

    /// Credential id, base64url.
    pub fn id_text(&self) -> String {
        BASE64URL.encode(&self.id)
    }

    /// An assertion that says what it is told to say.
    pub fn sign_as(&self, word: &str, document: &[u8], said: &Said) -> String {
        let mut client_data = json!({
            "type": said.kind,
            "challenge": BASE64URL.encode(challenge(word, document)),
            "origin": said.origin,
        });
        for (name, value) in said.more.as_object().unwrap() {
            client_data[name] = value.clone();
        }
        self.seal(&client_data.to_string(), said)
    }

    /// Signs a statement of the test's own.
    pub fn seal(&self, client_data: &str, said: &Said) -> String {
        let mut data = Sha256::digest(said.host.as_bytes()).to_vec();
        data.push(said.flags);
        data.extend_from_slice(&said.counter.to_be_bytes());
        data.extend_from_slice(&said.extensions);
        let mut signed = data.clone();
        signed.extend_from_slice(&Sha256::digest(client_data.as_bytes()));
        let signature = match &self.key {
            Key::Es256(key) => {
                let signature: p256::ecdsa::Signature = key.sign(&signed);
                signature.to_der().as_bytes().to_vec()
            }
            Key::EdDsa(key) => key.sign(&signed).to_bytes().to_vec(),
        };
        json!({
            "authenticatorData": BASE64URL.encode(data),
            "clientDataJSON": BASE64URL.encode(client_data),
            "id": self.id_text(),
            "signature": BASE64URL.encode(signature),
        })
        .to_string()
    }
}
