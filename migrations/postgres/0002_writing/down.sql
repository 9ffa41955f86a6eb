DROP TABLE idempotency_keys;
DROP TABLE changes;
DROP TABLE week_locks;
DROP TABLE approvals;
ALTER TABLE worklogs DROP COLUMN owner_edited;
ALTER TABLE users DROP COLUMN default_activity_type_id;
ALTER TABLE users DROP COLUMN manager_id;
ALTER TABLE users DROP COLUMN duties;
