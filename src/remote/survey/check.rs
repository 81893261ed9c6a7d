//! `fsck --remote`: every branch points at what is there, whole, as far as the index and the list of keys tell.
//!
//! Writes nothing at the remote. A collection or a push that goes on meanwhile may
//! make something look lost that is not: what is found is looked for again where
//! the index has moved.

use std::collections::{BTreeMap, HashSet};
use std::path::Path;

use super::roots::Held;
use super::sizes::wrong_keys;
use super::walk::Use;
use super::{Needed, Refs, Runs, Sizes, sizes, verify, walk};
use crate::model::{Digest, Phase, Progress};
use crate::remote::bucket::Bucket;
use crate::remote::catalog::{Catalog, kept_bytes};
use crate::remote::format::{self, Intent};
use crate::remote::index::Located;
use crate::remote::leftover::leftovers;
use crate::remote::{RemoteError, layout};
use crate::store::{Amount, Store};

/// How often is looked where others move the index meanwhile.
const TRIES: u32 = 3;
/// How many objects of a damaged key are named.
const NAMED: usize = 3;

/// How closely is looked.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Depth {
    /// That keys are there, and as long as they should be.
    Sizes,
    /// At every byte that the index names.
    Bytes,
}

/// What was found.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Checked {
    /// Branches of all projects.
    pub branches: u64,
    /// Records that they have.
    pub records: u64,
    /// Objects that they need.
    pub objects: u64,
    /// Runs that several machines carry out, and that are not closed.
    pub runs: u64,
    /// Keys that nothing names: cut-off pushes left them, and a collection takes them.
    pub unnamed: Amount,
    /// What is not whole.
    pub problems: Vec<String>,
}

/// Checks a remote.
pub async fn check(
    bucket: &Bucket,
    store: &Store,
    index_folder: &Path,
    depth: Depth,
    progress: &dyn Progress,
) -> Result<Checked, RemoteError> {
    format::check(bucket, Intent::Read).await?;
    let mut tries = 0;
    loop {
        tries += 1;
        progress.begin(Phase::Looking, 0, 0);
        // In this order: what a branch needs is in the index before the branch has it, and is there before that.
        let refs = Refs::read(bucket).await?;
        let catalog = match Catalog::read(bucket, index_folder).await {
            Err(error @ RemoteError::Damaged { .. }) => return Ok(without_index(&refs, &error)),
            read => read?,
        };
        let checked = look(bucket, store, index_folder, &refs, &catalog, depth, progress).await?;
        if checked.problems.is_empty() || tries == TRIES || !has_moved(&catalog, bucket, index_folder).await?
        {
            return Ok(checked);
        }
    }
}

/// Without the index nothing more can be told.
fn without_index(refs: &Refs, error: &RemoteError) -> Checked {
    let problems =
        refs.unreadable.iter().cloned().chain([format!("{error}; nothing can be found without it")]);
    Checked { branches: refs.files.len() as u64, problems: problems.collect(), ..Checked::default() }
}

async fn has_moved(catalog: &Catalog<'_>, bucket: &Bucket, folder: &Path) -> Result<bool, RemoteError> {
    let now = Catalog::read(bucket, folder).await?;
    Ok(now.index.head != catalog.index.head)
}

