//! Runs that several machines carry out, as they lie at a remote: which are open, and what they hold on to.
//!
//! ```text
//! open   no `closed` yet, and its newest key is young   all keys that its parts name stay
//! over   closed, or nobody wrote to it for long         its own keys go, `closed` last of all
//! ```
//! The index names what workers wrote only once a run is closed, so the run's own parts are read. A worker writes
//! its part, then reads the index's head, and only then says that it is done: either it sees a collection that
//! lists its keys, and writes them anew, or the second mark of that collection sees its part.

use std::cell::RefCell;
use std::collections::{BTreeMap, HashSet};

use crate::model::Digest;
use crate::remote::bucket::{Bucket, Listed};
use crate::remote::fetch::in_parallel;
use crate::remote::index::{Located, Part};
use crate::remote::{RemoteError, layout};

/// An open run counts for so long after its newest key, whatever is asked for: who closes it cannot send again what
/// others made.
pub const OPEN_MS: u64 = super::roots::ANNOUNCED_MS;
/// How many parts are read at once.
const AT_ONCE: usize = 32;

/// What runs hold on to, and what is left of those that are over.
#[derive(Debug, Default)]
pub struct Runs {
    /// How many are open.
    pub open: u64,
    /// The keys that their parts name.
    pub keys: HashSet<String>,
    /// What deltas among those are against.
    pub bases: HashSet<Digest>,
    /// Parts that cannot be read, and why.
    pub unreadable: Vec<String>,
    /// Those that are over.
    pub over: Vec<Over>,
}

/// A run that is over.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Over {
    /// Its keys, `closed` last.
    pub keys: Vec<Listed>,
    /// When the newest of them was written.
    pub newest_ms: u64,
}

impl Runs {
    /// Reads what open runs name; `listed` was listed after whatever is to be seen in it was written.
    pub async fn read(
        bucket: &Bucket,
        listed: &[Listed],
        at_ms: u64,
        keep_ms: u64,
    ) -> Result<Self, RemoteError> {
        let (open, over) = sorted(listed, at_ms, keep_ms);
        let runs = RefCell::new(Self { open: open.len() as u64, over, ..Self::default() });
        let parts =
            open.into_values().flatten().filter_map(|one| Some((one, layout::read_run_part(&one.key)?)));
        in_parallel(AT_ONCE, parts, async |(one, digest)| {
            let part = match read_part(bucket, &one.key, digest).await {
                Err(error @ RemoteError::Damaged { .. }) => {
                    runs.borrow_mut().unreadable.push(error.to_string());
                    return Ok(());
                }
                read => read?,
            };
            let mut runs = runs.borrow_mut();
            for located in part.iter().flat_map(Part::located) {
                runs.bases.extend(located.entry.base());
                runs.keys.insert(Located::key(&located));
            }
            Ok(())
        })
        .await?;
        let mut runs = runs.into_inner();
        runs.unreadable.sort();
        Ok(runs)
    }
}

/// Absent where another collection has just removed it: its run is over.
async fn read_part(bucket: &Bucket, key: &str, digest: Digest) -> Result<Option<Part>, RemoteError> {
    let Some(stored) = bucket.read(key).await? else { return Ok(None) };
    if Digest::of(&stored) != digest {
        return Err(bucket.damaged(key, "its bytes are not its own"));
    }
    Part::decode(&stored).map(Some).ok_or_else(|| bucket.damaged(key, "it is no part of an index"))
}

/// Returns the keys of open runs by run, and the runs that are over: PURE.
fn sorted(listed: &[Listed], at_ms: u64, keep_ms: u64) -> (BTreeMap<&str, Vec<&Listed>>, Vec<Over>) {
    let mut runs: BTreeMap<&str, Vec<&Listed>> = BTreeMap::new();
    for one in listed {
        if let Some(run) = layout::run_of(&one.key) {
            runs.entry(run).or_default().push(one);
        }
    }
    let newest = |keys: &[&Listed]| keys.iter().map(|one| one.at_ms).max().unwrap_or(0);
    // A clock that was put back makes nothing old.
    let is_young = |keys: &[&Listed]| at_ms.saturating_sub(newest(keys)) <= keep_ms.max(OPEN_MS);
    let is_end = |one: &Listed| layout::is_run_end(&one.key);
    let is_open = |keys: &[&Listed]| !keys.iter().any(|one| is_end(one)) && is_young(keys);
    let mut over = Vec::new();
    runs.retain(|_, keys| {
        let stays = is_open(keys);
        if !stays {
            let mut all: Vec<Listed> = keys.iter().copied().cloned().collect();
            all.sort_by_key(is_end);
            over.push(Over { newest_ms: newest(keys), keys: all });
        }
        stays
    });
    (runs, over)
}

#[cfg(test)]
mod tests {
    use super::*;

    const DAY: u64 = 24 * 60 * 60 * 1000;

    fn listed(keys: &[(&str, u64)]) -> Vec<Listed> {
        let one = |(key, day): &(&str, u64)| Listed { key: (*key).to_owned(), size: 1, at_ms: day * DAY };
        keys.iter().map(one).collect()
    }

    fn told(keys: &[(&str, u64)], day: u64, keep: u64) -> (Vec<String>, Vec<String>) {
        let keys = listed(keys);
        let (open, over) = sorted(&keys, day * DAY, keep * DAY);
        let gone = over.iter().flat_map(|over| &over.keys).map(|one| one.key.clone());
        (open.into_keys().map(str::to_owned).collect(), gone.collect())
    }

    #[test]
    fn a_run_is_open_until_it_is_closed_or_silent_for_long() {
        let keys = [("runs/a/plan.json", 1), ("runs/a/parts/x", 20), ("runs/b/plan.json", 1)];
        assert_eq!(told(&keys, 1, 0).0, ["a", "b"]);
        assert_eq!(told(&keys, 40, 0), (vec!["a".into()], vec!["runs/b/plan.json".into()]));
        assert_eq!(told(&keys, 40, 60).0, ["a", "b"], "history is kept for longer");
        assert_eq!(told(&keys, 90, 0).0, [""; 0]);
        assert_eq!(told(&keys, 0, 0).0, ["a", "b"], "a clock that was put back");
    }

    #[test]
    fn what_says_that_a_run_is_closed_is_its_last_key() {
        let keys = [("runs/a/closed", 1), ("runs/a/parts/x", 1), ("runs/a/tasks/closed/closed", 1)];
        let gone = ["runs/a/parts/x", "runs/a/tasks/closed/closed", "runs/a/closed"];
        assert_eq!(told(&keys, 1, 30), (Vec::new(), gone.map(str::to_owned).to_vec()));
        let others = [("runs/readme.txt", 1), ("notes/a/closed", 1), ("runs//closed", 1)];
        assert_eq!(told(&others, 900, 0), (Vec::new(), Vec::new()), "they are nobody's");
    }
}
