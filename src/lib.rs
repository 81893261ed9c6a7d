//! kptn: git for the state of a data pipeline.
//!
//! This page is the tour. The layers, in the order of reading, are also the
//! only direction in which code may use code: a layer knows those above it.
//!
//! ```text
//! model        nouns: names, digest, task, record, snapshot. No I/O, no clock
//! config       kptn.yaml and pyproject.toml -> model
//! graph        the DAG and selections
//! fingerprint  code (Python, R), files, recipe
//! plan         PURE: one step, and its fold over the graph
//! process      starting and stopping other programs
//! aws          services of AWS besides the bucket
//! git          branch, commit, worktrees
//! store        objects on this machine: put, give back, verify
//! state        SQLite: branches, operations, records, runs; the flat index
//! remote       push and pull: objects and branches behind an address
//! task         run one task: prepare, spawn, capture, record; serve
//! render       model -> runners; templates beside it
//! ops          the verbs, without a terminal
//! cli          words, flags, tables, progress, exit codes
//! ```
//!
//! `config` turns the user's words into a [`model::Project`]. `fingerprint`
//! names everything that can change what a task makes; `plan` compares that
//! with what `state` and `store` remember and decides, with reasons. `task`
//! carries a decision out and leaves a record. `render` writes the runner that
//! asks for tasks in the right order. `ops` puts these together into the
//! verbs, and `cli` gives them words. `tests/layers.rs` holds the direction.

pub mod aws;
pub mod cli;
pub mod config;
pub mod failpoint;
pub mod fingerprint;
pub mod git;
pub mod graph;
pub mod model;
pub mod ops;
pub mod plan;
pub mod process;
pub mod remote;
pub mod render;
pub mod state;
pub mod store;
pub mod task;
