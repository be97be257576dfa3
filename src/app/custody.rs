//! Custody between incidents: opening test envelopes at enrolment, proving shares, and what makes
//! an epoch ready (PROTOCOL §3).

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use serde_json::Value;

use super::App;
use super::acts::{Caller, Verified};
use super::chance;
use super::error::AppError;
use super::facts::CurrentEpoch;
use super::step::{With, draft};
use crate::api::{
    Challenge, ProveRequest, Resealed, ShareView, TestEnvelope, TestEnvelopeOpened,
    TestEnvelopeRequest,
};
use crate::audit::entry::Draft;
use crate::domain::act::Deed;
use crate::domain::ids::Digest;
use crate::domain::incident::Refusal;
use crate::domain::manifest::Kind;
use crate::sealed::possession;
use crate::sealed::share::seal_test;
use crate::sealed::unlocker::Unlocker;
use crate::store::change::RowChange;

/// Longest sealed share that is kept, bytes: a few hundred for each unlocker.
const MAX_SHARE_BYTES: usize = 32 * 1024;

impl App {
    /// The caller's own sealed share; nobody else's is ever given out.
    ///
    /// # Errors
    /// [`Refusal::NoShare`] for people without one.
    pub async fn own_share(
        &self,
        caller: &Caller,
        kind: Kind,
        epoch: u32,
    ) -> Result<ShareView, AppError> {
        let row = self.inner.store.epoch(kind, epoch).await?;
        let row =
            row.ok_or_else(|| AppError::NotFound(format!("{} epoch {epoch}", kind.word())))?;
        let bytes = super::facts::document(
            &self.inner.store,
            crate::store::change::DocumentKind::Roster,
            &row.manifest.roster_sha256,
        )
        .await?;
        let roster: crate::domain::roster::Roster = crate::domain::canonical::parse_exact(&bytes)?;
        let index = roster
            .index_of(&caller.person)
            .ok_or(Refusal::NoShare { epoch })?;
        let share = self.inner.store.share(kind, epoch, index).await?;
        let share = share.ok_or_else(|| AppError::NotFound(format!("share of epoch {epoch}")))?;
        Ok(ShareView {
            kind: kind.word().to_owned(),
            epoch,
            index,
            share: BASE64.encode(share),
        })
    }

    /// A random text sealed to one of the caller's unlockers: enrolment, step one.
    ///
    /// # Errors
    /// [`AppError::NotAllowed`] for an unlocker that is not hers.
    pub async fn test_envelope(
        &self,
        caller: &Caller,
        request: &TestEnvelopeRequest,
    ) -> Result<TestEnvelope, AppError> {
        let facts = self.inner.facts.get();
        let person = facts.roster.person(&caller.person);
        if !person.is_some_and(|p| p.unlockers.contains(&request.unlocker)) {
            return Err(AppError::NotAllowed(
                "the unlocker named is not this person's".into(),
            ));
        }
        let unlocker =
            Unlocker::parse(&request.unlocker).map_err(|e| AppError::BadDocument(e.to_string()))?;
        let inside = chance::bytes::<32>()?;
        let file =
            seal_test(&inside, &unlocker).map_err(|e| AppError::Inconsistent(e.to_string()))?;
        // Kept as a single-use challenge by its hash: only who opened the file can answer it.
        let id = Digest::of(&inside).hex();
        let row = RowChange::PutChallenge {
            challenge: id.clone(),
            purpose: "test".to_owned(),
            subject: format!("{} {}", caller.person, request.unlocker),
            expires_at_ms: self.now().plus_ms(super::login::CHALLENGE_MS * 5),
        };
        self.record(Vec::new(), vec![row], Vec::new(), None).await?;
        Ok(TestEnvelope {
            id,
            envelope: BASE64.encode(file),
        })
    }

