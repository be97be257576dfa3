//! Row changes as statements: one variant, one statement (two where a switch needs both halves).
//!
//! Pure. The writer executes them in the sequencer's transaction, under a savepoint. Decides
//! nothing: a row that is not as the caller read it is a conflict, and the caller's whole commit is
//! rolled back.

use serde::ser::Error as _;

use super::change::{Alert, Document, RowChange, SecretPost};
use super::error::Conflict;
use super::sql;
use super::step::{Steps, both, step};
use super::undo;
use crate::domain::ids::PersonId;
use crate::domain::incident::Incident;
use crate::domain::manifest::{Kind, Manifest};
use crate::domain::rotation::Rotation;
use crate::domain::terms::Purpose;

/// The statements of one change, in order.
#[expect(
    clippy::too_many_lines,
    reason = "one arm per variant; splitting would hide one"
)]
pub(super) fn steps(change: &RowChange) -> Steps {
    use sql::{custody, incident as text, outbox, people, proposal};
    match change {
        RowChange::SaveIncident {
            expected_version,
            incident,
        } => save_incident(*expected_version, incident),
        RowChange::SaveRotation {
            expected_version,
            rotation,
        } => save_rotation(*expected_version, rotation),
        RowChange::PutDocument(document) => put_document(document),
        RowChange::UseAct {
            sha256,
            word,
            person,
            incident,
            at_ms,
        } => step(text::USE_ACT)
            .with(sha256.hex())
            .with(word.as_str())
            .with(person.as_str())
            .with(incident.as_ref().map(|id| id.as_str()))
            .with(at_ms.0)
            .one(Conflict::Replayed),
        RowChange::PutEnvelope {
            incident,
            terms_sha256,
            index,
            act_sha256,
            envelope,
        } => step(text::PUT_ENVELOPE)
            .with(incident.as_str())
            .with(i64::from(*index))
            .with(terms_sha256.hex())
            .with(act_sha256.hex())
            .with(envelope.as_slice())
            .one(Conflict::Exists),
        RowChange::DropEnvelope { incident, index } => {
            let drop = step(text::DROP_ENVELOPE)
                .with(incident.as_str())
                .with(i64::from(*index));
            drop.any()
        }
        RowChange::DropEnvelopes { incident } => {
            let drop = step(text::DROP_ENVELOPES).with(incident.as_str());
            drop.any()
        }
        RowChange::PutEpoch {
            manifest,
            manifest_sha256,
            sealed_credential,
            secret_id,
            secret_expires_at_ms,
            shares,
            at_ms,
        } => {
            let put = step(custody::PUT_EPOCH)
                .with(manifest.kind.word())
                .with(i64::from(manifest.epoch))
                .with(serde_json::to_string(manifest)?)
                .with(manifest_sha256.hex())
                .with(sealed_credential.as_slice())
                .with(secret_id.as_str())
                .with(secret_expires_at_ms.0)
                .with(at_ms.0)
                .one(Conflict::Exists);
            both(put, put_shares(manifest, shares))
        }
        RowChange::SwitchEpoch { kind, epoch } => switch_epoch(*kind, *epoch),
        RowChange::EraseCredential { kind, epoch } => step(custody::ERASE_CREDENTIAL)
            .with(kind.word())
            .with(i64::from(*epoch))
            .one(Conflict::Version),
        RowChange::EraseShares { kind, epoch } => {
            let erase = step(custody::ERASE_SHARES)
                .with(kind.word())
                .with(i64::from(*epoch));
            erase.any()
        }
        RowChange::DiscardEpoch { kind, epoch } => discard_epoch(*kind, *epoch),
        RowChange::PutProof {
            kind,
            epoch,
            index,
            act_sha256,
            at_ms,
        } => {
            let put = step(custody::PUT_PROOF)
                .with(kind.word())
                .with(i64::from(*epoch))
                .with(i64::from(*index))
                .with(act_sha256.hex())
                .with(at_ms.0);
            put.any()
        }
        RowChange::UnlockerOpened {
            person,
            unlocker,
            at_ms,
        } => {
            let put = step(custody::PUT_UNLOCKER)
                .with(person.as_str())
                .with(unlocker.as_str())
                .with(at_ms.0);
            put.any()
        }
        RowChange::PutSecretPost(post) => put_post(post),
        RowChange::SetSecretPost {
            id,
            state,
            secret_id,
        } => step(custody::SET_POST)
            .with(state.as_str())
            .with(secret_id.as_deref())
            .with(id.as_str())
            .one(Conflict::Version),
        RowChange::PutUndo(row) => undo::put(row),
        RowChange::SetUndo { id, state } => undo::set(id, state),
        RowChange::PutSnapshot(found) => undo::put_snapshot(found),
        RowChange::PutSession {
            session,
            incident,
            exp_ms,
        } => step(people::PUT_SESSION)
            .with(session.as_str())
            .with(incident.as_str())
            .with(exp_ms.0)
            .one(Conflict::Exists),
        RowChange::ExtendSession { session, exp_ms } => step(people::EXTEND_SESSION)
            .with(exp_ms.0)
            .with(session.as_str())
            .one(Conflict::Version),
        RowChange::SetToken {
            session,
            token_sha256,
        } => step(people::SET_TOKEN)
            .with(token_sha256.hex())
            .with(session.as_str())
            .one(Conflict::Version),
        RowChange::EndSession { session, at_ms } => step(people::END_SESSION)
            .with(at_ms.0)
            .with(session.as_str())
            .one(Conflict::Version),
        RowChange::PutChallenge {
            challenge,
            purpose,
            subject,
            expires_at_ms,
        } => step(people::PUT_CHALLENGE)
            .with(challenge.as_str())
            .with(purpose.as_str())
            .with(subject.as_str())
            .with(expires_at_ms.0)
            .one(Conflict::Exists),
        RowChange::UseChallenge {
            challenge,
            purpose,
            subject,
            now_ms,
        } => step(people::USE_CHALLENGE)
            .with(challenge.as_str())
            .with(purpose.as_str())
            .with(subject.as_str())
            .with(now_ms.0)
            .one(Conflict::Challenge),
        RowChange::ExpireChallenges { now_ms } => {
            step(people::EXPIRE_CHALLENGES).with(now_ms.0).any()
        }
        RowChange::PasskeyUsed {
            credential,
            counter,
            at_ms,
        } => step(sql::passkey::USED)
            .with(credential.as_str())
            .with(i64::from(*counter))
            .with(at_ms.0)
            .one(Conflict::Counter),
        RowChange::PutLogin {
            token_sha256,
            person,
            key,
            expires_at_ms,
        } => step(people::PUT_LOGIN)
            .with(token_sha256.hex())
            .with(person.as_str())
            .with(key.as_str())
            .with(expires_at_ms.0)
            .one(Conflict::Exists),
        RowChange::EndLogin { token_sha256 } => {
            step(people::END_LOGIN).with(token_sha256.hex()).any()
        }
        RowChange::SetCurrent { what, sha256 } => {
            let set = step(people::SET_CURRENT)
                .with(what.as_str())
                .with(sha256.hex());
            set.any()
        }
        RowChange::PutProposal {
            what,
            sha256,
            bytes,
            person,
            at_ms,
        } => {
            let put = step(proposal::PUT)
                .with(sha256.hex())
                .with(what.as_str())
                .with(bytes.as_slice())
                .with(person.as_str())
                .with(at_ms.0);
            put.any()
        }
        RowChange::SignProposal {
            sha256,
            person,
            act_sha256,
            at_ms,
        } => step(proposal::SIGN)
            .with(sha256.hex())
            .with(person.as_str())
            .with(act_sha256.hex())
            .with(at_ms.0)
            .one(Conflict::Exists),
        RowChange::EndProposals { what } => {
            let end = |text| step(text).with(what.as_str()).any();
            both(end(proposal::END_SIGNATURES), end(proposal::END))
        }
        RowChange::ReplaceShare {
            kind,
            epoch,
            index,
            file,
        } => step(custody::REPLACE_SHARE)
            .with(file.as_slice())
            .with(kind.word())
            .with(i64::from(*epoch))
            .with(i64::from(*index))
            .one(Conflict::Version),
        RowChange::SetFact { name, value } => {
            let change = match value {
                Some(value) => step(people::SET_FACT)
                    .with(name.as_str())
                    .with(value.as_str()),
                None => step(people::DROP_FACT).with(name.as_str()),
            };
            change.any()
        }
        RowChange::PutPage { incident, wave } => step(outbox::PUT_PAGE)
            .with(incident.as_str())
            .with(i64::from(wave.number))
            .with(wave.due_ms.0)
            .with(serde_json::to_string(&wave.people)?)
            .with(i64::from(wave.fallback))
            .any(),
        RowChange::DropPage { incident, number } => step(outbox::DROP_PAGE)
            .with(incident.as_str())
            .with(i64::from(*number))
            .one(Conflict::Version),
        RowChange::DropPages { incident } => step(outbox::DROP_PAGES).with(incident.as_str()).any(),
        RowChange::QueueAlert(alert) => queue_alert(alert),
        RowChange::AlertSent { id, at_ms } => step(outbox::SENT)
            .with(at_ms.0)
            .with(id.as_str())
            .one(Conflict::Version),
        RowChange::AlertFailed {
            id,
            retry_at_ms,
            error,
        } => step(outbox::FAILED)
            .with(retry_at_ms.0)
            .with(error.as_str())
            .with(id.as_str())
            .one(Conflict::Version),
    }
}

