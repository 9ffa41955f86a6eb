DROP TRIGGER audit_undeleted;
CREATE TRIGGER audit_undeleted BEFORE DELETE ON audit BEGIN
    SELECT RAISE(ABORT, 'rows of the audit are not deleted');
END;
DROP TABLE audit_cuts;
