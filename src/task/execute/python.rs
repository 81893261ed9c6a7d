//! What is said between kptn and `worker/worker.py`: JSON lines.
//!
//! ```text
//! Start, then Request, Request, ...  ->  worker
//!                Answer (and the bytes of a result), ...  ->  kptn
//! ```
//! What is absent is as it mostly is, so that most messages are short.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::{Code, Failure, Job, LineSink, PythonFunction};
use crate::model::{Item, canonical_json};

/// One call of a function.
#[derive(Clone)]
pub struct Call {
    /// What it has in common with others: the function, the environment, the folder, the log.
    pub job: Arc<Job>,
    /// The values of its item; absent for an unmapped task.
    pub item: Option<Item>,
    /// `KPTN_SEED`, where it is not the job's.
    pub seed: Option<String>,
    /// Where what it prints goes, where that is not the job's log.
    pub log: Option<PathBuf>,
    /// Where its lines go as well.
    pub lines: Option<LineSink>,
}

impl Call {
    pub(super) fn log(&self) -> &Path {
        self.log.as_deref().unwrap_or(&self.job.log)
    }

    pub(super) fn function(&self) -> Option<&Arc<PythonFunction>> {
        match &self.job.code {
            Code::Python { function, .. } => Some(function),
            Code::R(_) => None,
        }
    }
}

/// What a process is told first.
#[derive(Serialize)]
pub(super) struct Start<'a> {
    pub(super) task: &'a PythonFunction,
    pub(super) folder: &'a Path,
}

/// What the worker is told for one call.
#[derive(Serialize)]
pub(super) struct Request<'a> {
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) item: Option<&'a Item>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) seed: Option<&'a str>,
    /// Absent where it is that of the call before.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) log: Option<&'a Path>,
}

/// What the worker answers; what is absent is as it mostly is.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Answer {
    pub(super) ended: How,
    pub(super) code: Option<i32>,
    pub(super) error: Option<String>,
    /// The project's files that were imported since the last answer.
    #[serde(default)]
    pub(super) imported: Vec<PathBuf>,
    #[serde(default)]
    pub(super) threads: Vec<String>,
    /// The process takes no further call.
    #[serde(default)]
    pub(super) leaves: bool,
    #[serde(default)]
    pub(super) cpu_ms: u64,
    #[serde(default)]
    pub(super) peak_kib: u64,
    pub(super) result_bytes: Option<usize>,
    /// Where its log ends; absent where it printed nothing.
    pub(super) log_end: Option<u64>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(super) enum How {
    Returned,
    Raised,
    Exited,
    Refused,
    Unkeepable,
}

pub(super) fn outcome(answer: &Answer, wants_result: bool) -> Result<(), Failure> {
    let said = || answer.error.clone();
    match (answer.ended, answer.code) {
        (How::Returned, _) => Ok(()),
        (How::Exited, Some(0)) if wants_result => {
            Err(Failure::Said { error: "sys.exit() was called, so nothing was returned".to_owned() })
        }
        (How::Exited, Some(0)) => Ok(()),
        (How::Exited, code) => {
            Err(Failure::Said { error: said().unwrap_or_else(|| format!("sys.exit({})", code.unwrap_or(1))) })
        }
        (How::Unkeepable, _) => Err(Failure::Unkeepable { place_and_type: said().unwrap_or_default() }),
        (How::Raised | How::Refused, _) => Err(Failure::Said { error: said().unwrap_or_default() }),
    }
}

/// Spells a result as every other object in the store is spelled.
pub(super) fn canonical(bytes: &[u8]) -> Result<Vec<u8>, serde_json::Error> {
    serde_json::from_slice::<Value>(bytes).map(|value| canonical_json(&value))
}
