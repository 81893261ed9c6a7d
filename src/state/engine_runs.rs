//! Runs of engines: they are open while no process of kptn is, so a row holds their place.
//!
//! ```text
//! open    the row: who, how long its silence is borne (the lease)
//! task    `task run` shares the branch's lock while it lives, and is heard from at both ends
//! close   the row goes from open to closed; what each task came to is counted
//! ```
//! A run is given up by whoever holds the branch's lock for itself: no process of
//! the run lives then, and the row says whether it was silent for too long. From
//! then on its late tasks find it interrupted and do nothing.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use rusqlite::{OptionalExtension, Row};

use super::row::{from_json, number, parsed, text, to_json};
use super::{BranchKey, Holder, State, StateError, runs};
use crate::model::{BranchName, ProjectId, RunCounts, RunId, RunPlan, TaskName, TaskOutcome};

/// Who opens a run that goes on between processes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Engine {
    /// What it is called, for people.
    pub name: String,
    /// Its own name for this execution; the same one opens the same run. Absent where it has none.
    pub key: Option<String>,
    /// How long it may be silent, in ms.
    pub lease_ms: u64,
    /// The remote by which its machines share state, as it was named; absent where this one alone carries it out.
    pub remote: Option<String>,
}

/// A run of an engine, which is open.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EngineRun {
    /// The run.
    pub run: RunId,
    /// Whose state.
    pub branch: BranchKey,
    /// Who opened it.
    pub engine: Engine,
    /// The last sign of life, in ms since the epoch.
    pub heard_ms: u64,
    /// The command that opened it, where, and when.
    pub opened_by: Holder,
}

impl EngineRun {
    /// Tells whether it has been silent for longer than it may be; a clock that was set back says so, too.
    pub fn is_silent(&self, now_ms: u64) -> bool {
        now_ms.abs_diff(self.heard_ms) > self.engine.lease_ms
    }
}

/// How much of a task an outcome is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Extent {
    /// All of it.
    Whole,
    /// One bundle of its items.
    Bundle,
}

const SELECT: &str =
    "SELECT e.run, r.project, r.branch, e.engine, e.key, e.lease_ms, e.heard_ms, e.opened_by, e.remote
    FROM engine_runs e JOIN runs r ON r.id = e.run";

impl State {
    /// Opens a run that an engine carries out; the caller holds the branch's lock, and need not keep it.
    pub fn open_engine_run(
        &self,
        plan: &RunPlan,
        engine: &Engine,
        by: &Holder,
        now_ms: u64,
    ) -> Result<(), StateError> {
        runs::write_plan(&self.layout().run_plan(&plan.id), plan)?;
        self.write(|transaction| {
            runs::insert(transaction, plan, &by.host, now_ms)?;
            transaction.execute(
                "INSERT INTO engine_runs (run, engine, key, outputs, lease_ms, heard_ms, opened_by, remote)
                 VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8)",
                (
                    plan.id.as_str(),
                    &engine.name,
                    &engine.key,
                    plan.outputs_dir.to_string_lossy(),
                    engine.lease_ms.cast_signed(),
                    now_ms.cast_signed(),
                    to_json(by),
                    &engine.remote,
                ),
            )?;
            Ok(())
        })
    }

    /// Returns the engine's run that is open on a branch or writes to an output folder.
    pub fn engine_run_on(
        &self,
        branch: &BranchKey,
        outputs: Option<&Path>,
    ) -> Result<Option<EngineRun>, StateError> {
        let folder = outputs.map(|path| PathBuf::from(path).to_string_lossy().into_owned());
        self.read(|connection| {
            let mut statement = connection.prepare_cached(&format!(
                "{SELECT} WHERE r.state = 'open' AND ((r.project = ?1 AND r.branch = ?2) OR e.outputs = ?3)
                 ORDER BY r.id LIMIT 1"
            ))?;
            let values = (branch.project.as_str(), branch.branch.as_str(), folder);
            statement.query_row(values, |row| Ok(read_row(row))).optional()?.transpose()
        })
    }

    /// Returns the runs of an engine that are open, on whatever branch of a project, the earliest first.
    pub fn engine_runs_of(&self, project: &ProjectId, engine: &str) -> Result<Vec<EngineRun>, StateError> {
        self.read(|connection| {
            let mut statement = connection.prepare_cached(&format!(
                "{SELECT} WHERE r.state = 'open' AND r.project = ?1 AND e.engine = ?2 ORDER BY r.id"
            ))?;
            let rows = statement.query_map([project.as_str(), engine], |row| Ok(read_row(row)))?;
            rows.map(|row| row?).collect()
        })
    }

    /// Returns an engine's run while it is open; absent also where no engine opened it.
    pub fn engine_run(&self, run: &RunId) -> Result<Option<EngineRun>, StateError> {
        self.read(|connection| {
            let mut statement =
                connection.prepare_cached(&format!("{SELECT} WHERE e.run = ?1 AND r.state = 'open'"))?;
            statement.query_row([run.as_str()], |row| Ok(read_row(row))).optional()?.transpose()
        })
    }

    /// Writes down a sign of life.
    pub fn hear_from(&self, run: &RunId, now_ms: u64) -> Result<(), StateError> {
        self.write(|transaction| {
            let values = (run.as_str(), now_ms.cast_signed());
            transaction.execute("UPDATE engine_runs SET heard_ms = ?2 WHERE run = ?1", values)?;
            Ok(())
        })
    }

    /// Says that a run will not be closed by who opened it: what it finished counts, and its late tasks do nothing.
    pub fn give_up_run(&self, run: &RunId) -> Result<(), StateError> {
        self.write(|transaction| {
            transaction.execute(
                "UPDATE runs SET state = 'interrupted' WHERE id = ?1 AND state = 'open'",
                [run.as_str()],
            )?;
            Ok(())
        })
    }

    /// Says that another machine has closed a run, and how: what it finished here counts, and its late tasks do nothing.
    pub fn end_run_closed_elsewhere(
        &self,
        run: &RunId,
        counts: &RunCounts,
        at_ms: u64,
    ) -> Result<(), StateError> {
        self.write(|transaction| {
            transaction.execute(
                "UPDATE runs SET state = 'interrupted', ended_ms = ?2, counts = ?3 WHERE id = ?1 AND state = 'open'",
                (run.as_str(), at_ms.cast_signed(), to_json(counts)),
            )?;
            Ok(())
        })
    }

    /// Writes down what a task of an engine's run came to, after what it came to before.
    pub fn note_outcome(
        &self,
        run: &RunId,
        task: &TaskName,
        outcome: TaskOutcome,
        extent: Extent,
    ) -> Result<(), StateError> {
        self.note_outcomes(run, task, &[(outcome, extent)])
    }

    /// The same of several, one after the other.
    pub fn note_outcomes(
        &self,
        run: &RunId,
        task: &TaskName,
        outcomes: &[(TaskOutcome, Extent)],
    ) -> Result<(), StateError> {
        let Some(((first, extent), rest)) = outcomes.split_first() else { return Ok(()) };
        self.write(|transaction| {
            let before: Option<String> = transaction
                .query_row(
                    "SELECT outcome FROM run_tasks WHERE run = ?1 AND task = ?2",
                    (run.as_str(), task.as_str()),
                    |row| row.get(0),
                )
                .optional()?;
            let before = before.map(|text| from_json("a task's outcome", &text)).transpose()?;
            let first = followed_by(before, *first, *extent);
            let both = rest
                .iter()
                .fold(first, |before, (outcome, extent)| followed_by(Some(before), *outcome, *extent));
            transaction.execute(
                "INSERT INTO run_tasks (run, task, outcome) VALUES (?1, ?2, ?3)
                 ON CONFLICT (run, task) DO UPDATE SET outcome = excluded.outcome",
                (run.as_str(), task.as_str(), to_json(&both)),
            )?;
            Ok(())
        })
    }

    /// Returns what each task of an engine's run came to, as far as it was begun.
    pub fn outcomes(&self, run: &RunId) -> Result<BTreeMap<TaskName, TaskOutcome>, StateError> {
        self.read(|connection| {
            let mut statement =
                connection.prepare_cached("SELECT task, outcome FROM run_tasks WHERE run = ?1")?;
            let mut rows = statement.query([run.as_str()])?;
            let mut outcomes = BTreeMap::new();
            while let Some(row) = rows.next()? {
                let task = parsed("a task", text(row, 0)?, TaskName::parse)?;
                outcomes.insert(task, from_json("a task's outcome", text(row, 1)?)?);
            }
            Ok(outcomes)
        })
    }
}

