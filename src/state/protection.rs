//! Protected branches: they take only what was made on, or promoted to, protected ones.
//!
//! Which are protected is found out above, from `settings.protected` here and
//! in the branch's own commit; whether a state may come in is decided here, by
//! whoever moves a branch. A state that a protected branch has been in may
//! always come in again: nothing has to be read for that. Else every record
//! that is new is asked where it was made.

use globset::Glob;
use rusqlite::{Connection, OptionalExtension};

use super::points::{self, Point};
use super::row::{parsed, text};
use super::{BranchKey, State, StateError};
use crate::model::{BranchName, Digest, ProjectId, Record};

/// Which branches are protected: names and globs.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Protection {
    patterns: Vec<String>,
}

impl Protection {
    /// Takes the patterns of every place that has a say; the stricter wins.
    pub fn new(patterns: impl IntoIterator<Item = String>) -> Self {
        let mut patterns: Vec<_> = patterns.into_iter().collect();
        patterns.sort();
        patterns.dedup();
        Self { patterns }
    }

    /// Tells whether a branch is protected.
    pub fn covers(&self, branch: &str) -> bool {
        let matches = |pattern: &String| match Glob::new(pattern) {
            Ok(glob) => glob.compile_matcher().is_match(branch),
            // A pattern that is none still names itself.
            Err(_) => pattern == branch,
        };
        self.patterns.iter().any(matches)
    }

    /// Fails where a branch is protected and would get what it must not have.
    pub(super) fn admits(
        &self,
        state: &State,
        connection: &Connection,
        key: &BranchKey,
        before: &Point,
        to: &Point,
    ) -> Result<(), StateError> {
        if !self.covers(key.branch.as_str()) || self.has_been_at(connection, &key.project, to)? {
            return Ok(());
        }
        let above = points::rows_above(connection, before.over)?;
        let had = state.overlaid(before.snapshot, above)?;
        let above = points::rows_above(connection, to.over)?;
        for (place, entry) in state.overlaid(to.snapshot, above)? {
            if had.get(&place).is_none_or(|had| had.record != entry.record) {
                self.admits_record(state, connection, key, &entry.record)?;
            }
        }
        Ok(())
    }

    /// Fails where a branch is protected and must not have this record.
    pub(super) fn admits_record(
        &self,
        state: &State,
        connection: &Connection,
        key: &BranchKey,
        record: &Digest,
    ) -> Result<(), StateError> {
        if !self.covers(key.branch.as_str()) {
            return Ok(());
        }
        let found: Record = state.store.load_json(record)?;
        if self.covers(&found.provenance.branch) || self.is_promoted(connection, &key.project, record)? {
            return Ok(());
        }
        Err(StateError::Protected {
            branch: key.branch.clone(),
            task: found.task,
            made_on: found.provenance.branch,
        })
    }

    fn is_promoted(
        &self,
        connection: &Connection,
        project: &ProjectId,
        record: &Digest,
    ) -> Result<bool, StateError> {
        let mut statement =
            connection.prepare_cached("SELECT branch FROM promotions WHERE project = ?1 AND record = ?2")?;
        let mut rows = statement.query((project.as_str(), record.as_bytes()))?;
        while let Some(row) = rows.next()? {
            if self.covers(text(row, 0)?) {
                return Ok(true);
            }
        }
        Ok(false)
    }

    /// Tells whether a protected branch has been in this state: after an operation, or before the next one.
    fn has_been_at(
        &self,
        connection: &Connection,
        project: &ProjectId,
        point: &Point,
    ) -> Result<bool, StateError> {
        if let Some(layer) = point.over {
            // Layers are written by runs on the branch that they belong to.
            let on = connection
                .prepare_cached("SELECT origin FROM layers WHERE id = ?1")?
                .query_row([layer], |row| row.get::<_, String>(0))
                .optional()?;
            if !on.is_some_and(|on| self.covers(&on)) {
                return Ok(false);
            }
            let beneath = Point { over: points::beneath(connection, layer)?, ..*point };
            return self.has_been_at(connection, project, &beneath);
        }
        let Some(snapshot) = point.snapshot else { return Ok(true) };
        let mut statement = connection.prepare_cached(
            "SELECT DISTINCT branch FROM operations WHERE project = ?1 AND after = ?2 AND after_over IS NULL",
        )?;
        let mut rows = statement.query((project.as_str(), snapshot.as_bytes()))?;
        while let Some(row) = rows.next()? {
            let branch = parsed("a branch", text(row, 0)?, BranchName::parse)?;
            if self.covers(branch.as_str()) {
                return Ok(true);
            }
        }
        Ok(false)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn protected_branches_are_named_by_globs() {
        let protection = Protection::new(["main", "release/*", "["].map(str::to_owned));
        for (branch, protected) in [("main", true), ("release/1", true), ("dev", false), ("[", true)] {
            assert_eq!(protection.covers(branch), protected, "{branch}");
        }
    }
}
