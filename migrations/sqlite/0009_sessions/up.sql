-- SQLite. People in browsers; the same as in ../../postgres.

-- Somebody who signed in with a browser.
CREATE TABLE sessions (
    id INTEGER PRIMARY KEY,
    guid BLOB NOT NULL UNIQUE,
    digest BLOB NOT NULL UNIQUE, -- SHA-256 of the cookie
    former BLOB UNIQUE, -- that of the cookie before it
    former_until INTEGER, -- as long as requests are under way with it
    user_id INTEGER NOT NULL REFERENCES users ON DELETE CASCADE,
    kind TEXT NOT NULL, -- how: local, link, oidc, windows
    provider_session TEXT, -- its name at the OpenID provider
    auth_version INTEGER NOT NULL, -- the person's when the cookie was given
    signed_in_at INTEGER NOT NULL, -- when the person last proved who they are
    created_at INTEGER NOT NULL,
    seen_at INTEGER NOT NULL,
    idle_until INTEGER NOT NULL, -- its end, if nobody uses it
    expires_at INTEGER NOT NULL,
    address TEXT,
    client TEXT -- what the browser calls itself
) STRICT;
CREATE INDEX sessions_by_user ON sessions (user_id);
CREATE INDEX sessions_by_age ON sessions (expires_at);
CREATE INDEX sessions_of_provider ON sessions (provider_session) WHERE provider_session IS NOT NULL;

-- The password of an account of this site.
CREATE TABLE local_passwords (
    identity_id INTEGER PRIMARY KEY REFERENCES identities ON DELETE CASCADE,
    phc TEXT NOT NULL, -- argon2id
    changed_at INTEGER NOT NULL
) STRICT;

-- Links with which a password is set, once.
CREATE TABLE password_links (
    digest BLOB NOT NULL PRIMARY KEY, -- SHA-256 of its secret
    user_id INTEGER REFERENCES users ON DELETE CASCADE, -- absent: it makes the first administrator
    created_at INTEGER NOT NULL,
    expires_at INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

-- Answers of the OpenID provider that were taken: each is good once.
CREATE TABLE used_sign_ins (
    digest BLOB NOT NULL PRIMARY KEY, -- SHA-256 of `state`
    expires_at INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
