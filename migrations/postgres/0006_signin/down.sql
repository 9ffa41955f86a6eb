DROP TABLE audit;
DROP FUNCTION audit_unchanged;
DROP TABLE sign_in_counts;
DROP TABLE windows_passwords;
DROP TABLE identities;
