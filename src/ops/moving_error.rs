//! Why a branch was not moved, or a word names no state: facts, without words for people.

use super::error::list;
use super::report::{AsOf, Running};
use crate::model::{BranchName, TaskName};

/// Why a branch was not moved, or a word names no state.
#[derive(Debug, thiserror::Error)]
pub enum MovingError {
    /// A run goes on on a branch that was to be moved.
    #[error("`{branch}` is in use{}", .holder.as_ref().map(|one| format!(" by {one}")).unwrap_or_default())]
    Busy {
        /// The branch.
        branch: BranchName,
        /// Who uses it, where that can be told.
        holder: Option<Box<Running>>,
    },
    /// Another process was faster.
    #[error("`{branch}` was moved by someone else at the same time")]
    BranchMoved {
        /// The branch.
        branch: BranchName,
    },
    /// Nothing ever finished on a branch of that name.
    #[error("no branch called `{name}` has a state")]
    NoState {
        /// What was typed.
        name: String,
        /// The nearest name; absent where none is near.
        near: Option<String>,
        /// All that have one.
        known: Vec<String>,
    },
    /// A clone of a branch onto itself.
    #[error("`{branch}` cannot be cloned onto itself")]
    CloneOntoItself {
        /// The branch.
        branch: BranchName,
    },
    /// A move that would leave results that no other branch or tag has.
    #[error("`{branch}` has results that no other branch or tag has: {}", list(.tasks))]
    OnlyThere {
        /// The branch.
        branch: BranchName,
        /// Their tasks.
        tasks: Vec<TaskName>,
    },
    /// A rename to a name that has a state.
    #[error("`{branch}` has a state already")]
    NameTaken {
        /// The name.
        branch: BranchName,
    },
    /// Nothing in a branch's log can be undone.
    #[error("nothing on `{branch}` is left to undo")]
    NothingToUndo {
        /// The branch.
        branch: BranchName,
    },
    /// No operation has this number.
    #[error("there is no operation {id}")]
    UnknownOperation {
        /// The number.
        id: u64,
    },
    /// An operation that was undone before.
    #[error("operation {operation} was undone by operation {by}")]
    AlreadyUndone {
        /// The operation.
        operation: u64,
        /// The one that did it.
        by: u64,
    },
    /// An operation that has no way back.
    #[error("operation {operation} cannot be undone: {}", no_way_back(.verb))]
    CannotUndo {
        /// The operation.
        operation: u64,
        /// Its command.
        verb: String,
    },
    /// A collection whose objects are gone for good, or that put none aside.
    #[error("operation {operation} cannot be undone: its grace time is over{}", .by.as_ref().map(|by| format!(", and operation {} ({}) came after", by.operation, by.verb)).unwrap_or_default())]
    GraceIsOver {
        /// The operation.
        operation: u64,
        /// The first collection after it; absent where none is in the log.
        by: Option<AsOf>,
    },
    /// Another collection, or the undo of one, goes on.
    #[error("the store's trash is in use{}", .holder.as_ref().map(|one| format!(" by {one}")).unwrap_or_default())]
    TrashInUse {
        /// Who uses it, where that can be told.
        holder: Option<Box<Running>>,
    },
    /// A store in which not everything can be followed that is needed.
    #[error("nothing was put aside: {first}{}", if *.more > 0 { format!(", and {more} more like it") } else { String::new() })]
    NotWhole {
        /// What could not be read.
        first: String,
        /// How many more there are.
        more: u64,
    },
    /// A state of the past whose records are not in the store any more.
    #[error("that state is not in the store any more{}", lost(*.gone, *.all))]
    Collected {
        /// How many records are not there.
        gone: u64,
        /// How many it had; 0 where nobody knows.
        all: u64,
    },
    /// A later operation moved the same task.
    #[error("operation {operation} cannot be undone: `{task}` was moved later, by {}", .by.as_ref().map_or("a run that has not ended well".to_owned(), |by| format!("operation {} ({})", by.operation, by.verb)))]
    MovedSince {
        /// The operation.
        operation: u64,
        /// The task.
        task: TaskName,
        /// The later one; absent where it is not in the log yet.
        by: Option<AsOf>,
    },
    /// A branch without any record.
    #[error("nothing has finished on `{branch}`, so there is nothing to tag")]
    NothingToTag {
        /// The branch.
        branch: BranchName,
    },
    /// A branch on which nothing has finished, to be cloned.
    #[error("nothing has finished on `{branch}` yet, so there is nothing to clone")]
    NothingToClone {
        /// The branch.
        branch: BranchName,
    },
    /// A tag of that name.
    #[error("there is a tag `{tag}` already")]
    TagExists {
        /// The tag.
        tag: BranchName,
    },
    /// No tag of that name.
    #[error("no tag is called `{tag}`")]
    UnknownTag {
        /// What was typed.
        tag: String,
        /// The nearest name; absent where none is near.
        near: Option<String>,
    },
    /// A tag that was made or removed since.
    #[error("the tag `{tag}` was made or removed since")]
    TagMoved {
        /// The tag.
        tag: BranchName,
    },
    /// A word that names no state.
    #[error("`{word}` is no branch, tag, operation, run, commit or time with a state")]
    UnknownState {
        /// What was typed.
        word: String,
    },
    /// An operation of another branch.
    #[error("operation {operation} moved `{branch}`")]
    NotOnBranch {
        /// The operation.
        operation: u64,
        /// The branch that it moved.
        branch: BranchName,
    },
    /// A tag of another branch.
    #[error("the tag `{tag}` is of `{branch}`")]
    TagOfOther {
        /// The tag.
        tag: BranchName,
        /// The branch that was in that state.
        branch: BranchName,
    },
    /// A state without any record.
    #[error("nothing was finished on `{branch}` at `{word}`")]
    NothingThen {
        /// The branch.
        branch: BranchName,
        /// What was typed.
        word: String,
    },
    /// A diff of a branch that began with nothing.
    #[error("`{branch}` began with nothing: there is nothing to compare it with by itself")]
    DiffWithWhat {
        /// The branch.
        branch: BranchName,
    },
}

fn lost(gone: u64, all: u64) -> String {
    match (gone, all) {
        (_, 0) => String::new(),
        (gone, all) if gone == all => ": all its records are gone".to_owned(),
        (gone, all) => format!(": {gone} of its {all} records {} gone", if gone == 1 { "is" } else { "are" }),
    }
}

fn no_way_back(verb: &str) -> &'static str {
    match verb {
        "push" => "what was sent away is with others",
        "gc" => "it put nothing aside",
        "undo of gc" => "what came back out of the trash is in the store; `kptn gc` puts it aside again",
        _ => "it has no way back",
    }
}