    /// What was inside a test envelope: enrolment, step two.
    ///
    /// # Errors
    /// [`AppError::LoginNeeded`] when the test is unknown, used or expired.
    pub async fn test_opened(
        &self,
        caller: &Caller,
        opened: &TestEnvelopeOpened,
    ) -> Result<(), AppError> {
        let inside = hex::decode(&opened.opened)
            .map_err(|_| AppError::BadDocument("what was inside is hexadecimal".into()))?;
        if Digest::of(&inside).hex() != opened.id {
            return Err(AppError::NotAllowed(
                "that was not inside the test envelope".into(),
            ));
        }
        let facts = self.inner.facts.get();
        let person = facts.roster.person(&caller.person);
        let unlockers = person.map(|p| p.unlockers.clone()).unwrap_or_default();
        let now = self.now();
        for unlocker in unlockers {
            let subject = format!("{} {unlocker}", caller.person);
            let rows = vec![
                RowChange::UseChallenge {
                    challenge: opened.id.clone(),
                    purpose: "test".to_owned(),
                    subject,
                    now_ms: now,
                },
                RowChange::UnlockerOpened {
                    person: caller.person.clone(),
                    unlocker: unlocker.clone(),
                    at_ms: now,
                },
            ];
            let entry = draft(
                "custody.unlocker_opened",
                [
                    ("person", Value::from(caller.person.as_str())),
                    ("unlocker", Value::from(unlocker.as_str())),
                ],
            );
            match self.record(vec![entry], rows, Vec::new(), None).await {
                Ok(_) => {
                    self.inner.custody_changed.notify_waiters();
                    return Ok(());
                }
                // Another of her unlockers, perhaps.
                Err(AppError::LoginNeeded(_)) => {}
                Err(error) => return Err(error),
            }
        }
        Err(AppError::LoginNeeded(
            "the test envelope is unknown, used or expired",
        ))
    }

    /// A challenge for a proof.
    ///
    /// # Errors
    /// A log that cannot be written.
    pub async fn prove_challenge(&self, caller: &Caller) -> Result<Challenge, AppError> {
        self.challenge("prove", caller.person.as_str()).await
    }

    /// A custodian shows that she can open her share, and signs the manifest by doing so.
    ///
    /// # Errors
    /// [`AppError::Share`] names a share that is not the one dealt.
    pub async fn prove(&self, request: &ProveRequest, caller: &Caller) -> Result<(), AppError> {
        let verified = match self.verified(&request.act, caller) {
            Ok(verified) => verified,
            Err(error) => return Err(self.forged(caller, "prove", None, error).await),
        };
        match self.prove_verified(&verified, request).await {
            Ok(()) => Ok(()),
            Err(error) => Err(self.refused(&verified, None, error).await),
        }
    }

    async fn prove_verified(
        &self,
        verified: &Verified,
        request: &ProveRequest,
    ) -> Result<(), AppError> {
        let Deed::Prove {
            kind,
            epoch,
            index,
            manifest_sha256,
            roster_sha256,
            policy_sha256,
            unlocker,
            challenge,
        } = &verified.act.deed
        else {
            return Err(AppError::BadDocument("not an act of proving".into()));
        };
        self.first_time(verified).await?;
        let facts = self.inner.facts.get();
        let current = facts.epoch()?;
        let manifest = &current.manifest;
        let person = &verified.act.person;
        if (*kind, *epoch) != (manifest.kind, manifest.epoch)
            || *manifest_sha256 != current.manifest_sha256
            || *roster_sha256 != facts.roster_sha256
            || *policy_sha256 != facts.policy_sha256
        {
            return Err(Refusal::OtherManifest {
                epoch: manifest.epoch,
            }
            .into());
        }
        let own = current
            .holders
            .iter()
            .find(|(_, p)| p == person)
            .map(|(i, _)| *i);
        let own = own.ok_or(Refusal::NoShare { epoch: *epoch })?;
        if *index != own {
            return Err(Refusal::OtherIndex { given: *index, own }.into());
        }
        if !facts
            .roster
            .person(person)
            .is_some_and(|p| p.unlockers.contains(unlocker))
        {
            return Err(AppError::NotAllowed(
                "the unlocker named is not this person's".into(),
            ));
        }
        check_possession(current, own, verified, &request.possession)?;
        let now = self.now();
        let mut with = With::act(verified, now);
        with.rows.extend([
            RowChange::UseChallenge {
                challenge: challenge.clone(),
                purpose: "prove".to_owned(),
                subject: person.to_string(),
                now_ms: now,
            },
            RowChange::PutProof {
                kind: *kind,
                epoch: *epoch,
                index: own,
                act_sha256: verified.sha256,
                at_ms: now,
            },
            RowChange::UnlockerOpened {
                person: person.clone(),
                unlocker: unlocker.clone(),
                at_ms: now,
            },
        ]);
        with.drafts.push(draft(
            "custody.proved",
            [
                ("person", Value::from(person.as_str())),
                ("kind", Value::from(kind.word())),
                ("epoch", Value::from(*epoch)),
                ("index", Value::from(own)),
                ("manifest_sha256", Value::from(manifest_sha256.hex())),
                ("act_sha256", Value::from(verified.sha256.hex())),
            ],
        ));
        if let Some(resealed) = &request.resealed {
            let (row, entry) = replaced(current, own, verified, resealed)?;
            with.rows.push(row);
            with.drafts.push(entry);
        }
        self.record(with.drafts, with.rows, Vec::new(), None)
            .await?;
        self.inner.custody_changed.notify_waiters();
        self.retire_former_shares(current).await
    }

