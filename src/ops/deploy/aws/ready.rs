//! What has to be so before anything is made: what is missing here is found before AWS is asked to change something.

use std::time::Duration;

use super::{DeployError, Deployment, ImageChoice, ImagePlan};
use crate::aws::Stack;
use crate::ops::OpsError;
use crate::ops::deploy::docker;
use crate::ops::remotes::refuse_unwritable;
use crate::process::run_captured;

/// So long Docker may take to say that it is there.
const PATIENCE: Duration = Duration::from_secs(30);

impl Deployment<'_> {
    /// Refuses to begin where Docker does not answer, or `kptn.yaml` cannot be written though it has to be.
    pub fn refuse_unready(&self, image: Option<&ImagePlan>, writes: bool) -> Result<(), OpsError> {
        if writes {
            refuse_unwritable(&self.session.project.config_path)?;
        }
        if image.is_none_or(|plan| plan.build.is_none()) {
            return Ok(());
        }
        let said = run_captured(&docker(self.session)?.arguments(["version"]), PATIENCE)?;
        match said.ended.is_success() {
            true => Ok(()),
            false => Err(DeployError::NoDocker { problem: said.complaint() }.into()),
        }
    }

    /// Tells whether `kptn.yaml` will have to say something of a stack that is not there yet.
    pub fn writes_of_new(&self) -> bool {
        let said = &self.session.project.settings.aws;
        self.remote_said(self.spot(None).url().as_deref()).is_none()
            || said.stack.is_none()
            || said.region.is_none()
    }

    /// Refuses to make machines whose jobs would have an image that nobody pushed.
    pub fn refuse_no_image(&self, stack: Option<&Stack>) -> Result<(), OpsError> {
        let given = self.given("Image");
        if !self.parameter("ExistingImage", stack).is_empty() {
            return Ok(());
        }
        let is_whole = stack.is_some_and(Self::is_whole);
        let keeps = self.wanted.image == ImageChoice::Never && !is_whole;
        if given.is_empty() && !keeps {
            return Ok(());
        }
        let missing = |tag: &str| DeployError::NoImage { stack: self.stack.clone(), tag: tag.to_owned() };
        if given.is_empty() {
            return Err(missing("").into());
        }
        let made = || stack?.outputs.get("RepositoryUri")?.split_once('/').map(|(_, name)| name.to_owned());
        let named = Some(self.given("ExistingRepository")).filter(|name| !name.is_empty());
        match named.or_else(made) {
            Some(name) if self.aws.has_image(&name, &given)? => Ok(()),
            _ => Err(missing(&given).into()),
        }
    }

    /// Tells whether a stack has its machines.
    pub(super) fn is_whole(stack: &Stack) -> bool {
        stack.parameters.get("Machines").is_some_and(|machines| machines == "yes")
    }
}
