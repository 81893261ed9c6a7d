//! Which state is meant by a word: a branch, a tag, an operation, a run, a commit, a time.
//!
//! ```text
//! main          a branch, as it is now         12            after that operation
//! v1.0          a tag                          <run id>      after that run was closed
//! 3f2a91c       at that commit, else at the nearest one before it
//! 2026-11-25, 2026-11-25T10:00, "3 days ago"   as it was then
//! ```
//! The first that fits counts, in this order.

use jiff::civil::DateTime;
use jiff::tz::TimeZone;
use jiff::{Span, Timestamp, ZonedDateTime};

use super::report::AsOf;
use super::{Footing, MovingError, OpsError};
use crate::state::{BranchKey, Operation, Point, Tag};

/// A state, and how to call it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Named {
    /// The state.
    pub point: Point,
    /// What it is called: `main`, `main after operation 12`.
    pub shown: String,
    /// The operation that led there; absent for a tag, and for a branch as it is now.
    pub after: Option<AsOf>,
}

/// Returns the state that a word means; of the current branch where it says when and not which.
pub fn find(footing: &Footing, word: &str) -> Result<Named, OpsError> {
    there(footing, find_named(footing, word)?)
}

/// Refuses a state whose snapshot `gc` has deleted.
fn there(footing: &Footing, named: Named) -> Result<Named, OpsError> {
    match footing.state()?.find_entries(&named.point)? {
        Some(_) => Ok(named),
        None => Err(MovingError::Collected { gone: 1, all: 0 }.into()),
    }
}

fn find_named(footing: &Footing, word: &str) -> Result<Named, OpsError> {
    let state = footing.state()?;
    if word.is_empty() {
        return of_branch(footing, &footing.key);
    }
    if let Some(branch) = footing.branches()?.into_iter().find(|one| one.key.branch.as_str() == word) {
        return of_branch(footing, &branch.key);
    }
    if let Some(tag) = state.tags(&footing.key.project)?.into_iter().find(|tag| tag.name.as_str() == word) {
        return Ok(tagged(&tag));
    }
    let all = state.all_operations(&footing.key.project, u32::MAX)?;
    if let Some(found) = by_number(&all, word) {
        return Ok(after(led_to(&all, found)));
    }
    if let Some(found) = earlier(footing, &footing.key, word)? {
        return Ok(found);
    }
    Err(MovingError::UnknownState { word: word.to_owned() }.into())
}

/// Returns the state of one branch that a word means: an operation on it, a run, a tag of it, a commit or a time.
///
/// The branch may have no state any more: its log has.
pub fn find_on(footing: &Footing, key: &BranchKey, word: &str) -> Result<Named, OpsError> {
    let state = footing.state()?;
    let all = state.all_operations(&key.project, u32::MAX)?;
    let named = if let Some(found) = by_number(&all, word) {
        if found.branch != key.branch {
            return Err(MovingError::NotOnBranch { operation: found.id, branch: found.branch.clone() }.into());
        }
        after(led_to(&all, found))
    } else if let Some(tag) = state.tags(&key.project)?.into_iter().find(|tag| tag.name.as_str() == word) {
        if tag.branch != key.branch {
            return Err(MovingError::TagOfOther { tag: tag.name, branch: tag.branch }.into());
        }
        tagged(&tag)
    } else {
        let found = earlier(footing, key, word)?;
        found.ok_or_else(|| MovingError::UnknownState { word: word.to_owned() })?
    };
    if named.point.is_empty() {
        return Err(MovingError::NothingThen { branch: key.branch.clone(), word: word.to_owned() }.into());
    }
    there(footing, named)
}

fn of_branch(footing: &Footing, key: &BranchKey) -> Result<Named, OpsError> {
    let point = footing.state()?.point(key)?.unwrap_or_default();
    Ok(Named { point, shown: key.branch.to_string(), after: None })
}

fn tagged(tag: &Tag) -> Named {
    Named { point: Point::of(tag.snapshot), shown: tag.name.to_string(), after: None }
}

fn after(operation: &Operation) -> Named {
    let shown = format!("{} after operation {} ({})", operation.branch, operation.id, operation.verb);
    Named { point: operation.after, shown, after: Some(AsOf::of(operation)) }
}

/// Returns the operation that led to the state that a branch had after another one: `gc` and `push` lead nowhere.
fn led_to<'a>(newest_first: &'a [Operation], operation: &'a Operation) -> &'a Operation {
    let before = newest_first.iter().filter(|one| one.id <= operation.id && one.branch == operation.branch);
    before.clone().find(|one| leads(one)).unwrap_or(operation)
}

/// Tells whether an operation has a state at all: one that is noted, and moves nothing, may have none.
fn leads(operation: &Operation) -> bool {
    !(operation.before.is_empty() && operation.after.is_empty())
}

/// By the operation's number, or by the run that it closed.
fn by_number<'a>(all: &'a [Operation], word: &str) -> Option<&'a Operation> {
    let id = word.strip_prefix('#').unwrap_or(word).parse::<u64>().ok();
    let run = |one: &&Operation| word.len() >= 8 && one.verb == "run" && one.why.starts_with(word);
    all.iter().find(|one| Some(one.id) == id).or_else(|| all.iter().find(run))
}

/// By commit or time.
fn earlier(footing: &Footing, key: &BranchKey, word: &str) -> Result<Option<Named>, OpsError> {
    let of_branch = footing.state()?.operations(key, u32::MAX)?;
    let mut of_branch = of_branch.iter().filter(|one| one.branch == key.branch && leads(one));
    if let Some(at_ms) = time(word) {
        return Ok(of_branch.find(|one| one.at_ms <= at_ms).map(after));
    }
    let Some(repository) = &footing.repository else { return Ok(None) };
    let Some(commit) = repository.commit(word)? else { return Ok(None) };
    let mut nearest = None;
    for one in of_branch {
        match &one.commit {
            Some(found) if *found == commit => return Ok(Some(after(one))),
            Some(found) if nearest.is_none() && repository.is_ancestor(found, &commit) => nearest = Some(one),
            _ => {}
        }
    }
    Ok(nearest.map(after))
}

/// Returns a time in ms since the epoch: a day (its end), a time of day here, a time with its zone, `3 days ago`.
pub fn time(word: &str) -> Option<u64> {
    let ms = |time: Timestamp| u64::try_from(time.as_millisecond()).ok();
    let here = |time: DateTime| TimeZone::system().to_timestamp(time).ok();
    if let Ok(time) = word.parse::<Timestamp>() {
        return ms(time);
    }
    if let Ok(day) = word.parse::<jiff::civil::Date>() {
        return ms(here(day.tomorrow().ok()?.into())?).map(|ms| ms.saturating_sub(1));
    }
    if let Ok(time) = word.parse::<DateTime>() {
        return ms(here(time)?);
    }
    let span: Span = word.strip_suffix(" ago")?.parse().ok()?;
    ms(ZonedDateTime::now().checked_sub(span).ok()?.timestamp())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_read_as_people_write_them() {
        assert_eq!(time("2026-11-25T10:00:00Z"), Some(1_795_600_800_000));
        let day = time("2026-11-25").zip(time("2026-11-25T23:59:59.999"));
        assert!(day.is_some_and(|(day, end)| day == end), "{day:?}");
        assert!(time("2 hours ago") < time("1 hour ago"));
        for none in ["main", "12", "3f2a91c", "", "ago"] {
            assert_eq!(time(none), None, "{none}");
        }
    }
}
