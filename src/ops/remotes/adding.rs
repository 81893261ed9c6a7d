//! `remote add`: a remote goes into `kptn.yaml`, and nothing else of that file changes.

use std::fs;
use std::io::{self, Write};
use std::path::{Path, PathBuf};

use serde::Serialize;
use tempfile::NamedTempFile;

use super::PeerError;
use crate::config::{self, Added};
use crate::model::RemoteSettings;
use crate::ops::{OpsError, Session};
use crate::remote::{Absent, open, shown_address};

/// What was written, or would be.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct AddReport {
    /// The remote's name.
    pub name: String,
    /// Its address.
    pub url: String,
    /// The file.
    pub path: PathBuf,
    /// The first line that is new or changed.
    pub line: usize,
    /// The lines that are new or changed.
    pub lines: Vec<String>,
    /// Whether nothing was written.
    pub dry_run: bool,
}

/// Whether the file is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Writing {
    /// It is.
    Yes,
    /// It is only told.
    No,
}

/// Adds a remote to the project's `kptn.yaml`. Makes no request.
pub fn add(
    session: &Session,
    name: &str,
    settings: &RemoteSettings,
    writing: Writing,
) -> Result<AddReport, OpsError> {
    if session.project.remotes.contains_key(name) {
        return Err(PeerError::NameTaken { name: name.to_owned() }.into());
    }
    let plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.');
    if name.is_empty() || !name.chars().all(plain) {
        return Err(PeerError::NoName { name: name.to_owned() }.into());
    }
    if settings.url.contains('@') {
        return Err(PeerError::SecretInUrl { url: shown_address(settings) }.into());
    }
    // Whether it can be reached, `remote check` tries.
    open(settings, Absent::Pretend)?;
    let path = &session.project.config_path;
    let text = fs::read_to_string(path).map_err(|error| OpsError::io("read", path, error))?;
    let Some(Added { text, line, lines }) = config::add_remote(&text, name, settings) else {
        let lines = config::lines_of_remote(name, settings);
        return Err(PeerError::NotAdded { path: path.clone(), lines }.into());
    };
    if writing == Writing::Yes {
        replace_file(path, &text)?;
    }
    let (name, url, dry_run) = (name.to_owned(), settings.url.clone(), writing == Writing::No);
    Ok(AddReport { name, url, path: path.clone(), line, lines, dry_run })
}

/// Puts a text in a file's place, also where that is behind a link; whoever reads it has the old or the new one.
pub fn replace_file(path: &Path, text: &str) -> Result<(), OpsError> {
    let failed = |error| OpsError::io("write", path, error);
    let (real, mut file) = beside(path).map_err(failed)?;
    file.write_all(text.as_bytes()).map_err(failed)?;
    file.as_file().sync_all().map_err(failed)?;
    file.persist(&real).map_err(|error| failed(error.error))?;
    Ok(())
}

/// Finds out whether a file could be replaced; changes nothing.
pub fn refuse_unwritable(path: &Path) -> Result<(), OpsError> {
    beside(path).map(drop).map_err(|error| OpsError::io("write", path, error))
}

/// Makes a file beside another one, with its rights; returns where the other one really is, too.
fn beside(path: &Path) -> io::Result<(PathBuf, NamedTempFile)> {
    let real = path.canonicalize()?;
    let permissions = fs::metadata(&real)?.permissions();
    if permissions.readonly() {
        // A rename would pass over that.
        return Err(io::Error::new(io::ErrorKind::PermissionDenied, "it is read-only"));
    }
    let file = NamedTempFile::new_in(real.parent().unwrap_or(Path::new(".")))?;
    file.as_file().set_permissions(permissions)?;
    Ok((real, file))
}
