//! No AWS: this kptn was built without it.

use super::{
    AwsError, Change, Execution, FailedJob, Given, Identity, Login, Making, Place, Stack, StackEvent,
    Template, TemplateParameter,
};

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

    /// There is none.
    pub fn stack(&self, _: &str) -> Result<Option<Stack>, AwsError> {
        match *self {}
    }

    /// There is none.
    pub fn resources(&self, _: &str) -> Result<Vec<(String, String)>, AwsError> {
        match *self {}
    }

    /// There is none.
    pub fn template_parameters(&self, _: &Template) -> Result<Vec<TemplateParameter>, AwsError> {
        match *self {}
    }

    /// There is none.
    pub fn propose(
        &self,
        _: &str,
        _: &str,
        _: Making,
        _: &Template,
        _: &[(String, Given)],
    ) -> Result<Vec<Change>, AwsError> {
        match *self {}
    }

    /// There is none.
    pub fn apply_proposal(&self, _: &str, _: &str) -> Result<(), AwsError> {
        match *self {}
    }

    /// There is none.
    pub fn drop_proposal(&self, _: &str, _: &str) -> Result<(), AwsError> {
        match *self {}
    }

    /// There is none.
    pub fn proposals(&self, _: &str) -> Result<Vec<String>, AwsError> {
        match *self {}
    }

    /// There is none.
    pub fn remove_stack(&self, _: &str) -> Result<(), AwsError> {
        match *self {}
    }

    /// There is none.
    pub fn last_event(&self, _: &str) -> Result<Option<String>, AwsError> {
        match *self {}
    }

    /// There is none.
    pub fn stack_events(&self, _: &str, _: Option<&str>) -> Result<Vec<StackEvent>, AwsError> {
        match *self {}
    }

    /// There is none.
    pub fn running_executions(&self, _: &str) -> Result<Vec<String>, AwsError> {
        match *self {}
    }

    /// There is none.
    pub fn identity(&self) -> Result<Identity, AwsError> {
        match *self {}
    }

    /// There is none.
    pub fn image_login(&self) -> Result<Login, AwsError> {
        match *self {}
    }

    /// There is none.
    pub fn has_image(&self, _: &str, _: &str) -> Result<bool, AwsError> {
        match *self {}
    }
}
