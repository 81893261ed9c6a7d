//! Protected branches: they take only what was made on, or promoted to, protected ones.
//!
//! Which are protected is found out above, from `settings.protected` here and
//! in the branch's own commit; whether a state may come in is decided here, by
//! whoever moves a branch. A state that a protected branch has been in may
//! always come in again: nothing has to be read for that. Else every record
//! that is new is asked where it was made.

use std::collections::BTreeSet;

use globset::{Glob, GlobMatcher};
use rusqlite::{Connection, OptionalExtension};

use super::points::{self, Point};
use super::row::{parsed, text};
use super::{BranchKey, State, StateError, promotions};
use crate::model::{BranchName, Digest, ProjectId, Record, TaskName};

impl State {
    /// Returns those of some records that a branch must not have; none where it is not protected.
    pub fn not_admitted(
        &self,
        protection: &Protection,
        key: &BranchKey,
        records: impl IntoIterator<Item = Digest>,
    ) -> Result<Vec<(Digest, StateError)>, StateError> {
        self.read(|connection| {
            let mut refused = Vec::new();
            for record in records {
                match protection.admits_record(self, connection, key, &record) {
                    Err(error @ StateError::Protected { .. }) => refused.push((record, error)),
                    admitted => admitted?,
                }
            }
            Ok(refused)
        })
    }
}

/// Which branches are protected, and which count as such where something was made: names and globs.
///
/// The two differ in who has a say. A branch is protected where any place says
/// so; but what its own commit says decides alone whose work it takes, so that
/// nobody's edit lets his own branch in.
#[derive(Debug, Clone, Default)]
pub struct Protection {
    patterns: Vec<Pattern>,
    trusted: Vec<Pattern>,
}

/// A name, or a glob of names. It is asked for every record, so it is understood once.
#[derive(Debug, Clone)]
enum Pattern {
    Glob(GlobMatcher),
    /// What is no glob still names itself.
    Name(String),
}

impl Pattern {
    fn new(text: &str) -> Self {
        match Glob::new(text) {
            Ok(glob) => Self::Glob(glob.compile_matcher()),
            Err(_) => Self::Name(text.to_owned()),
        }
    }

    fn matches(&self, branch: &str) -> bool {
        match self {
            Self::Glob(glob) => glob.is_match(branch),
            Self::Name(name) => name == branch,
        }
    }
}

impl Protection {
    /// Takes the patterns of every place that has a say; the stricter wins.
    pub fn new(patterns: impl IntoIterator<Item = String>) -> Self {
        let patterns: BTreeSet<String> = patterns.into_iter().collect();
        let patterns: Vec<_> = patterns.iter().map(|text| Pattern::new(text)).collect();
        Self { trusted: patterns.clone(), patterns }
    }

    /// Takes the work of these branches alone; of all protected ones where it is said of none.
    pub fn trusting(self, trusted: &[String]) -> Self {
        if trusted.is_empty() {
            return self;
        }
        Self { trusted: trusted.iter().map(|text| Pattern::new(text)).collect(), ..self }
    }

    /// Tells whether a branch is protected.
    pub fn covers(&self, branch: &str) -> bool {
        self.patterns.iter().any(|pattern| pattern.matches(branch))
    }

    /// Tells whether a protected branch takes what was made on, or promoted to, this one.
    pub fn trusts(&self, branch: &str) -> bool {
        self.trusted.iter().any(|pattern| pattern.matches(branch))
    }

    /// Fails where a branch is protected and would get what it must not have; `let_in` are records that it is given.
    pub(super) fn admits(
        &self,
        state: &State,
        connection: &Connection,
        key: &BranchKey,
        (before, to): (&Point, &Point),
        let_in: &[Digest],
    ) -> Result<(), StateError> {
        if !self.covers(key.branch.as_str()) || self.has_been_at(connection, &key.project, to)? {
            return Ok(());
        }
        let let_in: BTreeSet<&Digest> = let_in.iter().collect();
        let above = points::rows_above(connection, before.over)?;
        let had = state.overlaid(before.snapshot, above)?;
        let above = points::rows_above(connection, to.over)?;
        for (place, entry) in state.overlaid(to.snapshot, above)? {
            let is_new = had.get(&place).is_none_or(|had| had.record != entry.record);
            if !is_new {
                continue;
            }
            match let_in.contains(&entry.record) {
                false => self.admits_record(state, connection, key, &entry.record)?,
                // What was made of another state's results is promoted by nobody.
                true => refuse_deferred(key, &state.store.load_json(&entry.record)?)?,
            }
        }
        self.admits_items(connection, key, before, to)
    }

    /// Fails where items would come in of a mapped task that has not finished on the branch that made them.
    fn admits_items(
        &self,
        connection: &Connection,
        key: &BranchKey,
        before: &Point,
        to: &Point,
    ) -> Result<(), StateError> {
        let had = points::chain(connection, before.over)?;
        for layer in points::chain(connection, to.over)?.into_iter().filter(|layer| !had.contains(layer)) {
            let mut statement = connection.prepare_cached(
                "SELECT origin, task FROM item_results JOIN layers ON id = layer WHERE layer = ?1 LIMIT 1",
            )?;
            let mut rows = statement.query([layer])?;
            if let Some(row) = rows.next()?
                && !self.trusts(text(row, 0)?)
            {
                return Err(StateError::Protected {
                    branch: key.branch.clone(),
                    task: parsed("a task name", text(row, 1)?, TaskName::parse)?,
                    made_on: text(row, 0)?.to_owned(),
                });
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
        refuse_deferred(key, &found)?;
        if self.trusts(&found.provenance.branch) || self.is_promoted(connection, &key.project, record)? {
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
        let found = promotions::find(connection, project, record)?;
        Ok(found.iter().any(|one| self.trusts(one.branch.as_str())))
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
            if !on.is_some_and(|on| self.trusts(&on)) {
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
            if self.trusts(branch.as_str()) {
                return Ok(true);
            }
        }
        Ok(false)
    }
}

/// Fails where a record was made of what a remote's state had.
fn refuse_deferred(key: &BranchKey, record: &Record) -> Result<(), StateError> {
    match record.deferred.first() {
        None => Ok(()),
        Some(there) => Err(StateError::Deferred {
            branch: key.branch.clone(),
            task: record.task.clone(),
            dependency: there.task.clone(),
            remote: there.remote.clone(),
        }),
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

    #[test]
    fn who_is_protected_by_an_edit_is_not_trusted_for_it() {
        let protection = Protection::new(["main", "feature"].map(str::to_owned));
        assert!(protection.trusts("feature"));
        let protection = protection.trusting(&["main".to_owned()]);
        assert!(protection.covers("feature") && !protection.trusts("feature") && protection.trusts("main"));
    }
}
