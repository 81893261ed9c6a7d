//! PURE: decides for one task, and folds that over the graph.

mod known;

pub use known::{Known, OutputsState};
