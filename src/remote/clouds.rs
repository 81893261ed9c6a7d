//! Azure's and Google's buckets, behind the cargo features `azure` and `google`.
//!
//! Credentials come from where their users have them: the environment
//! (`AZURE_STORAGE_ACCOUNT_NAME`, `GOOGLE_APPLICATION_CREDENTIALS`…), a managed
//! identity, a workload's identity. A key is swapped by ETag or generation, as at S3.

#[cfg(any(feature = "azure", feature = "google"))]
use std::sync::Arc;

use super::RemoteError;
#[cfg(any(feature = "azure", feature = "google"))]
use super::address::{Place, choose_ring, masked, options, place, retry};
use super::bucket::Bucket;
use crate::model::RemoteSettings;

/// Opens `az://container/prefix`.
#[cfg(feature = "azure")]
pub fn azure(settings: &RemoteSettings, rest: &str) -> Result<Bucket, RemoteError> {
    let Place { bucket, prefix } = place(settings, rest)?;
    let mut builder = object_store::azure::MicrosoftAzureBuilder::from_env()
        .with_container_name(bucket)
        .with_retry(retry())
        .with_client_options(options());
    if let Some(endpoint) = &settings.endpoint {
        builder = builder.with_allow_http(endpoint.starts_with("http://")).with_endpoint(endpoint.clone());
    }
    choose_ring();
    made(
        settings,
        builder.build().map(|client| Bucket::new(Arc::new(client), prefix, None, masked(&settings.url))),
    )
}

/// Opens `gs://bucket/prefix`.
#[cfg(feature = "google")]
pub fn google(settings: &RemoteSettings, rest: &str) -> Result<Bucket, RemoteError> {
    let Place { bucket, prefix } = place(settings, rest)?;
    let mut options = options();
    let mut builder = object_store::gcp::GoogleCloudStorageBuilder::from_env().with_bucket_name(bucket);
    if let Some(endpoint) = &settings.endpoint {
        options = options.with_allow_http(endpoint.starts_with("http://"));
        builder = builder.with_base_url(endpoint);
    }
    choose_ring();
    let client = builder.with_retry(retry()).with_client_options(options).build();
    made(settings, client.map(|client| Bucket::new(Arc::new(client), prefix, None, masked(&settings.url))))
}

#[cfg(any(feature = "azure", feature = "google"))]
fn made(settings: &RemoteSettings, bucket: object_store::Result<Bucket>) -> Result<Bucket, RemoteError> {
    bucket.map_err(|error| RemoteError::Address { url: masked(&settings.url), problem: error.to_string() })
}

/// Says that this kptn does not know Azure.
#[cfg(not(feature = "azure"))]
pub fn azure(settings: &RemoteSettings, _rest: &str) -> Result<Bucket, RemoteError> {
    Err(left_out(settings, "Azure", "azure"))
}

/// Says that this kptn does not know Google.
#[cfg(not(feature = "google"))]
pub fn google(settings: &RemoteSettings, _rest: &str) -> Result<Bucket, RemoteError> {
    Err(left_out(settings, "Google", "google"))
}

#[cfg(not(all(feature = "azure", feature = "google")))]
fn left_out(settings: &RemoteSettings, cloud: &str, feature: &str) -> RemoteError {
    let problem = format!("this kptn was built without {cloud}: `cargo install kptn --features {feature}`");
    RemoteError::Address { url: super::address::masked(&settings.url), problem }
}
