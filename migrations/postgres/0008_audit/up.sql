-- PostgreSQL. The audit may be cut off at its old end; the same as in ../../sqlite.

-- Up to which row it was cut off, the newest last. A row of the audit tells of it, too.
CREATE TABLE audit_cuts (
    audit_id bigint PRIMARY KEY, -- of the last row that is gone
    digest bytea NOT NULL, -- that row's
    at timestamptz NOT NULL
);
CREATE TRIGGER audit_cuts_unchanged BEFORE UPDATE OR DELETE ON audit_cuts
    FOR EACH ROW EXECUTE FUNCTION audit_unchanged();
CREATE TRIGGER audit_cuts_untruncated BEFORE TRUNCATE ON audit_cuts
    FOR EACH STATEMENT EXECUTE FUNCTION audit_unchanged();

CREATE FUNCTION audit_cut() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF OLD.id > coalesce((SELECT max(audit_id) FROM audit_cuts), -1) THEN
        RAISE EXCEPTION 'rows of the audit are not deleted';
    END IF;
    RETURN OLD;
END $$;
DROP TRIGGER audit_unchanged ON audit;
CREATE TRIGGER audit_unchanged BEFORE UPDATE ON audit FOR EACH ROW EXECUTE FUNCTION audit_unchanged();
CREATE TRIGGER audit_undeleted BEFORE DELETE ON audit FOR EACH ROW EXECUTE FUNCTION audit_cut();