fn save_incident(expected: i64, incident: &Incident) -> Steps {
    let phase = incident.phase.name().to_string();
    let over = i64::from(incident.phase.is_over());
    let document = serde_json::to_string(incident)?;
    if expected == 0 {
        let insert = step(sql::incident::INSERT)
            .with(incident.id.as_str())
            .with(i64::from(incident.id.number()))
            .with(phase)
            .with(over)
            .with(document)
            .with(i64::from(incident.purpose == Purpose::Drill));
        return insert.one(Conflict::Exists);
    }
    let update = step(sql::incident::UPDATE)
        .with(phase)
        .with(over)
        .with(document)
        .with(incident.id.as_str())
        .with(expected);
    update.one(Conflict::Version)
}

fn save_rotation(expected: i64, rotation: &Rotation) -> Steps {
    let incident = rotation.incident.as_ref().map(|id| id.as_str());
    let document = serde_json::to_string(rotation)?;
    if expected == 0 {
        let number = rotation.id.as_str().strip_prefix("rot-");
        let number: Option<i64> = number.and_then(|number| number.parse().ok());
        let number = number.ok_or_else(|| serde_json::Error::custom("a rotation has no number"))?;
        let insert = step(sql::incident::INSERT_ROTATION)
            .with(rotation.id.as_str())
            .with(number)
            .with(incident)
            .with(document);
        return insert.one(Conflict::Exists);
    }
    let update = step(sql::incident::UPDATE_ROTATION)
        .with(incident)
        .with(document)
        .with(rotation.id.as_str())
        .with(expected);
    update.one(Conflict::Version)
}

