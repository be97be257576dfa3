//! Reads of the vault's rows. Each sees one committed state; none of them waits for a writer.

use super::Store;
use super::change::{Alert, Document, DocumentKind, SecretPost};
use super::error::StoreError;
use super::query::{Row, query, query_scalar};
use super::rows::{self, AlertRow, ChannelRow, Columns, EpochRow, LoginRow, SessionRow};
use super::sql;
use crate::domain::ids::{Digest, IncidentId, PersonId, RotationId};
use crate::domain::incident::Incident;
use crate::domain::manifest::Kind;
use crate::domain::paging::Wave;
use crate::domain::rotation::Rotation;
use crate::domain::terms::TERMS_PREFIX;
use crate::domain::time::Timestamp;

type Read<T> = Result<T, StoreError>;

pub(super) fn each<T>(found: &[Row], read: impl Fn(&Row) -> Read<T>) -> Read<Vec<T>> {
    found.iter().map(read).collect()
}

pub(super) fn maybe<T>(found: Option<Row>, read: impl Fn(&Row) -> Read<T>) -> Read<Option<T>> {
    found.as_ref().map(read).transpose()
}

/// Incidents and rotations.
impl Store {
    /// One incident with its version.
    ///
    /// # Errors
    /// [`StoreError`], as for every read here.
    pub async fn incident(&self, id: &IncidentId) -> Read<Option<(Incident, i64)>> {
        let query = query(sql::incident::GET).bind(id.as_str());
        maybe(query.fetch_optional(self.reader()).await?, rows::incident)
    }

    /// Incidents, newest first.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn incidents(&self, limit: u32) -> Read<Vec<(Incident, i64)>> {
        let query = query(sql::incident::LIST).bind(i64::from(limit));
        each(&query.fetch_all(self.reader()).await?, rows::incident)
    }

    /// Incidents that are not over, newest first.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn live_incidents(&self) -> Read<Vec<(Incident, i64)>> {
        let query = query(sql::incident::LIVE);
        each(&query.fetch_all(self.reader()).await?, rows::incident)
    }

    /// Number for the next incident; two openings at once get the same, and one a conflict.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn next_incident_number(&self) -> Read<u32> {
        self.next_number(sql::incident::HIGHEST, "incident").await
    }

    /// One rotation with its version.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn rotation(&self, id: &RotationId) -> Read<Option<(Rotation, i64)>> {
        let query = query(sql::incident::ROTATION).bind(id.as_str());
        maybe(query.fetch_optional(self.reader()).await?, rows::rotation)
    }

    /// The newest rotation.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn latest_rotation(&self) -> Read<Option<(Rotation, i64)>> {
        let query = query(sql::incident::LATEST_ROTATION);
        maybe(query.fetch_optional(self.reader()).await?, rows::rotation)
    }

    /// The newest rotation of an incident.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn rotation_of(&self, incident: &IncidentId) -> Read<Option<(Rotation, i64)>> {
        let query = query(sql::incident::ROTATION_OF).bind(incident.as_str());
        maybe(query.fetch_optional(self.reader()).await?, rows::rotation)
    }

    /// Number for the next rotation.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn next_rotation_number(&self) -> Read<u32> {
        self.next_number(sql::incident::HIGHEST_ROTATION, "rotation")
            .await
    }

    async fn next_number(&self, text: &'static str, table: &'static str) -> Read<u32> {
        let highest: i64 = query_scalar(text).fetch_one(self.reader()).await?;
        let next = u32::try_from(highest)
            .ok()
            .and_then(|number| number.checked_add(1));
        next.ok_or_else(|| StoreError::inconsistent(table, highest.to_string(), "number too large"))
    }
}

