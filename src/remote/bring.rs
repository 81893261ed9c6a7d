//! Brings what a lazy pull left at a remote: the other half of `store/promised.rs`.
//!
//! How the remote is reached was written down by that pull, without anything
//! secret, so that whoever needs an object needs no `kptn.yaml` for it.

use std::error::Error;
use std::fs;
use std::path::Path;

use serde::{Deserialize, Serialize};

use super::catalog::Catalog;
use super::fetch::{Wanted, fetch};
use super::format::{self, Intent};
use super::{Absent, RemoteError, block_on, layout, open};
use crate::model::{Digest, Progress, RemoteSettings, canonical_json};
use crate::state::State;
use crate::store::{Layout, Store, StoreError};

/// How a remote is reached.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Promiser {
    /// The name that people say.
    pub name: String,
    /// Its address.
    pub settings: RemoteSettings,
}

/// Why objects did not come.
#[derive(Debug, thiserror::Error)]
pub enum BringError {
    /// Nothing says how the remote is reached.
    #[error("`{}` does not say how the remote is reached; `kptn pull` from it writes that anew", path.display())]
    Unknown {
        /// The file.
        path: std::path::PathBuf,
        /// Why.
        source: Box<dyn Error + Send + Sync>,
    },
    /// The remote did not give them.
    #[error("`{name}` does not give them")]
    Refused {
        /// The name that people say.
        name: String,
        /// Why.
        source: Box<RemoteError>,
    },
}

/// Writes down how a remote is reached, where that was written down before and is not so any more.
pub fn renew(layout: &Layout, remote: &str, promiser: &Promiser) -> Result<(), StoreError> {
    let path = layout.remote_settings(remote);
    match fs::read(&path) {
        Ok(known) if known != canonical_json(promiser) => remember(layout, remote, promiser),
        _ => Ok(()),
    }
}

/// Writes down how a remote is reached.
pub fn remember(layout: &Layout, remote: &str, promiser: &Promiser) -> Result<(), StoreError> {
    let path = layout.remote_settings(remote);
    let folder = path.parent().unwrap_or(layout.root());
    let writing = |error| StoreError::writing("write", &path, error);
    fs::create_dir_all(folder).map_err(writing)?;
    let mut file = tempfile::NamedTempFile::new_in(folder).map_err(writing)?;
    std::io::Write::write_all(&mut file, &canonical_json(promiser)).map_err(writing)?;
    file.persist(&path).map_err(|error| writing(error.error))?;
    Ok(())
}

/// Brings objects into the store; returns those that the remote has no more.
pub fn bring(
    store: &Store,
    remote: &str,
    objects: &[Digest],
    progress: &dyn Progress,
) -> Result<Vec<Digest>, Box<dyn Error + Send + Sync>> {
    let path = store.layout().remote_settings(remote);
    let read = fs::read(&path).map_err(Into::into);
    let read = read.and_then(|bytes| serde_json::from_slice::<Promiser>(&bytes).map_err(Into::into));
    let Promiser { name, settings } = read.map_err(|source| BringError::Unknown { path, source })?;
    let folder = store.layout().remote_index(remote);
    // On a thread of its own: whoever reads an object may stand in a runtime already.
    let done = std::thread::scope(|scope| {
        scope.spawn(|| block_on(come(store, &settings, &folder, objects, progress))).join()
    });
    let done = done.unwrap_or_else(|panic| std::panic::resume_unwind(panic));
    let gone = done.map_err(|source| BringError::Refused { name, source: Box::new(source) })?;
    if !gone.is_empty() {
        // What was fresh by a promise is not any more.
        State::open(store.layout().root())?.stir()?;
    }
    Ok(gone)
}

/// Brings objects from a remote that is known; returns those that it does not have.
pub async fn come(
    store: &Store,
    settings: &RemoteSettings,
    index_folder: &Path,
    objects: &[Digest],
    progress: &dyn Progress,
) -> Result<Vec<Digest>, RemoteError> {
    let bucket = open(settings, Absent::Fail)?;
    format::check(&bucket, Intent::Read).await?;
    let catalog = Catalog::read(&bucket, index_folder).await?;
    if catalog.index.head.generation == 0 {
        // That is no answer to what it has: something took it away.
        return Err(bucket.damaged(layout::INDEX_HEAD, "it is not there"));
    }
    let (mut there, mut gone) = (Vec::new(), Vec::new());
    for digest in objects {
        // A delta whose base is gone counts as gone: else it would be in the way of all others.
        let base = catalog.index.find(digest).and_then(|found| found.entry.base());
        let is_there = catalog.index.has(digest) || base.map_or(Ok(false), |base| store.has(&base))?;
        if is_there { there.push(*digest) } else { gone.push(*digest) }
    }
    let wanted = |digest: &Digest| Wanted::bytes(*digest, "a file that was left there");
    let wanted: Vec<_> = there.iter().map(wanted).collect();
    fetch(&bucket, &catalog.index, store, &wanted, progress).await?;
    Ok(gone)
}
