//! The room `db`, on both back ends: the schema, transactions, and jobs that stream, stop and fail.

mod jobs;
mod schema;
mod statements;
