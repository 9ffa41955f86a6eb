//! What tests of the running program stand on: the program itself, servers with a fixture, HTTP.

pub mod http;
pub mod program;
pub mod server;
pub mod site;
