-- Versions of roster and policy that wait for signatures. They follow from `roster.proposed` and
-- `policy.proposed` entries; what took effect is in `document` and named by the log.

CREATE TABLE proposal (
    sha256 TEXT PRIMARY KEY,                                  -- hash of the document proposed
    what   TEXT NOT NULL CHECK (what IN ('roster', 'policy')),-- which document it would replace
    bytes  BLOB NOT NULL,                                     -- its canonical bytes
    person TEXT NOT NULL,                                     -- who proposed it
    at_ms  INTEGER NOT NULL                                   -- when
) STRICT;

CREATE TABLE proposal_signature (
    sha256     TEXT NOT NULL,                                 -- the proposal
    person     TEXT NOT NULL,                                 -- who agreed; the proposer is the first
    act_sha256 TEXT NOT NULL,                                 -- the signed act
    at_ms      INTEGER NOT NULL,                              -- when
    PRIMARY KEY (sha256, person)
) STRICT;
