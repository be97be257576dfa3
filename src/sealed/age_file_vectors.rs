//! The age test kit of C2SP/CCTV against the one door through which this vault opens age files.
//!
//! Taken are the files without passphrase and without armour (the vault makes and reads neither)
//! whose payload is below [`super::age_file::MAX_FILE_BYTES`].

use std::fs;
use std::path::Path;

use secrecy::ExposeSecret as _;
use sha2::{Digest as _, Sha256};

use super::age_file::{MAX_FILE_BYTES, OpenError, open};

/// Refused by the kit, read by the library.
const LEGACY: [&str; 2] = ["stanza_missing_body", "stanza_missing_final_line"];

/// A file of the kit: a header of `name: value` lines, an empty line, the age file.
struct Vector {
    name: String,
    header: String,
    file: Vec<u8>,
}

impl Vector {
    fn all() -> Vec<Self> {
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/vectors/age");
        let entries = fs::read_dir(folder).unwrap();
        entries
            .map(|entry| Self::read(&entry.unwrap().path()))
            .collect()
    }

    fn read(path: &Path) -> Self {
        let bytes = fs::read(path).unwrap();
        let end = bytes.windows(2).position(|two| two == b"\n\n").unwrap();
        Self {
            name: path.file_name().unwrap().to_string_lossy().into_owned(),
            header: String::from_utf8(bytes[..=end].to_vec()).unwrap(),
            file: bytes[end + 2..].to_vec(),
        }
    }

    fn values(&self, name: &str) -> Vec<&str> {
        let lines = self.header.lines();
        let wanted = lines.filter_map(|line| line.split_once(": "));
        wanted
            .filter(|(key, _)| *key == name)
            .map(|(_, value)| value)
            .collect()
    }

    fn value(&self, name: &str) -> &str {
        self.values(name)[0]
    }
}

#[test]
#[expect(clippy::disallowed_methods, reason = "the kit's payloads are public")]
fn every_file_of_the_age_test_kit_opens_or_is_refused_as_the_kit_says() {
    let vectors = Vector::all();
    assert_eq!(
        vectors.len(),
        48,
        "files of the kit that concern this vault"
    );
    for vector in vectors {
        let keys = vector.values("identity");
        let key: age::x25519::Identity = match keys.last() {
            Some(text) => text.parse().unwrap(),
            // A few broken files name no key; any will do.
            None => age::x25519::Identity::generate(),
        };
        let opened = open(&key, &vector.file, MAX_FILE_BYTES);
        let name = &vector.name;
        match vector.value("expect") {
            "success" => {
                let plaintext = opened.unwrap_or_else(|why| panic!("{name}: {why}"));
                let payload = hex::encode(Sha256::digest(plaintext.expose_secret()));
                assert_eq!(payload, vector.value("payload"), "{name}");
            }
            // The library still reads stanzas of before age 1.0 that lack their short last line; what
            // they unlock is authenticated all the same.
            "header failure" if LEGACY.contains(&name.as_str()) => {
                assert!(opened.is_ok(), "{name}")
            }
            "no match" => assert_eq!(opened.err(), Some(OpenError::NotForThisKey), "{name}"),
            "header failure" | "HMAC failure" | "payload failure" => {
                assert_eq!(opened.err(), Some(OpenError::Damaged), "{name}");
            }
            other => panic!("{name}: the kit expects {other}"),
        }
    }
}
