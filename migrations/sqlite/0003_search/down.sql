DROP TRIGGER worklogs_search_insert;
DROP TRIGGER worklogs_search_update;
DROP TRIGGER worklogs_search_delete;
DROP TRIGGER work_items_search_insert;
DROP TRIGGER work_items_search_update;
DROP TRIGGER work_items_search_delete;
DROP TABLE worklogs_search;
DROP TABLE work_items_search;
