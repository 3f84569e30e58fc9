-- Epochs of the log behind the first, by the act that opened each. Derived from the acts, and compared
-- with them by `verify-ledger`.
CREATE TABLE log_epoch (
    epoch BIGINT NOT NULL PRIMARY KEY,
    leaf  BIGINT NOT NULL UNIQUE REFERENCES act (leaf)
);
