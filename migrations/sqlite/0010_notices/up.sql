-- SQLite. What the server tells people, in the app and by mail; the same as in ../../postgres.

-- The texts are made of kind and facts when they are shown. A mail that is due is claimed by moving its time on.
CREATE TABLE notices (
    id INTEGER PRIMARY KEY,
    guid BLOB NOT NULL UNIQUE,
    user_id INTEGER NOT NULL REFERENCES users ON DELETE CASCADE,
    kind TEXT NOT NULL, -- auth::notices::Kind
    about TEXT NOT NULL, -- what is told once
    facts TEXT NOT NULL, -- JSON
    created_at INTEGER NOT NULL,
    read_at INTEGER,
    mail_due_at INTEGER, -- null: sent, not wanted or given up
    mail_attempts INTEGER NOT NULL,
    mail_tried_at INTEGER, -- for the first time
    mailed_at INTEGER,
    mail_error TEXT, -- of the last attempt
    UNIQUE (user_id, kind, about)
) STRICT;
CREATE INDEX notices_by_age ON notices (created_at);
CREATE INDEX notices_by_mail ON notices (mail_due_at) WHERE mail_due_at IS NOT NULL;

-- How a person wants to be told.
CREATE TABLE notice_settings (
    user_id INTEGER PRIMARY KEY REFERENCES users ON DELETE CASCADE,
    unmailed TEXT NOT NULL, -- JSON: kinds of which no mail is sent
    quiet_from INTEGER, -- minutes of the day in the person's zone
    quiet_to INTEGER,
    changed_at INTEGER NOT NULL
) STRICT;

-- Another secret took its place: nobody is told of its end.
ALTER TABLE api_tokens ADD COLUMN rotated_at INTEGER;
