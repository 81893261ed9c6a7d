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
            AwsError::Refused { code, profile, .. } if is_old(code) => {
                environment.hint(format!("log in again ({}), then give the same command", login(profile.as_deref())))
            }
            AwsError::Refused { code, .. } if is_denied(code) => environment.hint(
                "docs/guides/aws.md lists the rights; `settings.aws.profile` or the AWS environment names credentials",
            ),
            AwsError::Refused { .. } | AwsError::System { .. } => environment,
            AwsError::NoRegion => environment.hint(
                "`--region NAME`, `settings.aws.region` in kptn.yaml, AWS_REGION or the profile says it, such as eu-west-1",
            ),
            AwsError::NoProfile { profile, .. } => environment.hint(format!(
                "`aws configure sso --profile {profile}` makes it; `--profile`, `settings.aws.profile` or AWS_PROFILE names another one"
            )),
            AwsError::NoCredentials { profile: Some(profile), .. } => environment.hint(format!(
                "{} logs in, where the profile is one of SSO; what it says is in AWS's own files", login(Some(profile))
            )),
            AwsError::NoCredentials { profile: None, .. } => environment.hint(
                "`aws configure` or `aws sso login` gets some; `--profile`, `settings.aws.profile` or AWS_PROFILE names a profile, AWS_ACCESS_KEY_ID a key",
            ),
            AwsError::Unasked { region, .. } => environment.hint(format!(
                "is there a way to the network, and is the region `{region}` one of AWS's? then give the same command again"
            )),
        }
    }
}

/// Returns what gets new credentials.
fn login(profile: Option<&str>) -> String {
    match profile {
        Some(profile) => format!("`aws sso login --profile {profile}`"),
        None => "`aws sso login`, or new keys in the environment".to_owned(),
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
            DeployedError::Unsaid => usage.hint("`kptn deploy aws` deploys the project, and writes it into kptn.yaml or says what goes there"),
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
            DeployedError::OtherCode { .. } => {
                usage.hint("`kptn deploy aws` brings the image up to date; `kptn run` runs this code here")
            }
        }
    }
}
