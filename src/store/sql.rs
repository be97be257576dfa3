//! Every SQL text of the project, one place per area. `$n` means the same in SQLite and
//! PostgreSQL; a test prepares all of them on both. Knows nothing of who calls them.

use std::sync::LazyLock;

/// Entries, head, hashes, checkpoints.
pub mod log {
    /// The head row.
    pub const HEAD: &str = "SELECT size, root, edge, ts_ms, checkpoint, writer_epoch FROM log_head \
         WHERE id = 1";
    /// The newest checkpoint alone.
    pub const HEAD_NOTE: &str = "SELECT checkpoint FROM log_head WHERE id = 1";
    /// The first head row.
    pub const INSERT_HEAD: &str = "INSERT INTO log_head \
         (id, size, root, edge, ts_ms, checkpoint, writer_epoch) VALUES (1, $1, $2, $3, $4, $5, 0)";
    /// Compare and swap: old size, root and writer epoch must still stand.
    pub const SWAP_HEAD: &str = "UPDATE log_head \
         SET size = $1, root = $2, edge = $3, ts_ms = $4, checkpoint = $5 \
         WHERE id = 1 AND size = $6 AND root = $7 AND writer_epoch = $8";
    /// A new process takes over.
    pub const RAISE_WRITER: &str = "UPDATE log_head SET writer_epoch = writer_epoch + 1 \
         WHERE id = 1 AND writer_epoch = $1";
    /// One complete inner subtree.
    pub const INSERT_NODE: &str = "INSERT INTO log_node (level, idx, hash) VALUES ($1, $2, $3)";
    /// Keeps a checkpoint.
    pub const KEEP_CHECKPOINT: &str = "INSERT INTO log_cp (size, note, at_ms) VALUES ($1, $2, $3) \
         ON CONFLICT (size) DO NOTHING";
    /// Kept checkpoints, oldest first.
    pub const CHECKPOINTS: &str = "SELECT note FROM log_cp ORDER BY size";
    /// The kept checkpoint of a size.
    pub const CHECKPOINT: &str = "SELECT note FROM log_cp WHERE size = $1";
    /// Sizes of kept checkpoints.
    pub const CHECKPOINT_SIZES: &str = "SELECT size FROM log_cp ORDER BY size";
    /// When one was kept last.
    pub const LAST_KEPT: &str = "SELECT COALESCE(MAX(at_ms), 0) FROM log_cp";
    /// Entries from one index on.
    pub const ENTRIES: &str = "SELECT leaf FROM log_entry WHERE seq >= $1 ORDER BY seq LIMIT $2";
    /// The same with everything beside the bytes, for checking.
    pub const ENTRIES_WHOLE: &str = "SELECT seq, kind, inc, control, leaf, hash FROM log_entry \
         WHERE seq >= $1 ORDER BY seq LIMIT $2";
    /// One entry.
    pub const ENTRY: &str = "SELECT leaf FROM log_entry WHERE seq = $1";
    /// Newest index.
    pub const LAST_SEQ: &str = "SELECT COALESCE(MAX(seq), -1) FROM log_entry";
    /// Entries but for calls, after an index.
    pub const CONTROL_ENTRIES: &str = "SELECT seq, leaf FROM log_entry \
         WHERE control = 1 AND seq > $1 ORDER BY seq LIMIT $2";
    /// Entries of one incident from an index on.
    pub const INCIDENT_ENTRIES: &str = "SELECT seq, leaf FROM log_entry \
         WHERE inc = $1 AND seq >= $2 ORDER BY seq LIMIT $3";
    /// Newest entry of one incident and kind.
    pub const LAST_INCIDENT_ENTRY: &str = "SELECT seq, leaf FROM log_entry \
         WHERE inc = $1 AND kind = $2 ORDER BY seq DESC LIMIT 1";
    /// Newest control entry of a kind before an index.
    pub const LAST_CONTROL_ENTRY: &str = "SELECT seq, leaf FROM log_entry \
         WHERE control = 1 AND kind = $1 AND seq < $2 ORDER BY seq DESC LIMIT 1";
    /// Leaf hashes `[$1, $2)`.
    pub const LEAF_HASHES: &str = "SELECT hash FROM log_entry \
         WHERE seq >= $1 AND seq < $2 ORDER BY seq";
    /// Hashes of complete subtrees `[$2, $3)` at one height.
    pub const NODES: &str = "SELECT hash FROM log_node \
         WHERE level = $1 AND idx >= $2 AND idx < $3 ORDER BY idx";
    /// All fixed texts of this area.
    pub const ALL: [&str; 21] = [
        CHECKPOINT,
        HEAD_NOTE,
        CHECKPOINT_SIZES,
        HEAD,
        INSERT_HEAD,
        SWAP_HEAD,
        RAISE_WRITER,
        INSERT_NODE,
        KEEP_CHECKPOINT,
        CHECKPOINTS,
        LAST_KEPT,
        ENTRIES,
        ENTRIES_WHOLE,
        ENTRY,
        LAST_SEQ,
        CONTROL_ENTRIES,
        INCIDENT_ENTRIES,
        LAST_INCIDENT_ENTRY,
        LAST_CONTROL_ENTRY,
        LEAF_HASHES,
        NODES,
    ];
}

