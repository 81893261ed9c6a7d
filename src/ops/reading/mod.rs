//! `path` and `cat`: what a task left, for whoever works beside the pipeline.
//!
//! Neither looks at whether the task is fresh: what its record on the branch
//! lists is what is read, as it was made. `path` puts absent files into the
//! output folder first, and never over an edit; `cat` touches no file.
//! `shelf` finds the record without reading what is large.

mod choice;
mod error;
mod shelf;
mod there;

use std::io::{self, Write};
use std::path::{Path, PathBuf};

use serde::Serialize;

use super::placing::Placing;
use super::{OpsError, Start};
use crate::model::{Digest, GraphName, OutputFile, Progress, TaskName};
use choice::{Chosen, choose};
use shelf::Shelf;

pub use error::ReadingError;
pub use shelf::{known_graphs, known_tasks, located};

/// What is to be read.
#[derive(Debug, Clone, Default)]
pub struct Wanted {
    /// `-g GRAPH`.
    pub graph: Option<String>,
    /// `TASK` or `TASK[ITEM]`.
    pub task: String,
    /// The file; absent means all that it left.
    pub file: Option<String>,
    /// The remote whose branch has it; absent means a branch here.
    pub from: Option<String>,
}

/// Where files are now.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct PathReport {
    /// The graph.
    pub graph: GraphName,
    /// The task.
    pub task: TaskName,
    /// The record that lists them.
    pub record: Digest,
    /// Absolute, in the order of the record; the folder alone where one was asked for.
    pub paths: Vec<PathBuf>,
    /// Those that were put there for this, relative to the output folder.
    pub restored: Vec<String>,
    /// Those that are not as the record has them, relative to the output folder.
    pub edited: Vec<String>,
}

/// Puts files where they belong, and says where that is.
pub fn path(
    start: &Start,
    wanted: &Wanted,
    command: &str,
    progress: &dyn Progress,
) -> Result<PathReport, OpsError> {
    let shelf = find(start, wanted, progress)?;
    let files = shelf.files()?;
    if files.is_empty() {
        return Err(ReadingError::NoFiles { task: shelf.name() }.into());
    }
    let chosen = match &wanted.file {
        Some(text) => choose(&shelf.name(), &files, text)?,
        None => Chosen { files: files.iter().collect(), folder: None },
    };
    let listed: Vec<OutputFile> = chosen.files.into_iter().cloned().collect();
    let folder = shelf.outputs_folder()?;
    shelf.bring(&listed.iter().map(|file| file.digest).collect::<Vec<_>>(), progress)?;
    let placing = Placing {
        store: &shelf.store,
        root: &shelf.root,
        repository: shelf.repository.as_ref(),
        folder: &folder,
        link: shelf.link,
        command,
    };
    let restored = placing.put_there(&listed)?;
    if !restored.lost.is_empty() {
        return Err(ReadingError::Lost { task: shelf.name(), paths: restored.lost }.into());
    }
    let paths = match chosen.folder {
        Some(path) => vec![folder.path(&path)],
        None => listed.iter().map(|file| folder.path(&file.path)).collect(),
    };
    Ok(PathReport {
        graph: shelf.graph.clone(),
        task: shelf.task.clone(),
        record: shelf.digest,
        paths,
        restored: restored.restored,
        edited: restored.edited,
    })
}

/// Writes the bytes of a file, else the result as JSON, to `out`; nothing else.
pub fn cat(
    start: &Start,
    wanted: &Wanted,
    out: &mut dyn Write,
    progress: &dyn Progress,
) -> Result<(), OpsError> {
    let shelf = find(start, wanted, progress)?;
    let thing = match &wanted.file {
        Some(text) => match choose(&shelf.name(), &shelf.files()?, text)? {
            Chosen { folder: Some(folder), files } => {
                let files = files.iter().map(|file| file.path.clone()).collect();
                return Err(ReadingError::Folder { folder, files }.into());
            }
            Chosen { files, .. } => files.first().map(|file| Thing::File((*file).clone())),
        },
        None => None,
    };
    let thing = thing.map_or_else(|| shelf.only_thing(), Ok)?;
    let (digest, name) = match &thing {
        Thing::File(file) => (file.digest, file.path.as_str()),
        Thing::Result(digest) => (*digest, "its result"),
    };
    shelf.bring(&[digest], progress)?;
    progress.end();
    if !shelf.store.can_have(&digest)? {
        return Err(ReadingError::Lost { task: shelf.name(), paths: vec![name.to_owned()] }.into());
    }
    let copied = shelf.store.copy_to(&digest, out)?;
    let written = match thing {
        Thing::File(_) => copied,
        Thing::Result(_) => copied.and_then(|()| out.write_all(b"\n")),
    };
    match written {
        // Nobody reads any more: that is how `head` ends.
        Err(error) if error.kind() == io::ErrorKind::BrokenPipe => Ok(()),
        Err(error) => Err(OpsError::io("write", Path::new("standard output"), error)),
        Ok(()) => Ok(()),
    }
}

fn find(start: &Start, wanted: &Wanted, progress: &dyn Progress) -> Result<Shelf, OpsError> {
    match &wanted.from {
        Some(remote) => Shelf::there(start, wanted, remote, progress),
        None => Shelf::find(start, wanted),
    }
}

/// What `cat` prints.
enum Thing {
    File(OutputFile),
    Result(Digest),
}

impl Shelf {
    /// The result, else the one file that there is.
    fn only_thing(&self) -> Result<Thing, OpsError> {
        if let Some(result) = self.result()? {
            return Ok(Thing::Result(result));
        }
        match self.files()?.as_slice() {
            [] => Err(ReadingError::NoFiles { task: self.name() }.into()),
            [only] => Ok(Thing::File(only.clone())),
            files => {
                let files = files.iter().map(|file| file.path.clone()).collect();
                Err(ReadingError::WhichFile { task: self.name(), files }.into())
            }
        }
    }
}
