//! `push --repair`: what a remote is found by is put right before anything is sent.
//!
//! ```text
//! kptn.json    damaged or gone  -> anew, of the newest format: what is there may need it
//! index/…      a part           -> from the copy that is kept here, else anew from what the keys themselves say
//!              the head         -> anew from all parts that can be read, and from keys that none of them names
//! refs/…       damaged or gone  -> the latest move of the history whose snapshot can be had, as a new move
//!              points nowhere   -> the same; where there is none, what this machine pushes comes first
//! ```
//! Nothing is overwritten that may be all there is of something: what stood there goes to `damaged/` first.

mod branch;
mod index;
mod scan;
mod unneeded;

pub use unneeded::drop_unneeded;

use super::branch::{Before, Mover, new_id};
use super::bucket::Bucket;
use super::push::Ends;
use super::{Earnest, RemoteError, format, layout};
use crate::model::Digest;

/// How often is tried what others write too.
const TRIES: u32 = 3;

/// What was put right.
#[derive(Default)]
pub struct Mended {
    /// What was done, or would be, each in words.
    pub said: Vec<String>,
    /// What the branch's next move comes after, where nothing that it had can be had.
    pub over: Option<Before>,
    /// What was last seen there, as far as it can be had.
    pub seen: Option<Digest>,
}

/// Puts it right for a branch; a dry run stops at the first that would be.
pub async fn mend(
    ends: Ends<'_>,
    seen: Option<Digest>,
    mover: &Mover,
    earnest: Earnest,
) -> Result<Mended, RemoteError> {
    let mut said: Vec<String> = format::mend(ends.bucket, earnest).await?.into_iter().collect();
    let goes_on = |said: &[String]| earnest == Earnest::Yes || said.is_empty();
    if goes_on(&said) {
        said.extend(index::index(ends.bucket, ends.index_folder, earnest).await?);
    }
    let mut mended = Mended { seen, ..Mended::default() };
    if goes_on(&said) {
        mended = branch::branch(ends, seen, mover, earnest).await?;
    }
    said.append(&mut mended.said);
    Ok(Mended { said, ..mended })
}

/// Keeps what stands at a key; returns where, as the end of a sentence.
pub async fn set_aside(bucket: &Bucket, key: &str, bytes: &[u8]) -> Result<String, RemoteError> {
    if bytes.is_empty() {
        return Ok(String::new());
    }
    let place = layout::damaged(key, &new_id());
    bucket.write(&place, bytes.to_vec()).await?;
    Ok(format!("; what stood there is at `{place}`"))
}

/// Returns what was wrong with a key, in two words.
pub fn problem(is_there: bool) -> &'static str {
    if is_there { "was damaged" } else { "was gone" }
}
