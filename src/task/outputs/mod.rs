//! The files of tasks: made room for, taken in, put back.
//!
//! ```text
//! prepare     before a task or item: its own old files leave, edits are kept aside
//! clear       before a further attempt: what the failed one left leaves
//! capture     after it: what it declares and wrote goes into the store
//! adopt       what a person says counts: what it declares and lies there goes into the store
//! undo        after a session that records nothing: what it wrote is kept aside
//! put_back    where all attempts failed: what `prepare` removed is there again
//! restore     where something needs files that are not here
//! clean       where a person wants the room: exactly what the store can give back leaves
//! look        where the files of a record are; changes nothing
//! ```
//!
//! What is removed: exactly what the last record lists and the literal paths
//! that are declared, and only bytes that the store holds. Bytes that it does
//! not know are an edit: they are moved to `.kept/` and named, never removed.
//! What a pattern finds is never removed.
//!
//! Links: an output that is a link to a file inside the output folder is taken
//! in as that file's bytes, and comes back as a file; any other link is refused.

mod capture;
mod clean;
mod declared;
mod error;
mod glance;
mod path;
mod prepare;
mod restore;
mod walk;

pub use crate::model::KEPT;
pub use capture::{CaptureNote, Captured};
pub use clean::{Cleaned, Removing};
pub use declared::{Declared, Pattern, is_at_or_below};
pub use error::OutputsError;
pub use glance::look;
pub use path::{Folder, checked};
pub use prepare::{Kept, Prepared, Update};
pub use restore::{Edits, Restored};

use std::path::Path;

use crate::fingerprint::Memo;
use crate::model::{LinkMode, TaskName};
use crate::store::{Store, StoreError, Stored};

/// The output folder of a branch, with what is needed to work on it.
#[derive(Clone, Copy)]
pub struct Outputs<'a> {
    /// Where bytes come from and go to.
    pub store: &'a Store,
    /// Tells digests of files.
    pub memo: &'a dyn Memo,
    /// Takes a file into the store, and lets the memo know it.
    pub take_in: &'a (dyn Fn(&Path) -> Result<Stored, StoreError> + Sync),
    /// The folder.
    pub folder: &'a Folder,
    /// How files leave the store.
    pub link: LinkMode,
    /// Names the folder in `.kept/` that edits of this run go to.
    pub kept_under: &'a str,
    /// Returns the other task that a path belongs to; absent where it is nobody else's.
    pub owner: &'a (dyn Fn(&str) -> Option<TaskName> + Sync),
    /// Returns whether git tracks a file, which kptn then never writes over.
    pub tracked: &'a (dyn Fn(&Path) -> bool + Sync),
}

#[cfg(test)]
mod tests;
