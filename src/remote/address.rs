//! From an address in `kptn.yaml` to a client: `s3://bucket/prefix`, `file:///folder`; of other clouds in `clouds.rs`.
//!
//! Credentials of S3 come from where AWS's users have them: the environment, a
//! web identity, ECS and EC2 (the client's own chain), or a profile, for which
//! the AWS command line is asked, as it knows SSO and every other way.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use object_store::aws::{AmazonS3Builder, AmazonS3ConfigKey};
use object_store::local::LocalFileSystem;
use object_store::memory::InMemory;
use object_store::path::Path;
use object_store::{BackoffConfig, ClientOptions, RetryConfig};

use super::RemoteError;
use super::bucket::Bucket;
use super::clouds;
use super::profile::Profile;
use super::table::Table;
use crate::model::RemoteSettings;

/// How long one request may take: a piece of a large object over a slow line.
const PATIENCE: Duration = Duration::from_secs(300);

/// Whether a folder that is not there is made.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Absent {
    /// It is: something will be written.
    Make,
    /// It is an error.
    Fail,
    /// An empty one stands for it: only what would be done is asked.
    Pretend,
}

/// Opens what is behind a remote's address; makes no request.
pub fn open(settings: &RemoteSettings, absent: Absent) -> Result<Bucket, RemoteError> {
    let bucket = open_bucket(settings, absent)?;
    Ok(match &settings.refs {
        Some(address) => bucket.with_table(Table::open(settings, address)?),
        None => bucket,
    })
}

fn open_bucket(settings: &RemoteSettings, absent: Absent) -> Result<Bucket, RemoteError> {
    let url = &settings.url;
    let wrong = |problem: &str| RemoteError::Address { url: masked(url), problem: problem.to_owned() };
    if let Some(rest) = url.strip_prefix("file://") {
        return folder(url, rest, absent);
    }
    let Some((scheme, rest)) = url.split_once("://") else {
        return Err(wrong("it begins with neither `s3://` nor `file://`"));
    };
    match scheme {
        "s3" | "s3a" => s3(settings, rest),
        "az" => clouds::azure(settings, rest),
        "gs" => clouds::google(settings, rest),
        _ => Err(wrong("only `s3://`, `file://`, `az://` and `gs://` are known")),
    }
}

/// Returns the address by which a remote is known, without anything secret; asks nobody.
pub fn shown_address(settings: &RemoteSettings) -> String {
    masked(&settings.url)
}

/// Returns an address without a user's name and password.
pub(super) fn masked(url: &str) -> String {
    match (url.find("://"), url.find('@')) {
        (Some(scheme), Some(at)) if scheme < at => format!("{}***{}", &url[..scheme + 3], &url[at..]),
        _ => url.to_owned(),
    }
}

fn folder(url: &str, path: &str, absent: Absent) -> Result<Bucket, RemoteError> {
    let path = PathBuf::from(path);
    if !path.is_absolute() {
        let problem = "a folder is named by three slashes and an absolute path: `file:///shared/kptn`";
        return Err(RemoteError::Address { url: url.to_owned(), problem: problem.to_owned() });
    }
    let failed = |source| RemoteError::Folder {
        url: url.to_owned(),
        action: "make",
        key: path.display().to_string(),
        source,
    };
    let wrong = |problem: String| RemoteError::Address { url: url.to_owned(), problem };
    match (path.read_link(), path.metadata()) {
        (_, Ok(found)) if !found.is_dir() => {
            return Err(wrong("there is a file, and a remote is a folder".to_owned()));
        }
        (Ok(to), Err(_)) => {
            return Err(wrong(format!("it is a link to `{}`, which is not there", to.display())));
        }
        _ => {}
    }
    match absent {
        Absent::Make => std::fs::create_dir_all(&path).map_err(failed)?,
        _ if path.is_dir() => {}
        Absent::Fail => return Err(RemoteError::Nothing { url: url.to_owned() }),
        Absent::Pretend => {
            return Ok(Bucket::new(Arc::new(InMemory::new()), Path::default(), None, url.to_owned()));
        }
    }
    let client = LocalFileSystem::new_with_prefix(&path).map_err(|source| RemoteError::Request {
        url: url.to_owned(),
        action: "open",
        key: String::new(),
        source: Box::new(source),
    })?;
    let client = Arc::new(client.with_fsync(true));
    Ok(Bucket::new(client, Path::default(), Some(path), url.to_owned()))
}

