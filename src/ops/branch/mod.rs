//! `branch`: list the branches that have a state, and clone, rename and delete it.
//!
//! A branch's state is a few rows that name objects; moving it costs the same
//! however many tasks, items and bytes there are. Every move is an operation,
//! which `undo` takes back.

mod clone;
mod edit;
mod list;
mod lost;

pub use clone::{CloneRequest, bring, clone};
pub use edit::{delete, rename};
pub use list::list;
pub use lost::{Unkept, only_there};
