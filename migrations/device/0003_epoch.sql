-- Checkpoints this phone has verified, newest and older: what a restored server's log is compared with.
-- Those marked as evidence show leaves that a later epoch of the log lost, and are never removed.
CREATE TABLE checkpoint (
    epoch    INTEGER NOT NULL,
    size     INTEGER NOT NULL,
    root     BLOB NOT NULL,
    note     TEXT NOT NULL,
    evidence INTEGER NOT NULL DEFAULT 0,
    PRIMARY KEY (epoch, size)
) STRICT;

-- The leaf of the act that says that a file is held; NULL in rows from before.
ALTER TABLE blob ADD COLUMN leaf INTEGER;
-- The leaf of the act that quarantined an own entry, or one it builds on.
ALTER TABLE entry ADD COLUMN verdict_leaf INTEGER;
CREATE INDEX entry_verdict ON entry (verdict_leaf) WHERE verdict_leaf IS NOT NULL;
