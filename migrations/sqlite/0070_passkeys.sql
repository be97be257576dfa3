-- What passkeys counted: a counter that goes back shows that a passkey was copied.

CREATE TABLE passkey_counter (
    credential TEXT PRIMARY KEY,                              -- credential id, base64url
    counter    INTEGER NOT NULL CHECK (counter >= 0),         -- highest signature counter seen; 0: it has none
    at_ms      INTEGER NOT NULL                               -- when it was last seen
) STRICT;
