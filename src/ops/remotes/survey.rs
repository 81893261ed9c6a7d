//! `remote list`, `remote check` and `remote policy`: which remotes there are, what each allows, and what it should.

use serde::Serialize;

use super::Peer;
use crate::ops::{OpsError, Session};
use crate::remote::{self, Absent, Probe, Role, block_on, probe};
use crate::store::Layout;

/// One line of `kptn remote list`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct RemoteRow {
    /// The name that people say.
    pub name: String,
    /// Its address.
    pub url: String,
    /// The branch that is meant where none is named; absent means the current one.
    pub branch: Option<String>,
    /// Whether anything may be pushed to it, as `kptn.yaml` says.
    pub writable: bool,
}

/// What a remote allows.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct RemoteCheck {
    /// The name that people say.
    pub name: String,
    /// Its address.
    pub url: String,
    /// What was tried, and what came of it.
    #[serde(flatten)]
    pub probe: Probe,
}

impl RemoteCheck {
    /// Tells whether everything that was tried works.
    pub fn is_fine(&self) -> bool {
        let Probe { cannot_read, cannot_write, conditional, .. } = &self.probe;
        cannot_read.is_none() && cannot_write.is_none() && *conditional != Some(false)
    }
}

/// Lists the project's remotes, in the order written.
pub fn list(session: &Session) -> Vec<RemoteRow> {
    let row = |(name, settings): (&String, &crate::model::RemoteSettings)| RemoteRow {
        name: name.clone(),
        url: settings.url.clone(),
        branch: settings.branch.as_ref().map(ToString::to_string),
        writable: settings.writable,
    };
    session.project.remotes.iter().map(row).collect()
}

/// Tries to read, to write and to write conditionally.
pub fn check(session: &Session, name: Option<&str>) -> Result<RemoteCheck, OpsError> {
    let layout = Layout::new(session.store_root());
    let peer = Peer::find(&session.project, &layout, name, Absent::Fail)?;
    let probe = block_on(probe(peer.bucket(), peer.settings.writable))?;
    Ok(RemoteCheck { url: peer.url().to_owned(), name: peer.name, probe })
}

/// Returns the IAM policy of a role; makes no request.
pub fn policy(session: &Session, name: Option<&str>, role: Role) -> Result<serde_json::Value, OpsError> {
    let layout = Layout::new(session.store_root());
    let peer = Peer::find(&session.project, &layout, name, Absent::Pretend)?;
    let protected = &session.project.settings.protected;
    Ok(remote::policy(&peer.settings, &session.key.project, protected, role)?)
}
