//! What is remembered between runs: SQLite, and the flat status index.