fn s3(settings: &RemoteSettings, rest: &str) -> Result<Bucket, RemoteError> {
    let Place { bucket, prefix } = place(settings, rest)?;
    let mut builder = AmazonS3Builder::from_env()
        .with_bucket_name(bucket)
        .with_retry(retry())
        .with_client_options(options());
    let endpoint =
        settings.endpoint.clone().or_else(|| builder.get_config_value(&AmazonS3ConfigKey::Endpoint));
    if let Some(endpoint) = endpoint {
        builder = builder.with_allow_http(endpoint.starts_with("http://")).with_endpoint(endpoint);
    }
    if let Some(region) = &settings.region {
        builder = builder.with_region(region);
    }
    if let Some(path_style) = settings.path_style {
        builder = builder.with_virtual_hosted_style_request(!path_style);
    }
    if let Some(profile) = settings.profile.clone().or_else(profile_of_environment) {
        builder = builder.with_credentials(Arc::new(Profile::new(&profile)));
    }
    choose_ring();
    let url = masked(&settings.url);
    let client = builder
        .build()
        .map_err(|error| RemoteError::Address { url: url.clone(), problem: error.to_string() })?;
    Ok(Bucket::new(Arc::new(client), prefix, None, url))
}

/// Returns `AWS_PROFILE`, which the bucket's client does not know; keys in the environment win over it, as everywhere.
fn profile_of_environment() -> Option<String> {
    let has_keys = std::env::var_os("AWS_ACCESS_KEY_ID").is_some();
    let named = std::env::var("AWS_PROFILE").ok().filter(|name| !name.is_empty());
    named.filter(|_| cfg!(feature = "aws") && !has_keys)
}

/// What an address names: a bucket (Azure calls it a container) and where in it.
pub(super) struct Place<'a> {
    pub bucket: &'a str,
    pub prefix: Path,
}

/// Reads what follows the scheme of an address.
pub(super) fn place<'a>(settings: &RemoteSettings, rest: &'a str) -> Result<Place<'a>, RemoteError> {
    let wrong = |problem: String| RemoteError::Address { url: masked(&settings.url), problem };
    if rest.contains('@') {
        return Err(wrong(
            "credentials do not belong in an address; set `profile` or the environment".into(),
        ));
    }
    let (bucket, prefix) = rest.split_once('/').unwrap_or((rest, ""));
    if bucket.is_empty() {
        return Err(wrong("it names no bucket".into()));
    }
    let prefix = Path::parse(prefix.trim_matches('/')).map_err(|error| wrong(error.to_string()))?;
    Ok(Place { bucket, prefix })
}

/// How often a request is tried again.
pub(super) fn retry() -> RetryConfig {
    RetryConfig { backoff: BackoffConfig::default(), max_retries: 8, retry_timeout: Duration::from_secs(180) }
}

/// How a client speaks.
pub(super) fn options() -> ClientOptions {
    ClientOptions::new().with_timeout(PATIENCE)
}

/// Says what signs and encrypts; somebody may have chosen one already, which is as good.
pub(super) fn choose_ring() {
    drop(rustls::crypto::ring::default_provider().install_default());
}

#[cfg(test)]
mod tests {
    use super::*;

    fn problem(url: &str) -> String {
        let settings = RemoteSettings { url: url.to_owned(), ..RemoteSettings::default() };
        open(&settings, Absent::Fail).err().map(|error| error.to_string()).unwrap_or_default()
    }

    #[test]
    fn an_address_that_cannot_be_used_says_why_and_keeps_secrets() {
        assert!(problem("prod").contains("neither"));
        assert!(problem("ftp://host/x").contains("only"));
        assert!(problem("file://relative/x").contains("three slashes"));
        assert!(problem("s3://").contains("names no bucket"));
        for scheme in ["az", "gs"] {
            let told = problem(&format!("{scheme}://container/x"));
            assert!(
                told.contains("features") || told.to_lowercase().contains("account") || told.is_empty(),
                "{told}"
            );
        }
        let told = problem("s3://AKIAEXAMPLE:secret@bucket/x");
        assert!(told.contains("profile") && !told.contains("secret") && !told.contains("AKIA"), "{told}");
        assert!(problem("file:///no/such/folder/here").contains("nothing at"));
    }
}
