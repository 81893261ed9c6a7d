//! Credentials of a profile, as the AWS command line exports them.
//!
//! `aws configure export-credentials` knows profiles, SSO, assumed roles and
//! credential processes; what it prints is kept until shortly before it expires.
//! With the cargo feature `aws` the same is known here, and the command is asked
//! only where that does not lead to any.

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

    #[cfg(feature = "aws")]
    async fn find(&self) -> Result<Arc<AwsCredential>, RemoteError> {
        let found = match crate::aws::credentials(&self.name).await? {
            Ok(found) => found,
            // Where there is no such command either, what was said before tells more.
            Err(problem) => {
                return self.ask().map_err(|error| match error {
                    RemoteError::Credentials { profile, .. } => {
                        RemoteError::NoCredentials { profile, problem }
                    }
                    error => error,
                });
            }
        };
        let expires = found.expiry().and_then(|at| jiff::Timestamp::try_from(at).ok());
        let credential = AwsCredential {
            key_id: found.access_key_id().to_owned(),
            secret_key: found.secret_access_key().to_owned(),
            token: found.session_token().map(str::to_owned),
        };
        Ok(self.keep(credential, expires))
    }

    #[cfg(not(feature = "aws"))]
    async fn find(&self) -> Result<Arc<AwsCredential>, RemoteError> {
        self.ask()
    }

    fn keep(&self, credential: AwsCredential, expires: Option<jiff::Timestamp>) -> Arc<AwsCredential> {
        let credential = Arc::new(credential);
        let kept = (Arc::clone(&credential), expires);
        *self.kept.lock().unwrap_or_else(PoisonError::into_inner) = Some(kept);
        credential
    }

    /// Asks the command: a short one, once an hour, for which the requests under way can wait.
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
        let credential = AwsCredential {
            key_id: exported.access_key_id,
            secret_key: exported.secret_access_key,
            token: exported.session_token,
        };
        Ok(self.keep(credential, exported.expiration.and_then(|text| text.parse().ok())))
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
        self.find()
            .await
            .map_err(|error| object_store::Error::Generic { store: "S3", source: Box::new(error) })
    }
}