/// Bundles make up a task: it failed if one did, and ran if one did. What comes to the whole task is the last word,
/// but where bundles have done all the work it finds nothing to do.
fn followed_by(before: Option<TaskOutcome>, outcome: TaskOutcome, extent: Extent) -> TaskOutcome {
    use TaskOutcome::{Failed, Ran, Spared};
    match (before, outcome, extent) {
        (Some(Failed), _, Extent::Bundle) => Failed,
        (Some(Ran), Spared, _) | (Some(Failed), Spared, Extent::Whole) => Ran,
        (Some(before), Spared, _) => before,
        _ => outcome,
    }
}

fn read_row(row: &Row<'_>) -> Result<EngineRun, StateError> {
    Ok(EngineRun {
        run: parsed("a run", text(row, 0)?, |text| RunId::parse(text).ok_or(()))?,
        branch: BranchKey {
            project: parsed("a project", text(row, 1)?, ProjectId::parse)?,
            branch: parsed("a branch", text(row, 2)?, BranchName::parse)?,
        },
        engine: Engine {
            name: row.get(3)?,
            key: row.get(4)?,
            lease_ms: number(row, 5)?,
            remote: row.get(8)?,
        },
        heard_ms: number(row, 6)?,
        opened_by: from_json("who opened a run", text(row, 7)?)?,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_task_in_bundles_is_what_its_bundles_came_to() {
        use Extent::{Bundle, Whole};
        use TaskOutcome::{Failed, Ran, Reused, Spared};
        let all = |steps: &[(TaskOutcome, Extent)]| {
            steps.iter().fold(None, |before, (outcome, extent)| Some(followed_by(before, *outcome, *extent)))
        };
        assert_eq!(all(&[(Ran, Bundle), (Spared, Bundle), (Spared, Whole)]), Some(Ran));
        assert_eq!(all(&[(Failed, Bundle), (Ran, Bundle)]), Some(Failed));
        assert_eq!(all(&[(Failed, Bundle), (Failed, Whole)]), Some(Failed));
        assert_eq!(all(&[(Failed, Bundle), (Ran, Bundle), (Spared, Whole)]), Some(Ran), "tried again");
        assert_eq!(all(&[(Failed, Whole), (Ran, Whole)]), Some(Ran), "tried again");
        assert_eq!(all(&[(Reused, Whole), (Spared, Whole)]), Some(Reused), "entered twice");
        assert_eq!(all(&[(Spared, Whole)]), Some(Spared));
    }
}
