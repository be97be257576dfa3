//! Row changes as statements: one variant, one statement (two where a switch needs both halves).
//!
//! Runs inside the sequencer's transaction, under a savepoint. Decides nothing: a row that is not
//! as the caller read it is a conflict, and the caller's whole commit is rolled back.

use sqlx::sqlite::SqliteConnection;

use super::change::{Alert, Document, RowChange, SecretPost};
use super::error::Conflict;
use super::sql;
use super::step::{Applied, step};
use crate::domain::ids::PersonId;
use crate::domain::incident::Incident;
use crate::domain::manifest::{Kind, Manifest};
use crate::domain::rotation::Rotation;

/// Applies one change.
#[expect(
    clippy::too_many_lines,
    reason = "one arm per variant; splitting would hide one"
)]
pub(super) async fn apply(connection: &mut SqliteConnection, change: &RowChange) -> Applied {
    use sql::{custody, incident as text, outbox, people};
    match change {
        RowChange::SaveIncident {
            expected_version,
            incident,
        } => save_incident(connection, *expected_version, incident).await,
        RowChange::SaveRotation {
            expected_version,
            rotation,
        } => save_rotation(connection, *expected_version, rotation).await,
        RowChange::PutDocument(document) => put_document(connection, document).await,
        RowChange::UseAct {
            sha256,
            word,
            person,
            incident,
            at_ms,
        } => {
            step(text::USE_ACT)
                .with(sha256.hex())
                .with(word.as_str())
                .with(person.as_str())
                .with(incident.as_ref().map(|id| id.as_str()))
                .with(at_ms.0)
                .one(connection, Conflict::Replayed)
                .await
        }
        RowChange::PutEnvelope {
            incident,
            terms_sha256,
            index,
            act_sha256,
            envelope,
        } => {
            step(text::PUT_ENVELOPE)
                .with(incident.as_str())
                .with(i64::from(*index))
                .with(terms_sha256.hex())
                .with(act_sha256.hex())
                .with(envelope.as_slice())
                .one(connection, Conflict::Exists)
                .await
        }
        RowChange::DropEnvelope { incident, index } => {
            let drop = step(text::DROP_ENVELOPE)
                .with(incident.as_str())
                .with(i64::from(*index));
            drop.run(connection).await.map(drop_count)
        }
        RowChange::DropEnvelopes { incident } => {
            let drop = step(text::DROP_ENVELOPES).with(incident.as_str());
            drop.run(connection).await.map(drop_count)
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
            step(custody::PUT_EPOCH)
                .with(manifest.kind.word())
                .with(i64::from(manifest.epoch))
                .with(serde_json::to_string(manifest)?)
                .with(manifest_sha256.hex())
                .with(sealed_credential.as_slice())
                .with(secret_id.as_str())
                .with(secret_expires_at_ms.0)
                .with(at_ms.0)
                .one(connection, Conflict::Exists)
                .await?;
            put_shares(connection, manifest, shares).await
        }
        RowChange::SwitchEpoch { kind, epoch } => switch_epoch(connection, *kind, *epoch).await,
        RowChange::EraseCredential { kind, epoch } => {
            step(custody::ERASE_CREDENTIAL)
                .with(kind.word())
                .with(i64::from(*epoch))
                .one(connection, Conflict::Version)
                .await
        }
        RowChange::EraseShares { kind, epoch } => {
            let erase = step(custody::ERASE_SHARES)
                .with(kind.word())
                .with(i64::from(*epoch));
            erase.run(connection).await.map(drop_count)
        }
        RowChange::DiscardEpoch { kind, epoch } => discard_epoch(connection, *kind, *epoch).await,
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
            put.run(connection).await.map(drop_count)
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
            put.run(connection).await.map(drop_count)
        }
        RowChange::PutSecretPost(post) => put_post(connection, post).await,
        RowChange::SetSecretPost {
            id,
            state,
            secret_id,
        } => {
            step(custody::SET_POST)
                .with(state.as_str())
                .with(secret_id.as_deref())
                .with(id.as_str())
                .one(connection, Conflict::Version)
                .await
        }
        RowChange::PutSession {
            session,
            incident,
            exp_ms,
        } => {
            step(people::PUT_SESSION)
                .with(session.as_str())
                .with(incident.as_str())
                .with(exp_ms.0)
                .one(connection, Conflict::Exists)
                .await
        }
        RowChange::SetToken {
            session,
            token_sha256,
        } => {
            step(people::SET_TOKEN)
                .with(token_sha256.hex())
                .with(session.as_str())
                .one(connection, Conflict::Version)
                .await
        }
        RowChange::EndSession { session, at_ms } => {
            step(people::END_SESSION)
                .with(at_ms.0)
                .with(session.as_str())
                .one(connection, Conflict::Version)
                .await
        }
        RowChange::PutChallenge {
            challenge,
            purpose,
            subject,
            expires_at_ms,
        } => {
            step(people::PUT_CHALLENGE)
                .with(challenge.as_str())
                .with(purpose.as_str())
                .with(subject.as_str())
                .with(expires_at_ms.0)
                .one(connection, Conflict::Exists)
                .await
        }
        RowChange::UseChallenge {
            challenge,
            purpose,
            subject,
            now_ms,
        } => {
            step(people::USE_CHALLENGE)
                .with(challenge.as_str())
                .with(purpose.as_str())
                .with(subject.as_str())
                .with(now_ms.0)
                .one(connection, Conflict::Challenge)
                .await?;
            // Nobody can use these any more; without this the table grows with every stranger.
            step(people::EXPIRE_CHALLENGES)
                .with(now_ms.0)
                .run(connection)
                .await
                .map(drop_count)
        }
        RowChange::PasskeyUsed {
            credential,
            counter,
            at_ms,
        } => {
            step(sql::passkey::USED)
                .with(credential.as_str())
                .with(i64::from(*counter))
                .with(at_ms.0)
                .one(connection, Conflict::Counter)
                .await
        }
        RowChange::PutLogin {
            token_sha256,
            person,
            key,
            expires_at_ms,
        } => {
            step(people::PUT_LOGIN)
                .with(token_sha256.hex())
                .with(person.as_str())
                .with(key.as_str())
                .with(expires_at_ms.0)
                .one(connection, Conflict::Exists)
                .await
        }
        RowChange::EndLogin { token_sha256 } => {
            let end = step(people::END_LOGIN).with(token_sha256.hex());
            end.run(connection).await.map(drop_count)
        }
        RowChange::SetCurrent { what, sha256 } => {
            let set = step(people::SET_CURRENT)
                .with(what.as_str())
                .with(sha256.hex());
            set.run(connection).await.map(drop_count)
        }
        RowChange::SetFact { name, value } => {
            let change = match value {
                Some(value) => step(people::SET_FACT)
                    .with(name.as_str())
                    .with(value.as_str()),
                None => step(people::DROP_FACT).with(name.as_str()),
            };
            change.run(connection).await.map(drop_count)
        }
        RowChange::QueueAlert(alert) => queue_alert(connection, alert).await,
        RowChange::AlertSent { id, at_ms } => {
            step(outbox::SENT)
                .with(at_ms.0)
                .with(id.as_str())
                .one(connection, Conflict::Version)
                .await
        }
        RowChange::AlertFailed {
            id,
            retry_at_ms,
            error,
        } => {
            step(outbox::FAILED)
                .with(retry_at_ms.0)
                .with(error.as_str())
                .with(id.as_str())
                .one(connection, Conflict::Version)
                .await
        }
    }
}

