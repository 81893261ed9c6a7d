//! What `kptn.yaml` says of a deployment: the remote, and the stack.

use std::fs;

use super::place::same_place;
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
    /// What stands there and stays, though it is of something else.
    pub notes: Vec<String>,
    /// Lines that could not be put in safely, and are left to a person.
    pub by_hand: Vec<String>,
    /// The address of the stack's remote.
    pub url: String,
    /// What commands call it: its name in `kptn.yaml`, or the address.
    pub remote: String,
    /// Which stack `settings.aws` will name.
    pub named: Named,
}

/// Which stack `settings.aws` names.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Named {
    /// The one that is deployed.
    #[default]
    This,
    /// Another one.
    Another,
    /// None, until a person has put it in.
    None,
}

impl Deployment<'_> {
    /// Finds out what `kptn.yaml` has to say of a stack; writes nothing.
    pub fn plan_written(&self, stack: &Stack) -> Result<Written, OpsError> {
        let path = &self.session.project.config_path;
        let before = fs::read_to_string(path).map_err(|error| OpsError::io("read", path, error))?;
        let remote = self.remote_of(stack)?;
        let name = self.remote_name(Some(&remote.url)).to_owned();
        let mut written =
            Written { before, url: remote.url.clone(), remote: name.clone(), ..Written::default() };
        let mut text = written.before.clone();
        match self.session.project.remotes.get(&name) {
            Some(there) if same_place(&there.url, &remote.url) => {}
            Some(there) => {
                written.notes.push(format!(
                    "`{name}` in kptn.yaml is {}, and stays so; the stack's is {}: `--remote NAME` gives it another name",
                    crate::remote::shown_address(there),
                    remote.url
                ));
                written.remote = remote.url;
            }
            None => match config::add_remote(&text, &name, &remote) {
                Some(added) => text = added.text,
                None => {
                    written.by_hand.push(config::lines_of_remote(&name, &remote));
                    written.remote = remote.url;
                }
            },
        }
        if let Some(said) = self.say_stack(&text, &mut written) {
            text = said;
        }
        written.after = (text != written.before).then_some(text);
        Ok(written)
    }

    /// Returns a text in which `settings.aws` says the stack; absent where it does not.
    fn say_stack(&self, text: &str, written: &mut Written) -> Option<String> {
        let there = &self.session.project.settings.aws;
        let (stack, region) = (self.stack.as_str(), self.aws.region());
        if self.is_of_another_stack() {
            let named = there.stack.as_deref().unwrap_or(stack);
            let named = [Some(named), there.region.as_deref()].into_iter().flatten().collect::<Vec<_>>();
            let (named, by_hand) = (named.join(" in "), format!("{{stack: '{stack}', region: '{region}'}}"));
            written.notes.push(format!(
                "`settings.aws` in kptn.yaml names {named}, and stays so: `kptn run --runner stepfunctions` runs there; \
                 to run in this stack, make it {by_hand}"
            ));
            written.named = Named::Another;
            return None;
        }
        let mut said = vec![("stack", stack.to_owned()), ("region", region.to_owned())];
        // Another profile for once is no other place.
        said.extend(
            self.profile.clone().filter(|_| there.profile.is_none()).map(|profile| ("profile", profile)),
        );
        let saying = config::say_aws(text, &said);
        if saying.is_none() {
            written.named = Named::None;
            let said: Vec<String> = said.iter().map(|(name, value)| format!("{name}: '{value}'")).collect();
            written.by_hand.push(format!("settings:\n  aws: {{{}}}\n", said.join(", ")));
        }
        saying
    }

    /// Returns the remote that a stack will have.
    fn remote_of(&self, stack: &Stack) -> Result<RemoteSettings, DeployError> {
        let not_ours = || DeployError::NotOurs { stack: self.stack.clone(), output: "Remote" };
        let url = self.spot(Some(stack)).url().ok_or_else(not_ours)?;
        let branch = stack.parameters.get("Branch").and_then(|name| BranchName::parse(name).ok());
        Ok(RemoteSettings {
            url,
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
