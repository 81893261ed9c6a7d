//! `push`, `pull`, `fetch`, `remote`, `gc --remote` and `fsck --remote`: this project's state here and behind an address.
//!
//! `crate::remote` moves bytes and refs; here it is decided which branch, which
//! tasks and what may be given up, and a pulled state becomes a branch's by the
//! one function that moves branches.

mod adding;
mod defer;
mod error;
mod inputs;
mod invalidate;
mod local_only;
mod look;
mod peer;
mod pull;
mod push;
mod survey;
mod unfinished;
pub mod unsent;
mod upkeep;
mod want;

pub use adding::{AddReport, Writing, add};
pub use defer::defer;
pub use error::PeerError;
pub use invalidate::{InvalidateReport, InvalidateRequest, MarkedRecord, invalidate};
pub use local_only::StaysThere;
pub use look::FailedThere;
pub use peer::Peer;
pub use pull::{Distance, PullReport, PullRequest, pull};
pub use push::{PushReport, PushRequest, push};
pub use survey::{RemoteCheck, RemoteRow, check, list, policy};
pub use upkeep::{RemoteFsckReport, RemoteGcReport, fsck, gc};
pub use want::Want;
