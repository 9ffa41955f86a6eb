-- SQLite. The same tables as in ../../postgres; src/db/tables.rs declares them once for both.
-- Instants are INTEGER microseconds since 1970 UTC, days INTEGER days since 1970, GUIDs 16-byte BLOBs, booleans 0 or 1.

CREATE TABLE users (
    id INTEGER PRIMARY KEY,
    guid BLOB NOT NULL UNIQUE,
    name TEXT NOT NULL,
    unique_name TEXT NOT NULL,
    unique_name_key TEXT NOT NULL UNIQUE, -- unique_name in lower case, by db::tables::name_key
    email TEXT,
    sk BLOB, -- the identity in Azure DevOps
    role INTEGER NOT NULL, -- 0 None, 1 Team, 2 Product, 3 Budget, 4 Administrator
    is_active INTEGER NOT NULL,
    time_zone TEXT NOT NULL DEFAULT 'UTC', -- IANA name
    auth_version INTEGER NOT NULL DEFAULT 1,
    created_at INTEGER NOT NULL
) STRICT;

CREATE TABLE projects (
    id INTEGER PRIMARY KEY,
    guid BLOB NOT NULL UNIQUE,
    name TEXT NOT NULL
) STRICT;

CREATE TABLE teams (
    id INTEGER PRIMARY KEY,
    guid BLOB NOT NULL UNIQUE,
    name TEXT NOT NULL,
    project_id INTEGER REFERENCES projects ON DELETE CASCADE
) STRICT;

CREATE TABLE team_members (
    team_id INTEGER NOT NULL REFERENCES teams ON DELETE CASCADE,
    user_id INTEGER NOT NULL REFERENCES users ON DELETE CASCADE,
    PRIMARY KEY (team_id, user_id)
) STRICT, WITHOUT ROWID;
CREATE INDEX team_members_by_user ON team_members (user_id);

CREATE TABLE areas (
    id INTEGER PRIMARY KEY,
    guid BLOB NOT NULL UNIQUE,
    name TEXT NOT NULL,
    path TEXT NOT NULL,
    depth INTEGER NOT NULL, -- 0 for the topmost node
    project_id INTEGER NOT NULL REFERENCES projects ON DELETE CASCADE,
    parent_id INTEGER REFERENCES areas ON DELETE CASCADE DEFERRABLE INITIALLY DEFERRED,
    ado_id INTEGER -- the node id in Azure DevOps
) STRICT;
CREATE INDEX areas_by_project ON areas (project_id);
CREATE INDEX areas_by_parent ON areas (parent_id);
CREATE INDEX areas_by_path ON areas (path);

CREATE TABLE iterations (
    id INTEGER PRIMARY KEY,
    guid BLOB NOT NULL UNIQUE,
    name TEXT NOT NULL,
    path TEXT NOT NULL,
    depth INTEGER NOT NULL, -- 0 for the topmost node
    project_id INTEGER NOT NULL REFERENCES projects ON DELETE CASCADE,
    parent_id INTEGER REFERENCES iterations ON DELETE CASCADE DEFERRABLE INITIALLY DEFERRED,
    ado_id INTEGER, -- the node id in Azure DevOps
    start_date INTEGER,
    end_date INTEGER
) STRICT;
CREATE INDEX iterations_by_project ON iterations (project_id);
CREATE INDEX iterations_by_parent ON iterations (parent_id);
CREATE INDEX iterations_by_path ON iterations (path);

CREATE TABLE activity_types (
    id INTEGER PRIMARY KEY,
    guid BLOB NOT NULL UNIQUE,
    name TEXT NOT NULL,
    color TEXT, -- six hex digits
    is_active INTEGER NOT NULL
) STRICT;

CREATE TABLE budgets (
    id INTEGER PRIMARY KEY,
    guid BLOB NOT NULL UNIQUE,
    name TEXT NOT NULL,
    planned_seconds INTEGER NOT NULL,
    comment TEXT,
    closed INTEGER NOT NULL,
    closed_at INTEGER,
    created_at INTEGER NOT NULL
) STRICT;
CREATE INDEX budgets_by_name ON budgets (name);

