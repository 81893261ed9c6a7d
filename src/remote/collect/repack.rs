//! What is needed of half-empty packs is copied into new ones; the index names them later.

use std::hash::{BuildHasher, RandomState};

use crate::model::{Phase, Progress};
use crate::remote::bucket::Bucket;
use crate::remote::index::{Located, Part, Place};
use crate::remote::pack::{Pack, PackBuilder};
use crate::remote::{RemoteError, layout};

/// Copies, each object verified; returns what the index is to name.
pub async fn copy(
    bucket: &Bucket,
    moves: &[(String, Vec<Located>)],
    progress: &dyn Progress,
) -> Result<Part, RemoteError> {
    let objects = moves.iter().flat_map(|(_, live)| live);
    let (count, bytes) = (objects.clone().count() as u64, objects.map(|one| one.entry.raw).sum());
    progress.begin(Phase::Sending, count, bytes);
    let mut packs = Vec::new();
    let mut builder = begin();
    for (key, live) in moves {
        let range = |one: &Located| match one.entry.place {
            Place::Packed { offset, .. } => offset..one.end(),
            _ => 0..one.end(),
        };
        let ranges: Vec<_> = live.iter().map(range).collect();
        let read = bucket.read_ranges(key, &ranges).await?;
        for (one, stored) in live.iter().zip(read) {
            let raw = one.entry.decode(&stored).map_err(|error| bucket.damaged(key, error))?;
            builder.add(one.entry.digest, &raw);
            progress.advance(one.entry.raw);
            if builder.is_full() {
                packs.extend(write(bucket, std::mem::replace(&mut builder, begin())).await?);
            }
        }
    }
    packs.extend(write(bucket, builder).await?);
    Ok(Part::of(&packs, Vec::new()))
}

/// A pack that nobody else ever writes: another collection may be at the same, and delete its own.
fn begin() -> PackBuilder {
    PackBuilder::new(RandomState::new().hash_one(0) | 1 << 63)
}

/// Writes a pack; it comes back without its bytes.
async fn write(bucket: &Bucket, builder: PackBuilder) -> Result<Option<Pack>, RemoteError> {
    let Some(mut pack) = builder.finish() else { return Ok(None) };
    bucket.write(&layout::pack(&pack.digest), std::mem::take(&mut pack.bytes)).await?;
    Ok(Some(pack))
}
