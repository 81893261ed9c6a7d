//! What `kptn.yaml` says of a deployment: the remote, and the stack.

use std::fs;

use super::{DeployError, Deployment};
use crate::aws::Stack;
use crate::config;
use crate::model::{BranchName, RemoteSettings};
use crate::ops::OpsError;
use crate::ops::remotes::replace_file;

/// What `kptn.yaml` will say.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Written {
    /// What it says now.
    pub before: String,
    /// What it will say; absent where it says so already.
    pub after: Option<String>,
    /// What is left to a person: lines that could not be put in, or something else that stands there.
    pub notes: Vec<String>,
}

impl Deployment<'_> {
    /// Finds out what `kptn.yaml` has to say of a stack; writes nothing.
    pub fn plan_written(&self, stack: &Stack) -> Result<Written, OpsError> {
        let path = &self.session.project.config_path;
        let before = fs::read_to_string(path).map_err(|error| OpsError::io("read", path, error))?;
        let (mut text, mut notes) = (before.clone(), Vec::new());
        let name = &self.wanted.remote;
        let remote = self.remote_of(stack)?;
        match self.session.project.remotes.get(name) {
            Some(there) if same_place(&there.url, &remote.url) => {}
            Some(there) => notes.push(format!(
                "`{name}` in kptn.yaml is {}, and stays so; the stack's is {}: `--remote NAME` gives it another name",
                crate::remote::shown_address(there),
                remote.url
            )),
            None => match config::add_remote(&text, name, &remote) {
                Some(added) => text = added.text,
                None => notes.push(by_hand(&config::lines_of_remote(name, &remote))),
            },
        }
        let mut said = vec![("stack", self.stack.clone()), ("region", self.aws.region().to_owned())];
        said.extend(self.profile.clone().map(|profile| ("profile", profile)));
        match config::say_aws(&text, &said) {
            Some(saying) => text = saying,
            None => {
                let said: Vec<String> =
                    said.iter().map(|(name, value)| format!("{name}: '{value}'")).collect();
                notes.push(by_hand(&format!("settings:\n  aws: {{{}}}\n", said.join(", "))));
            }
        }
        Ok(Written { after: (text != before).then_some(text), before, notes })
    }

    /// Returns the remote of a stack.
    fn remote_of(&self, stack: &Stack) -> Result<RemoteSettings, DeployError> {
        let not_ours = || DeployError::NotOurs { stack: self.stack.clone(), output: "Remote" };
        let url = stack.outputs.get("Remote").ok_or_else(not_ours)?;
        let branch = stack.parameters.get("Branch").and_then(|name| BranchName::parse(name).ok());
        Ok(RemoteSettings {
            url: url.trim_end_matches('/').to_owned(),
            branch,
            region: Some(self.aws.region().to_owned()),
            profile: self.profile.clone(),
            ..RemoteSettings::default()
        })
    }

    /// Writes it.
    pub fn write(&self, written: &Written) -> Result<(), OpsError> {
        match &written.after {
            Some(text) => {
                replace_file(&self.session.project.config_path, text)?;
                self.point("deploy.written")
            }
            None => Ok(()),
        }
    }
}

fn by_hand(lines: &str) -> String {
    format!(
        "kptn.yaml says something else, or is of a form that cannot be added to safely; what would go in:\n{lines}"
    )
}

fn same_place(one: &str, other: &str) -> bool {
    one.trim_end_matches('/') == other.trim_end_matches('/')
}
