//! `tag`: keeps a state for ever, under a name: what a publication was made from.

use super::report::TagRow;
use super::{Footing, MovingError, OpsError};
use crate::state::Tag;
use crate::store::Store;

/// Returns all tags, by name.
pub fn list(footing: &Footing) -> Result<Vec<TagRow>, OpsError> {
    let tags = footing.state()?.tags(&footing.key.project)?;
    Ok(tags.into_iter().map(row).collect())
}

/// Keeps what a branch holds now; the current one where none is named.
pub fn add(footing: &Footing, name: &str, branch: Option<&str>) -> Result<TagRow, OpsError> {
    let state = footing.state()?;
    let of = match branch {
        Some(branch) => footing.branch_with_state(branch)?,
        None => footing.branch_with_state(footing.key.branch.as_str())?,
    };
    let store = Store::open(&footing.store_root)?;
    let point = state.point(&of)?.unwrap_or_default();
    let Some(snapshot) = state.snapshot_of(&store, &point)? else {
        return Err(MovingError::NothingToTag { branch: of.branch }.into());
    };
    let entry = footing.entry("tag", name, &of);
    let tag = Tag {
        name: footing.branch(name)?.branch,
        snapshot,
        branch: of.branch.clone(),
        commit: footing.head.commit.clone(),
        user: entry.user.to_owned(),
        at_ms: entry.at_ms,
    };
    if !state.add_tag(&of, &tag, &entry)? {
        return Err(MovingError::TagExists { tag: tag.name }.into());
    }
    Ok(row(tag))
}

/// Lets a state go again.
pub fn remove(footing: &Footing, name: &str) -> Result<TagRow, OpsError> {
    let state = footing.state()?;
    let tag = footing.branch(name)?.branch;
    let entry = footing.entry("untag", tag.as_str(), &footing.key);
    match state.remove_tag(&footing.key, &tag, &entry)? {
        Some(tag) => Ok(row(tag)),
        None => {
            let known: Vec<_> = list(footing)?.into_iter().map(|tag| tag.tag.to_string()).collect();
            let near = super::near(name, known.iter().map(String::as_str));
            Err(MovingError::UnknownTag { tag: name.to_owned(), near }.into())
        }
    }
}

fn row(tag: Tag) -> TagRow {
    TagRow {
        tag: tag.name,
        branch: tag.branch,
        snapshot: tag.snapshot,
        commit: tag.commit,
        user: tag.user,
        at_ms: tag.at_ms,
    }
}
