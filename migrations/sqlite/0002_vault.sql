-- The vault's rows. All of them follow from entries; the log is the authority.

CREATE TABLE incident (
    id      TEXT PRIMARY KEY,                                 -- INC-…
    number  INTEGER NOT NULL UNIQUE,                          -- its number in the vault's series
    version INTEGER NOT NULL CHECK (version > 0),             -- raised by every change
    phase   TEXT NOT NULL,                                    -- where it stands, as entries say it
    over    INTEGER NOT NULL CHECK (over IN (0, 1)),          -- 1: nothing can happen any more
    doc     TEXT NOT NULL                                     -- the incident, JSON
) STRICT;
CREATE INDEX incident_live ON incident (number) WHERE over = 0;

CREATE TABLE rotation (
    id       TEXT PRIMARY KEY,                                -- rot-…
    number   INTEGER NOT NULL UNIQUE,                         -- its number in the vault's series
    version  INTEGER NOT NULL CHECK (version > 0),            -- raised by every change
    incident TEXT,                                            -- the incident whose close it is, if any
    doc      TEXT NOT NULL                                    -- the rotation, JSON
) STRICT;
CREATE INDEX rotation_incident ON rotation (incident) WHERE incident IS NOT NULL;

CREATE TABLE document (
    kind      TEXT NOT NULL,                                  -- terms, acts, roster, policy, manifests
    sha256    TEXT NOT NULL,                                  -- its hash, hexadecimal
    bytes     BLOB NOT NULL,                                  -- canonical bytes
    signature TEXT,                                           -- armored SSHSIG, for acts
    PRIMARY KEY (kind, sha256)
) STRICT;

CREATE TABLE act (
    sha256   TEXT PRIMARY KEY,                                -- hash of the act: used once, never again
    word     TEXT NOT NULL,                                   -- approve, open, …
    person   TEXT NOT NULL,                                   -- who
    incident TEXT,                                            -- for which incident, if any
    at_ms    INTEGER NOT NULL                                 -- when
) STRICT;
CREATE INDEX act_person ON act (person, word, at_ms);

CREATE TABLE envelope (
    incident     TEXT NOT NULL,                               -- the incident
    idx          INTEGER NOT NULL,                            -- share index
    terms_sha256 TEXT NOT NULL,                               -- terms it is for
    act_sha256   TEXT NOT NULL,                               -- the approving act
    file         BLOB NOT NULL,                               -- the age file
    PRIMARY KEY (incident, idx)
) STRICT;

CREATE TABLE epoch (
    kind                 TEXT NOT NULL CHECK (kind IN ('live', 'drill')),            -- which credential
    epoch                INTEGER NOT NULL CHECK (epoch > 0),                         -- numbered from 1
    state                TEXT NOT NULL CHECK (state IN ('next', 'current', 'past')), -- one is current per kind
    manifest             TEXT NOT NULL,                       -- the manifest, JSON
    manifest_sha256      TEXT NOT NULL,                       -- its hash
    sealed_credential    BLOB,                                -- age file; erased when the secret is dead
    secret_id            TEXT NOT NULL,                       -- id of the secret at Databricks
    secret_expires_at_ms INTEGER NOT NULL,                    -- when that secret expires
    at_ms                INTEGER NOT NULL,                    -- when it was made
    PRIMARY KEY (kind, epoch)
) STRICT;
CREATE UNIQUE INDEX epoch_current ON epoch (kind) WHERE state = 'current';

CREATE TABLE share (
    kind   TEXT NOT NULL,                                     -- live or drill
    epoch  INTEGER NOT NULL,                                  -- the epoch
    idx    INTEGER NOT NULL,                                  -- share index
    person TEXT NOT NULL,                                     -- whose unlockers open it
    file   BLOB NOT NULL,                                     -- age file
    PRIMARY KEY (kind, epoch, idx)
) STRICT;

CREATE TABLE proof (
    kind       TEXT NOT NULL,                                 -- live or drill
    epoch      INTEGER NOT NULL,                              -- the epoch
    idx        INTEGER NOT NULL,                              -- share index
    act_sha256 TEXT NOT NULL,                                 -- the signed prove act
    at_ms      INTEGER NOT NULL,                              -- when
    PRIMARY KEY (kind, epoch, idx)
) STRICT;

