//! Runs one task: prepare, spawn, capture, record.

pub mod outputs;
