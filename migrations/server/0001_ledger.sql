-- The ledger: leaves and the Merkle tree over them. Rows are only ever added, the head row excepted.
CREATE TABLE ledger_leaf (
    leaf  BIGINT PRIMARY KEY,
    hash  BLOB NOT NULL,          -- RFC 6962 leaf hash
    bytes BLOB NOT NULL           -- trace::Leaf, kept for ever
);

-- Perfect subtrees of level 1 and above; level 0 is ledger_leaf.hash.
CREATE TABLE ledger_node (
    level BIGINT NOT NULL,
    idx   BIGINT NOT NULL,
    hash  BLOB NOT NULL,
    PRIMARY KEY (level, idx)
);

-- One row. Every commit that adds leaves advances it, so leaf order is commit order.
CREATE TABLE ledger_head (
    id        BIGINT PRIMARY KEY CHECK (id = 1),
    epoch     BIGINT NOT NULL,
    size      BIGINT NOT NULL,
    subtrees  BLOB NOT NULL,      -- hashes of the perfect subtrees, largest first
    root      BLOB NOT NULL
);

-- What an act's leaf commits to. Erasure deletes salt and body; the leaf stays.
CREATE TABLE act (
    leaf BIGINT PRIMARY KEY REFERENCES ledger_leaf (leaf),
    salt BLOB NOT NULL,
    body BLOB NOT NULL            -- trace::act::ActBody
);
