//! A remote by the name that people say, ready to be spoken with.

use std::path::{Path, PathBuf};

use super::PeerError;
use crate::model::{AwsSettings, BranchName, Digest, Progress, Project, RemoteSettings, TaggedHasher};
use crate::ops::{OpsError, near};
use crate::remote::{
    Absent, Bucket, Ends, Promiser, Which, block_on, open, refs_of, remember, renew, shown_address,
};
use crate::state::BranchKey;
use crate::store::{Layout, Store};
use crate::task::now_ms;

/// A remote that was named, or is the only one.
pub struct Peer {
    /// The name that people say.
    pub name: String,
    /// What `kptn.yaml` says of it.
    pub settings: RemoteSettings,
    bucket: Bucket,
    /// One an address, whatever people call it.
    id: String,
    index_folder: PathBuf,
}

impl Peer {
    /// Finds a remote of the project by its name or address, or one that is none of the project's by its address; the
    /// only one where nothing is said. Makes no request but for an address, see [`Peer::at`].
    pub fn find(
        project: &Project,
        layout: &Layout,
        name: Option<&str>,
        absent: Absent,
    ) -> Result<Self, OpsError> {
        let known = || project.remotes.keys().cloned().collect::<Vec<_>>();
        let (name, settings) = match name {
            Some(url) if url.contains("://") => {
                let same = |(_, settings): &(&String, &RemoteSettings)| {
                    settings.url.trim_end_matches('/') == url.trim_end_matches('/')
                };
                match project.remotes.iter().find(same) {
                    Some(found) => found,
                    None => return Self::of_address(&project.settings.aws, url, layout, absent),
                }
            }
            Some(name) => match project.remotes.get_key_value(name) {
                Some(found) => found,
                None => {
                    let near = near(name, project.remotes.keys().map(String::as_str));
                    return Err(
                        PeerError::UnknownRemote { name: name.to_owned(), near, known: known() }.into()
                    );
                }
            },
            None => match project.remotes.len() {
                1 => project.remotes.first().ok_or(PeerError::NoRemote)?,
                0 => return Err(PeerError::NoRemote.into()),
                _ => return Err(PeerError::WhichRemote { known: known() }.into()),
            },
        };
        Self::of(name.clone(), settings.clone(), layout, absent)
    }

    /// Finds the remote behind an address. The environment says what else is needed, and a bucket which table has its
    /// branches: one request.
    pub fn at(url: &str, layout: &Layout, absent: Absent) -> Result<Self, OpsError> {
        Self::of_address(&AwsSettings::default(), url, layout, absent)
    }

    /// A bucket that `kptn.yaml` does not name is asked as the services beside it are.
    fn of_address(aws: &AwsSettings, url: &str, layout: &Layout, absent: Absent) -> Result<Self, OpsError> {
        let mut settings = RemoteSettings { url: url.to_owned(), ..RemoteSettings::default() };
        if url.starts_with("s3://") {
            (settings.region, settings.profile) = (aws.region.clone(), aws.profile.clone());
        }
        if url.starts_with("s3://") && absent != Absent::Pretend {
            settings.refs = block_on(refs_of(&open(&settings, absent)?))?;
        }
        Self::of(shown_address(&settings), settings, layout, absent)
    }

    fn of(name: String, settings: RemoteSettings, layout: &Layout, absent: Absent) -> Result<Self, OpsError> {
        let bucket = open(&settings, absent)?;
        let key = TaggedHasher::new("kptn remote 1").field("url", bucket.url().as_bytes()).finish();
        let id = key.short().to_string();
        Ok(Self { name, settings, index_folder: layout.remote_index(&id), bucket, id })
    }

    /// Writes down in the store that objects are there, and how they are reached.
    pub fn note_promises(&self, store: &Store, objects: &[(Digest, u64)]) -> Result<(), OpsError> {
        if !objects.is_empty() {
            remember(store.layout(), &self.id, &self.promiser())?;
            store.promise(&self.id, objects, now_ms())?;
        }
        Ok(())
    }

    /// Where it has promised objects before, writes down how it is reached now.
    pub fn note_address(&self, store: &Store) -> Result<(), OpsError> {
        Ok(renew(store.layout(), &self.id, &self.promiser())?)
    }

    fn promiser(&self) -> Promiser {
        Promiser { name: self.name.clone(), settings: self.settings.clone() }
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
