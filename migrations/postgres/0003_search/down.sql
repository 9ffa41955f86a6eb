-- The extension stays: others may use it.
DROP INDEX IF EXISTS worklogs_search;
DROP INDEX IF EXISTS work_items_search;
