//! Why AWS did not do what was asked of it, or what is deployed there cannot be used: exit codes, and what to do about it.

use super::CommandError;
use crate::aws::AwsError;
use crate::cli::exit::Exit;
use crate::ops::DeployedError;

impl From<AwsError> for CommandError {
    fn from(error: AwsError) -> Self {
        let environment = Self::of(Exit::ENVIRONMENT, &error);
        match &error {
            AwsError::NotBuilt => environment
                .hint("that of `pip install kptn` can; `cargo install kptn --features aws` builds one"),
            AwsError::Refused { code, .. } if is_old(code) => {
                environment.hint("log in again (`aws sso login`), then give the same command")
            }
            AwsError::Refused { code, .. } if is_denied(code) => environment.hint(
                "docs/guides/aws.md lists the rights; `settings.aws.profile` or the AWS environment names credentials",
            ),
            AwsError::Refused { .. } | AwsError::System { .. } => environment,
            AwsError::Unasked { .. } => environment.hint(
                "`settings.aws` of kptn.yaml names `region` and `profile`; without it the AWS environment does",
            ),
        }
    }
}

fn is_old(code: &str) -> bool {
    matches!(code, "ExpiredToken" | "ExpiredTokenException" | "RequestExpired")
}

fn is_denied(code: &str) -> bool {
    code.starts_with("AccessDenied")
        || code.starts_with("UnrecognizedClient")
        || matches!(code, "InvalidClientTokenId" | "InvalidSignatureException" | "SignatureDoesNotMatch")
}

impl From<DeployedError> for CommandError {
    fn from(error: DeployedError) -> Self {
        let usage = Self::of(Exit::USAGE, &error);
        match error {
            DeployedError::Unsaid => usage.hint("`kptn deploy aws` deploys the project, and writes it down"),
            DeployedError::NoStack { .. } => {
                usage.hint("`kptn deploy aws` makes it; is `settings.aws.region` right?")
            }
            DeployedError::NotOurs { .. } => usage.hint("`settings.aws.stack` names the stack"),
            DeployedError::Deserted { ref run, ref remote, .. } => usage.hint(format!(
                "`kptn run close --run {run} --remote {remote}` ends it here, with all that it finished"
            )),
            DeployedError::OtherRemote { ref run, ref there, .. } => Self::of(Exit::CONFLICT, &error).hint(format!(
                "name its stack in `settings.aws.stack`, or end it: `kptn run close --run {run} --remote {there}`"
            )),
            DeployedError::NoMachine { .. } | DeployedError::Outdated { .. } => {
                usage.hint("`kptn deploy aws` brings it up to date")
            }
            DeployedError::OtherCode { .. } => Self::of(Exit::CONFLICT, &error).hint(
                "`kptn deploy aws` brings the image up to date; `kptn run` runs this code here",
            ),
        }
    }
}
