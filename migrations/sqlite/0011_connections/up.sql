-- SQLite. What this site signs in with elsewhere; the same as in ../../postgres.

-- An organization or collection of Azure DevOps.
CREATE TABLE connections (
    id INTEGER PRIMARY KEY,
    guid BLOB NOT NULL UNIQUE,
    name TEXT NOT NULL,
    name_key TEXT NOT NULL UNIQUE, -- in lower case
    base_url TEXT NOT NULL, -- without a slash at its end
    kind TEXT NOT NULL, -- services, server
    allow_http INTEGER NOT NULL, -- 1: an administrator lets secrets go there in clear
    created_at INTEGER NOT NULL,
    version INTEGER NOT NULL
) STRICT;

-- What is shown there: the service account's, or one person's own. Never one for the other.
CREATE TABLE outgoing_credentials (
    id INTEGER PRIMARY KEY,
    guid BLOB NOT NULL UNIQUE,
    connection_id INTEGER NOT NULL REFERENCES connections ON DELETE CASCADE,
    user_id INTEGER REFERENCES users ON DELETE CASCADE, -- absent: the service account
    kind TEXT NOT NULL, -- oauth, pat, ntlm
    account TEXT, -- ntlm: DOMAIN\user
    sealed BLOB NOT NULL, -- auth::vault
    expires_at INTEGER, -- where it is known
    state TEXT NOT NULL, -- ok, red; yellow is of the clock
    reason TEXT, -- why it is red, or why it waits
    failed_at INTEGER,
    worked_at INTEGER, -- about: written once an hour
    failures INTEGER NOT NULL, -- that may pass, since the last success
    refresh_after INTEGER, -- the provider is not asked before
    send_after INTEGER, -- nothing is sent before
    lease_owner BLOB, -- the server that is renewing it
    lease_until INTEGER,
    version INTEGER NOT NULL, -- of what is sealed
    changed_at INTEGER NOT NULL -- when somebody gave it
) STRICT;
CREATE UNIQUE INDEX outgoing_credentials_of_service ON outgoing_credentials (connection_id) WHERE user_id IS NULL;
CREATE UNIQUE INDEX outgoing_credentials_of_person ON outgoing_credentials (user_id, connection_id) WHERE user_id IS NOT NULL;

-- Browsers that are at Entra ID at this moment, to bring a credential back.
CREATE TABLE connect_states (
    id INTEGER PRIMARY KEY,
    digest BLOB NOT NULL UNIQUE, -- SHA-256 of `state`
    browser BLOB NOT NULL, -- SHA-256 of the cookie that the browser keeps for it
    user_id INTEGER NOT NULL REFERENCES users ON DELETE CASCADE, -- who began it
    connection_id INTEGER NOT NULL REFERENCES connections ON DELETE CASCADE,
    is_service INTEGER NOT NULL, -- 1: for the service account
    verifier BLOB NOT NULL, -- of PKCE; auth::vault
    return_to TEXT NOT NULL,
    expires_at INTEGER NOT NULL
) STRICT;
CREATE INDEX connect_states_by_age ON connect_states (expires_at);
