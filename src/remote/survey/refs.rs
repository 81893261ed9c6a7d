//! Every branch of every project at a remote, and the moves that count besides.

use std::collections::BTreeMap;

use super::roots::{Held, Told, counting};
use super::walk::Walk;
use crate::remote::branch::{Move, RefFile};
use crate::remote::bucket::{Bucket, Listed};
use crate::remote::{RemoteError, layout};

/// Every branch.
#[derive(Debug, Default)]
pub struct Refs {
    /// By `<project>/<branch>`, as keys spell it.
    pub files: BTreeMap<String, RefFile>,
    /// What cannot be read, and why.
    pub unreadable: Vec<String>,
}

impl Refs {
    /// Reads them all.
    pub async fn read(bucket: &Bucket) -> Result<Self, RemoteError> {
        let mut refs = Self::default();
        for (key, _) in bucket.list(layout::REFS).await? {
            let bytes = match bucket.read(&key).await {
                Ok(Some(bytes)) => bytes,
                Ok(None) => continue,
                Err(error @ RemoteError::Damaged { .. }) => {
                    refs.unreadable.push(error.to_string());
                    continue;
                }
                Err(error) => return Err(error),
            };
            let place = key.strip_prefix("refs/").and_then(|rest| rest.strip_suffix(".json"));
            let problem = match (place, serde_json::from_slice::<RefFile>(&bytes)) {
                (Some(place), Ok(file)) if file.format == 1 && !file.moves.is_empty() => {
                    refs.files.insert(place.to_owned(), file);
                    continue;
                }
                (Some(_), Ok(file)) if file.format != 1 => {
                    format!("it is of format {}, this kptn reads 1", file.format)
                }
                (_, Err(error)) => error.to_string(),
                _ => "it is no branch".to_owned(),
            };
            refs.unreadable.push(bucket.damaged(&key, problem).to_string());
        }
        Ok(refs)
    }

    /// Returns where to begin to walk: what each branch has now.
    pub fn now(&self) -> Vec<Walk> {
        let of = |file: &RefFile| {
            let snapshot = file.moves.first()?.snapshot;
            Some(Walk { snapshot, held: Held::Now, of: named(file) })
        };
        self.files.values().filter_map(of).collect()
    }
}

/// Returns how people know a branch.
fn named(file: &RefFile) -> String {
    match file.project.as_str() {
        // The only project of a repository, or of a folder without git.
        "/" | "root" => format!("`{}`", file.branch),
        project => format!("`{}` of `{project}`", file.branch),
    }
}

/// Returns where to begin to walk of the past: moves of `keep_ms`, and those that are announced.
pub async fn past_roots(
    bucket: &Bucket,
    refs: &Refs,
    listed: &[Listed],
    at_ms: u64,
    keep_ms: u64,
) -> Result<Vec<Walk>, RemoteError> {
    let told: Vec<_> = listed.iter().filter_map(|one| Told::of(&one.key, one.at_ms)).collect();
    let generation = |file: &RefFile| file.moves.first().map_or(0, |latest| latest.generation);
    let now = refs.files.iter().map(|(place, file)| (place.clone(), generation(file))).collect();
    let mut roots = Vec::new();
    for one in counting(&now, &told, at_ms, keep_ms) {
        let moves = refs.files.get(&one.place).map(|file| file.moves.as_slice()).unwrap_or_default();
        let snapshot = match moves.iter().find(|known| known.write_id == one.write_id) {
            Some(known) => known.snapshot,
            None => {
                let Some(bytes) = bucket.read(&one.key).await? else { continue };
                let read: Move =
                    serde_json::from_slice(&bytes).map_err(|error| bucket.damaged(&one.key, error))?;
                read.snapshot
            }
        };
        roots.push(Walk {
            snapshot,
            held: Held::Past,
            of: format!("move {} of {}", one.generation, one.place),
        });
    }
    Ok(roots)
}
