-- Which acts speak of a task or of its visit, so that a visit's trace is read without reading the whole
-- log. Derived from the acts themselves; a database from before is filled in when the ledger is opened.
CREATE TABLE act_about (
    -- The id of a task or of a visit.
    about TEXT   NOT NULL,
    leaf  BIGINT NOT NULL REFERENCES ledger_leaf (leaf),
    PRIMARY KEY (about, leaf)
);
CREATE INDEX act_about_leaf ON act_about (leaf);
