//! Timeledger: time tracking for teams on Azure DevOps, read over OData.
//!
//! ARCHITECTURE.md says which rooms there are and which may know which.

pub mod db;
pub mod odata;
pub mod sql;
