//! A remote by the name that people say, ready to be spoken with.

use std::path::{Path, PathBuf};

use crate::model::{BranchName, Progress, Project, RemoteSettings, TaggedHasher};
use crate::ops::{OpsError, near};
use crate::remote::{Absent, Bucket, Ends, Which, open};
use crate::state::BranchKey;
use crate::store::{Layout, Store};

/// A remote that was named, or is the only one.
pub struct Peer {
    /// The name that people say.
    pub name: String,
    /// What `kptn.yaml` says of it.
    pub settings: RemoteSettings,
    bucket: Bucket,
    index_folder: PathBuf,
}

impl Peer {
    /// Finds a remote of the project by its name; the only one where none is named. Makes no request.
    pub fn find(
        project: &Project,
        layout: &Layout,
        name: Option<&str>,
        absent: Absent,
    ) -> Result<Self, OpsError> {
        let known = || project.remotes.keys().cloned().collect::<Vec<_>>();
        let (name, settings) = match name {
            Some(name) => match project.remotes.get_key_value(name) {
                Some(found) => found,
                None => {
                    let near = near(name, project.remotes.keys().map(String::as_str));
                    return Err(OpsError::UnknownRemote { name: name.to_owned(), near, known: known() });
                }
            },
            None => match project.remotes.len() {
                1 => project.remotes.first().ok_or(OpsError::NoRemote)?,
                0 => return Err(OpsError::NoRemote),
                _ => return Err(OpsError::WhichRemote { known: known() }),
            },
        };
        let bucket = open(settings, absent)?;
        // One folder an address, whatever people call it.
        let key = TaggedHasher::new("kptn remote 1").field("url", bucket.url().as_bytes()).finish();
        Ok(Self {
            name: name.clone(),
            settings: settings.clone(),
            index_folder: layout.remote_index(&key),
            bucket,
        })
    }

    /// Returns its address, without anything secret.
    pub fn url(&self) -> &str {
        self.bucket.url()
    }

    /// Returns the branch that is meant there: the one named, else the remote's own, else the one here.
    pub fn branch(&self, named: Option<&str>, here: &BranchKey) -> Result<BranchKey, OpsError> {
        let branch = match (named, &self.settings.branch) {
            (Some(name), _) => BranchName::parse(name).map_err(|error| OpsError::Name { error })?,
            (None, Some(branch)) => branch.clone(),
            (None, None) => here.branch.clone(),
        };
        Ok(BranchKey { project: here.project.clone(), branch })
    }

    /// Returns the bucket itself.
    pub fn bucket(&self) -> &Bucket {
        &self.bucket
    }

    /// Returns where parts of its index are kept here.
    pub fn index_folder(&self) -> &Path {
        &self.index_folder
    }

    /// Returns both ends of a transfer.
    pub fn ends<'a>(
        &'a self,
        store: &'a Store,
        there: &'a BranchKey,
        progress: &'a dyn Progress,
    ) -> Ends<'a> {
        Ends {
            bucket: &self.bucket,
            store,
            index_folder: &self.index_folder,
            which: Which { project: &there.project, branch: &there.branch },
            progress,
        }
    }
}