-- Every field of the wire contract §3.4 in a column of its own, named as in Azure DevOps without the vendor prefix.
CREATE TABLE work_items (
    id INTEGER PRIMARY KEY, -- the id in Azure DevOps
    parent_id INTEGER REFERENCES work_items DEFERRABLE INITIALLY DEFERRED,
    root_id INTEGER NOT NULL REFERENCES work_items DEFERRABLE INITIALLY DEFERRED, -- topmost ancestor, itself where there is none
    has_children INTEGER NOT NULL,
    budget_id INTEGER REFERENCES budgets, -- effective; kept by the writers
    budget_assignment INTEGER NOT NULL, -- 0 NotComputed, 1 NoBudget, 2 DirectlyAssigned, 3 InheritedFromParent, 4 InheritedFromIteration
    project_id INTEGER REFERENCES projects,
    area_id INTEGER REFERENCES areas,
    iteration_id INTEGER REFERENCES iterations,
    assigned_to_user_id INTEGER REFERENCES users,
    state_category TEXT,
    tags TEXT,
    changed_at INTEGER,
    area_ado_id INTEGER NOT NULL,
    iteration_ado_id INTEGER NOT NULL,
    probability INTEGER,
    business_value INTEGER,
    priority INTEGER,
    created_date INTEGER,
    revised_date INTEGER,
    target_resolve_date INTEGER,
    activated_date INTEGER,
    closed_date INTEGER,
    resolved_date INTEGER,
    state_change_date INTEGER,
    due_date INTEGER,
    finish_date INTEGER,
    start_date INTEGER,
    target_date INTEGER,
    backlog_priority REAL,
    stack_rank REAL,
    time_criticality REAL,
    completed_work REAL,
    effort REAL,
    original_estimate REAL,
    remaining_work REAL,
    size REAL,
    story_points REAL,
    area_path TEXT,
    assigned_to TEXT,
    created_by TEXT,
    iteration_path TEXT,
    node_name TEXT,
    reason TEXT,
    state TEXT,
    team_project TEXT,
    title TEXT,
    work_item_type TEXT,
    found_in TEXT,
    integration_build TEXT,
    blocked TEXT,
    committed TEXT,
    escalate TEXT,
    found_in_environment TEXT,
    how_found TEXT,
    meeting_type TEXT,
    requirement_type TEXT,
    requires_review TEXT,
    requires_test TEXT,
    root_cause TEXT,
    task_type TEXT,
    user_acceptance_test TEXT,
    activated_by TEXT,
    activity TEXT,
    closed_by TEXT,
    discipline TEXT,
    issue TEXT,
    rating TEXT,
    resolved_by TEXT,
    resolved_reason TEXT,
    reviewed_by TEXT,
    risk TEXT,
    severity TEXT,
    triage TEXT,
    value_area TEXT,
    application_type TEXT
) STRICT;
CREATE INDEX work_items_by_parent ON work_items (parent_id);
CREATE INDEX work_items_by_root ON work_items (root_id);
CREATE INDEX work_items_by_budget ON work_items (budget_id);
CREATE INDEX work_items_by_project ON work_items (project_id);
CREATE INDEX work_items_by_area ON work_items (area_id);
CREATE INDEX work_items_by_iteration ON work_items (iteration_id);
CREATE INDEX work_items_by_assignee ON work_items (assigned_to_user_id);
CREATE INDEX work_items_by_change ON work_items (changed_at);

-- Closure of parent_id, with a row (x, x, 0) for each item. Kept by the writers.
CREATE TABLE work_item_tree (
    ancestor_id INTEGER NOT NULL REFERENCES work_items ON DELETE CASCADE DEFERRABLE INITIALLY DEFERRED,
    descendant_id INTEGER NOT NULL REFERENCES work_items ON DELETE CASCADE DEFERRABLE INITIALLY DEFERRED,
    depth INTEGER NOT NULL,
    PRIMARY KEY (ancestor_id, descendant_id)
) STRICT, WITHOUT ROWID;
CREATE INDEX work_item_tree_up ON work_item_tree (descendant_id, depth, ancestor_id);

-- Custom fields and their values.
CREATE TABLE fields (
    id INTEGER PRIMARY KEY,
    reference_name TEXT NOT NULL UNIQUE,
    type INTEGER NOT NULL -- 0 text, 1 number, 2 boolean
) STRICT;

CREATE TABLE work_item_fields (
    work_item_id INTEGER NOT NULL REFERENCES work_items ON DELETE CASCADE,
    field_id INTEGER NOT NULL REFERENCES fields ON DELETE CASCADE,
    text_value TEXT,
    number_value REAL,
    bool_value INTEGER,
    PRIMARY KEY (work_item_id, field_id)
) STRICT, WITHOUT ROWID;
CREATE INDEX work_item_fields_by_field ON work_item_fields (field_id);

-- What is assigned to a budget. An item or iteration has at most one; a single log names its own in worklogs.own_budget_id.
CREATE TABLE budget_work_items (
    work_item_id INTEGER NOT NULL PRIMARY KEY REFERENCES work_items ON DELETE CASCADE,
    budget_id INTEGER NOT NULL REFERENCES budgets ON DELETE CASCADE
) STRICT;
CREATE INDEX budget_work_items_by_budget ON budget_work_items (budget_id);

CREATE TABLE budget_iterations (
    iteration_id INTEGER NOT NULL PRIMARY KEY REFERENCES iterations ON DELETE CASCADE,
    budget_id INTEGER NOT NULL REFERENCES budgets ON DELETE CASCADE
) STRICT;
CREATE INDEX budget_iterations_by_budget ON budget_iterations (budget_id);

