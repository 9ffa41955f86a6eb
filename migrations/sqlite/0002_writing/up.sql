-- SQLite. What the writing half of the product keeps; the same as in ../../postgres.

ALTER TABLE users ADD COLUMN duties INTEGER NOT NULL DEFAULT 0; -- bit set: 1 approval manager, 2 global approval manager, 4 collection administrator
ALTER TABLE users ADD COLUMN manager_id INTEGER REFERENCES users; -- who approves the person's weeks
ALTER TABLE users ADD COLUMN default_activity_type_id INTEGER REFERENCES activity_types;

-- Whoever added a log for somebody may edit it until its owner has done so.
ALTER TABLE worklogs ADD COLUMN owner_edited INTEGER NOT NULL DEFAULT 0;
UPDATE worklogs SET owner_edited = 1 WHERE is_changed = 1 AND edited_by_user_id IS NULL;

-- A person's week, once a step of approval was taken. No row: in progress.
CREATE TABLE approvals (
    id INTEGER PRIMARY KEY,
    guid BLOB NOT NULL UNIQUE,
    user_id INTEGER NOT NULL REFERENCES users ON DELETE CASCADE,
    week_start INTEGER NOT NULL,
    state INTEGER NOT NULL, -- 1 submitted, 2 reopened, 3 approved, 4 rejected, 99 closed
    manager_id INTEGER REFERENCES users, -- whom it was submitted to
    decided_by_user_id INTEGER REFERENCES users,
    comment TEXT, -- of the last decision
    submitted_at INTEGER,
    decided_at INTEGER,
    modified_at INTEGER NOT NULL,
    UNIQUE (user_id, week_start)
) STRICT;
CREATE INDEX approvals_by_week ON approvals (week_start);
CREATE INDEX approvals_by_manager ON approvals (manager_id);

-- Weeks that are closed to everybody.
CREATE TABLE week_locks (
    week_start INTEGER NOT NULL PRIMARY KEY,
    locked_by_user_id INTEGER REFERENCES users,
    locked_at INTEGER NOT NULL
) STRICT;

-- Who changed what, when and how. Rows are added and never changed.
CREATE TABLE changes (
    id INTEGER PRIMARY KEY,
    operation BLOB NOT NULL, -- one for all that one request changed
    at INTEGER NOT NULL,
    user_id INTEGER REFERENCES users,
    subject INTEGER NOT NULL, -- domain::changes::Subject
    subject_id INTEGER NOT NULL,
    action INTEGER NOT NULL, -- domain::changes::Action
    origin INTEGER NOT NULL, -- domain::changes::Origin
    before TEXT, -- JSON
    after TEXT, -- JSON
    comment TEXT
) STRICT;
CREATE INDEX changes_by_subject ON changes (subject, subject_id, id);
CREATE INDEX changes_by_operation ON changes (operation);

-- Answers to requests with an Idempotency-Key, for a day.
CREATE TABLE idempotency_keys (
    user_id INTEGER NOT NULL REFERENCES users ON DELETE CASCADE,
    route TEXT NOT NULL,
    key TEXT NOT NULL,
    request BLOB NOT NULL, -- SHA-256
    status INTEGER NOT NULL,
    answer TEXT NOT NULL,
    created_at INTEGER NOT NULL,
    PRIMARY KEY (user_id, route, key)
) STRICT, WITHOUT ROWID;
CREATE INDEX idempotency_keys_by_age ON idempotency_keys (created_at);
