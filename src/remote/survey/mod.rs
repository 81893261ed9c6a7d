//! All of a remote at once: what its branches need, and what its keys hold.
//!
//! ```text
//! runs          -> what open ones hold on to
//! refs, history -> roots (PURE: which count) -> walk: records, item tables -> every object that is needed
//! list of keys  -> sizes (PURE)              -> check, with `verify` for the bytes themselves
//! ```
//! Objects that name others are read into the store here, as a fetch does, so the next look finds them. No
//! question is asked for each object: keys are listed once.

mod check;
mod lost;
mod refs;
pub mod roots;
mod runs;
mod sizes;
mod verify;
mod walk;

pub use check::{Checked, Depth, check};
pub use lost::lost;
pub use refs::{Refs, past_roots};
pub use runs::{Over, Runs};
pub use sizes::wrong_keys;
pub use walk::{Needed, walk};

use std::collections::HashMap;

use super::bucket::Listed;
use verify::verify;

/// The sizes of listed keys.
pub type Sizes = HashMap<String, u64>;

/// Returns the sizes of listed keys.
pub fn sizes(listed: &[Listed]) -> Sizes {
    listed.iter().map(|one| (one.key.clone(), one.size)).collect()
}
