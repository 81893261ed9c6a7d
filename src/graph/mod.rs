//! The DAG of a graph, and selections of its tasks.
//!
//! [`Dag`] is the order of things: made once from a graph, it answers who
//! depends on whom, and refuses cycles by showing them as a path. [`select`]
//! turns what a user types (`+report`, `tag:slow`, `state:stale`) into tasks.
//! [`draw`] makes pictures. petgraph stays inside; nothing here reads a file.

mod dag;
pub mod draw;
mod reduction;
mod select;
#[cfg(test)]
pub(crate) mod testing;

pub use dag::{CycleError, Dag, Edge};
pub use select::{SelectError, select};
