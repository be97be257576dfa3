//! Reads of versions of roster and policy that wait for signatures.

use super::Store;
use super::error::StoreError;
use super::query::query;
use super::rows::Columns;
use super::sql;
use crate::domain::ids::{Digest, PersonId};
use crate::domain::time::Timestamp;

/// A version that waits for signatures.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Proposal {
    /// `roster` or `policy`.
    pub what: String,
    /// Hash of the document.
    pub sha256: Digest,
    /// Its canonical bytes, checked against the hash.
    pub bytes: Vec<u8>,
    /// Who proposed it.
    pub person: PersonId,
    /// When.
    pub at_ms: Timestamp,
    /// Who agreed, with the act; the proposer is the first.
    pub signed: Vec<(PersonId, Digest)>,
}

impl Store {
    /// Every version that waits for signatures, oldest first.
    ///
    /// # Errors
    /// [`StoreError`]; a document that is not the one its hash names was changed.
    pub async fn proposals(&self) -> Result<Vec<Proposal>, StoreError> {
        let found = query(sql::proposal::LIST).fetch_all(self.reader()).await?;
        let mut proposals: Vec<Proposal> = Vec::new();
        for row in &found {
            let columns = Columns::new(row, "proposal", "sha256");
            let sha256: Digest = columns.parse("sha256")?;
            let signed = (columns.parse("signer")?, columns.parse("act_sha256")?);
            if let Some(known) = proposals.iter_mut().find(|p| p.sha256 == sha256) {
                known.signed.push(signed);
                continue;
            }
            let bytes: Vec<u8> = columns.get("bytes")?;
            if Digest::of(&bytes) != sha256 {
                let why = "its bytes have another hash";
                return Err(StoreError::inconsistent("proposal", sha256.hex(), why));
            }
            proposals.push(Proposal {
                what: columns.get("what")?,
                sha256,
                bytes,
                person: columns.parse("person")?,
                at_ms: columns.time("at_ms")?,
                signed: vec![signed],
            });
        }
        Ok(proposals)
    }
}
