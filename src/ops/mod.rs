//! The verbs, without a terminal.
//!
//! Each takes a [`Session`] and plain values and returns a report from
//! [`report`]; `cli` gives them words, the web page will draw them. A verb puts
//! layers together and decides nothing that `plan` decides.

pub mod accept;
pub mod affected;
mod ancestry;
mod bearings;
pub mod branch;
pub mod bundles;
mod carry;
pub mod check;
pub mod choice;
pub mod clean;
pub mod collect;
pub mod debug;
pub mod deploy;
mod deployed;
pub mod diff;
pub mod doctor;
pub mod du;
mod engine_error;
pub mod engines;
mod error;
pub mod follow;
mod footing;
pub mod fsck;
pub mod history;
pub mod holding;
pub mod hooks;
mod image_code;
mod inherit;
pub mod init;
pub mod items;
pub mod maker;
mod memo;
pub mod mover;
mod moving_error;
pub mod named;
pub mod names;
pub mod output;
mod placing;
pub mod plan;
mod probes;
pub mod promotable;
pub mod promote;
pub mod protect;
pub mod quick;
pub mod reading;
pub mod remotes;
pub mod renames;
pub mod report;
pub mod restore;
pub mod run;
pub mod runner;
pub mod scope;
mod session;
pub mod shared_run;
pub mod shoes;
pub mod standing;
pub mod status;
mod survey;
pub mod tag;
pub mod tasks;
pub mod undo;
mod unopened;
pub mod why;
mod why_item;

pub use deployed::{Deployed, DeployedError};
pub use engine_error::EngineError;
pub use error::OpsError;
pub use footing::Footing;
pub use moving_error::MovingError;
pub use probes::Probing;
pub use session::{Session, Start};

use crate::model::IngredientKind;

/// Returns the name most like `text`; absent where none is near.
fn near<'a>(text: &str, names: impl Iterator<Item = &'a str>) -> Option<String> {
    let folded = text.to_lowercase();
    let closest =
        names.map(|name| (strsim::damerau_levenshtein(&folded, &name.to_lowercase()), name)).min()?;
    (closest.0 <= 1 + text.chars().count() / 4).then(|| closest.1.to_owned())
}

/// Says that no task has a name, and which one is near.
fn unknown_task(session: &Session, name: &str) -> OpsError {
    let names = session.project.graphs.values().flat_map(|graph| graph.tasks.keys());
    OpsError::UnknownTask { name: name.to_owned(), near: near(name, names.map(|task| task.as_str())) }
}

/// Returns the word for a kind of ingredient.
fn kind_word(kind: IngredientKind) -> String {
    serde_json::to_value(kind).ok().and_then(|value| value.as_str().map(str::to_owned)).unwrap_or_default()
}
