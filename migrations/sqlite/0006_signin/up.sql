-- Ways to be a person beside a token, and what signing in leaves behind; the same as in ../../postgres.

-- One way to be a person: an account of a Windows domain, a subject of a provider.
CREATE TABLE identities (
    id INTEGER PRIMARY KEY,
    user_id INTEGER NOT NULL REFERENCES users ON DELETE CASCADE,
    kind INTEGER NOT NULL, -- 1 windows
    issuer TEXT NOT NULL, -- windows: NetBIOS name of the domain, in upper case
    subject TEXT NOT NULL, -- windows: the account, in lower case
    version INTEGER NOT NULL,
    created_at INTEGER NOT NULL,
    UNIQUE (kind, issuer, subject)
) STRICT;
CREATE INDEX identities_by_user ON identities (user_id);

-- NT hashes of sites without a domain. One is as good as its password, so none stands here in clear.
CREATE TABLE windows_passwords (
    identity_id INTEGER PRIMARY KEY REFERENCES identities ON DELETE CASCADE,
    sealed BLOB NOT NULL, -- auth::vault
    changed_at INTEGER NOT NULL
) STRICT;

-- Sign-ins that failed, by account and address, by address, by account.
CREATE TABLE sign_in_counts (
    key TEXT NOT NULL PRIMARY KEY,
    failures INTEGER NOT NULL,
    since INTEGER NOT NULL, -- of the first of these failures
    blocked_until INTEGER,
    succeeded_at INTEGER
) STRICT, WITHOUT ROWID;
CREATE INDEX sign_in_counts_by_age ON sign_in_counts (since);

-- Who signed in or was refused. Rows are added and never changed; each holds the digest of the one before.
CREATE TABLE audit (
    id INTEGER PRIMARY KEY,
    at INTEGER NOT NULL,
    event TEXT NOT NULL,
    outcome TEXT NOT NULL,
    user_id INTEGER, -- no reference: rows outlive their people
    credential TEXT, -- its kind
    credential_id INTEGER,
    address TEXT,
    request BLOB, -- the id of the request
    target TEXT,
    details TEXT NOT NULL, -- JSON
    digest BLOB NOT NULL -- SHA-256 of the digest before and of this row
) STRICT;
CREATE INDEX audit_by_time ON audit (at);
CREATE TRIGGER audit_unchanged BEFORE UPDATE ON audit BEGIN
    SELECT RAISE(ABORT, 'rows of the audit are not changed');
END;
CREATE TRIGGER audit_undeleted BEFORE DELETE ON audit BEGIN
    SELECT RAISE(ABORT, 'rows of the audit are not deleted');
END;
