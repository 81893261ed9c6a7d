//! Stores and branches behind an address: S3 (and what speaks S3), or a folder.
//!
//! ```text
//! address, profile, clouds, aws   an address becomes a Bucket   bucket    keys, bytes, one conditional put
//! layout, format     the keys; who may read and write  branch    which snapshot a branch has
//! encoding, header   how one object is stored          pack      many small objects in one key
//! folder, lock       what is done otherwise in a folder   leftover  what interrupted writes left there
//! delta              one as what changed since another bases     which other one
//! index, part, catalog   where each object is       condemned what a collection is about to delete
//! send, outgoing     objects go                        fetch, incoming   they come
//! dated              what has a version of its own
//! history            what a branch had earlier       next      what a push makes of both sides
//! merge              two sides of a branch: PURE       push, pull    the two verbs
//! bring              what a lazy pull left there
//! probe              what a remote allows              said      what a bucket says in its errors
//! table/             branches and runs in a table of DynamoDB instead
//! policy             the rights that a role needs: PURE
//! shared_run         a run that several machines carry out   lent   what its tasks read, once they do
//! mend/                          what a remote is found by is put right
//! survey/            all of a remote: what is needed, what is whole
//! collect/           what nothing needs goes
//! ```
//! Bytes go first, the index next, the ref last: a cut-off push or pull leaves
//! both sides as they were, and going on costs only what is left. Every byte
//! that is read is verified before it is used. docs/storage-layout.md has the
//! format for other programs. It is asynchronous inside; verbs are run to their
//! end by [`block_on`].

mod address;
mod bases;
mod branch;
mod bring;
mod bucket;
mod catalog;
mod clouds;
mod collect;
mod condemned;
mod dated;
mod delta;
mod encoding;
mod error;
mod failed;
mod fetch;
mod folder;
mod format;
mod header;
mod history;
mod incoming;
mod index;
mod layout;
mod leftover;
mod lent;
mod listing;
mod lock;
mod mend;
mod merge;
mod next;
mod outgoing;
mod pack;
mod part;
mod policy;
mod probe;
mod profile;
mod pull;
mod push;
mod said;
mod send;
mod shared_run;
mod survey;
mod table;
mod version;

pub use address::{Absent, open, shown_address};
pub use branch::{Move, Mover, Which, new_id};
pub use bring::{BringError, Promiser, bring, come, remember, renew};
pub use bucket::{Bucket, Listed, Swapped, Version};
pub use collect::{Asked, Collected, Waiting, collect};
pub use error::{BothMoved, RemoteError};
pub use fetch::Fetched;
pub use format::refs_of;
pub use history::At;
pub use lent::Lent;
pub use policy::{Place, Role, Statement, policy, statements, table_of};
pub use probe::{Probe, probe};
pub use pull::{Arrived, Chosen, Part, Take, pull};
pub use push::{Earnest, Ends, Known, Pushed, Theirs, Trust, push};
pub use send::Sent;
pub use shared_run::{Caught, Places, Report, Reports, Seen, SharedRun};
pub use survey::{Checked, Depth, check};

/// Runs a transfer to its end on this thread.
pub fn block_on<T>(work: impl Future<Output = Result<T, RemoteError>>) -> Result<T, RemoteError> {
    runtime()?.block_on(work)
}

fn runtime() -> Result<tokio::runtime::Runtime, RemoteError> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    runtime.map_err(|source| RemoteError::System { source })
}