async fn look(
    bucket: &Bucket,
    store: &Store,
    index_folder: &Path,
    refs: &Refs,
    catalog: &Catalog<'_>,
    depth: Depth,
    progress: &dyn Progress,
) -> Result<Checked, RemoteError> {
    let listed = bucket.list_dated("").await?;
    let all = catalog.index.all();
    let mut wrong = wrong_keys(&all, &sizes(&listed));
    let bad: HashSet<String> = wrong.keys().cloned().collect();
    let needed = walk(bucket, &catalog.index, store, &bad, &refs.now(), progress).await?;
    if depth == Depth::Bytes {
        let readable = all.iter().filter(|one| !bad.contains(&one.key())).copied();
        wrong.extend(verify(bucket, &catalog.index, store, readable, progress).await?);
    }
    let mut named: HashSet<String> = all.iter().map(Located::key).collect();
    named.extend(catalog.index.head.parts.iter().map(|part| layout::index_part(&part.digest)));
    named.extend(catalog.index.head.gc.list.iter().map(|list| layout::condemned(list)));
    // None is too old here: only a collection knows how long is kept.
    let runs = Runs::read(bucket, &listed, 0, u64::MAX).await?;
    named.extend(runs.keys);
    let unnamed = listed.iter().filter(|one| layout::is_collected(&one.key) && !named.contains(&one.key));
    let unnamed = unnamed.chain(runs.over.iter().flat_map(|over| &over.keys));
    let leftovers = leftovers(bucket)?;
    let mut problems = refs.unreadable.clone();
    problems.extend(of_index(bucket, catalog, index_folder, &sizes(&listed), depth).await?);
    problems.extend(absent(&needed, catalog));
    problems.extend(wrong.iter().map(|(key, problem)| damaged(key, problem, &all, &needed)));
    problems.extend(needed.hidden.iter().cloned());
    problems.extend(runs.unreadable);
    Ok(Checked {
        branches: refs.files.len() as u64,
        records: needed.records,
        objects: needed.objects.len() as u64,
        runs: runs.open,
        unnamed: unnamed.map(|one| one.size).chain(leftovers.iter().map(|one| one.size)).collect(),
        problems,
    })
}

/// What is wrong with parts of the index: who keeps copies of them would not notice.
async fn of_index(
    bucket: &Bucket,
    catalog: &Catalog<'_>,
    folder: &Path,
    sizes: &Sizes,
    depth: Depth,
) -> Result<Vec<String>, RemoteError> {
    let mut problems = Vec::new();
    for part in &catalog.index.head.parts {
        let key = layout::index_part(&part.digest);
        let expected = kept_bytes(folder, &part.digest).map(|kept| kept.len() as u64);
        let problem = match sizes.get(&key) {
            None => "it is not there".to_owned(),
            Some(size) if expected.is_some_and(|expected| expected != *size) => {
                format!("it has {size} bytes, and should have {}", expected.unwrap_or_default())
            }
            Some(_) if depth == Depth::Sizes => continue,
            Some(_) => match bucket.read(&key).await {
                Ok(Some(stored)) if Digest::of(&stored) == part.digest => continue,
                Err(RemoteError::Damaged { problem, .. }) => problem,
                Err(error) => return Err(error),
                Ok(_) => "its bytes are not its own".to_owned(),
            },
        };
        problems.push(format!("`{key}`: {problem}; who has no copy of it can read nothing here"));
    }
    Ok(problems)
}

/// What a branch needs and the index does not name, in the order of its words.
fn absent(needed: &Needed, catalog: &Catalog<'_>) -> Vec<String> {
    let lost =
        needed.objects.iter().filter(|(digest, used)| used.held == Held::Now && !catalog.index.has(digest));
    let problem = |digest: &Digest, used: &Use| match catalog.index.find(digest) {
        None => format!("{used} is not there (object {})", digest.short()),
        Some(_) => format!(
            "{used} is there only as a delta, against an object that is not there by itself (object {})",
            digest.short()
        ),
    };
    let mut problems: Vec<_> = lost.map(|(digest, used)| problem(digest, used)).collect();
    problems.sort();
    problems
}

fn damaged(key: &str, problem: &str, all: &[Located], needed: &Needed) -> String {
    let inside: BTreeMap<Digest, String> = all
        .iter()
        .filter(|one| one.key() == key)
        .filter_map(|one| Some((one.entry.digest, needed.objects.get(&one.entry.digest)?.to_string())))
        .collect();
    let names: Vec<_> = inside.values().take(NAMED).map(String::as_str).collect();
    let more = match inside.len().saturating_sub(NAMED) {
        0 => String::new(),
        more => format!(" and {more} more"),
    };
    match names.as_slice() {
        [] => format!("`{key}`: {problem}; nothing that a branch has now is in it"),
        names => format!("`{key}`: {problem}; it holds {}{more}", names.join(", ")),
    }
}
