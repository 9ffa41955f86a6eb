-- PostgreSQL. The timer, and the pairing of clients; the same as in ../../sqlite.

-- One a person. The server that acts on a row does so in the transaction that locks it.
CREATE TABLE timers (
    user_id integer PRIMARY KEY REFERENCES users ON DELETE CASCADE,
    version bigint NOT NULL, -- grows with each state
    state integer NOT NULL, -- domain::timers::State
    stopped integer NOT NULL, -- domain::timers::Stopped
    work_item_id integer, -- as it was named: it may be deleted while the timer runs
    comment text COLLATE "C",
    activity_type_id integer REFERENCES activity_types ON DELETE SET NULL,
    is_billable boolean,
    time_zone integer, -- minutes east of UTC, as the client said
    started_at timestamptz, -- null: nothing runs and no run waits to be stored
    confirmed_at timestamptz, -- last moment at which the person was there
    checked_at timestamptz, -- when the activity check began that waits for its answer
    ended_at timestamptz, -- of a run that waits to be stored
    worklog_id uuid, -- the last log that a run became
    changed_at timestamptz NOT NULL
);
CREATE INDEX timers_by_activity_type ON timers (activity_type_id);

-- Clients that ask to be let in by a PIN. Neither PIN nor secret is kept.
CREATE TABLE pairings (
    secret bytea NOT NULL PRIMARY KEY, -- SHA-256
    pin bytea NOT NULL, -- SHA-256 under a key of the site
    address text COLLATE "C" NOT NULL,
    created_at timestamptz NOT NULL,
    expires_at timestamptz NOT NULL,
    user_id integer REFERENCES users ON DELETE CASCADE -- who typed the PIN
);
CREATE INDEX pairings_by_pin ON pairings (pin);
CREATE INDEX pairings_by_expiry ON pairings (expires_at);

-- Wrong PINs that a person typed.
CREATE TABLE pairing_attempts (
    user_id integer PRIMARY KEY REFERENCES users ON DELETE CASCADE,
    wrong integer NOT NULL,
    since timestamptz NOT NULL
);
