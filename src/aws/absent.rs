//! No AWS: this kptn was built without it.

use super::{AwsError, Execution, FailedJob, Outputs, Place};

/// There is none.
#[derive(Debug, Clone)]
pub enum Aws {}

impl Aws {
    /// Says so.
    pub fn open(_: &Place) -> Result<Self, AwsError> {
        Err(AwsError::NotBuilt)
    }

    /// There is none.
    pub fn region(&self) -> &str {
        match *self {}
    }

    /// There is none.
    pub fn outputs(&self, _: &str) -> Result<Option<Outputs>, AwsError> {
        match *self {}
    }

    /// There is none.
    pub fn last_lines(&self, _: &str, _: &str, _: i32) -> Result<Vec<String>, AwsError> {
        match *self {}
    }

    /// There is none.
    pub fn start_execution(&self, _: &str, _: &str, _: &str) -> Result<String, AwsError> {
        match *self {}
    }

    /// There is none.
    pub fn definition(&self, _: &str) -> Result<String, AwsError> {
        match *self {}
    }

    /// There is none.
    pub fn execution(&self, _: &str) -> Result<Execution, AwsError> {
        match *self {}
    }

    /// There is none.
    pub fn stop_execution(&self, _: &str, _: &str) -> Result<(), AwsError> {
        match *self {}
    }

    /// There is none.
    pub fn failed_jobs(&self, _: &str) -> Result<Vec<FailedJob>, AwsError> {
        match *self {}
    }
}
