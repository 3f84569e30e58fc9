-- What phones hand in, what became of it, and what each account has to be told. Chains and hashes
-- are bytes; documents and devices are hex text, as in the registers.

CREATE TABLE segment (
    leaf        BIGINT NOT NULL PRIMARY KEY REFERENCES ledger_leaf (leaf),
    chain       BLOB   NOT NULL,
    device      TEXT   NOT NULL REFERENCES device (id),
    -- The bits of an unsigned number.
    incarnation BIGINT NOT NULL,
    first_seq   BIGINT NOT NULL,
    count       BIGINT NOT NULL,
    -- Canonical trace::SegmentHeader.
    header      BLOB   NOT NULL,
    signature   BLOB   NOT NULL,
    UNIQUE (chain, first_seq)
);
CREATE INDEX segment_device ON segment (device, chain);

CREATE TABLE entry (
    chain         BLOB   NOT NULL,
    seq           BIGINT NOT NULL,
    leaf          BIGINT NOT NULL REFERENCES segment (leaf),
    hash          BLOB   NOT NULL,
    kind          BIGINT NOT NULL,
    salt          BLOB   NOT NULL,
    -- Canonical trace::Body, the change's hash included.
    body          BLOB   NOT NULL,
    document      TEXT   NULL,
    change        BLOB   NULL,
    change_hash   BLOB   NULL,
    -- 0 pending, 1 admitted, 2 waiting, 3 quarantined, 4 held.
    verdict       BIGINT NOT NULL,
    -- Why it was quarantined or held.
    code          TEXT   NULL,
    -- The leaf at which it began to count: its own, or a later one that it had to wait for.
    admitted_leaf BIGINT NULL,
    PRIMARY KEY (chain, seq)
);
CREATE INDEX entry_pending ON entry (leaf, seq, document) WHERE verdict = 0;
CREATE INDEX entry_waiting ON entry (chain, seq) WHERE verdict = 2;
CREATE INDEX entry_document ON entry (document, verdict, admitted_leaf, leaf, seq);
CREATE INDEX entry_epoch ON entry (document, chain, seq) WHERE kind = 10;
CREATE INDEX entry_change ON entry (change_hash) WHERE change_hash IS NOT NULL;

-- A visit document as its admitted entries make it. Rebuilt from them at any time.
CREATE TABLE visit (
    document       TEXT   NOT NULL PRIMARY KEY,
    saved          BLOB   NOT NULL,
    -- Change hashes, sorted, one after another.
    heads          BLOB   NOT NULL,
    -- inspection::visit::VisitView as JSON.
    view           TEXT   NOT NULL,
    conflicts      BIGINT NOT NULL,
    open_conflicts BIGINT NOT NULL
);
CREATE INDEX visit_conflicts ON visit (document) WHERE conflicts > 0;

CREATE TABLE feed (
    account   TEXT   NOT NULL,
    leaf      BIGINT NOT NULL,
    -- 0 matter, 1 left, 2 entries, 3 quarantined, 4 held.
    kind      BIGINT NOT NULL,
    -- What it is about; store::feed says for each kind.
    reference BLOB   NOT NULL,
    PRIMARY KEY (account, leaf, kind, reference)
);
-- The history of who had which document.
CREATE INDEX feed_scope ON feed (reference, account, leaf) WHERE kind <= 1;

-- Evidence named in logged entries, once for each entry.
CREATE TABLE announcement (
    hash       BLOB   NOT NULL,
    chain      BLOB   NOT NULL,
    seq        BIGINT NOT NULL,
    account    TEXT   NOT NULL,
    size_bytes BIGINT NOT NULL,
    -- 1 once the file is in `blob`.
    held       BIGINT NOT NULL,
    PRIMARY KEY (hash, chain, seq)
);
CREATE INDEX announcement_wanted ON announcement (account, hash) WHERE held = 0;
CREATE INDEX announcement_entry ON announcement (chain, seq);

-- Files that are durably held. Committed: an act lists each row's digest.
CREATE TABLE blob (
    hash       BLOB   NOT NULL PRIMARY KEY,
    size_bytes BIGINT NOT NULL,
    -- The act that says so.
    leaf       BIGINT NOT NULL,
    held_at_ms BIGINT NOT NULL
);

-- Volatile: uploads under way. The bytes received so far lie in the uploads folder under `id`.
CREATE TABLE upload (
    id             TEXT   NOT NULL PRIMARY KEY,
    hash           BLOB   NOT NULL,
    size_bytes     BIGINT NOT NULL,
    received_bytes BIGINT NOT NULL,
    lease_until_ms BIGINT NOT NULL,
    expires_at_ms  BIGINT NOT NULL
);
CREATE INDEX upload_expiry ON upload (expires_at_ms);
