//! Rows as xlsx.