/// Columns bound for each row of [`INSERT_ENTRIES`].
pub const ENTRY_COLUMNS: usize = 6;
/// Rows of the entry inserts, largest first: any batch is a few of them.
pub const ENTRY_ROWS: [usize; 7] = [64, 32, 16, 8, 4, 2, 1];

/// Inserts of [`ENTRY_ROWS`] entries each. Built once: one statement per row is five times slower.
pub static INSERT_ENTRIES: LazyLock<[String; 7]> = LazyLock::new(|| ENTRY_ROWS.map(insert_entries));

fn insert_entries(rows: usize) -> String {
    let row = |number: usize| {
        let first = number * ENTRY_COLUMNS;
        let places: Vec<String> = (1..=ENTRY_COLUMNS)
            .map(|place| format!("${}", first + place))
            .collect();
        format!("({})", places.join(", "))
    };
    let rows: Vec<String> = (0..rows).map(row).collect();
    format!(
        "INSERT INTO log_entry (seq, kind, inc, control, leaf, hash) VALUES {}",
        rows.join(", ")
    )
}

/// Incidents, rotations, documents, acts, envelopes.
pub mod incident {
    /// One incident.
    pub const GET: &str = "SELECT id, version, phase, over, doc FROM incident WHERE id = $1";
    /// Newest first.
    pub const LIST: &str = "SELECT id, version, phase, over, doc FROM incident \
         ORDER BY number DESC LIMIT $1";
    /// Not over, newest first.
    pub const LIVE: &str = "SELECT id, version, phase, over, doc FROM incident \
         WHERE over = 0 ORDER BY number DESC";
    /// Highest number so far.
    pub const HIGHEST: &str = "SELECT COALESCE(MAX(number), 0) FROM incident";
    /// A new one.
    pub const INSERT: &str = "INSERT INTO incident (id, number, version, phase, over, doc, drill) \
         VALUES ($1, $2, 1, $3, $4, $5, $6) ON CONFLICT DO NOTHING";
    /// Drills, by id.
    pub const DRILLS: &str = "SELECT id FROM incident WHERE drill = 1 ORDER BY number";
    /// The next version.
    pub const UPDATE: &str = "UPDATE incident \
         SET version = version + 1, phase = $1, over = $2, doc = $3 WHERE id = $4 AND version = $5";
    /// One rotation.
    pub const ROTATION: &str = "SELECT id, version, incident, doc FROM rotation WHERE id = $1";
    /// The newest.
    pub const LATEST_ROTATION: &str = "SELECT id, version, incident, doc FROM rotation \
         ORDER BY number DESC LIMIT 1";
    /// The newest of an incident.
    pub const ROTATION_OF: &str = "SELECT id, version, incident, doc FROM rotation \
         WHERE incident = $1 ORDER BY number DESC LIMIT 1";
    /// Highest number so far.
    pub const HIGHEST_ROTATION: &str = "SELECT COALESCE(MAX(number), 0) FROM rotation";
    /// A new one.
    pub const INSERT_ROTATION: &str = "INSERT INTO rotation (id, number, version, incident, doc) \
         VALUES ($1, $2, 1, $3, $4) ON CONFLICT DO NOTHING";
    /// The next version.
    pub const UPDATE_ROTATION: &str = "UPDATE rotation \
         SET version = version + 1, incident = $1, doc = $2 WHERE id = $3 AND version = $4";
    /// Keeps a document; the hash says it is the same.
    pub const PUT_DOCUMENT: &str = "INSERT INTO document (kind, sha256, bytes, signature) \
         VALUES ($1, $2, $3, $4) ON CONFLICT (kind, sha256) DO NOTHING";
    /// One document.
    pub const DOCUMENT: &str = "SELECT bytes, signature FROM document \
         WHERE kind = $1 AND sha256 = $2";
    /// Hashes of a kind.
    pub const DOCUMENTS: &str = "SELECT sha256 FROM document WHERE kind = $1 ORDER BY sha256";
    /// Uses an act up.
    pub const USE_ACT: &str = "INSERT INTO act (sha256, word, person, incident, at_ms) \
         VALUES ($1, $2, $3, $4, $5) ON CONFLICT (sha256) DO NOTHING";
    /// Whether it was used.
    pub const ACT_USED: &str = "SELECT COUNT(*) FROM act WHERE sha256 = $1";
    /// How many acts of a word since a moment; those of drills are practice and not counted.
    pub const ACTS_SINCE: &str = "SELECT COUNT(*) FROM act \
         WHERE person = $1 AND word = $2 AND at_ms >= $3 AND (incident IS NULL \
         OR incident NOT IN (SELECT id FROM incident WHERE drill = 1))";
    /// Keeps an envelope; one for other terms gives way.
    pub const PUT_ENVELOPE: &str = "INSERT INTO envelope \
         (incident, idx, terms_sha256, act_sha256, file) VALUES ($1, $2, $3, $4, $5) \
         ON CONFLICT (incident, idx) DO UPDATE SET terms_sha256 = excluded.terms_sha256, \
         act_sha256 = excluded.act_sha256, file = excluded.file \
         WHERE envelope.terms_sha256 <> excluded.terms_sha256";
    /// Forgets one.
    pub const DROP_ENVELOPE: &str = "DELETE FROM envelope WHERE incident = $1 AND idx = $2";
    /// Forgets all of an incident.
    pub const DROP_ENVELOPES: &str = "DELETE FROM envelope WHERE incident = $1";
    /// All of an incident.
    pub const ENVELOPES: &str = "SELECT idx, act_sha256, file FROM envelope \
         WHERE incident = $1 ORDER BY idx";
    /// All texts of this area.
    pub const ALL: [&str; 23] = [
        GET,
        LIST,
        LIVE,
        HIGHEST,
        INSERT,
        UPDATE,
        ROTATION,
        LATEST_ROTATION,
        ROTATION_OF,
        HIGHEST_ROTATION,
        INSERT_ROTATION,
        UPDATE_ROTATION,
        PUT_DOCUMENT,
        DOCUMENT,
        DOCUMENTS,
        USE_ACT,
        ACT_USED,
        DRILLS,
        ACTS_SINCE,
        PUT_ENVELOPE,
        DROP_ENVELOPE,
        DROP_ENVELOPES,
        ENVELOPES,
    ];
}