    /// The predecessor's share files go when the new epoch is ready (PROTOCOL §3).
    async fn retire_former_shares(&self, current: &CurrentEpoch) -> Result<(), AppError> {
        let manifest = &current.manifest;
        let proofs = self
            .inner
            .store
            .proofs(manifest.kind, manifest.epoch)
            .await?;
        let Some(former) = manifest.epoch.checked_sub(1).filter(|e| *e > 0) else {
            return Ok(());
        };
        // Gone already, or too few: a crash between a proof and this is made up for by the next proof.
        let kept = self.inner.store.share(manifest.kind, former, 1).await?;
        if proofs.len() < usize::from(manifest.proofs_needed()) || kept.is_none() {
            return Ok(());
        }
        let entry = draft(
            "custody.epoch_ready",
            [
                ("kind", Value::from(manifest.kind.word())),
                ("epoch", Value::from(manifest.epoch)),
            ],
        );
        let rows = (1..=former)
            .map(|epoch| RowChange::EraseShares {
                kind: manifest.kind,
                epoch,
            })
            .collect();
        self.record(vec![entry], rows, Vec::new(), None)
            .await
            .map(drop)
    }
}

/// The same share sealed to other unlockers. The vault cannot open it: that who sent it had opened
/// the share, and meant this file and this act, is the possession key's word.
fn replaced(
    current: &CurrentEpoch,
    index: u8,
    verified: &Verified,
    resealed: &Resealed,
) -> Result<(RowChange, Draft), AppError> {
    let file = BASE64
        .decode(&resealed.share)
        .ok()
        .filter(|file| file.len() <= MAX_SHARE_BYTES)
        .ok_or_else(|| {
            AppError::BadDocument("the sealed share is not base64 or too long".into())
        })?;
    let wrong = crate::sealed::vault::ShareReject::NotBound { index };
    let manifest = &current.manifest;
    let key = manifest
        .possession_key(index)
        .ok_or_else(|| wrong.clone())?;
    let signature: [u8; 64] = BASE64
        .decode(&resealed.possession)
        .ok()
        .and_then(|bytes| bytes.try_into().ok())
        .ok_or_else(|| wrong.clone())?;
    possession::verify_release(&key, &file, &verified.bytes, &signature).map_err(|_| wrong)?;
    let entry = draft(
        "custody.resealed",
        [
            ("person", Value::from(verified.act.person.as_str())),
            ("kind", Value::from(manifest.kind.word())),
            ("epoch", Value::from(manifest.epoch)),
            ("index", Value::from(index)),
            ("file_sha256", Value::from(Digest::of(&file).hex())),
            ("act_sha256", Value::from(verified.sha256.hex())),
        ],
    );
    let row = RowChange::ReplaceShare {
        kind: manifest.kind,
        epoch: manifest.epoch,
        index,
        file,
    };
    Ok((row, entry))
}

fn check_possession(
    current: &CurrentEpoch,
    index: u8,
    verified: &Verified,
    possession: &str,
) -> Result<(), AppError> {
    let wrong = crate::sealed::vault::ShareReject::Possession { index };
    let key = current
        .manifest
        .possession_key(index)
        .ok_or_else(|| wrong.clone())?;
    let signature: [u8; 64] = BASE64
        .decode(possession)
        .ok()
        .and_then(|bytes| bytes.try_into().ok())
        .ok_or_else(|| wrong.clone())?;
    possession::verify_proof(&key, &verified.bytes, &signature).map_err(|_| wrong.into())
}
