//! Why a project could not be deployed to AWS: exit codes, and what to do about it.

use super::CommandError;
use crate::cli::exit::Exit;
use crate::cli::words;
use crate::ops::deploy::aws::DeployError;

impl From<DeployError> for CommandError {
    fn from(error: DeployError) -> Self {
        let usage = Self::of(Exit::USAGE, &error);
        let environment = Self::of(Exit::ENVIRONMENT, &error);
        match error {
            DeployError::StackName { .. } => usage.hint("`--stack NAME` gives another one"),
            DeployError::NoValue { .. } => usage.hint("such as `--parameter MaxVcpus=64`"),
            DeployError::UnknownParameter { near: Some(near), .. } => usage.hint(format!("did you mean `{near}`?")),
            DeployError::UnknownParameter { known, .. } => {
                usage.hint(format!("there are {}", words::list(&known, known.len())))
            }
            DeployError::OwnParameter { .. } => usage,
            DeployError::Pointless { name, .. } => {
                usage.hint(format!("make what is needed in your own network, and say `-p {name}=no`"))
            }
            DeployError::EditedMachine { .. } => {
                usage.hint("`kptn render --runner stepfunctions --replace` writes it anew, and keeps yours beside it")
            }
            DeployError::EditedTemplate { .. } => usage.hint(
                "`kptn render --runner aws --replace` writes it anew, and keeps yours beside it: carry over what you changed",
            ),
            DeployError::TooLarge { .. } => {
                usage.hint("make a bucket, and give its name: `--parameter ExistingBucket=NAME`")
            }
            DeployError::Stuck { stack, .. } => environment.hint(format!(
                "`aws cloudformation continue-update-rollback --stack-name {stack}` tries to take it back again; then deploy again"
            )),
            DeployError::AtWork { .. } => Self { exit: Exit::CONFLICT, ..usage }.hint("what would change can be told once that is done"),
            DeployError::Overtaken { .. } => {
                Self { exit: Exit::CONFLICT, ..usage }.hint("the same command waits for that, and does what is left to do")
            }
            DeployError::NotDone { status, .. } if status.starts_with("DELETE") => {
                environment.hint("take away what holds it, then give the same command again: it goes on")
            }
            DeployError::NotDone { .. } => environment.hint(
                "what was there before is as it was; put right what failed, then give the same command again: it goes on",
            ),
            DeployError::Interrupted { .. } => {
                Self { exit: Exit::FAILED, ..usage }.hint("the same command waits for that, and goes on")
            }
            DeployError::Taken { stack } => usage.hint(format!(
                "`--stack NAME` makes one of another name; where it is this project's, `--stack {stack}` says so"
            )),
            DeployError::NotOurs { .. } => usage.hint("`--stack NAME` names another one"),
            DeployError::OthersRemote { bucket, prefix, .. } => usage.hint(format!(
                "`--remote NAME` gives it a remote of its own; `-p ExistingBucket={bucket} -p Prefix={prefix}` shares that one on purpose"
            )),
            DeployError::RemotesDiffer { .. } => usage.hint(
                "`--remote NAME` writes the stack's into kptn.yaml under another name; or change kptn.yaml first",
            ),
            DeployError::OwnBucketLater { .. } => {
                usage.hint("`--stack NAME --remote NAME` makes another stack with a bucket of its own")
            }
            DeployError::NoDocker { .. } => environment.hint(
                "start it, then give the same command again; nothing was changed. `-p ExistingImage=ADDRESS` uses one that is there",
            ),
            DeployError::NoImage { .. } => usage.hint(
                "without `--no-image` and `-p Image` it is built and pushed; `-p ExistingImage=ADDRESS` uses one that is there",
            ),
            DeployError::Docker { .. } => {
                environment.hint("the stack is as it was; put that right, then give the same command again: it goes on")
            }
            DeployError::NoStack { .. } => usage.hint("`--stack` and `--region` say which one is meant"),
        }
    }
}
