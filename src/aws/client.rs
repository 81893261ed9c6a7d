//! How AWS is spoken with: credentials, also by SSO, regions, tries, and the runtime on which all of it is asked.
//!
//! Each verb has a runtime of its own, and a connection does not outlive the one that it was made on: so all of
//! this runs on one that stays, on a thread of its own.

use std::sync::{OnceLock, mpsc};
use std::time::Duration;

use aws_config::meta::region::ProvideRegion;
use aws_config::profile::{ProfileFileCredentialsProvider, ProfileFileRegionProvider};
use aws_config::provider_config::ProviderConfig;
use aws_config::{BehaviorVersion, Region, SdkConfig};
use aws_sdk_sts::config::retry::RetryConfig;
use aws_sdk_sts::config::timeout::TimeoutConfig;
use aws_sdk_sts::config::{Credentials, ProvideCredentials, SharedHttpClient};
use aws_sdk_sts::error::{ProvideErrorMetadata, SdkError};
use aws_smithy_http_client::Builder;
use aws_smithy_http_client::tls::Provider;
use aws_smithy_http_client::tls::rustls_provider::CryptoMode;
use tokio::runtime::Handle;

use super::{AwsError, Place, profile, reason};

/// How often the client tries a request.
const ATTEMPTS: u32 = 10;
/// The first wait is no longer than this, each further one no longer than twice the one before it.
const PAUSE: Duration = Duration::from_millis(50);
/// How long one try may take.
const PATIENCE: Duration = Duration::from_secs(30);

/// AWS, in one region and as one identity.
#[derive(Debug, Clone)]
pub struct Aws {
    pub(super) config: SdkConfig,
    /// Whose credentials are used; absent for those of the environment.
    profile: Option<String>,
}

impl Aws {
    /// Reads AWS's own files and the environment; asks nothing yet.
    pub fn open(place: &Place) -> Result<Self, AwsError> {
        let (place, profile) = (place.clone(), profile::named(place));
        let wanted = profile.clone();
        let config = ask(async move {
            if let Some(profile) = &wanted {
                profile::find(profile).await?;
            }
            Ok::<_, AwsError>(config(&place).await)
        })??;
        match config.region() {
            Some(_) => Ok(Self { config, profile }),
            None => Err(AwsError::NoRegion),
        }
    }

    /// Returns the region that is asked.
    pub fn region(&self) -> &str {
        self.config.region().map_or("", Region::as_ref)
    }

    /// Says what a service answered; `action` as after "AWS did not".
    pub(super) fn failed<E>(&self, action: impl Into<String>, error: SdkError<E>) -> AwsError
    where
        E: ProvideErrorMetadata + std::error::Error + Send + Sync + 'static,
    {
        let (action, profile) = (action.into(), self.profile.clone());
        if let Some(code) = error.code().map(str::to_owned) {
            let problem = error.message().unwrap_or(&code).to_owned();
            return AwsError::Refused { action, code, problem, profile };
        }
        match reason::of_credentials(&error) {
            Some(problem) => AwsError::NoCredentials { profile, problem },
            None => {
                AwsError::Unasked { action, region: self.region().to_owned(), problem: reason::of(&error) }
            }
        }
    }

    /// Says that an answer has not what every answer has.
    pub(super) fn odd(&self, action: &str, problem: String) -> AwsError {
        let (action, profile) = (action.to_owned(), self.profile.clone());
        AwsError::Refused { action, code: String::new(), problem, profile }
    }
}

/// Returns how any service is spoken with.
pub async fn config(place: &Place) -> SdkConfig {
    let mut loader = aws_config::defaults(BehaviorVersion::v2026_01_12())
        .http_client(http())
        .retry_config(RetryConfig::standard().with_max_attempts(ATTEMPTS).with_initial_backoff(PAUSE))
        .timeout_config(TimeoutConfig::builder().operation_attempt_timeout(PATIENCE).build());
    if let Some(region) = &place.region {
        loader = loader.region(Region::new(region.clone()));
    }
    if let Some(profile) = &place.profile {
        // A profile that is named wins over the environment.
        loader = loader.profile_name(profile).credentials_provider(provider(profile).await);
    }
    loader.load().await
}

/// Returns the credentials of a profile, as AWS's files say how to get them, or why there are none.
pub async fn credentials(profile: &str) -> Result<Result<Credentials, String>, AwsError> {
    let profile = profile.to_owned();
    let asked = async move {
        profile::find(&profile).await.map_err(|error| error.to_string())?;
        provider(&profile).await.provide_credentials().await.map_err(|error| reason::of(&error))
    };
    on_own_runtime(asked).await
}

async fn provider(profile: &str) -> ProfileFileCredentialsProvider {
    let region = ProfileFileRegionProvider::builder().profile_name(profile).build().region().await;
    let config = ProviderConfig::without_region().with_region(region).with_http_client(http());
    ProfileFileCredentialsProvider::builder().configure(&config).profile_name(profile).build()
}

/// Encrypts with `ring`, as all else here does.
fn http() -> SharedHttpClient {
    Builder::new().tls_provider(Provider::Rustls(CryptoMode::Ring)).build_https()
}

/// Runs something on the runtime that stays.
pub async fn on_own_runtime<T: Send + 'static>(
    work: impl Future<Output = T> + Send + 'static,
) -> Result<T, AwsError> {
    let ended = runtime()?.spawn(work).await;
    ended.map_err(|error| AwsError::System { source: std::io::Error::other(error) })
}

/// Runs something on the runtime that stays, and waits for its end.
pub(super) fn ask<T: Send + 'static>(work: impl Future<Output = T> + Send + 'static) -> Result<T, AwsError> {
    let (send, receive) = mpsc::sync_channel(1);
    runtime()?.spawn(async move { send.send(work.await) });
    receive.recv().map_err(|error| AwsError::System { source: std::io::Error::other(error) })
}

fn runtime() -> Result<&'static Handle, AwsError> {
    static RUNTIME: OnceLock<Handle> = OnceLock::new();
    if let Some(handle) = RUNTIME.get() {
        return Ok(handle);
    }
    let made = tokio::runtime::Builder::new_current_thread().enable_all().build();
    let runtime = made.map_err(|source| AwsError::System { source })?;
    let handle = runtime.handle().clone();
    let named = std::thread::Builder::new().name("aws".to_owned());
    // It ends with the process.
    let started = named.spawn(move || runtime.block_on(std::future::pending::<()>()));
    started.map_err(|source| AwsError::System { source })?;
    // Two who come at once make two; one is used, the other has nothing to do.
    Ok(RUNTIME.get_or_init(|| handle))
}