fn put_document(document: &Document) -> Steps {
    let put = step(sql::incident::PUT_DOCUMENT)
        .with(document.kind.folder())
        .with(document.sha256.hex())
        .with(document.bytes.as_slice())
        .with(document.signature.as_deref());
    put.any()
}

fn put_shares(manifest: &Manifest, shares: &[(u8, PersonId, Vec<u8>)]) -> Steps {
    let put = |(index, person, file): &(u8, PersonId, Vec<u8>)| {
        step(sql::custody::PUT_SHARE)
            .with(manifest.kind.word())
            .with(i64::from(manifest.epoch))
            .with(i64::from(*index))
            .with(person.as_str())
            .with(file.as_slice())
            .one(Conflict::Exists)
    };
    shares
        .iter()
        .try_fold(Vec::new(), |done, share| both(Ok(done), put(share)))
}

fn switch_epoch(kind: Kind, epoch: u32) -> Steps {
    let retire = step(sql::custody::RETIRE_CURRENT)
        .with(kind.word())
        .with(i64::from(epoch));
    let make = step(sql::custody::MAKE_CURRENT)
        .with(kind.word())
        .with(i64::from(epoch));
    both(retire.any(), make.one(Conflict::Version))
}

fn discard_epoch(kind: Kind, epoch: u32) -> Steps {
    let discard = step(sql::custody::DISCARD_EPOCH)
        .with(kind.word())
        .with(i64::from(epoch));
    let erase = |text| step(text).with(kind.word()).with(i64::from(epoch)).any();
    let rest = both(
        erase(sql::custody::ERASE_SHARES),
        erase(sql::custody::ERASE_PROOFS),
    );
    both(discard.one(Conflict::Version), rest)
}

fn put_post(post: &SecretPost) -> Steps {
    let put = step(sql::custody::PUT_POST)
        .with(post.id.as_str())
        .with(post.used_for.word())
        .with(post.owner.as_str())
        .with(post.lifetime_s)
        .with(serde_json::to_string(&post.pre_ids)?)
        .with(post.state.as_str())
        .with(post.secret_id.as_deref())
        .with(post.at_ms.0);
    put.one(Conflict::Exists)
}

fn queue_alert(alert: &Alert) -> Steps {
    let queue = step(sql::outbox::QUEUE)
        .with(alert.id.as_str())
        .with(alert.channel.as_str())
        .with(alert.kind.as_str())
        .with(alert.incident.as_ref().map(|id| id.as_str()))
        .with(serde_json::to_string(&alert.to)?)
        .with(alert.subject.as_str())
        .with(alert.body.as_str())
        .with(i64::from(alert.drill))
        .with(alert.severity.as_str())
        .with(alert.at_ms.0);
    queue.one(Conflict::Exists)
}
