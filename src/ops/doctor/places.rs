//! Where the store and the outputs are, and what their file systems can do.

use std::path::Path;

use super::finding;
use crate::ops::Session;
use crate::ops::report::{Finding, Health};
use crate::store::{FileSystem, existing};

/// The store: whether it can be used, and whether it is in a good place.
pub fn store(session: &Session) -> Finding {
    let root = session.store_root();
    if let Err(error) = session.state() {
        let hint = "set `KPTN_STORE` or `settings.store` to a folder you may write to";
        return finding("store", format!("{}: {error}", root.display()), Health::Bad, Some(hint));
    }
    let (about, doubt) = described(root);
    let hint = doubt.then_some(
        "put it on a disk of this machine: `settings.store`, or `KPTN_STORE` for yourself; the files of the store \
         are not meant to be written by two machines",
    );
    let health = if doubt { Health::Warning } else { Health::Good };
    finding("store", format!("{}{about}", root.display()), health, hint)
}

/// The output folder, beside the store.
pub fn outputs(session: &Session) -> Finding {
    let folder = &session.outputs_dir;
    let (about, _) = described(folder);
    if same_device(&existing(folder), &existing(session.store_root())) {
        return finding("outputs", format!("{}{about}", folder.display()), Health::Good, None);
    }
    let hint = "put the store on the same file system (`settings.store`), so that files need not be copied";
    let found = format!("{}{about}, on another file system than the store", folder.display());
    finding("outputs", found, Health::Warning, Some(hint))
}

/// What is said of a place, and whether it is one for a store to be doubted.
fn described(path: &Path) -> (String, bool) {
    let system = FileSystem::of(path);
    let kind = system.kind.map(|kind| kind.to_owned());
    let network = system.network.then(|| "over a network".to_owned());
    let copies = system.reflinks.map(|shared| {
        if shared { "copies share their bytes".to_owned() } else { "copies take room".to_owned() }
    });
    let synced = system.synced_by.map(|service| format!("copied elsewhere by {service}"));
    let facts: Vec<String> = [kind, network, synced.clone(), copies].into_iter().flatten().collect();
    let text = if facts.is_empty() { String::new() } else { format!(" ({})", facts.join(", ")) };
    (text, system.network || synced.is_some())
}

#[cfg(unix)]
fn same_device(one: &Path, other: &Path) -> bool {
    use std::os::unix::fs::MetadataExt;
    let device = |path: &Path| path.metadata().map(|meta| meta.dev()).ok();
    device(one) == device(other)
}

#[cfg(not(unix))]
fn same_device(_: &Path, _: &Path) -> bool {
    true
}
