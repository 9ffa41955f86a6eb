-- PostgreSQL. Jobs, their files, and what an import knows of rows; the same as in ../../sqlite.

-- A server that runs a job has the lease of its row and renews it; one whose lease ran out is anybody's.
CREATE TABLE jobs (
    id uuid NOT NULL PRIMARY KEY,
    kind text COLLATE "C" NOT NULL,
    payload text COLLATE "C" NOT NULL, -- JSON
    user_id integer NOT NULL REFERENCES users ON DELETE CASCADE, -- on whose behalf
    state integer NOT NULL, -- domain::jobs::State
    attempts integer NOT NULL,
    created_at timestamptz NOT NULL,
    due_at timestamptz NOT NULL, -- not before
    started_at timestamptz,
    ended_at timestamptz,
    lease_owner uuid,
    lease_until timestamptz,
    cancel_asked boolean NOT NULL,
    done bigint NOT NULL,
    total bigint, -- null: not known yet
    last_error text COLLATE "C",
    result text COLLATE "C", -- JSON
    upload_id uuid, -- job_files.file_id
    report_id uuid -- job_files.file_id
);
CREATE INDEX jobs_by_state ON jobs (state, due_at);
CREATE INDEX jobs_by_person ON jobs (user_id, created_at);

-- Files in pieces: each server reads what another one took. A file of no job is an upload that broke off.
CREATE TABLE job_files (
    file_id uuid NOT NULL,
    piece integer NOT NULL, -- from 0
    content bytea NOT NULL,
    created_at timestamptz NOT NULL,
    PRIMARY KEY (file_id, piece)
);
CREATE INDEX job_files_by_age ON job_files (created_at);

-- What is wrong with the rows of a file, in their order.
CREATE TABLE job_problems (
    job_id uuid NOT NULL REFERENCES jobs ON DELETE CASCADE,
    position integer NOT NULL, -- from 0
    problem text COLLATE "C" NOT NULL, -- JSON
    PRIMARY KEY (job_id, position)
);

-- Rows of files that became logs, so that a file changes nothing the second time.
CREATE TABLE import_rows (
    row_key uuid NOT NULL PRIMARY KEY, -- digest of what tells the row from others
    content uuid NOT NULL, -- digest of all that it says
    worklog_id bigint NOT NULL REFERENCES worklogs ON DELETE CASCADE
);
CREATE INDEX import_rows_by_worklog ON import_rows (worklog_id);

-- How a person's files are to be read.
CREATE TABLE import_profiles (
    user_id integer NOT NULL REFERENCES users ON DELETE CASCADE,
    name text COLLATE "C" NOT NULL,
    profile text COLLATE "C" NOT NULL, -- JSON
    changed_at timestamptz NOT NULL,
    PRIMARY KEY (user_id, name)
);
