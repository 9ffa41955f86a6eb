//! All integration tests: one binary, its modules named as the rooms and stages.

#![allow(clippy::disallowed_methods, reason = "tests stand outside the rooms")]

mod backend;
mod browser;
mod cli;
mod clients;
mod contract;
mod db;
mod differential;
mod docs;
mod durability;
mod fuzz;
mod house;
mod http;
mod imports;
mod messages;
mod notices;
mod odata;
mod odata_grammar;
mod oracle;
mod outgoing;
mod policy;
mod queries;
mod rest;
mod seed;
mod sheets;
mod signin;
mod support;
mod tracking;
