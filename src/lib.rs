//! Timeledger: time tracking for teams on Azure DevOps, read over OData.
//!
//! ARCHITECTURE.md says which rooms there are and which may know which.

pub mod auth;
pub mod cli;
pub mod clock;
pub mod config;
pub mod db;
pub mod domain;
pub mod entities;
pub mod export;
pub mod http;
pub mod import;
pub mod odata;
pub mod policy;
pub mod seed;
pub mod sheets;
pub mod sql;
pub mod telemetry;
