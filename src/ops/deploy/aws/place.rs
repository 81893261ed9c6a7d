//! Where the remote of a stack is or will be, and what `kptn.yaml` calls it.
//!
//! A stack takes the remote that `kptn.yaml` names where that is nobody else's: a stack that was removed is made anew around
//! its bucket. What the two would disagree on is refused before anything is made.

use super::parameters::pairs;
use super::{DeployError, Deployment};
use crate::aws::Stack;
use crate::model::RemoteSettings;
use crate::render::USUAL_PREFIX;

/// What the remote is called where nobody says otherwise.
const USUAL_NAME: &str = "prod";

/// Where a remote is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Spot {
    /// Its bucket; absent where the stack will make one.
    pub bucket: Option<String>,
    /// What its keys begin with.
    pub prefix: String,
}

impl Spot {
    /// Returns its address without a slash at the end; absent where the bucket has no name yet.
    pub fn url(&self) -> Option<String> {
        let bucket = self.bucket.as_ref()?;
        Some(format!("s3://{bucket}/{}", self.prefix).trim_end_matches('/').to_owned())
    }
}

impl Deployment<'_> {
    /// Returns where the remote of the stack will be.
    pub(super) fn spot(&self, stack: Option<&Stack>) -> Spot {
        let mut given = pairs(&self.wanted.parameters).unwrap_or_default();
        let taken = self.spot_taken(stack);
        let has = |name: &str| stack?.parameters.get(name).cloned();
        let made = || stack?.outputs.get("BucketName").cloned();
        let bucket = match given.remove("ExistingBucket") {
            Some(name) if !name.is_empty() => Some(name),
            // One of its own, which it has only where it made one.
            Some(_) => made().filter(|_| has("ExistingBucket").is_none_or(|name| name.is_empty())),
            None => made().or_else(|| taken.as_ref()?.bucket.clone()),
        };
        let prefix = given.remove("Prefix").or_else(|| has("Prefix"));
        let prefix = prefix.or_else(|| Some(taken?.prefix)).unwrap_or_else(|| USUAL_PREFIX.to_owned());
        Spot { bucket, prefix }
    }

    /// Returns the place of the remote that `kptn.yaml` names, for a stack that is new and was told of no bucket.
    pub(super) fn spot_taken(&self, stack: Option<&Stack>) -> Option<Spot> {
        let given = pairs(&self.wanted.parameters).unwrap_or_default();
        if stack.is_some() || given.contains_key("ExistingBucket") {
            return None;
        }
        let (_, remote) = self.remote_said(None)?;
        let rest = remote.url.strip_prefix("s3://").filter(|_| remote.endpoint.is_none())?;
        let (bucket, prefix) = rest.split_once('/').unwrap_or((rest, ""));
        let prefix = prefix.trim_matches('/');
        let prefix = if prefix.is_empty() { String::new() } else { format!("{prefix}/") };
        Some(Spot { bucket: Some(bucket.to_owned()), prefix })
    }

    /// Returns what a remote at an address is called: as was asked for, else as `kptn.yaml` calls it already.
    pub fn remote_name(&self, url: Option<&str>) -> &str {
        if let Some(name) = &self.wanted.remote {
            return name;
        }
        let is_there = |remote: &RemoteSettings| url.is_some_and(|url| same_place(&remote.url, url));
        let remotes = &self.session.project.remotes;
        if remotes.get(USUAL_NAME).is_some_and(is_there) {
            return USUAL_NAME;
        }
        remotes.iter().find(|(_, remote)| is_there(remote)).map_or(USUAL_NAME, |(name, _)| name)
    }

    /// Returns what `kptn.yaml` says of the remote at an address, or of another one that has its name.
    pub(super) fn remote_said(&self, url: Option<&str>) -> Option<(&str, &RemoteSettings)> {
        let name = self.remote_name(url);
        Some((name, self.session.project.remotes.get(name)?))
    }

    /// Tells whether `settings.aws` names another stack, or one of this name elsewhere.
    pub(super) fn is_of_another_stack(&self) -> bool {
        let said = &self.session.project.settings.aws;
        said.stack.as_ref().is_some_and(|stack| *stack != self.stack)
            || said.region.as_ref().is_some_and(|region| region != self.aws.region())
    }

    /// Refuses what would leave `kptn.yaml` and the stack with different remotes of one name, and a new stack that would
    /// share one which another stack has, unless that is asked for.
    pub fn refuse_other_remotes(&self, stack: Option<&Stack>) -> Result<(), DeployError> {
        let spot = self.spot(stack);
        let now = stack.and_then(|stack| stack.outputs.get("Remote"));
        if let (Some(_), None) = (stack, &spot.bucket) {
            return Err(DeployError::OwnBucketLater { stack: self.stack.clone() });
        }
        let url = spot.url();
        let Some((name, there)) = self.remote_said(url.as_deref()) else { return Ok(()) };
        let (remote, here) = (name.to_owned(), crate::remote::shown_address(there));
        if let Some(taken) = self.spot_taken(stack) {
            let elsewhere = there.region.as_ref().is_some_and(|region| region != self.aws.region());
            if elsewhere || self.is_of_another_stack() {
                let (stack, region) = (self.stack.clone(), self.aws.region().to_owned());
                let Spot { bucket, prefix } = taken;
                let bucket = bucket.unwrap_or_default();
                return Err(DeployError::OthersRemote { remote, stack, region, bucket, prefix });
            }
        }
        let stays = url.as_deref().zip(now).is_some_and(|(url, now)| same_place(url, now));
        let agrees = url.as_deref().is_some_and(|url| same_place(&there.url, url));
        if stays || agrees {
            return Ok(());
        }
        Err(DeployError::RemotesDiffer { remote, here, there: url })
    }
}

/// Tells whether two addresses are of one remote.
pub(super) fn same_place(one: &str, other: &str) -> bool {
    one.trim_end_matches('/') == other.trim_end_matches('/')
}
