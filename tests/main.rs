//! All integration tests: one binary, its modules named as the rooms and stages.

mod backend;
mod db;
mod odata_grammar;
