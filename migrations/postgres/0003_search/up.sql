-- What $search is narrowed by: pieces of three characters of the lower-case texts. pg_trgm comes with PostgreSQL, but
-- not every role may create it and not every server has it; without these indexes a search reads the whole table.
DO $$
BEGIN
    CREATE EXTENSION IF NOT EXISTS pg_trgm;
    CREATE INDEX worklogs_search ON worklogs
        USING gin ((lower(comment COLLATE "und-x-icu") COLLATE "C") gin_trgm_ops);
    CREATE INDEX work_items_search ON work_items
        USING gin ((lower(title COLLATE "und-x-icu") COLLATE "C") gin_trgm_ops);
EXCEPTION
    WHEN insufficient_privilege OR undefined_file OR feature_not_supported OR undefined_object THEN
        RAISE NOTICE 'no indexes for $search, it reads whole tables: %', SQLERRM;
END
$$;
