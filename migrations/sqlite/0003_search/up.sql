-- What $search is narrowed by: the lower-case texts in pieces of three characters. Rows alone come out of these; whether
-- a row really has the words, and who may see it, is asked of the table itself.

CREATE VIRTUAL TABLE worklogs_search USING fts5(
    comment, content = '', contentless_delete = 1, detail = none, tokenize = 'trigram case_sensitive 1'
);
CREATE VIRTUAL TABLE work_items_search USING fts5(
    title, content = '', contentless_delete = 1, detail = none, tokenize = 'trigram case_sensitive 1'
);

CREATE TRIGGER worklogs_search_insert AFTER INSERT ON worklogs WHEN new.comment IS NOT NULL BEGIN
    INSERT INTO worklogs_search (rowid, comment) VALUES (new.id, tl_lower(new.comment));
END;
CREATE TRIGGER worklogs_search_update AFTER UPDATE OF id, comment ON worklogs
WHEN new.comment IS NOT old.comment OR new.id <> old.id BEGIN
    DELETE FROM worklogs_search WHERE rowid = old.id;
    INSERT INTO worklogs_search (rowid, comment) SELECT new.id, tl_lower(new.comment) WHERE new.comment IS NOT NULL;
END;
CREATE TRIGGER worklogs_search_delete AFTER DELETE ON worklogs BEGIN
    DELETE FROM worklogs_search WHERE rowid = old.id;
END;

CREATE TRIGGER work_items_search_insert AFTER INSERT ON work_items WHEN new.title IS NOT NULL BEGIN
    INSERT INTO work_items_search (rowid, title) VALUES (new.id, tl_lower(new.title));
END;
CREATE TRIGGER work_items_search_update AFTER UPDATE OF id, title ON work_items
WHEN new.title IS NOT old.title OR new.id <> old.id BEGIN
    DELETE FROM work_items_search WHERE rowid = old.id;
    INSERT INTO work_items_search (rowid, title) SELECT new.id, tl_lower(new.title) WHERE new.title IS NOT NULL;
END;
CREATE TRIGGER work_items_search_delete AFTER DELETE ON work_items BEGIN
    DELETE FROM work_items_search WHERE rowid = old.id;
END;

INSERT INTO worklogs_search (rowid, comment) SELECT id, tl_lower(comment) FROM worklogs WHERE comment IS NOT NULL;
INSERT INTO work_items_search (rowid, title) SELECT id, tl_lower(title) FROM work_items WHERE title IS NOT NULL;