/// Documents, acts and envelopes.
impl Store {
    /// One document.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn document(&self, kind: DocumentKind, sha256: &Digest) -> Read<Option<Document>> {
        let query = query(sql::incident::DOCUMENT)
            .bind(kind.folder())
            .bind(sha256.hex());
        let Some(row) = query.fetch_optional(self.reader()).await? else {
            return Ok(None);
        };
        let wrong = |why| StoreError::inconsistent("document", sha256.hex(), why);
        let bytes: Vec<u8> = row.try_get("bytes").map_err(wrong)?;
        let signature: Option<String> = row.try_get("signature").map_err(wrong)?;
        let prefix = match kind {
            DocumentKind::Terms => TERMS_PREFIX,
            _ => "",
        };
        if Digest::of(&[prefix.as_bytes(), bytes.as_slice()].concat()) != *sha256 {
            let why = "its bytes have another hash";
            return Err(StoreError::inconsistent("document", sha256.hex(), why));
        }
        Ok(Some(Document {
            kind,
            sha256: *sha256,
            bytes,
            signature,
        }))
    }

    /// Hashes of all documents of a kind, sorted.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn documents(&self, kind: DocumentKind) -> Read<Vec<Digest>> {
        let query = query(sql::incident::DOCUMENTS).bind(kind.folder());
        let found = query.fetch_all(self.reader()).await?;
        each(&found, |row| {
            Columns::new(row, "document", "sha256").parse("sha256")
        })
    }

    /// Whether an act was used.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn act_used(&self, sha256: &Digest) -> Read<bool> {
        let query = query_scalar(sql::incident::ACT_USED).bind(sha256.hex());
        let count: i64 = query.fetch_one(self.reader()).await?;
        Ok(count > 0)
    }

    /// How many acts of one word a person has done since a moment.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn acts_since(&self, person: &PersonId, word: &str, since: Timestamp) -> Read<u32> {
        let query = query_scalar(sql::incident::ACTS_SINCE);
        let query = query.bind(person.as_str()).bind(word).bind(since.0);
        let count: i64 = query.fetch_one(self.reader()).await?;
        Ok(u32::try_from(count).unwrap_or(u32::MAX))
    }

    /// Ids of all incidents that are drills.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn drills(&self) -> Read<Vec<IncidentId>> {
        let query = query(sql::incident::DRILLS);
        each(&query.fetch_all(self.reader()).await?, |row| {
            Columns::new(row, "incident", "id").parse("id")
        })
    }

    /// Envelopes kept for an incident: share index, approving act, age file.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn envelopes(&self, incident: &IncidentId) -> Read<Vec<(u8, Digest, Vec<u8>)>> {
        let query = query(sql::incident::ENVELOPES).bind(incident.as_str());
        each(&query.fetch_all(self.reader()).await?, |row| {
            let columns = Columns::new(row, "envelope", "idx");
            Ok((
                columns.number("idx")?,
                columns.parse("act_sha256")?,
                columns.get("file")?,
            ))
        })
    }
}

/// Epochs, proofs and secrets at Databricks.
impl Store {
    /// The current epoch of a kind.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn current_epoch(&self, kind: Kind) -> Read<Option<EpochRow>> {
        let query = query(sql::custody::CURRENT_EPOCH).bind(kind.word());
        maybe(query.fetch_optional(self.reader()).await?, rows::epoch)
    }

    /// One epoch.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn epoch(&self, kind: Kind, epoch: u32) -> Read<Option<EpochRow>> {
        let query = query(sql::custody::EPOCH)
            .bind(kind.word())
            .bind(i64::from(epoch));
        maybe(query.fetch_optional(self.reader()).await?, rows::epoch)
    }

    /// Highest epoch number in use; 0 when there is none.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn highest_epoch(&self, kind: Kind) -> Read<u32> {
        let query = query_scalar(sql::custody::HIGHEST_EPOCH).bind(kind.word());
        let highest: i64 = query.fetch_one(self.reader()).await?;
        u32::try_from(highest)
            .map_err(|_| StoreError::inconsistent("epoch", highest.to_string(), "out of range"))
    }

    /// One sealed share.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn share(&self, kind: Kind, epoch: u32, index: u8) -> Read<Option<Vec<u8>>> {
        let query = query_scalar(sql::custody::SHARE).bind(kind.word());
        let query = query.bind(i64::from(epoch)).bind(i64::from(index));
        Ok(query.fetch_optional(self.reader()).await?)
    }

    /// Proofs of an epoch: share index, act, moment.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn proofs(&self, kind: Kind, epoch: u32) -> Read<Vec<(u8, Digest, Timestamp)>> {
        let query = query(sql::custody::PROOFS)
            .bind(kind.word())
            .bind(i64::from(epoch));
        each(&query.fetch_all(self.reader()).await?, |row| {
            let columns = Columns::new(row, "proof", "idx");
            Ok((
                columns.number("idx")?,
                columns.parse("act_sha256")?,
                columns.time("at_ms")?,
            ))
        })
    }

    /// A person's unlockers that ever opened a file, and when last.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn unlocker_opened(&self, person: &PersonId) -> Read<Vec<(String, Timestamp)>> {
        let query = query(sql::custody::UNLOCKERS).bind(person.as_str());
        each(&query.fetch_all(self.reader()).await?, |row| {
            let columns = Columns::new(row, "unlocker", "unlocker");
            Ok((columns.get("unlocker")?, columns.time("at_ms")?))
        })
    }

    /// POSTs that made or may have made a secret, in any of these states, oldest first.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn secret_posts(&self, states: &[&str]) -> Read<Vec<SecretPost>> {
        let mut posts = Vec::new();
        for state in states {
            let query = query(sql::custody::POSTS).bind(*state);
            posts.extend(each(
                &query.fetch_all(self.reader()).await?,
                rows::secret_post,
            )?);
        }
        posts.sort_by(|a, b| (a.at_ms, &a.id).cmp(&(b.at_ms, &b.id)));
        Ok(posts)
    }
}