/// Where the number of changed rows says nothing.
fn drop_count(_rows: u64) {}

async fn save_incident(
    connection: &mut SqliteConnection,
    expected: i64,
    incident: &Incident,
) -> Applied {
    let phase = incident.phase.name().to_string();
    let over = i64::from(incident.phase.is_over());
    let document = serde_json::to_string(incident)?;
    if expected == 0 {
        let insert = step(sql::incident::INSERT)
            .with(incident.id.as_str())
            .with(i64::from(incident.id.number()))
            .with(phase)
            .with(over)
            .with(document);
        return insert.one(connection, Conflict::Exists).await;
    }
    let update = step(sql::incident::UPDATE)
        .with(phase)
        .with(over)
        .with(document)
        .with(incident.id.as_str())
        .with(expected);
    update.one(connection, Conflict::Version).await
}

async fn save_rotation(
    connection: &mut SqliteConnection,
    expected: i64,
    rotation: &Rotation,
) -> Applied {
    let incident = rotation.incident.as_ref().map(|id| id.as_str());
    let document = serde_json::to_string(rotation)?;
    if expected == 0 {
        let number: i64 = rotation.id.as_str()[4..].parse().unwrap_or(0);
        let insert = step(sql::incident::INSERT_ROTATION)
            .with(rotation.id.as_str())
            .with(number)
            .with(incident)
            .with(document);
        return insert.one(connection, Conflict::Exists).await;
    }
    let update = step(sql::incident::UPDATE_ROTATION)
        .with(incident)
        .with(document)
        .with(rotation.id.as_str())
        .with(expected);
    update.one(connection, Conflict::Version).await
}

