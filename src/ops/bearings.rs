//! Bearings: where a project is, known without reading its `kptn.yaml`; taken once, used by what must be quick.

use std::path::{Path, PathBuf};
use std::time::{Duration, UNIX_EPOCH};

use super::Session;
use super::session::outputs_template;
use super::survey::environment;
use crate::config;
use crate::git::Repository;
use crate::model::{Digest, TaggedHasher, Task};
use crate::state::Bearings;
use crate::store;

/// Where bearings are kept, and for which question.
pub struct Place {
    root: PathBuf,
    index_root: PathBuf,
    key: Digest,
}

impl Place {
    /// Returns the place for a project.
    pub fn of(located: &config::Located, repository: Option<&Repository>) -> Self {
        let from_env = std::env::var_os("KPTN_STORE").map(PathBuf::from);
        // Not where `settings.store` says: that would have to be read first.
        let common = repository.map(Repository::common_folder);
        let index_root = store::locate(&located.root, common, from_env.as_deref(), None);
        let mut key = TaggedHasher::new("kptn bearings 2");
        key.field("program", env!("CARGO_PKG_VERSION").as_bytes());
        key.field("config", located.config_path.as_os_str().as_encoded_bytes());
        let repository = repository.map_or(Path::new(""), Repository::root);
        key.field("repository", repository.as_os_str().as_encoded_bytes());
        for name in ["KPTN_STORE", "SCRATCH_DIR"] {
            key.field(name, environment(name).unwrap_or_default().as_bytes());
        }
        Self { root: located.root.clone(), index_root, key: key.finish() }
    }

    /// Returns what was taken earlier, where it still holds.
    pub fn load(&self) -> Option<Bearings> {
        Bearings::load(&self.index_root, &self.root, &self.key)
    }

    /// Keeps what a session learned for the next time; nothing is lost but time where that fails.
    pub fn take(&self, session: &Session) {
        let began = session.began.duration_since(UNIX_EPOCH).unwrap_or(Duration::ZERO);
        let began_ns = i64::try_from(began.as_nanos()).unwrap_or(i64::MAX);
        let Some(files) = Bearings::stats_of(&session.config_files, began_ns) else { return };
        let graphs = || session.project.graphs.values();
        let rows = graphs().flat_map(|graph| {
            let row = |task: &'_ Task| (task.name.clone(), task.map_over.clone());
            graph.tasks.values().map(row).map(|(task, over)| (graph.name.clone(), task, over))
        });
        let rows: Vec<_> = rows.collect();
        let bearings = Bearings {
            key: self.key,
            files,
            store_root: session.store_root().to_owned(),
            project: session.key.project.clone(),
            outputs_dir: outputs_template(&session.project),
            link: session.project.settings.link,
            protected: session.project.settings.protected.clone(),
            graphs: graphs().map(|graph| (graph.name.clone(), graph.namespace.clone())).collect(),
            tasks: Bearings::rows(
                rows.iter().map(|(graph, task, over)| (graph.as_str(), task.as_str(), over.as_slice())),
            ),
        };
        drop(bearings.save(&self.index_root, &self.root));
    }
}
