-- The log: entries, newest head, inner hashes, kept checkpoints (DESIGN §10).

CREATE TABLE log_entry (
    seq     INTEGER PRIMARY KEY,                              -- index in the tree, from 0, dense
    kind    TEXT NOT NULL,                                    -- member t of the entry
    inc     TEXT,                                             -- member inc of the entry, if it has one
    control INTEGER NOT NULL CHECK (control IN (0, 1)),       -- 1: every kind but call.*
    leaf    BLOB NOT NULL,                                    -- the entry's bytes, exactly as hashed
    hash    BLOB NOT NULL CHECK (length(hash) = 32)           -- RFC 6962 leaf hash
) STRICT;

CREATE INDEX log_entry_control ON log_entry (kind, seq) WHERE control = 1;
CREATE INDEX log_entry_control_seq ON log_entry (seq) WHERE control = 1;
CREATE INDEX log_entry_incident ON log_entry (inc, seq) WHERE inc IS NOT NULL;

-- Against accidents, not against whoever owns the file: that is what checkpoints are for.
CREATE TRIGGER log_entry_no_update BEFORE UPDATE ON log_entry
BEGIN SELECT RAISE(ABORT, 'the log is append-only'); END;

CREATE TRIGGER log_entry_no_delete BEFORE DELETE ON log_entry
BEGIN SELECT RAISE(ABORT, 'the log is append-only'); END;

-- INSERT OR REPLACE deletes a row without firing the trigger above; this one stops it.
CREATE TRIGGER log_entry_dense BEFORE INSERT ON log_entry
WHEN NEW.seq IS NOT (SELECT COALESCE(MAX(seq) + 1, 0) FROM log_entry)
BEGIN SELECT RAISE(ABORT, 'the log is append-only and dense'); END;

CREATE TABLE log_head (
    id           INTEGER PRIMARY KEY CHECK (id = 1),          -- one row
    size         INTEGER NOT NULL CHECK (size >= 0),          -- number of entries
    root         BLOB NOT NULL CHECK (length(root) = 32),     -- RFC 6962 root over them
    edge         BLOB NOT NULL,                               -- right edge: size and complete subtrees
    ts_ms        INTEGER NOT NULL,                            -- ts of the newest entry
    checkpoint   TEXT NOT NULL,                               -- signed note over size and root
    writer_epoch INTEGER NOT NULL                             -- raised by each process that opens the store
) STRICT;

CREATE TABLE log_node (
    level INTEGER NOT NULL CHECK (level IN (8, 16, 24, 32, 40, 48, 56)), -- height of the complete subtree
    idx   INTEGER NOT NULL CHECK (idx >= 0),                  -- its number at that height
    hash  BLOB NOT NULL CHECK (length(hash) = 32),            -- its root
    PRIMARY KEY (level, idx)
) STRICT;

CREATE TABLE log_cp (
    size  INTEGER PRIMARY KEY,                                -- number of entries
    note  TEXT NOT NULL,                                      -- the signed checkpoint
    at_ms INTEGER NOT NULL                                    -- when it was kept
) STRICT;
