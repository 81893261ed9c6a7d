//! Credentials of a profile, as the AWS command line exports them.
//!
//! `aws configure export-credentials` knows profiles, SSO, assumed roles and
//! credential processes; what it prints is kept until shortly before it expires.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use async_trait::async_trait;
use object_store::CredentialProvider;
use object_store::aws::AwsCredential;
use serde::Deserialize;

use super::RemoteError;
use crate::process::{Launch, own_environment, run_captured};

/// How long the command may take; it may have to ask the network.
const PATIENCE: Duration = Duration::from_secs(60);
/// How long before their end credentials are asked for again.
const EARLY: Duration = Duration::from_secs(5 * 60);

/// What the command prints.
#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Exported {
    access_key_id: String,
    secret_access_key: String,
    session_token: Option<String>,
    expiration: Option<String>,
}

/// Gets the credentials of one profile.
pub(super) struct Profile {
    name: String,
    kept: Mutex<Option<(Arc<AwsCredential>, Option<jiff::Timestamp>)>>,
}

impl Profile {
    pub(super) fn new(name: &str) -> Self {
        Self { name: name.to_owned(), kept: Mutex::default() }
    }

    fn kept(&self) -> Option<Arc<AwsCredential>> {
        let kept = self.kept.lock().unwrap_or_else(PoisonError::into_inner);
        let (credential, expires) = kept.as_ref()?;
        let good = expires.is_none_or(|at| jiff::Timestamp::now() + EARLY < at);
        good.then(|| Arc::clone(credential))
    }

    fn ask(&self) -> Result<Arc<AwsCredential>, RemoteError> {
        let words = ["configure", "export-credentials", "--format", "process", "--profile", &self.name];
        let launch = Launch::new("aws").arguments(words).environment(own_environment());
        let said = run_captured(&launch, PATIENCE)
            .map_err(|source| RemoteError::Credentials { profile: self.name.clone(), source })?;
        let no = |problem| RemoteError::NoCredentials { profile: self.name.clone(), problem };
        if !said.ended.is_success() {
            return Err(no(said.complaint()));
        }
        // Never the text itself in an error: it may hold a key.
        let exported: Exported = serde_json::from_slice(&said.output)
            .map_err(|_| no("what `aws configure export-credentials` printed is not understood".into()))?;
        let credential = Arc::new(AwsCredential {
            key_id: exported.access_key_id,
            secret_key: exported.secret_access_key,
            token: exported.session_token,
        });
        let expires = exported.expiration.and_then(|text| text.parse().ok());
        let kept = (Arc::clone(&credential), expires);
        *self.kept.lock().unwrap_or_else(PoisonError::into_inner) = Some(kept);
        Ok(credential)
    }
}

impl std::fmt::Debug for Profile {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Profile({})", self.name)
    }
}

#[async_trait]
impl CredentialProvider for Profile {
    type Credential = AwsCredential;

    async fn get_credential(&self) -> object_store::Result<Arc<AwsCredential>> {
        if let Some(kept) = self.kept() {
            return Ok(kept);
        }
        // A short command, once an hour: the requests under way can wait for it.
        self.ask().map_err(|error| object_store::Error::Generic { store: "S3", source: Box::new(error) })
    }
}
