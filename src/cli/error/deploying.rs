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
            DeployError::Docker { .. } => {
                environment.hint("the stack is as it was; put that right, then give the same command again: it goes on")
            }
            DeployError::NoStack { .. } => usage.hint("`--stack` and `--region` say which one is meant"),
        }
    }
}
