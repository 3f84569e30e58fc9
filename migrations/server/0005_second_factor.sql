-- The second factor of a sign-in: one-time passwords by the clock (RFC 6238). Committed; a row is
-- removed when an administrator resets the factor.
CREATE TABLE second_factor (
    account         TEXT   NOT NULL PRIMARY KEY REFERENCES account (id),
    -- The key of the HMAC, as the authenticator has it.
    secret          BLOB   NOT NULL,
    confirmed_at_ms BIGINT NOT NULL
);

-- Volatile from here on.

-- A factor that was shown and not confirmed yet. It belongs to the sign-in that asked for it, so that
-- nobody confirms a secret which somebody else was shown.
CREATE TABLE second_factor_pending (
    account       TEXT   NOT NULL PRIMARY KEY,
    family        TEXT   NOT NULL,
    secret        BLOB   NOT NULL,
    expires_at_ms BIGINT NOT NULL
);

-- The last time step whose code was taken: a code is good once.
CREATE TABLE second_factor_use (
    account TEXT   NOT NULL PRIMARY KEY,
    step    BIGINT NOT NULL
);

-- Sign-ins at the console have no refresh token whose expiry would end them; they are swept by age.
CREATE INDEX session_family_age ON session_family (started_at_ms);
