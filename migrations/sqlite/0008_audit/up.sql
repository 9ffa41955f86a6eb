-- SQLite. The audit may be cut off at its old end; the same as in ../../postgres.

-- Up to which row it was cut off, the newest last. A row of the audit tells of it, too.
CREATE TABLE audit_cuts (
    audit_id INTEGER PRIMARY KEY, -- of the last row that is gone
    digest BLOB NOT NULL, -- that row's
    at INTEGER NOT NULL
) STRICT;
CREATE TRIGGER audit_cuts_unchanged BEFORE UPDATE ON audit_cuts BEGIN
    SELECT RAISE(ABORT, 'rows of the audit are not changed');
END;
CREATE TRIGGER audit_cuts_undeleted BEFORE DELETE ON audit_cuts BEGIN
    SELECT RAISE(ABORT, 'rows of the audit are not deleted');
END;

DROP TRIGGER audit_undeleted;
CREATE TRIGGER audit_undeleted BEFORE DELETE ON audit
WHEN OLD.id > coalesce((SELECT max(audit_id) FROM audit_cuts), -1) BEGIN
    SELECT RAISE(ABORT, 'rows of the audit are not deleted');
END;
