//! Level 5: documents named by entries are in the export and hash to their names.
//!
//! Kept apart because it alone reads the folders of documents.

use std::collections::BTreeMap;

use serde_json::Value;
use sha2::{Digest as _, Sha256};

use super::super::entry::Entry;
use super::super::merkle::Hash;
use super::ExportSource;
use super::report::Failure;

/// Documents of one sort: the entry member that names one, its folder, and what is hashed before
/// its bytes (PROTOCOL §5 for terms; the others are hashed as they are).
pub(super) struct Sort {
    member: &'static str,
    folder: &'static str,
    prefix: &'static str,
}

/// Every sort of document an entry can name.
pub(super) const SORTS: [Sort; 6] = [
    Sort {
        member: "terms_sha256",
        folder: "terms",
        prefix: "breakglass/terms/v1\n",
    },
    Sort {
        member: "act_sha256",
        folder: "acts",
        prefix: "",
    },
    // The signed opening.
    Sort {
        member: "request_sha256",
        folder: "acts",
        prefix: "",
    },
    Sort {
        member: "roster_sha256",
        folder: "roster",
        prefix: "",
    },
    Sort {
        member: "manifest_sha256",
        folder: "manifests",
        prefix: "",
    },
    Sort {
        member: "policy_sha256",
        folder: "policy",
        prefix: "",
    },
];

/// Hashes that entries named, with the first entry that did.
#[derive(Default)]
pub(super) struct References {
    named: BTreeMap<(usize, String), u64>,
}

impl References {
    /// Remembers the documents one entry names.
    pub(super) fn note(&mut self, seq: u64, entry: &Entry) {
        for (number, sort) in SORTS.iter().enumerate() {
            if let Some(hash) = entry.text(sort.member) {
                self.named.entry((number, hash.to_owned())).or_insert(seq);
            }
        }
    }

    /// Checks that each is there, and that every file named by a hash has that hash.
    pub(super) fn check(&self, source: &dyn ExportSource) -> Result<u64, Failure> {
        for ((number, hash), seq) in &self.named {
            let path = format!("{}/{hash}.json", SORTS[*number].folder);
            let here = parse_hex(hash).is_some() && matches!(source.read(&path), Ok(Some(_)));
            if !here {
                return Err(Failure::at(*seq, format!("{path} is missing")));
            }
        }
        let mut checked = 0;
        for (number, sort) in SORTS.iter().enumerate() {
            let before = &SORTS[..number];
            if before.iter().all(|other| other.folder != sort.folder) {
                checked += sort.check_files(source, self)?;
            }
        }
        Ok(checked)
    }
}

/// Checks that signed documents say what entries say of them: (entry, hash, members).
pub(super) fn check_said(
    source: &dyn ExportSource,
    said: &[(u64, String, Value)],
) -> Result<(), Failure> {
    for (seq, hash, members) in said {
        let path = format!("acts/{hash}.json");
        let bytes = super::read_file(source, &path).map_err(|why| Failure::at(*seq, why))?;
        let found: Value = serde_json::from_slice(&bytes).unwrap_or_default();
        let members = members.as_object().into_iter().flatten();
        for (name, value) in members {
            if found.get(name) != Some(value) {
                let reason = format!("{path} was signed with another {name}");
                return Err(Failure::at(*seq, reason));
            }
        }
    }
    Ok(())
}

impl Sort {
    fn check_files(
        &self,
        source: &dyn ExportSource,
        references: &References,
    ) -> Result<u64, Failure> {
        let folder = self.folder;
        let list = source.list(folder);
        let mut names = list.map_err(|e| Failure::whole(format!("{folder}: {e}")))?;
        names.sort();
        let mut checked = 0;
        // Signatures lie beside the documents; they are checked with stock tools, not here.
        for hash in names.iter().filter_map(|name| name.strip_suffix(".json")) {
            let path = format!("{folder}/{hash}.json");
            let bytes = super::read_file(source, &path).map_err(Failure::whole)?;
            let digest = Sha256::new()
                .chain_update(self.prefix)
                .chain_update(&bytes)
                .finalize();
            if parse_hex(hash) != Some(digest.into()) {
                let seq = references.first(folder, hash);
                return Err(Failure {
                    seq,
                    reason: format!("{path} has another hash"),
                });
            }
            checked += 1;
        }
        Ok(checked)
    }
}

impl References {
    fn first(&self, folder: &str, hash: &str) -> Option<u64> {
        let sorts = SORTS.iter().enumerate();
        let of_folder = sorts.filter(|(_, sort)| sort.folder == folder);
        let found = of_folder.filter_map(|(number, _)| {
            let seq = self.named.get(&(number, hash.to_owned()));
            seq.copied()
        });
        found.min()
    }
}

/// A hash in lower-case hex, the only spelling a file name has.
fn parse_hex(text: &str) -> Option<Hash> {
    let plain = text.bytes().all(|b| matches!(b, b'0'..=b'9' | b'a'..=b'f'));
    plain.then(|| hex::decode(text).ok())??.try_into().ok()
}
