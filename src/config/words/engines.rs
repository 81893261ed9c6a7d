//! What `settings` say to engines.

use schemars::JsonSchema;
use serde::Deserialize;

use super::PrefectRunnerWord;
use crate::config::given::Given;
use crate::config::shapes::Text;

/// Where the project is on AWS.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields, rename = "aws", expecting = "a mapping with `stack:`")]
#[schemars(rename = "Aws")]
pub(in crate::config) struct AwsWords {
    /// The CloudFormation stack that `kptn deploy aws` makes and `kptn run --runner stepfunctions` uses.
    pub stack: Given<Text>,
    /// The region, such as `eu-west-1`; without it, the one of the environment or the profile.
    pub region: Given<Text>,
    /// The profile of AWS's own files; without it, what the environment says.
    pub profile: Given<Text>,
}

/// How the Prefect flow runs.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields, rename = "prefect", expecting = "a mapping with `task_runner:`")]
#[schemars(rename = "Prefect")]
pub(in crate::config) struct PrefectWords {
    /// Where tasks run: in `threads` of the flow's process (the default), on `dask`, or on `ray`.
    pub task_runner: Given<PrefectRunnerWord>,
    /// The address of a cluster that is there, such as `tcp://host:8786`; `KPTN_CLUSTER` goes before it.
    pub address: Given<Text>,
    /// The work pool that `kptn deploy prefect` deploys to.
    pub work_pool: Given<Text>,
    /// When it is to run, as cron says it, such as `0 6 * * 1`; without it, when it is told to.
    pub schedule: Given<Text>,
}
