//! Rows as json.
