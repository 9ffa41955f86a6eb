//! The text of every SQL function, once for each back end where they differ.
//!
//! `{0}`, `{1}`, … stand for the arguments, each written in parentheses where it needs them. Functions whose name
//! begins with `tl_` are our own on SQLite (`db/sqlite`).

/// One function's spelling.
#[derive(Debug, PartialEq)]
pub struct Function {
    pub sqlite: &'static str,
    pub postgres: &'static str,
}

const fn same(text: &'static str) -> Function {
    Function { sqlite: text, postgres: text }
}

const fn differs(sqlite: &'static str, postgres: &'static str) -> Function {
    Function { sqlite, postgres }
}

// Text. Positions count code points.
pub static CONTAINS: Function = differs("instr({0}, {1}) > 0", "strpos({0}, {1}) > 0");
pub static STARTS_WITH: Function = differs("substr({0}, 1, length({1})) = {1}", "starts_with({0}, {1})");
pub static ENDS_WITH: Function = differs("tl_endswith({0}, {1})", "right({0}, length({1})) = {1}");
pub static LENGTH: Function = same("length({0})");
pub static INDEX_OF: Function = differs("instr({0}, {1}) - 1", "strpos({0}, {1}) - 1");
/// text, 0-based start (negative: from the end)
pub static SUBSTRING: Function = differs("tl_substring({0}, {1}, 9223372036854775807)", "pg_temp_unused({0}, {1})");