/// Epochs, shares, proofs, unlockers, secrets at Databricks.
pub mod custody {
    /// A new epoch, not current yet.
    pub const PUT_EPOCH: &str = "INSERT INTO epoch (kind, epoch, state, manifest, manifest_sha256, \
         sealed_credential, secret_id, secret_expires_at_ms, at_ms) \
         VALUES ($1, $2, 'next', $3, $4, $5, $6, $7, $8) ON CONFLICT DO NOTHING";
    /// One share of it.
    pub const PUT_SHARE: &str = "INSERT INTO share (kind, epoch, idx, person, file) \
         VALUES ($1, $2, $3, $4, $5) ON CONFLICT DO NOTHING";
    /// The current one steps back.
    pub const RETIRE_CURRENT: &str = "UPDATE epoch SET state = 'past' \
         WHERE kind = $1 AND state = 'current' AND epoch <> $2";
    /// The next one steps forward.
    pub const MAKE_CURRENT: &str = "UPDATE epoch SET state = 'current' \
         WHERE kind = $1 AND epoch = $2 AND state <> 'past'";
    /// Erases a credential; not the current one's.
    pub const ERASE_CREDENTIAL: &str = "UPDATE epoch SET sealed_credential = NULL \
         WHERE kind = $1 AND epoch = $2 AND state <> 'current'";
    /// Erases an epoch's shares.
    pub const ERASE_SHARES: &str = "DELETE FROM share WHERE kind = $1 AND epoch = $2";
    /// Erases an epoch's proofs.
    pub const ERASE_PROOFS: &str = "DELETE FROM proof WHERE kind = $1 AND epoch = $2";
    /// Removes an epoch that never was current.
    pub const DISCARD_EPOCH: &str = "DELETE FROM epoch \
         WHERE kind = $1 AND epoch = $2 AND state = 'next'";
    /// One epoch.
    pub const EPOCH: &str = "SELECT kind, epoch, state, manifest, manifest_sha256, \
         sealed_credential, secret_id, secret_expires_at_ms, at_ms FROM epoch \
         WHERE kind = $1 AND epoch = $2";
    /// The current one.
    pub const CURRENT_EPOCH: &str = "SELECT kind, epoch, state, manifest, manifest_sha256, \
         sealed_credential, secret_id, secret_expires_at_ms, at_ms FROM epoch \
         WHERE kind = $1 AND state = 'current'";
    /// Highest number in use.
    pub const HIGHEST_EPOCH: &str = "SELECT COALESCE(MAX(epoch), 0) FROM epoch WHERE kind = $1";
    /// One share.
    pub const SHARE: &str = "SELECT file FROM share WHERE kind = $1 AND epoch = $2 AND idx = $3";
    /// The same share, sealed to other unlockers.
    pub const REPLACE_SHARE: &str = "UPDATE share SET file = $1 \
         WHERE kind = $2 AND epoch = $3 AND idx = $4";
    /// Records a proof.
    pub const PUT_PROOF: &str = "INSERT INTO proof (kind, epoch, idx, act_sha256, at_ms) \
         VALUES ($1, $2, $3, $4, $5) ON CONFLICT (kind, epoch, idx) \
         DO UPDATE SET act_sha256 = excluded.act_sha256, at_ms = excluded.at_ms";
    /// Proofs of an epoch.
    pub const PROOFS: &str = "SELECT idx, act_sha256, at_ms FROM proof \
         WHERE kind = $1 AND epoch = $2 ORDER BY idx";
    /// An unlocker opened a file.
    pub const PUT_UNLOCKER: &str = "INSERT INTO unlocker (person, unlocker, at_ms) \
         VALUES ($1, $2, $3) ON CONFLICT (person, unlocker) DO UPDATE SET at_ms = excluded.at_ms \
         WHERE unlocker.at_ms < excluded.at_ms";
    /// What a person's unlockers opened last.
    pub const UNLOCKERS: &str = "SELECT unlocker, at_ms FROM unlocker \
         WHERE person = $1 ORDER BY unlocker";
    /// A POST that makes a secret.
    pub const PUT_POST: &str = "INSERT INTO secret_post (id, used_for, owner, lifetime_s, pre_ids, \
         state, secret_id, at_ms) VALUES ($1, $2, $3, $4, $5, $6, $7, $8) ON CONFLICT DO NOTHING";
    /// What came of it.
    pub const SET_POST: &str = "UPDATE secret_post \
         SET state = $1, secret_id = COALESCE($2, secret_id) WHERE id = $3";
    /// POSTs in one state, oldest first.
    pub const POSTS: &str = "SELECT id, used_for, owner, lifetime_s, pre_ids, state, secret_id, \
         at_ms FROM secret_post WHERE state = $1 ORDER BY at_ms, id";
    /// All texts of this area.
    pub const ALL: [&str; 20] = [
        REPLACE_SHARE,
        PUT_EPOCH,
        PUT_SHARE,
        RETIRE_CURRENT,
        MAKE_CURRENT,
        ERASE_CREDENTIAL,
        ERASE_SHARES,
        ERASE_PROOFS,
        DISCARD_EPOCH,
        EPOCH,
        CURRENT_EPOCH,
        HIGHEST_EPOCH,
        SHARE,
        PUT_PROOF,
        PROOFS,
        PUT_UNLOCKER,
        UNLOCKERS,
        PUT_POST,
        SET_POST,
        POSTS,
    ];
}

