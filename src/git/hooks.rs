//! Where git looks for hooks, and which program those of kptn call.
//!
//! Both are asked of the `git` program, which runs the hooks: whoever has hooks
//! has it. The program's path is a line of the repository's own settings, which
//! are never committed and which all worktrees share.

use std::path::{Path, PathBuf};

use super::program::Place;
use super::{Backend, GitError, Repository};

/// The setting with the program's path.
const PROGRAM: &str = "kptn.program";

/// Where hooks are, and who said so.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HooksFolder {
    /// The folder, absolute; it may be absent.
    pub path: PathBuf,
    /// What `core.hooksPath` says; absent where it says nothing.
    pub setting: Option<String>,
}

impl Repository {
    /// Returns where git looks for the hooks of this repository.
    pub fn hooks_folder(&self) -> Result<HooksFolder, GitError> {
        let place = self.place();
        let path = place.said(["rev-parse", "--path-format=absolute", "--git-path", "hooks"])?.into();
        Ok(HooksFolder { path, setting: place.said(["config", "--get", "core.hooksPath"]).ok() })
    }

    /// Returns the program that hooks call; absent where none is remembered.
    pub fn hook_program(&self) -> Option<PathBuf> {
        self.place().said(["config", "--local", "--get", PROGRAM]).ok().map(PathBuf::from)
    }

    /// Remembers the program that hooks call, or forgets it.
    pub fn set_hook_program(&self, program: Option<&Path>) -> Result<(), GitError> {
        let place = self.place();
        match program {
            Some(program) => {
                let text = program.to_string_lossy().into_owned();
                place.said(["config", "--local", PROGRAM, &text]).map(drop)
            }
            None if self.hook_program().is_none() => Ok(()),
            None => place.said(["config", "--local", "--unset-all", PROGRAM]).map(drop),
        }
    }

    fn place(&self) -> Place {
        match &self.backend {
            Backend::Library(repository) => Place::new(&self.root, repository.path()),
            Backend::Program(place) => place.clone(),
        }
    }
}
