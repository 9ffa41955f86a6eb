//! Rows as csv.
