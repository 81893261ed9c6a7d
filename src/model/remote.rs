//! A remote as `kptn.yaml` names it: a store and branches behind an address.

use serde::{Deserialize, Serialize};

use super::BranchName;

/// Where a remote is, and how it is spoken with. Nothing secret is in it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct RemoteSettings {
    /// `s3://bucket/prefix` or `file:///folder`.
    pub url: String,
    /// The branch that is meant where none is named; absent means the current one.
    pub branch: Option<BranchName>,
    /// `false`: nothing is ever pushed to it.
    pub writable: bool,
    /// Of a server that speaks S3; absent means AWS.
    pub endpoint: Option<String>,
    /// The AWS region; absent means what the environment says.
    pub region: Option<String>,
    /// Whether the bucket stands in the path instead of the host name; absent means the client's default.
    pub path_style: Option<bool>,
    /// The AWS profile whose credentials are used; absent means the environment's.
    pub profile: Option<String>,
    /// `dynamodb://table`: where branches and runs are; absent means in the bucket.
    pub refs: Option<String>,
}

impl Default for RemoteSettings {
    fn default() -> Self {
        Self {
            url: String::new(),
            branch: None,
            writable: true,
            endpoint: None,
            region: None,
            path_style: None,
            profile: None,
            refs: None,
        }
    }
}