async fn put_document(connection: &mut SqliteConnection, document: &Document) -> Applied {
    let put = step(sql::incident::PUT_DOCUMENT)
        .with(document.kind.folder())
        .with(document.sha256.hex())
        .with(document.bytes.as_slice())
        .with(document.signature.as_deref());
    put.run(connection).await.map(drop_count)
}

async fn put_shares(
    connection: &mut SqliteConnection,
    manifest: &Manifest,
    shares: &[(u8, PersonId, Vec<u8>)],
) -> Applied {
    for (index, person, file) in shares {
        step(sql::custody::PUT_SHARE)
            .with(manifest.kind.word())
            .with(i64::from(manifest.epoch))
            .with(i64::from(*index))
            .with(person.as_str())
            .with(file.as_slice())
            .one(connection, Conflict::Exists)
            .await?;
    }
    Ok(())
}

async fn switch_epoch(connection: &mut SqliteConnection, kind: Kind, epoch: u32) -> Applied {
    let retire = step(sql::custody::RETIRE_CURRENT)
        .with(kind.word())
        .with(i64::from(epoch));
    retire.run(connection).await?;
    let make = step(sql::custody::MAKE_CURRENT)
        .with(kind.word())
        .with(i64::from(epoch));
    make.one(connection, Conflict::Version).await
}

async fn discard_epoch(connection: &mut SqliteConnection, kind: Kind, epoch: u32) -> Applied {
    let discard = step(sql::custody::DISCARD_EPOCH)
        .with(kind.word())
        .with(i64::from(epoch));
    discard.one(connection, Conflict::Version).await?;
    for text in [sql::custody::ERASE_SHARES, sql::custody::ERASE_PROOFS] {
        step(text)
            .with(kind.word())
            .with(i64::from(epoch))
            .run(connection)
            .await?;
    }
    Ok(())
}

async fn put_post(connection: &mut SqliteConnection, post: &SecretPost) -> Applied {
    let put = step(sql::custody::PUT_POST)
        .with(post.id.as_str())
        .with(post.used_for.word())
        .with(post.owner.as_str())
        .with(post.lifetime_s)
        .with(serde_json::to_string(&post.pre_ids)?)
        .with(post.state.as_str())
        .with(post.secret_id.as_deref())
        .with(post.at_ms.0);
    put.one(connection, Conflict::Exists).await
}

async fn queue_alert(connection: &mut SqliteConnection, alert: &Alert) -> Applied {
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
    queue.one(connection, Conflict::Exists).await
}
