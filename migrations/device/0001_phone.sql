-- What a phone keeps. Hashes, ids and keys are raw bytes; times are milliseconds since 1970.

-- The one enrolment of this folder: which server, which keys it is known by, and the grant.
CREATE TABLE identity (
    one            INTEGER PRIMARY KEY CHECK (one = 1),
    server         TEXT NOT NULL,
    origin         TEXT NOT NULL,
    device         BLOB NOT NULL,
    device_name    TEXT NOT NULL,
    signed_grant   BLOB NOT NULL,
    log_key        BLOB NOT NULL,
    deployment_key BLOB NOT NULL,
    enrolled_ms    INTEGER NOT NULL
) STRICT;

-- The folder this database belongs to. A copy of the database elsewhere does not fit its mark.
CREATE TABLE folder (
    one  INTEGER PRIMARY KEY CHECK (one = 1),
    mark TEXT NOT NULL
) STRICT;

-- Own chains. At most one is open; ended ones are only handed in.
CREATE TABLE chain (
    chain       BLOB PRIMARY KEY,
    incarnation BLOB NOT NULL,
    secret      BLOB NOT NULL,
    next_seq    INTEGER NOT NULL,
    last_hash   BLOB NOT NULL,
    ended       TEXT,
    started_ms  INTEGER NOT NULL
) STRICT;
CREATE UNIQUE INDEX chain_open ON chain ((ended IS NULL)) WHERE ended IS NULL;

-- Visit documents that are, were or will be in scope.
CREATE TABLE document (
    document  BLOB PRIMARY KEY,
    checklist BLOB,
    departed  INTEGER NOT NULL DEFAULT 0
) STRICT;

-- Entries, own and others'. `arrived` is the order in which a document takes their changes.
-- state: 0 unsent, 1 logged, 2 admitted, 3 waiting, 4 quarantined
CREATE TABLE entry (
    arrived  INTEGER PRIMARY KEY,
    chain    BLOB NOT NULL,
    seq      INTEGER NOT NULL,
    own      INTEGER NOT NULL,
    device   BLOB NOT NULL,
    hash     BLOB NOT NULL,
    kind     INTEGER NOT NULL,
    salt     BLOB NOT NULL,
    body     BLOB NOT NULL,
    change   BLOB,
    document BLOB REFERENCES document,
    state    INTEGER NOT NULL,
    code     TEXT,
    wall_ms  INTEGER NOT NULL,
    UNIQUE (chain, seq)
) STRICT;
CREATE INDEX entry_document ON entry (document, arrived) WHERE document IS NOT NULL;
CREATE INDEX entry_unsent ON entry (chain, seq) WHERE own = 1 AND state = 0;
CREATE INDEX entry_odd ON entry (state, own) WHERE state IN (3, 4);

-- Own segments, never cut again once they stand here. `leaf` is NULL until a receipt was verified.
CREATE TABLE segment (
    chain     BLOB NOT NULL REFERENCES chain,
    first_seq INTEGER NOT NULL,
    count     INTEGER NOT NULL,
    header    BLOB NOT NULL,
    signature BLOB NOT NULL,
    leaf      INTEGER,
    code      TEXT,
    detail    TEXT,
    PRIMARY KEY (chain, first_seq)
) STRICT;
CREATE INDEX segment_unsent ON segment (chain, first_seq) WHERE leaf IS NULL;

-- Tasks as the server last told them; the steps are those this phone has recorded.
CREATE TABLE task (
    task      TEXT PRIMARY KEY,
    document  BLOB NOT NULL UNIQUE REFERENCES document,
    bytes     BLOB NOT NULL,
    leaf      INTEGER NOT NULL,
    delivered INTEGER NOT NULL DEFAULT 0,
    opened    INTEGER NOT NULL DEFAULT 0,
    claimed   INTEGER NOT NULL DEFAULT 0
) STRICT;

CREATE TABLE checklist (
    hash  BLOB PRIMARY KEY,
    bytes BLOB NOT NULL
) STRICT;

-- Grants of the devices whose entries are here: who wrote what, and with which key.
CREATE TABLE device_grant (
    device       BLOB PRIMARY KEY,
    signed_grant BLOB NOT NULL
) STRICT;

-- Evidence files.
-- state: 0 recovered (no entry knows it), 1 announced, 2 uploaded, 3 held (proven)
CREATE TABLE blob (
    hash       BLOB PRIMARY KEY,
    size_bytes INTEGER NOT NULL,
    state      INTEGER NOT NULL,
    upload     TEXT,
    offset     INTEGER NOT NULL DEFAULT 0,
    attempted  INTEGER NOT NULL DEFAULT 0,
    code       TEXT,
    detail     TEXT,
    added_ms   INTEGER NOT NULL
) STRICT;
CREATE INDEX blob_unsent ON blob (added_ms) WHERE state IN (1, 2);

-- Which visits show a file: it may go only with the last of them.
CREATE TABLE blob_document (
    hash     BLOB NOT NULL REFERENCES blob,
    document BLOB NOT NULL REFERENCES document,
    PRIMARY KEY (hash, document)
) STRICT;
CREATE INDEX blob_document_document ON blob_document (document);

-- How far the exchange came.
CREATE TABLE progress (
    one              INTEGER PRIMARY KEY CHECK (one = 1),
    position         BLOB,
    checkpoint       BLOB,
    note             TEXT,
    last_exchange_ms INTEGER,
    error_code       TEXT,
    error_detail     TEXT
) STRICT;
INSERT INTO progress (one) VALUES (1);

CREATE TABLE event (
    id       INTEGER PRIMARY KEY AUTOINCREMENT,
    at_ms    INTEGER NOT NULL,
    kind     TEXT NOT NULL,
    document BLOB,
    blob     BLOB,
    detail   TEXT NOT NULL
) STRICT;
