//! What Python really imported, compared with what was counted.
//!
//! An import that kptn did not see in the code could change without making the
//! task stale, so it is said.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use crate::fingerprint::Gathered;
use crate::model::Task;
use crate::task::work::Shared;

/// Names the project's files that were imported and are not among those that count.
pub fn tell<'p>(
    shared: &Shared<'_>,
    task: &Task,
    gathered: &Gathered,
    imported: impl IntoIterator<Item = &'p PathBuf>,
) {
    let real = |path: &Path| path.canonicalize().unwrap_or_else(|_| path.to_owned());
    let counted: BTreeSet<_> = gathered.seen_files().map(|path| real(path)).collect();
    let root = real(&shared.run.project.root);
    // The store may lie in the project, and what starts a function lies there.
    let own = real(shared.run.store.layout().root());
    for path in imported.into_iter().map(|path| real(path)) {
        let Ok(inside) = path.strip_prefix(&root) else { continue };
        if counted.contains(&path) || path.starts_with(&own) {
            continue;
        }
        let message = format!(
            "imports `{}`, which kptn did not see in its code: a change there would go unnoticed; name it in `inputs`",
            inside.display()
        );
        shared.run.note(Some(task), message);
    }
}
