//! Everything that can change what a task makes, named and digested.
//!
//! [`gather`] looks at a task's code, inputs, lock files and values and returns
//! named [`Ingredient`](crate::model::Ingredient)s; [`fingerprint`] makes one
//! digest of them. What counts and what does not is listed in
//! `docs/fingerprint.md`, which a test holds against the model.
//!
//! Too much is fine, too little is a bug: what cannot be resolved widens to the
//! whole file, what cannot be read makes the task uncacheable. Nothing here
//! fails, panics or prints. All reading goes through the trait [`Memo`], so that
//! `state` can remember what was looked at. Only this folder parses source code.

mod check;
mod code;
mod files;
mod gather;
mod kept;
mod lockfiles;
mod memo;
pub mod python;
pub mod r;
mod recipe;
mod source;
mod surroundings;
mod syntax;
#[cfg(test)]
mod tests;
mod values;

pub use check::check_task;
pub use gather::{Called, Gathered, gather, gather_item_code};
pub use lockfiles::lockfile_names;
pub use memo::{Memo, Plain, Seen, find_matches, find_matches_noting};
pub use python::{Parameter, ParameterKind, Signature};
pub use recipe::{
    CommonIngredients, DependencyDigests, RECIPE, dependency_ingredients, fingerprint, item_ingredient,
    items_ingredient,
};
pub use surroundings::Surroundings;
pub use values::{data_year, variables};
