-- Volatile: what an act gave under a client's idempotency key, written in the act's own transaction.
CREATE TABLE idempotency (
    account       TEXT   NOT NULL,
    key           TEXT   NOT NULL,
    -- Which commit of the request it is; most have one.
    ordinal       BIGINT NOT NULL,
    -- SHA-256 over method, path and body.
    request       BLOB   NOT NULL,
    -- Canonical CBOR of the act's output.
    output        BLOB   NOT NULL,
    created_at_ms BIGINT NOT NULL,
    PRIMARY KEY (account, key, ordinal)
);
CREATE INDEX idempotency_age ON idempotency (created_at_ms);
