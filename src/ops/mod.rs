//! The verbs, without a terminal.
//!
//! Each takes a session and plain values and returns a report from [`report`];
//! `cli` gives them words, the web page will draw them.

pub mod report;
