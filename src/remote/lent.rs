//! Objects of a run that are brought when something reads them: the other half of [`crate::store::Lender`].

use std::error::Error;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};

use tokio::runtime::Runtime;

use super::shared_run::{Places, SharedRun};
use super::{Absent, RemoteError, open, runtime};
use crate::model::{Digest, Progress, RemoteSettings, RunId};
use crate::store::{Lender, Store};

/// Lends what parts of a run say that its remote has.
pub struct Lent {
    settings: RemoteSettings,
    run: RunId,
    index_folder: PathBuf,
    places: Arc<Places>,
    /// Made for the first object. Connections belong to the runtime that made them, so it has its own.
    courier: Mutex<Option<(Runtime, SharedRun)>>,
}

impl Lent {
    /// Names what is lent; makes no request.
    pub fn new(settings: RemoteSettings, run: RunId, index_folder: &Path, places: Arc<Places>) -> Self {
        Self { settings, run, index_folder: index_folder.to_owned(), places, courier: Mutex::new(None) }
    }

    fn bring_all(
        &self,
        store: &Store,
        objects: &[Digest],
        progress: &dyn Progress,
    ) -> Result<(), RemoteError> {
        let mut courier = self.courier.lock().unwrap_or_else(PoisonError::into_inner);
        let (runtime, shared) = match courier.take() {
            Some(courier) => courier,
            None => {
                let bucket = open(&self.settings, Absent::Fail)?;
                (runtime()?, SharedRun::new(bucket, self.run.clone(), &self.index_folder))
            }
        };
        let brought = runtime.block_on(shared.fetch(&self.places, store, objects, progress));
        *courier = Some((runtime, shared));
        brought
    }
}

impl Lender for Lent {
    fn size(&self, digest: &Digest) -> Option<u64> {
        self.places.size(digest)
    }

    fn bring(
        &self,
        store: &Store,
        objects: &[Digest],
        progress: &dyn Progress,
    ) -> Result<(), Box<dyn Error + Send + Sync>> {
        // On a thread of its own: whoever reads an object may stand in a runtime already.
        let done =
            std::thread::scope(|scope| scope.spawn(|| self.bring_all(store, objects, progress)).join());
        Ok(done.unwrap_or_else(|panic| std::panic::resume_unwind(panic))?)
    }
}
