//! What kptn thinks of a task, and why.

use serde::{Deserialize, Serialize};

use super::{IngredientKind, TaskName};

/// A task's status.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Status {
    /// Its record belongs to today's fingerprint, and its bytes can be had.
    Fresh,
    /// It has to run.
    Stale,
    /// The latest attempt of today's fingerprint failed.
    Failed,
    /// Something before it is stale, so it may turn out fresh.
    Maybe,
}

impl Status {
    /// Returns the word that people and `--json` see.
    pub const fn word(self) -> &'static str {
        match self {
            Self::Fresh => "fresh",
            Self::Stale => "stale",
            Self::Failed => "failed",
            Self::Maybe => "maybe",
        }
    }
}

/// One ingredient that is not what it was.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Change {
    /// What kind of ingredient.
    pub kind: IngredientKind,
    /// Which one of that kind.
    pub name: String,
    /// Its value before, for people; absent where it is new.
    pub before: Option<String>,
    /// Its value now, for people; absent where it is gone.
    pub after: Option<String>,
}

impl Change {
    /// Returns which ingredient it is: its name, or its kind where one is all there is of that.
    pub fn label(self) -> String {
        if !self.name.is_empty() {
            return self.name;
        }
        let kind = serde_json::to_value(self.kind).ok();
        kind.and_then(|kind| kind.as_str().map(str::to_owned)).unwrap_or_default()
    }
}

/// Why a task has its status.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "reason", rename_all = "snake_case")]
pub enum Reason {
    /// No record on this branch.
    NeverRan,
    /// An ingredient differs from the record's.
    Changed(Change),
    /// The user asked for it with `--force`.
    Forced,
    /// `refresh: always`, or its record is older than `refresh` allows.
    Refresh { age_ms: u64 },
    /// Outputs have bytes that the store does not know.
    Edited { paths: Vec<String> },
    /// Outputs whose bytes exist nowhere any more.
    Lost { paths: Vec<String> },
    /// Outputs whose bytes stay on the machine that made them (`local_only`).
    Elsewhere { paths: Vec<String> },
    /// A person said that its record is bad, or these items of it.
    Invalidated { items: Vec<String>, user: String, why: String },
    /// Its code or inputs changed while it ran last.
    Unsettled { changed: Vec<String> },
    /// The latest attempt failed.
    Failed { error: String, log: Option<String> },
    /// Something could not be read, so nothing can be said: it runs every time.
    Uncacheable { problems: Vec<String> },
    /// A dependency is stale, so this one may be.
    Upstream { tasks: Vec<TaskName> },
    /// No record on this branch, but one of the same fingerprint that it takes instead of running.
    Reusable { branch: String },
    /// A branch that is not protected has a record of today's fingerprint, which this one takes by a promotion alone.
    Promotable { branch: String },
    /// The list that it maps over cannot be used.
    BadItems { error: String },
    /// Some items of a mapped task are stale.
    Items { stale: u64, total: u64, failed: u64 },
}
