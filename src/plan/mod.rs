//! PURE: decides for one task, and folds that over the graph.
//!
//! ```text
//! (task, what was gathered about it, its dependencies' records, Known) -> Decision
//! ```
//!
//! `status` and `plan` [`fold`] the step over a whole graph, where a stale
//! dependency leaves those after it uncertain. `serve` calls [`step`] for one
//! task when all its dependencies have records. Nothing here reads a file: what
//! must be asked goes through the read-only trait [`Known`].

mod choose;
mod compare;
mod expand;
mod fit;
mod fold;
mod items;
mod known;
mod step;
#[cfg(test)]
mod tests;

pub use choose::{ChoiceError, choose_items, refuse_shared_output};
pub use compare::changes_between;
pub use expand::{ItemError, expand_items, expand_keyed_items, list_provider};
pub use fit::Unfit;
pub use fold::{Gatherer, fold};
pub use items::{ITS_RESULT, ItemPlan, StaleItem, could_take_item_alone, takes_item_alone};
pub use known::{Known, OutputsState};
pub use step::{Action, Decision, Dependency, DependencyState, Situation, step};
