//! The image of the jobs: which one, and the calls of Docker that make and push it.

use std::path::PathBuf;

use super::context::{self, Instead};
use super::{DeployError, Deployment, ImageChoice, Written};
use crate::aws::Stack;
use crate::ops::OpsError;
use crate::ops::deploy::{docker, image_values};
use crate::ops::image_code::ImageCode;
use crate::ops::report::RenderedState;
use crate::process::{Launch, run_beside};

/// Jobs on Fargate run on this, whatever the machine that builds.
const PLATFORM: &str = "linux/amd64";

/// Which image there will be, and what is done for it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ImagePlan {
    /// Its tag: a digest of all that goes into it.
    pub tag: String,
    /// What the tasks in it are made of; absent before there is a stack, as what is then planned is planned again.
    pub code: Option<ImageCode>,
    /// Its whole address; where the repository is not there yet, what is known of it.
    pub address: String,
    /// Builds it; absent where the repository has it.
    pub build: Option<Launch>,
    /// Lets the client push; its password comes by standard input.
    pub login: Option<Launch>,
    /// Pushes it.
    pub push: Option<Launch>,
}

impl Deployment<'_> {
    /// Finds out which image is needed; absent where it is none of kptn's business.
    pub fn plan_image(
        &self,
        stack: Option<&Stack>,
        written: &Written,
    ) -> Result<Option<ImagePlan>, OpsError> {
        let own = self.parameter("ExistingImage", stack).is_empty();
        if self.wanted.image == ImageChoice::Never || !own || !self.given("Image").is_empty() {
            return Ok(None);
        }
        let root = &self.session.project.root;
        let values = image_values(self.session);
        let mut instead: Instead =
            self.machines.iter().map(|file| (file.path.clone(), file.text.clone().into_bytes())).collect();
        instead.insert(self.template.clone(), self.text.clone().into_bytes());
        if let Some(text) = &written.after {
            instead.insert(self.session.project.config_path.clone(), text.clone().into_bytes());
        }
        let tag = context::tag(root, &values, &instead)?;
        let repository = stack.and_then(|stack| stack.outputs.get("RepositoryUri")).cloned();
        let there = match (&repository, self.wanted.image) {
            (Some(uri), ImageChoice::WhereMissing) => {
                let (_, name) = uri.split_once('/').unwrap_or(("", uri));
                self.aws.has_image(name, &tag)?
            }
            _ => false,
        };
        let repository = repository.unwrap_or_else(|| {
            format!("{}.dkr.ecr.{}.amazonaws.com/REPOSITORY", self.identity.account, self.aws.region())
        });
        let address = format!("{repository}:{tag}");
        let code = stack.map(|_| ImageCode::of_project(self.session)).transpose()?;
        if there {
            return Ok(Some(ImagePlan { tag, code, address, build: None, login: None, push: None }));
        }
        let registry = repository.split('/').next().unwrap_or_default();
        let values = values.iter().flat_map(|value| ["--build-arg", value]);
        let build = docker(self.session)?
            .arguments(["build", "--platform", PLATFORM, "--tag", &address])
            .arguments(self.revision(written)?.iter().flat_map(|label| ["--label", label]))
            .arguments(values)
            .arguments(["."]);
        let login =
            docker(self.session)?.arguments(["login", "--username", "AWS", "--password-stdin", registry]);
        let push = docker(self.session)?.arguments(["push", &address]);
        Ok(Some(ImagePlan { tag, code, address, build: Some(build), login: Some(login), push: Some(push) }))
    }

    /// Says of which commit the image is, and where not all of it is; absent without git.
    fn revision(&self, written: &Written) -> Result<Option<String>, OpsError> {
        let (Some(repository), Some(commit)) = (&self.session.repository, &self.session.head.commit) else {
            return Ok(None);
        };
        // What is rendered follows from the rest.
        let follows = |path: &PathBuf| {
            self.files.iter().any(|file| file.path == *path && file.state != RenderedState::Edited)
        };
        let mut files = context::files(&self.session.project.root)?;
        files.retain(|path| !follows(path));
        let dirty = written.after.is_some() || repository.is_dirty(&files)?;
        let mark = if dirty { "-dirty" } else { "" };
        Ok(Some(format!("org.opencontainers.image.revision={commit}{mark}")))
    }

    /// Calls Docker. What it prints goes to standard error.
    pub fn make_image(&self, plan: &ImagePlan) -> Result<(), OpsError> {
        let ImagePlan { build: Some(build), login: Some(login), push: Some(push), .. } = plan else {
            return Ok(());
        };
        call(build, None)?;
        self.point("deploy.built")?;
        let word = self.aws.image_login()?;
        call(login, Some(&word.password))?;
        call(push, None)
    }
}

fn call(launch: &Launch, input: Option<&str>) -> Result<(), OpsError> {
    let ended = run_beside(launch, input)?;
    if ended.is_success() {
        return Ok(());
    }
    let how = match ended.code {
        Some(code) => format!("left with exit code {code}"),
        None => "was stopped".to_owned(),
    };
    let words = launch.arguments.iter().map(|word| word.to_string_lossy());
    let command = ["docker".into()].into_iter().chain(words).collect::<Vec<_>>().join(" ");
    Err(DeployError::Docker { command, how }.into())
}
