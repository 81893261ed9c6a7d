//! Profiles of AWS's own files: whether there is one of a name.

use std::path::PathBuf;

use super::{AwsError, Place};

/// Returns the profile whose credentials are used; absent where the environment has some.
pub(super) fn named(place: &Place) -> Option<String> {
    let said = |name| std::env::var(name).ok().filter(|text| !text.is_empty());
    let of_environment = || said("AWS_PROFILE").filter(|_| said("AWS_ACCESS_KEY_ID").is_none());
    place.profile.clone().or_else(of_environment)
}

/// Refuses a name that no profile has.
pub(super) async fn find(profile: &str) -> Result<(), AwsError> {
    let of = |problem: String| AwsError::NoCredentials { profile: Some(profile.to_owned()), problem };
    let loaded =
        aws_config::profile::load(&Default::default(), &Default::default(), &Default::default(), None).await;
    match loaded.map_err(|error| of(super::reason::of(&error)))?.get_profile(profile) {
        Some(_) => Ok(()),
        None => Err(AwsError::NoProfile { profile: profile.to_owned(), files: files() }),
    }
}

/// Returns where AWS's own files are, or would be.
fn files() -> Vec<PathBuf> {
    let home = std::env::var_os("HOME").map(PathBuf::from).unwrap_or_else(|| PathBuf::from("~"));
    let file = |variable, name| match std::env::var_os(variable) {
        Some(path) => PathBuf::from(path),
        None => home.join(".aws").join(name),
    };
    vec![file("AWS_CONFIG_FILE", "config"), file("AWS_SHARED_CREDENTIALS_FILE", "credentials")]
}