/// Sessions, logins, what is in force, facts.
impl Store {
    /// The session whose live token has this hash.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn session_by_token(&self, token_sha256: &Digest) -> Read<Option<SessionRow>> {
        let query = query(sql::people::SESSION_BY_TOKEN).bind(token_sha256.hex());
        maybe(query.fetch_optional(self.reader()).await?, rows::session)
    }

    /// Sessions that are not over.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn open_sessions(&self) -> Read<Vec<SessionRow>> {
        let query = query(sql::people::OPEN_SESSIONS);
        each(&query.fetch_all(self.reader()).await?, rows::session)
    }

    /// The login with this token, unless it has ended.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn login(&self, token_sha256: &Digest, now: Timestamp) -> Read<Option<LoginRow>> {
        let query = query(sql::people::LOGIN)
            .bind(token_sha256.hex())
            .bind(now.0);
        maybe(query.fetch_optional(self.reader()).await?, rows::login)
    }

    /// Hash of the roster or policy in force.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn current(&self, what: &str) -> Read<Option<Digest>> {
        let query = query(sql::people::CURRENT).bind(what);
        maybe(query.fetch_optional(self.reader()).await?, |row| {
            Columns::new(row, "in_force", "sha256").parse("sha256")
        })
    }

    /// A fact about the vault.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn fact(&self, name: &str) -> Read<Option<String>> {
        let query = query_scalar(sql::people::FACT).bind(name);
        Ok(query.fetch_optional(self.reader()).await?)
    }

    /// Names and values of the facts whose name begins so; `%` and `_` are no letters of one.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn facts_of(&self, prefix: &str) -> Read<Vec<(String, String)>> {
        let query = query(sql::people::FACTS_LIKE).bind(format!("{prefix}%"));
        let rows = query.fetch_all(self.reader()).await?;
        let both = |row: &Row| Ok((row.try_get("name")?, row.try_get("value")?));
        rows.iter().map(both).collect()
    }
}

/// The outbox.
impl Store {
    /// Alerts to send now, oldest first, with the number of failed tries.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn due_alerts(&self, now: Timestamp, limit: u32) -> Read<Vec<(Alert, u32)>> {
        let query = query(sql::outbox::DUE).bind(now.0).bind(i64::from(limit));
        each(&query.fetch_all(self.reader()).await?, |row| {
            rows::alert(row).map(|found| (found.alert, found.attempts))
        })
    }

    /// How each channel that ever had an alert fares.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn channel_rows(&self) -> Read<Vec<ChannelRow>> {
        let query = query(sql::outbox::CHANNELS);
        each(&query.fetch_all(self.reader()).await?, rows::channel)
    }

    /// Waves of pages that are due, oldest first.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn due_pages(&self, now: Timestamp) -> Read<Vec<(IncidentId, Wave)>> {
        let query = query(sql::outbox::DUE_PAGES).bind(now.0);
        each(&query.fetch_all(self.reader()).await?, rows::page)
    }

    /// Whether some channel confirmed an alert of this kind for an incident.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn alert_confirmed(&self, incident: &IncidentId, kind: &str) -> Read<bool> {
        let query = query_scalar(sql::outbox::CONFIRMED)
            .bind(incident.as_str())
            .bind(kind);
        let count: i64 = query.fetch_one(self.reader()).await?;
        Ok(count > 0)
    }

    /// Alerts of an incident, oldest first.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn alerts_of(
        &self,
        incident: &IncidentId,
    ) -> Read<Vec<(Alert, String, Option<Timestamp>)>> {
        let query = query(sql::outbox::OF_INCIDENT).bind(incident.as_str());
        each(&query.fetch_all(self.reader()).await?, |row| {
            rows::alert(row).map(
                |AlertRow {
                     alert,
                     state,
                     sent_at_ms,
                     ..
                 }| (alert, state, sent_at_ms),
            )
        })
    }
}
