//! How AWS is spoken with where that is not a bucket's own client: profiles, also by SSO, and tables.
//!
//! Each verb has a runtime of its own, and a connection does not outlive the one that it was made on: so all of
//! this runs on one that stays, on a thread of its own.

use std::sync::OnceLock;
use std::time::Duration;

use aws_config::meta::region::ProvideRegion;
use aws_config::profile::{ProfileFileCredentialsProvider, ProfileFileRegionProvider};
use aws_config::provider_config::ProviderConfig;
use aws_config::{BehaviorVersion, Region};
use aws_sdk_dynamodb::Client;
use aws_sdk_dynamodb::config::retry::RetryConfig;
use aws_sdk_dynamodb::config::timeout::TimeoutConfig;
use aws_sdk_dynamodb::config::{Credentials, Intercept, ProvideCredentials, SharedHttpClient};
use aws_sdk_dynamodb::error::DisplayErrorContext;
use aws_smithy_http_client::Builder;
use aws_smithy_http_client::tls::Provider;
use aws_smithy_http_client::tls::rustls_provider::CryptoMode;
use tokio::runtime::Handle;

use super::RemoteError;
use crate::model::RemoteSettings;

/// How often the client tries a request.
const ATTEMPTS: u32 = 10;
/// The first wait is no longer than this, each further one no longer than twice the one before it.
const PAUSE: Duration = Duration::from_millis(50);
/// How long one try may take.
const PATIENCE: Duration = Duration::from_secs(30);

/// Makes a client for tables; reads AWS's own files and the environment, and makes no request to a table.
pub async fn table_client(settings: &RemoteSettings, heard: impl Intercept + 'static) -> Client {
    let mut loader = aws_config::defaults(BehaviorVersion::v2026_01_12())
        .http_client(http())
        .retry_config(RetryConfig::standard().with_max_attempts(ATTEMPTS).with_initial_backoff(PAUSE))
        .timeout_config(TimeoutConfig::builder().operation_attempt_timeout(PATIENCE).build());
    if let Some(region) = &settings.region {
        loader = loader.region(Region::new(region.clone()));
    }
    if let Some(profile) = &settings.profile {
        // A profile that is named wins over the environment.
        loader = loader.profile_name(profile).credentials_provider(provider(profile).await);
    }
    let mut config = aws_sdk_dynamodb::config::Builder::from(&loader.load().await).interceptor(heard);
    // The bucket's, unless the environment has one for tables alone.
    if let Some(endpoint) = &settings.endpoint
        && std::env::var_os("AWS_ENDPOINT_URL_DYNAMODB").is_none()
    {
        config = config.endpoint_url(endpoint);
    }
    Client::from_conf(config.build())
}

/// Returns the credentials of a profile, as AWS's files say how to get them, or why there are none.
pub async fn credentials(profile: &str) -> Result<Result<Credentials, String>, RemoteError> {
    let profile = profile.to_owned();
    let asked = async move { provider(&profile).await.provide_credentials().await };
    Ok(elsewhere(asked).await?.map_err(|error| DisplayErrorContext(error).to_string()))
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
pub async fn elsewhere<T: Send + 'static>(
    work: impl Future<Output = T> + Send + 'static,
) -> Result<T, RemoteError> {
    let ended = runtime()?.spawn(work).await;
    ended.map_err(|error| RemoteError::System { source: std::io::Error::other(error) })
}

fn runtime() -> Result<&'static Handle, RemoteError> {
    static RUNTIME: OnceLock<Handle> = OnceLock::new();
    if let Some(handle) = RUNTIME.get() {
        return Ok(handle);
    }
    let made = tokio::runtime::Builder::new_current_thread().enable_all().build();
    let runtime = made.map_err(|source| RemoteError::System { source })?;
    let handle = runtime.handle().clone();
    let named = std::thread::Builder::new().name("aws".to_owned());
    // It ends with the process.
    let started = named.spawn(move || runtime.block_on(std::future::pending::<()>()));
    started.map_err(|source| RemoteError::System { source })?;
    // Two who come at once make two; one is used, the other has nothing to do.
    Ok(RUNTIME.get_or_init(|| handle))
}
