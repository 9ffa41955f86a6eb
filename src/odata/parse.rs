//! Text → syntax.