CREATE TABLE worklogs (
    id INTEGER PRIMARY KEY,
    guid BLOB NOT NULL UNIQUE,
    user_id INTEGER NOT NULL REFERENCES users,
    added_by_user_id INTEGER REFERENCES users,
    edited_by_user_id INTEGER REFERENCES users, -- last editor if not the owner
    work_item_id INTEGER REFERENCES work_items,
    activity_type_id INTEGER REFERENCES activity_types,
    budget_id INTEGER REFERENCES budgets, -- effective; kept by the writers
    own_budget_id INTEGER REFERENCES budgets, -- assigned to this very log
    started_at INTEGER NOT NULL, -- the person's wall clock, as if UTC
    work_date INTEGER NOT NULL, -- the date of started_at
    length_seconds INTEGER NOT NULL,
    billable_seconds INTEGER,
    comment TEXT,
    is_billable INTEGER NOT NULL,
    is_tracked INTEGER NOT NULL,
    is_manually_entered INTEGER NOT NULL,
    is_changed INTEGER NOT NULL,
    is_tracked_extended INTEGER NOT NULL,
    is_imported INTEGER NOT NULL,
    is_from_api INTEGER NOT NULL,
    deleted INTEGER NOT NULL,
    created_at INTEGER NOT NULL,
    edited_at INTEGER NOT NULL
) STRICT;

-- Every reader but the …WithDeleted sets asks for rows that are not deleted, and a Team caller for their own alone: `deleted`
-- and `user_id` stand in each index, which so stays covering whatever the condition's spelling. A partial index would serve
-- those sets badly, and SQLite would use it for one spelling only.
CREATE INDEX worklogs_by_item ON worklogs (work_item_id, started_at, length_seconds, billable_seconds, is_billable, deleted, user_id);
CREATE INDEX worklogs_by_person_day ON worklogs (user_id, work_date, length_seconds, billable_seconds, is_billable, deleted);
CREATE INDEX worklogs_by_person_start ON worklogs (user_id, started_at, id, deleted);
CREATE INDEX worklogs_by_day ON worklogs (work_date, started_at, is_billable, deleted, user_id);
CREATE INDEX worklogs_by_start ON worklogs (started_at, is_billable, deleted, user_id);
CREATE INDEX worklogs_by_edit ON worklogs (edited_at, deleted, user_id);
CREATE INDEX worklogs_by_budget ON worklogs (budget_id, length_seconds, billable_seconds, is_billable, deleted, user_id);
CREATE INDEX worklogs_by_activity_type ON worklogs (activity_type_id, length_seconds, billable_seconds, is_billable, deleted, user_id);
CREATE INDEX worklogs_by_own_budget ON worklogs (own_budget_id) WHERE own_budget_id IS NOT NULL;

-- A row for each day that a report may ask for, in whole years; kept by the writers of dates.
CREATE TABLE dates (
    day INTEGER PRIMARY KEY,
    date_sk INTEGER NOT NULL UNIQUE, -- yyyymmdd
    year INTEGER NOT NULL,
    quarter INTEGER NOT NULL,
    month INTEGER NOT NULL,
    year_month INTEGER NOT NULL, -- yyyymm
    day_of_month INTEGER NOT NULL,
    day_of_week INTEGER NOT NULL, -- 1 for Monday
    iso_year INTEGER NOT NULL,
    iso_week INTEGER NOT NULL,
    month_name TEXT NOT NULL, -- English
    day_name TEXT NOT NULL, -- English
    is_weekend INTEGER NOT NULL
) STRICT;

CREATE TABLE api_tokens (
    id INTEGER PRIMARY KEY,
    guid BLOB NOT NULL UNIQUE,
    digest BLOB NOT NULL UNIQUE, -- SHA-256 of the token
    prefix TEXT NOT NULL, -- its first 8 characters
    user_id INTEGER NOT NULL REFERENCES users ON DELETE CASCADE,
    name TEXT NOT NULL,
    scopes INTEGER NOT NULL, -- bit set
    created_at INTEGER NOT NULL,
    expires_at INTEGER NOT NULL,
    revoked_at INTEGER,
    last_used_at INTEGER,
    last_used_address TEXT,
    last_used_client TEXT,
    version INTEGER NOT NULL,
    requests_per_minute INTEGER
) STRICT;
CREATE INDEX api_tokens_by_user ON api_tokens (user_id);

CREATE TABLE settings (
    name TEXT NOT NULL PRIMARY KEY,
    value TEXT NOT NULL
) STRICT, WITHOUT ROWID;

-- Keys that we make ourselves, such as that of next links.
CREATE TABLE secrets (
    name TEXT NOT NULL PRIMARY KEY,
    value BLOB NOT NULL
) STRICT, WITHOUT ROWID;

-- Queries too long for a next link's address, by a digest of their text.
CREATE TABLE continuations (
    id BLOB NOT NULL PRIMARY KEY,
    query TEXT NOT NULL,
    used_at INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
CREATE INDEX continuations_by_use ON continuations (used_at);
