-- What a session adds at Databricks: a row before the call, taken away again at close.

CREATE TABLE undo (
    id        TEXT PRIMARY KEY,                               -- random
    incident  TEXT NOT NULL,                                  -- the incident whose session it is
    origin    TEXT NOT NULL CHECK (origin IN ('principal', 'grant', 'call')),  -- who adds it
    cid       TEXT,                                           -- the proxied call, for origin call
    person    TEXT,                                           -- who gets the right, where it is one of us
    workspace TEXT,                                           -- workspace id, for things of a workspace
    thing     TEXT NOT NULL,                                  -- what is added, JSON
    before    TEXT NOT NULL,                                  -- what was held before, JSON array
    keep      INTEGER NOT NULL CHECK (keep IN (0, 1)),        -- 1: the terms say that it stays
    state     TEXT NOT NULL,                                  -- planned, void, nothing, undone, kept, failed
    at_ms     INTEGER NOT NULL                                -- when it was recorded
) STRICT;
CREATE INDEX undo_state ON undo (state, at_ms);
CREATE INDEX undo_incident ON undo (incident, at_ms);

CREATE TABLE snapshot (
    incident TEXT NOT NULL,                                   -- the incident
    moment   TEXT NOT NULL CHECK (moment IN ('before', 'after')),  -- of its session
    body     TEXT NOT NULL,                                   -- what stood there, JSON
    at_ms    INTEGER NOT NULL,                                -- when it was read
    PRIMARY KEY (incident, moment)
) STRICT;
