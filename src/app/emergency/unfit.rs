//! Entries of an emergency log that do not follow from the rows: a database that is older, or that
//! went on. No saga can be made of them, but an envelope that was sealed meanwhile may be the only
//! one of the live secret (DESIGN §4.10): its epoch is put into the rows and becomes current where
//! the log says so. A file that is named and not there is looked for at every later start.

use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::super::App;
use super::super::error::AppError;
use super::super::step::{ROTATION_OWED, draft};
use super::super::successor::{KEPT_ENTRY, Kept, LAST_EPOCH};
use crate::audit::entry::{Draft, Entry};
use crate::domain::ids::Digest;
use crate::domain::manifest::{Kind, Manifest};
use crate::domain::rotation::Event;
use crate::store::EmergencySource;
use crate::store::change::RowChange;

/// A sealed epoch that the entries call current.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Switched {
    /// Hash of its file, which names it.
    pub sha256: Digest,
    /// Its number.
    pub epoch: u32,
}

/// What can be saved of entries that do not fit.
#[derive(Default)]
pub(super) struct Saved {
    pub drafts: Vec<Draft>,
    pub rows: Vec<RowChange>,
    /// The epoch that is current afterwards, where that changes.
    pub epoch: Option<u32>,
    /// Files whose content the rows hold afterwards.
    pub kept: Vec<Digest>,
    /// Epochs whose file is not there.
    pub awaited: Vec<Switched>,
}

/// Whether these entries do not fit, rather than that something could not be read now: then the
/// start is refused, and the next one tries again.
pub(super) fn is_misfit(error: &AppError) -> bool {
    matches!(
        error,
        AppError::Inconsistent(_) | AppError::BadDocument(_) | AppError::Conflict(_)
    )
}

/// Sealed epochs that the entries call current, oldest first; and the highest number they give.
pub(super) fn switched(entries: &[Entry]) -> (Vec<Switched>, u32) {
    let (mut found, mut sealed, mut highest) = (Vec::new(), None, 0);
    for entry in entries {
        if entry.kind == KEPT_ENTRY {
            sealed = entry.text("sha256").and_then(|text| text.parse().ok());
        }
        match Event::from_entry(&entry.kind, &entry.members) {
            Ok(Some((_, Event::Sealed { epoch, .. }))) => highest = highest.max(epoch),
            Ok(Some((_, Event::Discarded { .. }))) => sealed = None,
            Ok(Some((_, Event::Switched { epoch }))) => {
                found.extend(sealed.take().map(|sha256| Switched { sha256, epoch }));
            }
            _ => {}
        }
    }
    (found, highest)
}

/// The main log says which epoch is in force; without a saga's id it is no step of one.
pub(super) fn sealed_again(manifest: &Manifest) -> Result<Draft, AppError> {
    let sha256 = manifest.sha256()?;
    let members = [
        ("epoch", Value::from(manifest.epoch)),
        ("manifest_sha256", Value::from(sha256.hex())),
    ];
    Ok(draft("rotate.sealed", members))
}

/// The same, of the switch to it.
pub(super) fn switched_again(epoch: u32) -> Draft {
    draft("rotate.switched", [("epoch", Value::from(epoch))])
}

impl App {
    /// Rows for the newest of these epochs whose file is there; what is older is dead by then.
    ///
    /// # Errors
    /// A file or a store that cannot be read now.
    pub(super) async fn save_switched(
        &self,
        log: EmergencySource<'_>,
        switched: &[Switched],
    ) -> Result<Saved, AppError> {
        let store = &self.inner.store;
        let mut saved = Saved::default();
        let highest = store.highest_epoch(Kind::Live).await?;
        for of in switched.iter().rev() {
            let bytes = log.kept(&of.sha256)?;
            let kept = bytes.and_then(|bytes| Kept::read(&bytes).ok());
            let Some(kept) = kept.filter(|kept| kept.manifest.epoch == of.epoch) else {
                saved.awaited.push(of.clone());
                continue;
            };
            if saved.epoch.is_none() && of.epoch > highest {
                saved.drafts.push(sealed_again(&kept.manifest)?);
                saved.drafts.push(switched_again(of.epoch));
                saved.rows.extend(kept.rows()?);
                saved.rows.push(RowChange::SwitchEpoch {
                    kind: Kind::Live,
                    epoch: of.epoch,
                });
                saved.drafts.push(draft(
                    "emergency.saved",
                    [
                        ("sha256", Value::from(of.sha256.hex())),
                        ("epoch", Value::from(of.epoch)),
                    ],
                ));
                saved.kept.push(of.sha256);
                saved.epoch = Some(of.epoch);
            }
        }
        saved.awaited.reverse();
        Ok(saved)
    }

    /// The number that no later epoch may have, and the debt: nobody can tell how far the rotation
    /// went, so k custodians replace what is current.
    pub(super) async fn owed_after(&self, highest: u32) -> Result<Vec<RowChange>, AppError> {
        let store = &self.inner.store;
        let fact = |name: &str, value: String| RowChange::SetFact {
            name: name.to_owned(),
            value: Some(value),
        };
        let dealt = self
            .number_fact(LAST_EPOCH, ("rotate.sealed", "epoch"))
            .await?;
        let mut rows = Vec::new();
        if highest > dealt {
            rows.push(fact(LAST_EPOCH, highest.to_string()));
        }
        if store.fact(ROTATION_OWED).await?.is_none() {
            rows.push(fact(ROTATION_OWED, self.now().0.to_string()));
        }
        Ok(rows)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn entry(kind: &str, members: Value) -> Entry {
        let Value::Object(members) = members else {
            panic!("members are an object");
        };
        let draft = Draft {
            kind: kind.to_owned(),
            members,
        };
        let ready = crate::audit::entry::PreparedDraft::new(&draft, "n1", "00000001").unwrap();
        crate::audit::entry::parse_entry(&ready.stamp(0, 1).unwrap()).unwrap()
    }

    #[test]
    fn only_what_was_switched_to_counts_and_every_number_given_does() {
        let (first, second) = (Digest::of(b"1"), Digest::of(b"2"));
        let sealed = |epoch: u32| {
            let sha256 = Digest::of(b"manifest").hex();
            let members = json!({"rot": "rot-1", "new_secret_id": "s", "epoch": epoch,
                "manifest_sha256": sha256});
            entry("rotate.sealed", members)
        };
        let kept = |sha256: Digest| entry(KEPT_ENTRY, json!({"sha256": sha256.hex()}));
        let entries = [
            kept(first),
            sealed(4),
            entry(
                "rotate.discarded",
                json!({"rot": "rot-1", "secret_id": "s"}),
            ),
            kept(second),
            sealed(5),
            entry("rotate.switched", json!({"rot": "rot-1", "epoch": 5})),
            kept(first),
            sealed(6),
        ];
        let expected = Switched {
            sha256: second,
            epoch: 5,
        };
        assert_eq!(switched(&entries), (vec![expected], 6));
    }

    #[test]
    fn what_could_not_be_read_is_no_misfit() {
        let lost = crate::store::StoreError::Writer("the disk".to_owned());
        assert!(!is_misfit(&lost.into()));
        assert!(is_misfit(&AppError::Inconsistent("odd".to_owned())));
    }
}
