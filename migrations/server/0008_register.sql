-- What a subject was before it was changed: a row for each version that was replaced, with the same
-- columns as `subject`. Committed: the act of the change lists it together with the subject itself.
CREATE TABLE subject_version (
    id                   TEXT   NOT NULL REFERENCES subject (id),
    -- From 1. The present version, one higher than the last of these, is the row in `subject`.
    version              BIGINT NOT NULL,
    department           TEXT   NOT NULL,
    code                 TEXT   NOT NULL,
    name                 TEXT   NOT NULL,
    address              TEXT   NOT NULL,
    category             TEXT   NOT NULL,
    legal_representative TEXT   NOT NULL,
    phone                TEXT   NOT NULL,
    latitude_e7          BIGINT NULL,
    longitude_e7         BIGINT NULL,
    source_datum         TEXT   NULL,
    registered_at_ms     BIGINT NOT NULL,
    replaced_at_ms       BIGINT NOT NULL,
    replaced_by          TEXT   NOT NULL REFERENCES account (id),
    PRIMARY KEY (id, version)
);
-- An import looks for each of its rows in the department's register.
CREATE INDEX subject_code ON subject (department, code);
