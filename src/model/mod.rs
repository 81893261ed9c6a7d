//! The nouns of kptn: names, digests, tasks, records, snapshots.
//!
//! Everything above this folder speaks in these types. Nothing here reads a
//! file, asks a clock or starts a program, so each noun can be made in a test
//! from plain values. Text from outside is parsed into these types once, at
//! the border; inside, no bare `String` stands for an identity.

mod compute;
mod diagnostic;
mod digest;
mod event;
mod ingredient;
mod invalid;
mod item;
mod item_choice;
mod item_name;
mod item_table;
mod json;
mod name;
mod near;
mod output;
mod output_path;
mod progress;
mod project;
mod record;
mod remote;
mod run;
mod shared_run;
mod size;
mod snapshot;
mod status;
mod task;
mod template;
#[cfg(test)]
pub mod testing;
mod unfinished;

pub use compute::{Compute, ComputeError};
pub use diagnostic::{Diagnostic, Location, Severity};
pub use digest::{Digest, DigestError, TaggedHasher};
pub use event::{Event, Logged, TaskOutcome, Teller};
pub use ingredient::{CodePart, Fingerprint, Ingredient, IngredientKind};
pub use invalid::{INVALID_FORMAT, Invalid, Mark, MarkedItem};
pub use item::{Item, ItemKey, ItemValues, LONGEST_VARIABLE};
pub use item_choice::{Bundle, BundleError, ItemChoice, ItemIndex, ItemSelector};
pub use item_name::{Address, AddressError, ItemName, ItemNotFound};
pub use item_table::{ITEM_TABLE_FORMAT, ItemShard, ItemTable, ShardList};
pub use json::canonical_json;
pub use name::{BranchName, GraphName, NameError, ProjectId, TaskName, safe_folder_name};
pub use near::nearest_name;
pub use output::{OutputChange, OutputComparison, OutputFile, outputs_digest};
pub use output_path::{KEPT, OutputPaths, output_path};
pub use progress::{Phase, Progress, Silent};
pub use project::{
    ASK_ABOVE, AutoClone, AwsSettings, CheckoutFiles, FlowType, Graph, LinkMode, LockfilePolicy, PrePush,
    PrefectRunner, PrefectSettings, Project, Settings,
};
pub use record::{
    Attempt, Deferred, FailedItem, ItemLog, ItemRecord, LogFolder, Provenance, RECORD_FORMAT, Record,
    Settled, Timing,
};
pub use remote::RemoteSettings;
pub use run::{
    AfterFailure, BaseRecord, CacheUse, ENGINE_CONTRACT, Force, Interpreter, Interpreters, ProbeAnswer,
    RUNNER_PROTOCOL, RunCounts, RunId, RunPlan, Stream,
};
pub use shared_run::{Brief, Briefing, CaughtError, RunEnd, SHARED_RUN_FORMAT, WorkerReport, WorkerStart};
pub use size::{SizeError, parse_size};
pub use snapshot::{SNAPSHOT_FORMAT, Snapshot, SnapshotEntry};
pub use status::{Change, Reason, Status};
pub use task::{Argument, Cwd, Input, Language, MapDeps, Refresh, Retries, Reuse, Script, Task, Workers};
pub use template::{Template, TemplateError, Variables};
pub use unfinished::{UNFINISHED_FORMAT, Unfinished, UnfinishedTask};
