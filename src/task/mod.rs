//! Runs one task: prepare, spawn, capture, record.
