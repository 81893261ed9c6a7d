//! What failed at a bucket, as people are told it.

use super::RemoteError;
use super::bucket::Bucket;
use super::said::{Said, said, system};

impl Bucket {
    /// Returns an error of the system about something in a folder.
    pub fn folder_failed(&self, action: &'static str, key: &str, source: std::io::Error) -> RemoteError {
        RemoteError::Folder { url: self.url().to_owned(), action, key: key.to_owned(), source }
    }

    /// Returns an error about bytes that are not what they should be.
    pub fn damaged(&self, key: &str, problem: impl ToString) -> RemoteError {
        RemoteError::Damaged { url: self.url().to_owned(), key: key.to_owned(), problem: problem.to_string() }
    }

    /// Returns an error of the client.
    pub(super) fn failed(&self, action: &'static str, key: &str, source: object_store::Error) -> RemoteError {
        use object_store::Error;
        let url = self.url().to_owned();
        // The client's own words say all of it twice.
        if self.folder().is_some()
            && let Some(system) = system(&source)
        {
            return self.folder_failed(action, key, system);
        }
        match said(&source) {
            Some(Said::NoBucket) => return RemoteError::Nothing { url },
            Some(Said::Expired) => return RemoteError::Expired { url, source: Box::new(source) },
            Some(Said::OtherRegion(region)) => return RemoteError::OtherRegion { url, region },
            Some(Said::Clock) => return RemoteError::Clock { url, source: Box::new(source) },
            None => {}
        }
        match source {
            Error::PermissionDenied { .. } | Error::Unauthenticated { .. } => {
                RemoteError::Denied { url, action, source: Box::new(source) }
            }
            Error::NotFound { .. } if action != "read" => RemoteError::Nothing { url },
            source => RemoteError::Request { url, action, key: key.to_owned(), source: Box::new(source) },
        }
    }
}
