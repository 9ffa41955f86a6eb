-- SQLite. Jobs, their files, and what an import knows of rows; the same as in ../../postgres.

-- A server that runs a job has the lease of its row and renews it; one whose lease ran out is anybody's.
CREATE TABLE jobs (
    id BLOB NOT NULL PRIMARY KEY,
    kind TEXT NOT NULL,
    payload TEXT NOT NULL, -- JSON
    user_id INTEGER NOT NULL REFERENCES users ON DELETE CASCADE, -- on whose behalf
    state INTEGER NOT NULL, -- domain::jobs::State
    attempts INTEGER NOT NULL,
    created_at INTEGER NOT NULL,
    due_at INTEGER NOT NULL, -- not before
    started_at INTEGER,
    ended_at INTEGER,
    lease_owner BLOB,
    lease_until INTEGER,
    cancel_asked INTEGER NOT NULL,
    done INTEGER NOT NULL,
    total INTEGER, -- null: not known yet
    last_error TEXT,
    result TEXT, -- JSON
    upload_id BLOB, -- job_files.file_id
    report_id BLOB -- job_files.file_id
) STRICT;
CREATE INDEX jobs_by_state ON jobs (state, due_at);
CREATE INDEX jobs_by_person ON jobs (user_id, created_at);

-- Files in pieces: each server reads what another one took. A file of no job is an upload that broke off.
CREATE TABLE job_files (
    file_id BLOB NOT NULL,
    piece INTEGER NOT NULL, -- from 0
    content BLOB NOT NULL,
    created_at INTEGER NOT NULL,
    PRIMARY KEY (file_id, piece)
) STRICT;
CREATE INDEX job_files_by_age ON job_files (created_at);

-- What is wrong with the rows of a file, in their order.
CREATE TABLE job_problems (
    job_id BLOB NOT NULL REFERENCES jobs ON DELETE CASCADE,
    position INTEGER NOT NULL, -- from 0
    problem TEXT NOT NULL, -- JSON
    PRIMARY KEY (job_id, position)
) STRICT;

-- Rows of files that became logs, so that a file changes nothing the second time.
CREATE TABLE import_rows (
    row_key BLOB NOT NULL PRIMARY KEY, -- digest of what tells the row from others
    content BLOB NOT NULL, -- digest of all that it says
    worklog_id INTEGER NOT NULL REFERENCES worklogs ON DELETE CASCADE
) STRICT, WITHOUT ROWID;
CREATE INDEX import_rows_by_worklog ON import_rows (worklog_id);

-- How a person's files are to be read.
CREATE TABLE import_profiles (
    user_id INTEGER NOT NULL REFERENCES users ON DELETE CASCADE,
    name TEXT NOT NULL,
    profile TEXT NOT NULL, -- JSON
    changed_at INTEGER NOT NULL,
    PRIMARY KEY (user_id, name)
) STRICT, WITHOUT ROWID;
