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
mod prepare;
mod removal;
mod upload;
mod written;

use std::path::PathBuf;

use serde::Serialize;

pub use error::DeployError;
pub use follow::{Begun, Followed};
pub use image::ImagePlan;
pub use parameters::{Parameter, Source};
pub use removal::Removal;
pub use upload::MachineText;
pub use written::Written;

use crate::aws::{Aws, Change, Identity, Making, Stack, Template};
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
    /// What `kptn.yaml` calls the remote.
    pub remote: String,
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

/// What a stack would become.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Proposal {
    /// What would become of its resources; empty where it is so already.
    pub changes: Vec<Change>,
    /// What the template is given.
    pub parameters: Vec<Parameter>,
}

impl Deployment<'_> {
    /// Returns the stack as it is now; absent where there is none.
    pub fn find(&self) -> Result<Option<Stack>, OpsError> {
        Ok(self.aws.stack(&self.stack)?)
    }

    /// Asks AWS what the stack would become, with an image of this tag where one is named. It has to be applied or dropped.
    pub fn propose(
        &self,
        stack: Option<&Stack>,
        machines: Machines,
        tag: Option<&str>,
    ) -> Result<Proposal, OpsError> {
        let template = self.sent(stack)?;
        let (parameters, given) = self.parameters(&template, stack, machines, tag)?;
        let making = if stack.is_some() { Making::Changed } else { Making::New };
        let changes = self.aws.propose(&self.stack, making, &template, &given)?;
        self.point("deploy.proposed")?;
        Ok(Proposal { changes, parameters })
    }

    /// Has the stack become what was proposed. Returns the last thing that happened before.
    pub fn apply(&self) -> Result<Option<String>, OpsError> {
        let last = self.aws.last_event(&self.stack)?;
        self.aws.apply_proposal(&self.stack)?;
        self.point("deploy.applied")?;
        Ok(last)
    }

    /// Forgets what was proposed, and a stack that is nothing but a proposal.
    pub fn drop_proposal(&self) -> Result<(), OpsError> {
        let Some(stack) = self.find()? else { return Ok(()) };
        self.aws.drop_proposal(&self.stack)?;
        if stack.is_only_looked_at() {
            self.aws.remove_stack(&self.stack)?;
        }
        Ok(())
    }

    /// A place at which a test ends the process.
    fn point(&self, name: &'static str) -> Result<(), OpsError> {
        let path = &self.session.project.config_path;
        crate::failpoint::hit(name).map_err(|error| OpsError::io("go on with", path, error))
    }

    /// Returns the template as it is sent: by its text, or from the bucket where it is too large for that.
    fn sent(&self, stack: Option<&Stack>) -> Result<Template, OpsError> {
        if self.text.len() <= LARGEST_TEXT {
            return Ok(Template::Text(self.text.clone()));
        }
        let bucket = self.bucket(stack)?.ok_or(DeployError::TooLarge { bytes: self.text.len() })?;
        Ok(Template::Object(self.put_template(&bucket)?))
    }
}

/// Refuses a stack that is not kptn's, and a whole one that nobody has named: two projects may have folders of one name.
/// One without machines is what a deployment left that was cut off before `kptn.yaml` said its name.
fn refuse_strangers(
    session: &Session,
    wanted: &Wanted,
    stack: &Stack,
    name: &str,
) -> Result<(), DeployError> {
    if !stack.outputs.is_empty() && !stack.outputs.contains_key("Remote") {
        return Err(DeployError::NotOurs { stack: name.to_owned(), output: "Remote" });
    }
    let is_named = wanted.stack.is_some() || session.project.settings.aws.stack.is_some();
    let is_whole = stack.parameters.get("Machines").is_some_and(|machines| machines == "yes");
    match !is_named && is_whole {
        true => Err(DeployError::Taken { stack: name.to_owned() }),
        false => Ok(()),
    }
}

/// So large a template can be sent as it is.
const LARGEST_TEXT: usize = 51_200;

/// Whether a stack has its machines.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Machines {
    /// It has.
    Yes,
    /// Not yet.
    No,
}
