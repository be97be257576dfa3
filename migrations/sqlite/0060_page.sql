-- Whom to wake next: the waves of an incident's paging that have not been sent.

CREATE TABLE page (
    incident  TEXT NOT NULL,                                  -- the incident that asks for shares
    wave      INTEGER NOT NULL,                               -- 0 for the first
    due_at_ms INTEGER NOT NULL,                               -- not sent before this moment
    people    TEXT NOT NULL,                                  -- ids of whom to page, JSON array
    fallback  INTEGER NOT NULL CHECK (fallback IN (0, 1)),    -- 1: people who call custodians
    PRIMARY KEY (incident, wave)
) STRICT;
CREATE INDEX page_due ON page (due_at_ms);
