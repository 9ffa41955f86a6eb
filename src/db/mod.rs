//! Connections to the database: SQLite or PostgreSQL, owned by threads of our own.

pub mod tables;
