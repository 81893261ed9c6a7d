//! Puts hooks in place, takes them away, says how they stand.
//!
//! ```text
//! nothing there           the script is written
//! a person's hook         is renamed to NAME.before-kptn, which the script runs first
//! a manager's hook        is left alone
//! ours                    is brought up to date
//! ```
//! The program that the scripts call is a line of the repository's settings, so
//! that they say nothing of this machine and may lie in a folder that is committed.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use serde::Serialize;

use super::managers::Manager;
use super::{HOOKS, Hook};
use crate::git::{HooksFolder, Repository};
use crate::ops::{OpsError, Session};

/// What every script of ours has in it.
const MARK: &str = "# A hook of kptn:";

/// What is added to the name of a hook that was there before.
const BEFORE: &str = "before-kptn";

/// How one hook stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case", tag = "state")]
pub enum HookState {
    /// kptn's, as this kptn writes it.
    Current,
    /// kptn's, as another kptn wrote it.
    Outdated,
    /// There is none.
    Absent,
    /// A person's.
    Other,
    /// A manager's.
    Managed {
        /// Whose.
        by: Manager,
    },
}

/// One hook.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Installed {
    /// As git calls it.
    pub name: &'static str,
    /// How it stands.
    #[serde(flatten)]
    pub state: HookState,
    /// Whether one that was there before is run first.
    pub chained: bool,
}

/// How all hooks stand.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct HooksReport {
    /// Where git looks for them.
    pub folder: PathBuf,
    /// What `core.hooksPath` says; absent where it says nothing.
    pub setting: Option<String>,
    /// Whether that folder is neither in the worktree nor git's own: other repositories may use it too.
    pub shared: bool,
    /// The program that they call; absent where none is remembered.
    pub program: Option<PathBuf>,
    /// Whether it is there.
    pub program_found: bool,
    /// Each hook.
    pub hooks: Vec<Installed>,
}

/// Says how the hooks stand.
pub fn status(session: &Session) -> Result<HooksReport, OpsError> {
    let repository = repository(session)?;
    report(repository, &repository.hooks_folder()?)
}

/// Puts the hooks in place; one that a manager looks after is left alone.
pub fn install(session: &Session) -> Result<HooksReport, OpsError> {
    let repository = repository(session)?;
    let place = repository.hooks_folder()?;
    for hook in &HOOKS {
        let path = place.path.join(hook.name);
        match state_of(&place, hook)? {
            HookState::Current | HookState::Managed { .. } => continue,
            HookState::Absent | HookState::Outdated => {}
            HookState::Other => set_aside(&path)?,
        }
        write(&path, hook.script).map_err(|source| OpsError::io("write", &path, source))?;
    }
    let program =
        std::env::current_exe().map_err(|source| OpsError::io("find", Path::new("kptn"), source))?;
    repository.set_hook_program(Some(&program))?;
    report(repository, &place)
}

/// Takes the hooks away, and puts those back that were there before.
pub fn uninstall(session: &Session) -> Result<HooksReport, OpsError> {
    let repository = repository(session)?;
    let place = repository.hooks_folder()?;
    for hook in &HOOKS {
        if !matches!(state_of(&place, hook)?, HookState::Current | HookState::Outdated) {
            continue;
        }
        let path = place.path.join(hook.name);
        let before = before(&path);
        let undone = if exists(&before) { fs::rename(&before, &path) } else { fs::remove_file(&path) };
        undone.map_err(|source| OpsError::io("remove", &path, source))?;
    }
    repository.set_hook_program(None)?;
    report(repository, &place)
}

fn repository(session: &Session) -> Result<&Repository, OpsError> {
    session.repository.as_ref().ok_or_else(|| OpsError::NoRepository { root: session.project.root.clone() })
}

fn report(repository: &Repository, place: &HooksFolder) -> Result<HooksReport, OpsError> {
    let program = repository.hook_program();
    let installed = |hook: &Hook| {
        let chained = exists(&before(&place.path.join(hook.name)));
        Ok(Installed { name: hook.name, state: state_of(place, hook)?, chained })
    };
    let ours = [repository.root(), repository.common_folder()];
    Ok(HooksReport {
        shared: !ours.iter().any(|folder| place.path.starts_with(folder)),
        program_found: program.as_ref().is_some_and(|path| path.is_file()),
        hooks: HOOKS.iter().map(installed).collect::<Result<_, OpsError>>()?,
        folder: place.path.clone(),
        setting: place.setting.clone(),
        program,
    })
}

fn state_of(place: &HooksFolder, hook: &Hook) -> Result<HookState, OpsError> {
    let path = place.path.join(hook.name);
    let manager = Manager::of_folder(place.setting.as_deref());
    let text = match fs::read(&path) {
        Ok(bytes) => String::from_utf8_lossy(&bytes).into_owned(),
        Err(error) if error.kind() == io::ErrorKind::NotFound && !exists(&path) => {
            return Ok(manager.map_or(HookState::Absent, |by| HookState::Managed { by }));
        }
        // A link that leads nowhere is somebody's all the same.
        Err(error) if error.kind() == io::ErrorKind::NotFound => String::new(),
        Err(source) => return Err(OpsError::io("read", &path, source)),
    };
    Ok(match manager.or_else(|| Manager::of_hook(&text)) {
        _ if text == hook.script => HookState::Current,
        _ if text.contains(MARK) => HookState::Outdated,
        Some(by) => HookState::Managed { by },
        None => HookState::Other,
    })
}

/// Renames a hook, so that ours can run it; never over one that was set aside before.
fn set_aside(path: &Path) -> Result<(), OpsError> {
    let before = before(path);
    if exists(&before) {
        return Err(OpsError::HookInTheWay { hook: path.to_owned(), before });
    }
    fs::rename(path, &before).map_err(|source| OpsError::io("rename", path, source))
}

fn before(path: &Path) -> PathBuf {
    let mut name = path.file_name().unwrap_or_default().to_owned();
    name.push(".");
    name.push(BEFORE);
    path.with_file_name(name)
}

/// Tells whether there is anything, a link that leads nowhere too.
fn exists(path: &Path) -> bool {
    fs::symlink_metadata(path).is_ok()
}

/// Written beside its place, then renamed: git may be running the one that is there.
fn write(path: &Path, script: &str) -> io::Result<()> {
    path.parent().map_or(Ok(()), fs::create_dir_all)?;
    let beside = path.with_extension("kptn-new");
    fs::write(&beside, script)?;
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt;
        let mode = fs::metadata(&beside)?.permissions().mode();
        // Executable for whoever may read it.
        fs::set_permissions(&beside, fs::Permissions::from_mode(mode | (mode & 0o444) >> 2))?;
    }
    fs::rename(&beside, path)
}
