-- The log: entries, newest head, inner hashes, kept checkpoints (DESIGN §10).

CREATE TABLE log_entry (
    seq     BIGINT PRIMARY KEY,                              -- index in the tree, from 0, dense
    kind    TEXT NOT NULL,                                    -- member t of the entry
    inc     TEXT,                                             -- member inc of the entry, if it has one
    control BIGINT NOT NULL CHECK (control IN (0, 1)),       -- 1: every kind but call.*
    leaf    BYTEA NOT NULL,                                    -- the entry's bytes, exactly as hashed
    hash    BYTEA NOT NULL CHECK (length(hash) = 32)           -- RFC 6962 leaf hash
);

CREATE INDEX log_entry_control ON log_entry (kind, seq) WHERE control = 1;
CREATE INDEX log_entry_control_seq ON log_entry (seq) WHERE control = 1;
CREATE INDEX log_entry_incident ON log_entry (inc, seq) WHERE inc IS NOT NULL;

-- Against accidents, not against whoever owns the table: that is what checkpoints are for.
CREATE FUNCTION log_entry_append_only() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION 'the log is append-only';
END $$;

CREATE TRIGGER log_entry_no_change BEFORE UPDATE OR DELETE ON log_entry
FOR EACH ROW EXECUTE FUNCTION log_entry_append_only();

-- Row triggers do not fire for TRUNCATE.
CREATE TRIGGER log_entry_no_truncate BEFORE TRUNCATE ON log_entry
FOR EACH STATEMENT EXECUTE FUNCTION log_entry_append_only();

CREATE FUNCTION log_entry_dense() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF NEW.seq <> (SELECT COALESCE(MAX(seq) + 1, 0) FROM log_entry) THEN
        RAISE EXCEPTION 'the log is append-only and dense';
    END IF;
    RETURN NEW;
END $$;

CREATE TRIGGER log_entry_dense BEFORE INSERT ON log_entry
FOR EACH ROW EXECUTE FUNCTION log_entry_dense();

CREATE TABLE log_head (
    id           BIGINT PRIMARY KEY CHECK (id = 1),          -- one row
    size         BIGINT NOT NULL CHECK (size >= 0),          -- number of entries
    root         BYTEA NOT NULL CHECK (length(root) = 32),     -- RFC 6962 root over them
    edge         BYTEA NOT NULL,                               -- right edge: size and complete subtrees
    ts_ms        BIGINT NOT NULL,                            -- ts of the newest entry
    checkpoint   TEXT NOT NULL,                               -- signed note over size and root
    writer_epoch BIGINT NOT NULL                             -- raised by each process that opens the store
);

CREATE TABLE log_node (
    level BIGINT NOT NULL CHECK (level IN (8, 16, 24, 32, 40, 48, 56)), -- height of the complete subtree
    idx   BIGINT NOT NULL CHECK (idx >= 0),                  -- its number at that height
    hash  BYTEA NOT NULL CHECK (length(hash) = 32),            -- its root
    PRIMARY KEY (level, idx)
);

CREATE TABLE log_cp (
    size  BIGINT PRIMARY KEY,                                -- number of entries
    note  TEXT NOT NULL,                                      -- the signed checkpoint
    at_ms BIGINT NOT NULL                                    -- when it was kept
);
