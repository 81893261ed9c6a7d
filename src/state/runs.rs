//! Runs: opened with a plan, closed with counts.
//!
//! The plan is a file in the run's folder, read by `serve` and by whatever runs
//! one task; the row says how the run stands. Whoever opens a run holds the
//! branch's lock, so an open run found then is one that died.

use std::fs;
use std::path::{Path, PathBuf};

use rusqlite::{OptionalExtension, Row, Transaction};

use super::row::{from_json, number, parsed, text};
use super::{BranchKey, State, StateError, branches};
use crate::model::{BranchName, ProjectId, RunCounts, RunId, RunPlan, canonical_json};
use crate::store::StoreError;

/// How a run stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RunState {
    /// It runs, or died and no other run has come since.
    Open,
    /// It ended by itself.
    Closed,
    /// It died; what it finished counts.
    Interrupted,
}

impl RunState {
    fn parse(text: &str) -> Result<Self, ()> {
        match text {
            "open" => Ok(Self::Open),
            "closed" => Ok(Self::Closed),
            "interrupted" => Ok(Self::Interrupted),
            _ => Err(()),
        }
    }
}

/// One run.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RunRow {
    /// The run.
    pub id: RunId,
    /// Whose state.
    pub branch: BranchKey,
    /// The graph's name, not its namespace.
    pub graph: String,
    /// How it stands.
    pub state: RunState,
    /// In ms since the epoch.
    pub started_ms: u64,
    /// In ms since the epoch; absent where it did not end by itself.
    pub ended_ms: Option<u64>,
    /// Absent where it did not end by itself.
    pub counts: Option<RunCounts>,
    /// The process that opened it.
    pub pid: u32,
    /// The machine it was on.
    pub host: String,
}

const COLUMNS: &str = "id, project, branch, graph, state, started_ms, ended_ms, counts, pid, host";

impl State {
    /// Opens a run: writes its plan to its folder and its row; the caller holds the branch's lock.
    pub fn open_run(&self, plan: &RunPlan, host: &str, now_ms: u64) -> Result<(), StateError> {
        write_plan(&self.layout().run_plan(&plan.id), plan)?;
        self.write(|transaction| insert(transaction, plan, host, now_ms))
    }

    /// Returns the plan that a run was opened with.
    pub fn load_plan(&self, run: &RunId) -> Result<RunPlan, StateError> {
        let path = self.layout().run_plan(run);
        let text = match fs::read_to_string(&path) {
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => {
                return Err(StateError::UnknownRun { run: run.clone() });
            }
            text => text.map_err(|error| StoreError::reading(&path, error))?,
        };
        from_json("a run's plan", &text)
            .map_err(|_| StateError::Unreadable { what: "a run's plan", text: path.display().to_string() })
    }

    /// Returns one run.
    pub fn run(&self, run: &RunId) -> Result<Option<RunRow>, StateError> {
        self.read(|connection| {
            let row = connection
                .prepare_cached(&format!("SELECT {COLUMNS} FROM runs WHERE id = ?1"))?
                .query_row([run.as_str()], |row| Ok(read_row(row)))
                .optional()?;
            row.transpose()
        })
    }

    /// Returns the latest runs of all projects and branches, newest first.
    pub fn runs(&self, limit: u32) -> Result<Vec<RunRow>, StateError> {
        self.read(|connection| {
            let mut statement = connection.prepare_cached(&format!(
                "SELECT {COLUMNS} FROM runs ORDER BY started_ms DESC, id DESC LIMIT ?1"
            ))?;
            let mut rows = statement.query([limit])?;
            let mut runs = Vec::new();
            while let Some(row) = rows.next()? {
                runs.push(read_row(row)?);
            }
            Ok(runs)
        })
    }

    /// Returns the folder of a run: its plan, events and logs.
    pub fn run_folder(&self, run: &RunId) -> PathBuf {
        self.layout().run(run)
    }
}

/// Adds an open run in place of what was open on its branch.
pub(super) fn insert(
    transaction: &Transaction<'_>,
    plan: &RunPlan,
    host: &str,
    now_ms: u64,
) -> Result<(), StateError> {
    transaction.execute(
        "UPDATE runs SET state = 'interrupted' WHERE state = 'open' AND project = ?1 AND branch = ?2",
        (plan.project.as_str(), plan.branch.as_str()),
    )?;
    transaction.execute(
        "INSERT INTO runs (id, project, branch, graph, state, started_ms, pid, host)
         VALUES (?1, ?2, ?3, ?4, 'open', ?5, ?6, ?7)",
        (
            plan.id.as_str(),
            plan.project.as_str(),
            plan.branch.as_str(),
            plan.graph.name.as_str(),
            now_ms.cast_signed(),
            std::process::id(),
            host,
        ),
    )?;
    // Git may rename it before anything has finished there.
    let key = BranchKey { project: plan.project.clone(), branch: plan.branch.clone() };
    branches::find_or_make(transaction, &key)?;
    Ok(())
}

/// A reader finds no plan or the whole one.
pub(super) fn write_plan(path: &Path, plan: &RunPlan) -> Result<(), StateError> {
    let folder = path.parent().unwrap_or(path);
    fs::create_dir_all(folder).map_err(|error| StoreError::writing("make", folder, error))?;
    let beside = path.with_extension("new");
    fs::write(&beside, canonical_json(plan))
        .and_then(|()| fs::rename(&beside, path))
        .map_err(|error| StoreError::writing("write", path, error).into())
}

fn read_row(row: &Row<'_>) -> Result<RunRow, StateError> {
    let counts: Option<String> = row.get(7)?;
    Ok(RunRow {
        id: parsed("a run", text(row, 0)?, |text| RunId::parse(text).ok_or(()))?,
        branch: BranchKey {
            project: parsed("a project", text(row, 1)?, ProjectId::parse)?,
            branch: parsed("a branch", text(row, 2)?, BranchName::parse)?,
        },
        graph: row.get(3)?,
        state: parsed("a run's state", text(row, 4)?, RunState::parse)?,
        started_ms: number(row, 5)?,
        ended_ms: row.get::<_, Option<i64>>(6)?.map(i64::unsigned_abs),
        counts: counts.map(|counts| from_json("a run's counts", &counts)).transpose()?,
        pid: row.get(8)?,
        host: row.get(9)?,
    })
}
