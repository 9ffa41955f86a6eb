-- SQLite. What paired clients were given; the same as in ../../postgres.

-- A client that its person let in by a PIN.
CREATE TABLE grants (
    id INTEGER PRIMARY KEY,
    guid BLOB NOT NULL UNIQUE,
    user_id INTEGER NOT NULL REFERENCES users ON DELETE CASCADE,
    client TEXT NOT NULL, -- client_id
    address TEXT NOT NULL, -- from which the PIN was asked for
    created_at INTEGER NOT NULL,
    expires_at INTEGER NOT NULL,
    revoked_at INTEGER,
    refreshed_at INTEGER,
    version INTEGER NOT NULL
) STRICT;
CREATE INDEX grants_by_user ON grants (user_id);

CREATE TABLE access_tokens (
    digest BLOB NOT NULL PRIMARY KEY, -- SHA-256
    grant_id INTEGER NOT NULL REFERENCES grants ON DELETE CASCADE,
    expires_at INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
CREATE INDEX access_tokens_by_age ON access_tokens (expires_at);
CREATE INDEX access_tokens_by_grant ON access_tokens (grant_id);

-- Every refresh token of a grant, used ones too: one that comes a second time tells of a thief.
CREATE TABLE refresh_tokens (
    digest BLOB NOT NULL PRIMARY KEY, -- SHA-256
    grant_id INTEGER NOT NULL REFERENCES grants ON DELETE CASCADE,
    generation INTEGER NOT NULL,
    used_at INTEGER,
    successor BLOB, -- digest of what it was exchanged for last
    reissued INTEGER NOT NULL, -- 1: its successor was lost and replaced once
    void INTEGER NOT NULL, -- 1: lost on the way, and replaced
    sealed BLOB -- what it was exchanged for, under a key that only the token gives; for a minute
) STRICT, WITHOUT ROWID;
CREATE INDEX refresh_tokens_by_grant ON refresh_tokens (grant_id);
CREATE INDEX refresh_tokens_sealed ON refresh_tokens (used_at) WHERE sealed IS NOT NULL;

-- Wrong PINs of the last minute, beside those of the hour.
ALTER TABLE pairing_attempts ADD COLUMN recent INTEGER NOT NULL DEFAULT 0;
ALTER TABLE pairing_attempts ADD COLUMN recent_since INTEGER NOT NULL DEFAULT 0;
