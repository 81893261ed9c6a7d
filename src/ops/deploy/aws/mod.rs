//! `deploy aws`: a project's machines, and what they need, become a stack of CloudFormation; an image is pushed beside it.
//!
//! ```text
//! prepare ── what is rendered, who asks, which stack ──► Deployment
//!    settle      what AWS was in the middle of is waited for; what never came to be is removed
//!    propose     what would change, by AWS's own word: nothing is done
//!    first       a stack that is new is made without machines: their texts need its bucket, the image its repository
//!    written     what kptn.yaml says of it from then on
//!    image       the tag names what is in it, so one that is there is not built again
//!    upload      texts of machines that the bucket has not
//!    apply, follow   the stack becomes that; its events are told
//! ```
//! Each step asks what is there, so that after a step that was cut off the same command goes on.

mod context;
mod error;
mod follow;
mod image;
mod parameters;
mod place;
mod prepare;
mod proposal;
mod ready;
mod removal;
mod upload;
mod written;

use std::path::PathBuf;

pub use error::DeployError;
pub use follow::{Begun, Followed};
pub use image::ImagePlan;
pub use parameters::{Parameter, Source};
pub use proposal::{Machines, Proposal};
pub use removal::Removal;
pub use upload::MachineText;
pub use written::{Named, Written};

use crate::aws::{Aws, Identity, Stack};
use crate::ops::report::RenderedFile;
use crate::ops::{OpsError, Session};

/// What of the image is done.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ImageChoice {
    /// It is built and pushed where the repository has none of the same content.
    WhereMissing,
    /// It is, in any case.
    Anew,
    /// Nothing: the stack keeps the tag that it has.
    Never,
}

/// What was asked for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Wanted {
    /// The stack's name; absent: what `kptn.yaml` says, else one made of the project's name.
    pub stack: Option<String>,
    /// The region; absent: what `kptn.yaml` or the environment says.
    pub region: Option<String>,
    /// The profile; absent: what `kptn.yaml` or the environment says.
    pub profile: Option<String>,
    /// `NAME=VALUE` of the template's parameters.
    pub parameters: Vec<String>,
    /// What of the image is done.
    pub image: ImageChoice,
    /// What `kptn.yaml` calls the remote; absent: as it does already, else `prod`.
    pub remote: Option<String>,
}

/// A project on its way to a stack.
pub struct Deployment<'a> {
    session: &'a Session,
    wanted: &'a Wanted,
    /// How its services are spoken with.
    pub aws: Aws,
    /// Who asks.
    pub identity: Identity,
    /// The stack's name.
    pub stack: String,
    /// What the change that is proposed is called: no other deployment has that name.
    change: String,
    /// The profile that is used; absent: the environment's.
    profile: Option<String>,
    /// What was rendered.
    pub files: Vec<RenderedFile>,
    /// The template's file.
    pub template: PathBuf,
    text: String,
    /// The machines' texts, and where they go.
    pub machines: Vec<MachineText>,
}

impl Deployment<'_> {
    /// Returns the stack as it is now; absent where there is none.
    pub fn find(&self) -> Result<Option<Stack>, OpsError> {
        Ok(self.aws.stack(&self.stack)?)
    }

    /// Returns the stack as it is found at first: one that is not this project's is refused.
    pub fn find_ours(&self) -> Result<Option<Stack>, OpsError> {
        let found = self.find()?;
        if let Some(stack) = &found {
            self.refuse_strangers(stack)?;
        }
        Ok(found)
    }

    /// A place at which a test ends the process.
    fn point(&self, name: &'static str) -> Result<(), OpsError> {
        let path = &self.session.project.config_path;
        crate::failpoint::hit(name).map_err(|error| OpsError::io("go on with", path, error))
    }

    /// Refuses a stack that is not kptn's, and a whole one that nobody has named: two projects may have folders of one name.
    /// One without machines is what a deployment left that was cut off before `kptn.yaml` said its name.
    fn refuse_strangers(&self, stack: &Stack) -> Result<(), DeployError> {
        if !stack.outputs.is_empty() && !stack.outputs.contains_key("Remote") {
            return Err(DeployError::NotOurs { stack: self.stack.clone(), output: "Remote" });
        }
        let is_named = self.wanted.stack.is_some() || self.session.project.settings.aws.stack.is_some();
        match !is_named && Self::is_whole(stack) {
            true => Err(DeployError::Taken { stack: self.stack.clone() }),
            false => Ok(()),
        }
    }
}
