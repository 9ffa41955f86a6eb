-- SQLite. The timer, and the pairing of clients; the same as in ../../postgres.

-- One a person. The server that acts on a row does so in the transaction that locks it.
CREATE TABLE timers (
    user_id INTEGER PRIMARY KEY REFERENCES users ON DELETE CASCADE,
    version INTEGER NOT NULL, -- grows with each state
    state INTEGER NOT NULL, -- domain::timers::State
    stopped INTEGER NOT NULL, -- domain::timers::Stopped
    work_item_id INTEGER, -- as it was named: it may be deleted while the timer runs
    comment TEXT,
    activity_type_id INTEGER REFERENCES activity_types ON DELETE SET NULL,
    is_billable INTEGER,
    time_zone INTEGER, -- minutes east of UTC, as the client said
    started_at INTEGER, -- null: nothing runs and no run waits to be stored
    confirmed_at INTEGER, -- last moment at which the person was there
    checked_at INTEGER, -- when the activity check began that waits for its answer
    ended_at INTEGER, -- of a run that waits to be stored
    worklog_id BLOB, -- the last log that a run became
    changed_at INTEGER NOT NULL
) STRICT;
CREATE INDEX timers_by_activity_type ON timers (activity_type_id);

-- Clients that ask to be let in by a PIN. Neither PIN nor secret is kept.
CREATE TABLE pairings (
    secret BLOB NOT NULL PRIMARY KEY, -- SHA-256
    pin BLOB NOT NULL, -- SHA-256 under a key of the site
    address TEXT NOT NULL,
    created_at INTEGER NOT NULL,
    expires_at INTEGER NOT NULL,
    user_id INTEGER REFERENCES users ON DELETE CASCADE -- who typed the PIN
) STRICT, WITHOUT ROWID;
CREATE INDEX pairings_by_pin ON pairings (pin);
CREATE INDEX pairings_by_expiry ON pairings (expires_at);

-- Wrong PINs that a person typed.
CREATE TABLE pairing_attempts (
    user_id INTEGER PRIMARY KEY REFERENCES users ON DELETE CASCADE,
    wrong INTEGER NOT NULL,
    since INTEGER NOT NULL
) STRICT;
