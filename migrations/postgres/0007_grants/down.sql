ALTER TABLE pairing_attempts DROP COLUMN recent_since;
ALTER TABLE pairing_attempts DROP COLUMN recent;
DROP TABLE refresh_tokens;
DROP TABLE access_tokens;
DROP TABLE grants;