CREATE TABLE unlocker (
    person   TEXT NOT NULL,                                   -- whose
    unlocker TEXT NOT NULL,                                   -- recipient text
    at_ms    INTEGER NOT NULL,                                -- when it last opened a file
    PRIMARY KEY (person, unlocker)
) STRICT;

CREATE TABLE secret_post (
    id         TEXT PRIMARY KEY,                              -- number of the POST
    used_for   TEXT NOT NULL CHECK (used_for IN ('successor', 'session', 'probe')),  -- what for
    owner      TEXT NOT NULL,                                 -- incident or saga
    lifetime_s INTEGER NOT NULL,                              -- the tag: wanted lifetime in seconds
    pre_ids    TEXT NOT NULL,                                 -- secret ids before the POST, JSON array
    state      TEXT NOT NULL,                                 -- sent, made, refused, unknown, deleted
    secret_id  TEXT,                                          -- Databricks' id, once known
    at_ms      INTEGER NOT NULL                               -- when it was recorded
) STRICT;
CREATE INDEX secret_post_state ON secret_post (state, at_ms);

CREATE TABLE session (
    id           TEXT PRIMARY KEY,                            -- ses-…
    incident     TEXT NOT NULL,                               -- its incident
    exp_ms       INTEGER NOT NULL,                            -- when it ends by itself
    token_sha256 TEXT UNIQUE,                                 -- hash of the live token
    ended_at_ms  INTEGER                                      -- when it was over
) STRICT;

CREATE TABLE challenge (
    challenge     TEXT PRIMARY KEY,                           -- 32 bytes, hexadecimal
    purpose       TEXT NOT NULL,                              -- login, prove or test
    subject       TEXT NOT NULL,                              -- key or person it was made for
    expires_at_ms INTEGER NOT NULL                            -- not accepted from then on
) STRICT;

CREATE TABLE login (
    token_sha256  TEXT PRIMARY KEY,                           -- hash of its token
    person        TEXT NOT NULL,                              -- whose
    signed_by     TEXT NOT NULL,                              -- key that signed
    expires_at_ms INTEGER NOT NULL                            -- when it ends
) STRICT;

CREATE TABLE in_force (
    what   TEXT PRIMARY KEY,                                  -- roster or policy
    sha256 TEXT NOT NULL                                      -- hash of the document in force
) STRICT;

CREATE TABLE fact (
    name  TEXT PRIMARY KEY,                                   -- rotation_owed_since_ms, measured, …
    value TEXT NOT NULL                                       -- its value
) STRICT;

CREATE TABLE alert (
    id          TEXT PRIMARY KEY,                             -- random; webhook-id and Message-ID
    channel     TEXT NOT NULL,                                -- channel name
    kind        TEXT NOT NULL,                                -- what happened
    incident    TEXT,                                         -- the incident, if any
    recipients  TEXT NOT NULL,                                -- addresses for mail, JSON array
    subject     TEXT NOT NULL,                                -- subject line
    body        TEXT NOT NULL,                                -- body without checkpoint
    drill       INTEGER NOT NULL CHECK (drill IN (0, 1)),     -- 1: a rehearsal
    severity    TEXT NOT NULL,                                -- info, action or alarm
    at_ms       INTEGER NOT NULL,                             -- when the event happened
    state       TEXT NOT NULL CHECK (state IN ('queued', 'sent')),  -- sent: the channel confirmed it
    attempts    INTEGER NOT NULL,                             -- tries that failed
    retry_at_ms INTEGER NOT NULL,                             -- not tried before this moment
    sent_at_ms  INTEGER,                                      -- when the channel confirmed it
    last_error  TEXT                                          -- why the last try failed, without secrets
) STRICT;
CREATE INDEX alert_due ON alert (retry_at_ms) WHERE state = 'queued';
CREATE INDEX alert_incident ON alert (incident, at_ms) WHERE incident IS NOT NULL;
