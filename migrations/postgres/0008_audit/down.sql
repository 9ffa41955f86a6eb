DROP TRIGGER audit_undeleted ON audit;
DROP TRIGGER audit_unchanged ON audit;
CREATE TRIGGER audit_unchanged BEFORE UPDATE OR DELETE ON audit FOR EACH ROW EXECUTE FUNCTION audit_unchanged();
DROP FUNCTION audit_cut();
DROP TABLE audit_cuts;
