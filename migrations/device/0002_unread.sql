-- Tasks the running version could not read, as they came: a newer version reads them from here.
CREATE TABLE unread_matter (
    leaf  INTEGER NOT NULL,
    bytes BLOB NOT NULL,
    PRIMARY KEY (leaf, bytes)
) STRICT;
