//! The verbs, without a terminal.
