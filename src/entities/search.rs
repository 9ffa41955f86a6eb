//! The indexes that narrow a search down (`migrations/*/0003_search`).

use crate::sql::functions::{Function, differs};

/// Logs whose comment may hold a term.
pub static COMMENTS: Function = differs(
    "{0} IN (SELECT rowid FROM worklogs_search WHERE worklogs_search MATCH {1})",
    "{0} IN (SELECT id FROM worklogs WHERE lower(comment COLLATE \"und-x-icu\") COLLATE \"C\" LIKE {2})",
);

/// Work items whose title may hold a term.
pub static TITLES: Function = differs(
    "{0} IN (SELECT rowid FROM work_items_search WHERE work_items_search MATCH {1})",
    "{0} IN (SELECT id FROM work_items WHERE lower(title COLLATE \"und-x-icu\") COLLATE \"C\" LIKE {2})",
);
