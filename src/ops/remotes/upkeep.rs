//! `gc --remote` and `fsck --remote`: a remote as a whole, all projects and branches of it.

use serde::Serialize;

use super::{Peer, PeerError};
use crate::model::Progress;
use crate::ops::{OpsError, Session};
use crate::remote::{self, Absent, Asked, Depth, Earnest, Waiting, block_on};
use crate::store::{Amount, Store};

/// What a collection at a remote did, or would do.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct RemoteGcReport {
    /// The remote's name.
    pub remote: String,
    /// Its address.
    pub url: String,
    /// Whether nothing was written.
    pub dry_run: bool,
    /// Moves of so many ms keep what they led to.
    pub keep_ms: u64,
    /// So many ms lie between announcing and deleting.
    pub grace_ms: u64,
    /// Keys that are there.
    pub total: Amount,
    /// Keys that were announced, or would be.
    pub announced: Amount,
    /// Objects that were copied out of half-empty packs, or would be.
    pub repacked: Amount,
    /// Keys that were deleted, or would be.
    pub deleted: Amount,
    /// Keys that were announced earlier and are needed after all.
    pub returned: u64,
    /// How many keys wait for the grace time to be over.
    pub waiting: u64,
    /// When it is over; absent where nothing waits.
    pub until_ms: Option<u64>,
}

/// What a check of a remote found.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct RemoteFsckReport {
    /// The remote's name.
    pub remote: String,
    /// Its address.
    pub url: String,
    /// Whether every byte was read.
    pub full: bool,
    /// Branches of all projects.
    pub branches: u64,
    /// Records that they have.
    pub records: u64,
    /// Objects that they need.
    pub objects: u64,
    /// Runs that several machines carry out, and that are not closed.
    pub runs: u64,
    /// Keys that nothing names: a collection takes them.
    pub unnamed: Amount,
    /// What is not whole.
    pub problems: Vec<String>,
}

/// Collects at a remote, or says what a collection would do.
pub fn gc(
    session: &Session,
    name: Option<&str>,
    asked: &Asked,
    progress: &dyn Progress,
) -> Result<RemoteGcReport, OpsError> {
    let store = Store::open(session.store_root())?;
    let peer = Peer::find(&session.project, store.layout(), name, Absent::Fail)?;
    if !peer.settings.writable {
        return Err(PeerError::NotWritable { remote: peer.name }.into());
    }
    let done = block_on(remote::collect(peer.bucket(), &store, peer.index_folder(), asked, progress))?;
    let Waiting { keys: waiting, until_ms } = done.waiting.unwrap_or(Waiting { keys: 0, until_ms: 0 });
    Ok(RemoteGcReport {
        url: peer.url().to_owned(),
        remote: peer.name,
        dry_run: asked.earnest == Earnest::No,
        keep_ms: asked.keep_ms,
        grace_ms: asked.grace_ms,
        total: done.total,
        announced: done.announced,
        repacked: done.repacked,
        deleted: done.deleted,
        returned: done.returned,
        waiting,
        until_ms: done.waiting.is_some().then_some(until_ms),
    })
}

/// Checks a remote; writes nothing there.
pub fn fsck(
    session: &Session,
    name: Option<&str>,
    depth: Depth,
    progress: &dyn Progress,
) -> Result<RemoteFsckReport, OpsError> {
    let store = Store::open(session.store_root())?;
    let peer = Peer::find(&session.project, store.layout(), name, Absent::Fail)?;
    let found = block_on(remote::check(peer.bucket(), &store, peer.index_folder(), depth, progress))?;
    Ok(RemoteFsckReport {
        url: peer.url().to_owned(),
        remote: peer.name,
        full: depth == Depth::Bytes,
        branches: found.branches,
        records: found.records,
        objects: found.objects,
        runs: found.runs,
        unnamed: found.unnamed,
        problems: found.problems,
    })
}
