//! AWS Step Functions: `flows_dir/<graph>.asl.json`, a machine whose states are jobs of AWS Batch.
//!
//! Any graph becomes one flat Parallel of branches with gates between them, so
//! a task starts when its own dependencies are done; there are no levels. What
//! the machine and the jobs agree on is `docs/reference/stepfunctions.md`.
//!
//! ```text
//! Graph -> branches (chains, gates) -> branch (states) -> machine -> write -> Rendered
//!                                         `-> count: more than one machine where it is too large
//! ```

mod branch;
mod branches;
mod count;
mod fargate;
mod gates;
mod jobs;
mod machine;
mod names;
mod permissions;
mod state;
mod template;
mod write;

pub use self::names::{job as job_name, tag as tag_value};
pub use self::template::{USUAL_PREFIX, aws, machine_key, machine_name};

use self::branch::Maker;
use self::count::Size;
use self::state::Piece;
use super::{RenderError, Rendered, file_stem, header};
use crate::graph::Dag;
use crate::model::{Graph, Project, ProjectId};

/// No wait is longer: of a branch for another one, of a job for its end.
const WAIT_SECONDS: u64 = 14 * 86_400;
/// No execution is longer.
const MACHINE_SECONDS: u64 = 30 * 86_400;
/// A larger machine becomes some.
const LARGEST: Size = Size { events: 20_000, bytes: 900 * 1024 };

/// The files of a graph, and what a person should know of them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Machines {
    /// The machine that is started, then the parts it starts.
    pub files: Vec<Rendered>,
    /// Where the machine does not do what `kptn.yaml` says.
    pub notes: Vec<String>,
}

/// One machine, and its file.
struct Machine {
    piece: Piece,
    file: Rendered,
}

/// Renders the state machine of one graph; `id` is what its jobs, which have no git, call the project.
pub fn stepfunctions(project: &Project, id: &ProjectId, graph: &Graph) -> Result<Machines, RenderError> {
    let machines = machines_of(project, id, graph)?;
    let mut notes = notes(project, graph);
    if machines.len() > 1 {
        let (tasks, parts) = (graph.tasks.len(), machines.len() - 1);
        notes.insert(0, format!("{tasks} tasks are more than one machine holds: it starts {parts} others"));
    }
    Ok(Machines { files: machines.into_iter().map(|machine| machine.file).collect(), notes })
}

/// Makes the machines of one graph: the one that is started, then its parts.
fn machines_of(project: &Project, id: &ProjectId, graph: &Graph) -> Result<Vec<Machine>, RenderError> {
    // Whoever opened the project has refused a cycle.
    let Ok(dag) = Dag::new(graph) else { return Ok(Vec::new()) };
    let parts = packed(branches_of(graph, &dag)?);
    let pieces = match <[Vec<Piece>; 1]>::try_from(parts) {
        Ok([one]) => vec![machine::whole(graph, id, machine::side_by_side(one))],
        Err(parts) => {
            let started = machine::whole(graph, id, machine::parts(parts.len()));
            std::iter::once(started).chain(parts.into_iter().map(machine::part)).collect()
        }
    };
    let stem = file_stem(project, graph);
    let machine = |(number, piece): (usize, Piece)| {
        let ending = if number == 0 { ".asl.json".to_owned() } else { format!(".part{number}.asl.json") };
        let text = write::machine(&piece, header::PLACE, MACHINE_SECONDS);
        let text = header::in_place(&text, "kptn render --runner stepfunctions");
        let path = project.settings.flows_dir.join(stem.clone() + &ending);
        Machine { piece, file: Rendered { path, text } }
    };
    Ok(pieces.into_iter().enumerate().map(machine).collect())
}

/// Makes the branches of one graph, each with its size.
fn branches_of(graph: &Graph, dag: &Dag) -> Result<Vec<(Piece, Size)>, RenderError> {
    let cut = branches::cut(dag);
    let tasks = dag.order().iter().filter_map(|name| graph.tasks.get(name)).collect();
    let maker = Maker { graph, tasks, cut: &cut };
    let mut pieces = Vec::new();
    for branch in &cut.branches {
        let piece = maker.branch(branch);
        let size = Size::of(&piece);
        if !size.fits(&LARGEST) {
            let head = maker.tasks[branch.tasks[0]].name.to_string();
            return Err(RenderError::TooLarge { task: head, waits: branch.waits.len() });
        }
        pieces.push((piece, size));
    }
    if pieces.is_empty() {
        pieces.push((machine::nothing(), Size::default()));
    }
    Ok(pieces)
}

/// Puts as many branches into a machine as it holds. Gates do not mind which machine a branch is in.
fn packed(pieces: Vec<(Piece, Size)>) -> Vec<Vec<Piece>> {
    let (mut parts, mut part, mut total) = (Vec::new(), Vec::new(), Size::default());
    for (piece, size) in pieces {
        if !part.is_empty() && !(total + size).fits(&LARGEST) {
            parts.push(std::mem::take(&mut part));
            total = Size::default();
        }
        total = total + size;
        part.push(piece);
    }
    parts.push(part);
    parts
}

/// Returns what this engine does otherwise than `kptn.yaml` says.
fn notes(project: &Project, graph: &Graph) -> Vec<String> {
    let mut notes = Vec::new();
    for task in graph.tasks.values() {
        if let Some(note) = fargate::Size::of(&task.compute).note(&task.compute) {
            notes.push(format!("`{}` {note}", task.name));
        }
    }
    let limits = |tag: &&String| graph.tasks.values().any(|task| task.tags.contains(tag));
    for tag in project.settings.concurrency.keys().filter(limits) {
        notes.push(format!(
            "`settings.concurrency` of `{tag}` does not hold there: AWS Batch has no such limit"
        ));
    }
    notes
}

#[cfg(test)]
#[path = "tests.rs"]
mod tests;
