-- Registers, accounts and tasks. Ids are UUIDv7 as 32 hex digits unless said otherwise; times are
-- milliseconds since 1970. The tables down to `review` are committed: every write to them is an act
-- of the ledger that lists the row's digest. The ones below it are volatile.

CREATE TABLE department (
    id            TEXT   NOT NULL PRIMARY KEY,
    -- The department above; NULL for the one at the top.
    parent        TEXT   NULL REFERENCES department (id),
    name          TEXT   NOT NULL UNIQUE,
    created_at_ms BIGINT NOT NULL
);
CREATE INDEX department_parent ON department (parent);

-- Every department with itself and all below it: who is in charge of `above` sees `id`.
CREATE VIEW department_scope (above, id) AS
WITH RECURSIVE scope (above, id) AS (
    SELECT id, id FROM department
    UNION
    SELECT scope.above, department.id FROM scope JOIN department ON department.parent = scope.id
)
SELECT above, id FROM scope;

CREATE TABLE account (
    id             TEXT   NOT NULL PRIMARY KEY,
    -- Lower case, so that one spelling is one account.
    login          TEXT   NOT NULL UNIQUE,
    name           TEXT   NOT NULL,
    certificate_no TEXT   NOT NULL,
    department     TEXT   NOT NULL REFERENCES department (id),
    -- Sorted, separated by commas.
    roles          TEXT   NOT NULL,
    state          TEXT   NOT NULL,
    created_at_ms  BIGINT NOT NULL,
    changed_at_ms  BIGINT NOT NULL
);
CREATE INDEX account_department ON account (department, id);

CREATE TABLE credential (
    account       TEXT   NOT NULL PRIMARY KEY REFERENCES account (id),
    -- PHC string with algorithm, cost and salt.
    password_hash TEXT   NOT NULL,
    changed_at_ms BIGINT NOT NULL
);

CREATE TABLE device (
    -- Derived from the key.
    id             TEXT   NOT NULL PRIMARY KEY,
    account        TEXT   NOT NULL REFERENCES account (id),
    name           TEXT   NOT NULL,
    suite          BIGINT NOT NULL,
    public_key     BLOB   NOT NULL,
    -- The canonical signed grant as the device received it.
    signed_grant   BLOB   NOT NULL,
    enrolled_at_ms BIGINT NOT NULL,
    revoked_at_ms  BIGINT NULL,
    revoked_reason TEXT   NULL
);
CREATE INDEX device_account ON device (account, id);

CREATE TABLE subject (
    id                   TEXT   NOT NULL PRIMARY KEY,
    department           TEXT   NOT NULL REFERENCES department (id),
    -- Organisation code or licence number. Real registers hold wrong and double ones.
    code                 TEXT   NOT NULL,
    name                 TEXT   NOT NULL,
    address              TEXT   NOT NULL,
    category             TEXT   NOT NULL,
    legal_representative TEXT   NOT NULL,
    phone                TEXT   NOT NULL,
    -- WGS-84, degrees x 10^7.
    latitude_e7          BIGINT NULL,
    longitude_e7         BIGINT NULL,
    -- What the coordinates were given in.
    source_datum         TEXT   NULL,
    registered_at_ms     BIGINT NOT NULL
);
CREATE INDEX subject_department ON subject (department, id);

CREATE TABLE checklist (
    -- SHA-256 of `bytes`, hex.
    hash             TEXT   NOT NULL PRIMARY KEY,
    department       TEXT   NOT NULL REFERENCES department (id),
    code             TEXT   NOT NULL,
    version          BIGINT NOT NULL,
    title            TEXT   NOT NULL,
    bytes            BLOB   NOT NULL,
    registered_at_ms BIGINT NOT NULL,
    UNIQUE (code, version)
);

CREATE TABLE task (
    id            TEXT   NOT NULL PRIMARY KEY,
    -- The visit document.
    visit         TEXT   NOT NULL UNIQUE,
    department    TEXT   NOT NULL REFERENCES department (id),
    subject       TEXT   NOT NULL REFERENCES subject (id),
    checklist     TEXT   NOT NULL REFERENCES checklist (hash),
    instructions  TEXT   NOT NULL,
    -- YYYY-MM-DD.
    due_on        TEXT   NULL,
    state         TEXT   NOT NULL,
    issued_by     TEXT   NOT NULL REFERENCES account (id),
    issued_at_ms  BIGINT NOT NULL,
    -- When it was done or recalled.
    ended_at_ms   BIGINT NULL,
    recall_reason TEXT   NULL
);
CREATE INDEX task_department ON task (department, id);
CREATE INDEX task_subject ON task (subject, id);
CREATE INDEX task_state ON task (state, id);

CREATE TABLE task_assignee (
    task          TEXT   NOT NULL REFERENCES task (id),
    account       TEXT   NOT NULL REFERENCES account (id),
    -- The task's visit, so that an entry's access is decided by one look-up.
    visit         TEXT   NOT NULL,
    ordinal       BIGINT NOT NULL,
    state         TEXT   NOT NULL,
    assigned_leaf BIGINT NOT NULL,
    -- The leaf at which the account lost the task; NULL while it holds it.
    left_leaf     BIGINT NULL,
    PRIMARY KEY (task, account)
);
CREATE INDEX task_assignee_account ON task_assignee (account, left_leaf, task);
CREATE INDEX task_assignee_visit ON task_assignee (visit, account);

CREATE TABLE review (
    id             TEXT   NOT NULL PRIMARY KEY,
    task           TEXT   NOT NULL REFERENCES task (id),
    visit          TEXT   NOT NULL,
    reviewer       TEXT   NOT NULL REFERENCES account (id),
    outcome        TEXT   NOT NULL,
    opinion        TEXT   NOT NULL,
    reviewed_at_ms BIGINT NOT NULL
);
CREATE INDEX review_visit ON review (visit, id);

-- Volatile from here on.

CREATE TABLE refresh_token (
    -- SHA-256 of the token.
    hash          BLOB   NOT NULL PRIMARY KEY,
    -- One sign-in; all its tokens fall together.
    family        TEXT   NOT NULL,
    account       TEXT   NOT NULL,
    expires_at_ms BIGINT NOT NULL,
    used_at_ms    BIGINT NULL
);
CREATE INDEX refresh_token_family ON refresh_token (family);
CREATE INDEX refresh_token_account ON refresh_token (account);
CREATE INDEX refresh_token_expiry ON refresh_token (expires_at_ms);

CREATE TABLE session_family (
    id            TEXT   NOT NULL PRIMARY KEY,
    account       TEXT   NOT NULL,
    started_at_ms BIGINT NOT NULL,
    ended_at_ms   BIGINT NULL,
    end_reason    TEXT   NULL
);
CREATE INDEX session_family_account ON session_family (account);

CREATE TABLE login_guard (
    login             TEXT   NOT NULL PRIMARY KEY,
    failures          BIGINT NOT NULL,
    last_failed_at_ms BIGINT NOT NULL
);

CREATE TABLE enrolment_challenge (
    challenge     BLOB   NOT NULL PRIMARY KEY,
    account       TEXT   NOT NULL,
    expires_at_ms BIGINT NOT NULL
);

-- One row that readiness checks write, to learn whether writing works.
CREATE TABLE readiness (
    id            BIGINT NOT NULL PRIMARY KEY,
    checked_at_ms BIGINT NOT NULL
);