/// Passkeys' signature counters.
pub mod passkey {
    /// Signed once more (WebAuthn §6.1.1): where either count is not 0, it must have grown.
    pub const USED: &str = "INSERT INTO passkey_counter (credential, counter, at_ms) \
         VALUES ($1, $2, $3) ON CONFLICT (credential) DO UPDATE \
         SET counter = excluded.counter, at_ms = excluded.at_ms \
         WHERE excluded.counter > passkey_counter.counter \
         OR (excluded.counter = 0 AND passkey_counter.counter = 0)";
    /// All texts of this area.
    pub const ALL: [&str; 1] = [USED];
}

/// Sessions, challenges, logins, what is in force, facts.
pub mod people {
    /// A session came to be.
    pub const PUT_SESSION: &str = "INSERT INTO session (id, incident, exp_ms) \
         VALUES ($1, $2, $3) ON CONFLICT DO NOTHING";
    /// It ends later.
    pub const EXTEND_SESSION: &str = "UPDATE session SET exp_ms = $1 \
         WHERE id = $2 AND ended_at_ms IS NULL";
    /// Its live token.
    pub const SET_TOKEN: &str = "UPDATE session SET token_sha256 = $1 \
         WHERE id = $2 AND ended_at_ms IS NULL";
    /// It is over; the first moment stays.
    pub const END_SESSION: &str = "UPDATE session SET ended_at_ms = COALESCE(ended_at_ms, $1) \
         WHERE id = $2";
    /// By its live token.
    pub const SESSION_BY_TOKEN: &str = "SELECT id, incident, exp_ms, ended_at_ms FROM session \
         WHERE token_sha256 = $1";
    /// Not over.
    pub const OPEN_SESSIONS: &str = "SELECT id, incident, exp_ms, ended_at_ms FROM session \
         WHERE ended_at_ms IS NULL ORDER BY id";
    /// A challenge.
    pub const PUT_CHALLENGE: &str = "INSERT INTO challenge \
         (challenge, purpose, subject, expires_at_ms) VALUES ($1, $2, $3, $4) \
         ON CONFLICT DO NOTHING";
    /// Uses it up.
    pub const USE_CHALLENGE: &str = "DELETE FROM challenge \
         WHERE challenge = $1 AND purpose = $2 AND subject = $3 AND expires_at_ms > $4";
    /// Those nobody can use any more.
    pub const EXPIRE_CHALLENGES: &str = "DELETE FROM challenge WHERE expires_at_ms <= $1";
    /// A login.
    pub const PUT_LOGIN: &str = "INSERT INTO login (token_sha256, person, signed_by, expires_at_ms) \
         VALUES ($1, $2, $3, $4) ON CONFLICT DO NOTHING";
    /// A login that is still good.
    pub const LOGIN: &str = "SELECT person, signed_by, expires_at_ms FROM login \
         WHERE token_sha256 = $1 AND expires_at_ms > $2";
    /// A login is over.
    pub const END_LOGIN: &str = "DELETE FROM login WHERE token_sha256 = $1";
    /// A roster or policy takes effect.
    pub const SET_CURRENT: &str = "INSERT INTO in_force (what, sha256) VALUES ($1, $2) \
         ON CONFLICT (what) DO UPDATE SET sha256 = excluded.sha256";
    /// Which one is in force.
    pub const CURRENT: &str = "SELECT sha256 FROM in_force WHERE what = $1";
    /// A fact.
    pub const SET_FACT: &str = "INSERT INTO fact (name, value) VALUES ($1, $2) \
         ON CONFLICT (name) DO UPDATE SET value = excluded.value";
    /// No fact any more.
    pub const DROP_FACT: &str = "DELETE FROM fact WHERE name = $1";
    /// Its value.
    pub const FACT: &str = "SELECT value FROM fact WHERE name = $1";
    /// Names and values, by the form of the name.
    pub const FACTS_LIKE: &str = "SELECT name, value FROM fact WHERE name LIKE $1 ORDER BY name";
    /// All texts of this area.
    pub const ALL: [&str; 18] = [
        PUT_SESSION,
        END_LOGIN,
        EXTEND_SESSION,
        SET_TOKEN,
        END_SESSION,
        SESSION_BY_TOKEN,
        OPEN_SESSIONS,
        PUT_CHALLENGE,
        USE_CHALLENGE,
        EXPIRE_CHALLENGES,
        PUT_LOGIN,
        LOGIN,
        SET_CURRENT,
        CURRENT,
        SET_FACT,
        DROP_FACT,
        FACT,
        FACTS_LIKE,
    ];
}

/// Versions of roster and policy that wait for signatures.
pub mod proposal {
    /// One proposal; the hash says it is the same.
    pub const PUT: &str = "INSERT INTO proposal (sha256, what, bytes, person, at_ms) \
         VALUES ($1, $2, $3, $4, $5) ON CONFLICT (sha256) DO NOTHING";
    /// Somebody agreed.
    pub const SIGN: &str = "INSERT INTO proposal_signature (sha256, person, act_sha256, at_ms) \
         VALUES ($1, $2, $3, $4) ON CONFLICT DO NOTHING";
    /// Every signature with its proposal, oldest first.
    pub const LIST: &str = "SELECT p.sha256 AS sha256, p.what AS what, p.bytes AS bytes, \
         p.person AS person, p.at_ms AS at_ms, s.person AS signer, s.act_sha256 AS act_sha256 \
         FROM proposal p JOIN proposal_signature s ON s.sha256 = p.sha256 \
         ORDER BY p.at_ms, p.sha256, s.at_ms, s.person";
    /// Forgets the signatures under proposals for one document.
    pub const END_SIGNATURES: &str = "DELETE FROM proposal_signature \
         WHERE sha256 IN (SELECT sha256 FROM proposal WHERE what = $1)";
    /// Forgets the proposals.
    pub const END: &str = "DELETE FROM proposal WHERE what = $1";
    /// All texts of this area.
    pub const ALL: [&str; 5] = [PUT, SIGN, LIST, END_SIGNATURES, END];
}

/// The outbox.
pub mod outbox {
    /// An alert to send.
    pub const QUEUE: &str = "INSERT INTO alert (id, channel, kind, incident, recipients, subject, \
         body, drill, severity, at_ms, state, attempts, retry_at_ms) \
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, 'queued', 0, $10) ON CONFLICT DO NOTHING";
    /// A channel confirmed it; the first moment stays.
    pub const SENT: &str = "UPDATE alert \
         SET state = 'sent', sent_at_ms = COALESCE(sent_at_ms, $1) WHERE id = $2";
    /// A try failed.
    pub const FAILED: &str = "UPDATE alert \
         SET attempts = attempts + 1, retry_at_ms = $1, last_error = $2 \
         WHERE id = $3 AND state = 'queued'";
    /// What should be sent now, oldest first.
    pub const DUE: &str = "SELECT id, channel, kind, incident, recipients, subject, body, drill, \
         severity, at_ms, attempts, state, sent_at_ms FROM alert \
         WHERE state = 'queued' AND retry_at_ms <= $1 ORDER BY at_ms, id LIMIT $2";
    /// Confirmed ones of an incident and kind.
    pub const CONFIRMED: &str = "SELECT COUNT(*) FROM alert \
         WHERE incident = $1 AND kind = $2 AND state = 'sent'";
    /// All of an incident.
    pub const OF_INCIDENT: &str = "SELECT id, channel, kind, incident, recipients, subject, body, \
         drill, severity, at_ms, attempts, state, sent_at_ms FROM alert \
         WHERE incident = $1 ORDER BY at_ms, id";
    /// How each channel fares: last delivery, what waits, what has failed at least once.
    pub const CHANNELS: &str = "SELECT channel, MAX(sent_at_ms) AS sent_at_ms, \
         COUNT(CASE WHEN state = 'queued' THEN 1 END) AS waiting, \
         COUNT(CASE WHEN state = 'queued' AND attempts > 0 THEN 1 END) AS failing, \
         MAX(CASE WHEN state = 'queued' THEN last_error END) AS last_error \
         FROM alert GROUP BY channel ORDER BY channel";
    /// A wave of pages to send later.
    pub const PUT_PAGE: &str = "INSERT INTO page (incident, wave, due_at_ms, people, fallback) \
         VALUES ($1, $2, $3, $4, $5) ON CONFLICT (incident, wave) DO UPDATE SET \
         due_at_ms = excluded.due_at_ms, people = excluded.people, fallback = excluded.fallback";
    /// It was sent.
    pub const DROP_PAGE: &str = "DELETE FROM page WHERE incident = $1 AND wave = $2";
    /// None of an incident is needed any more.
    pub const DROP_PAGES: &str = "DELETE FROM page WHERE incident = $1";
    /// Waves that are due, oldest first.
    pub const DUE_PAGES: &str = "SELECT incident, wave, due_at_ms, people, fallback FROM page \
         WHERE due_at_ms <= $1 ORDER BY due_at_ms, incident, wave";
    /// All texts of this area.
    pub const ALL: [&str; 11] = [
        QUEUE,
        SENT,
        FAILED,
        DUE,
        CONFIRMED,
        OF_INCIDENT,
        CHANNELS,
        PUT_PAGE,
        DROP_PAGE,
        DROP_PAGES,
        DUE_PAGES,
    ];
}

/// Every statement, for the test that prepares them on both databases.
pub static ALL_STATEMENTS: LazyLock<Vec<&'static str>> = LazyLock::new(|| {
    let areas: [&[&'static str]; 8] = [
        &log::ALL,
        &incident::ALL,
        &custody::ALL,
        &people::ALL,
        &passkey::ALL,
        &proposal::ALL,
        &outbox::ALL,
        &super::undo::ALL,
    ];
    let built = INSERT_ENTRIES.iter().map(String::as_str);
    areas.into_iter().flatten().copied().chain(built).collect()
});
