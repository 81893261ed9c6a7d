//! Objects of the store go to a remote: small ones in packs, large ones by themselves.
//!
//! ```text
//! packs and large objects  ->  one part of the index  ->  the index's head names it
//! ```
//! What the index has already is passed over, so going on after a cut sends
//! what is left; packs that were written and not named are nobody's. A large
//! object that has a base goes as a delta where that is much less (`delta.rs`).

use std::collections::HashMap;

use futures_util::StreamExt;
use futures_util::stream::FuturesUnordered;

use super::bucket::Bucket;
use super::catalog::{Added, Catalog};
use super::encoding::Encoding;
use super::index::{Entry, Part, Place};
use super::outgoing::{Outgoing, PIECE};
use super::pack::{PACKED_MOST, Pack, PackBuilder};
use super::{RemoteError, delta, format, layout};
use crate::model::Digest;
use crate::model::{Phase, Progress};
use crate::store::{Store, StoreError};

/// How many packs may be on their way at once.
const AT_ONCE: usize = 4;
/// How many small objects are read together.
const READ_TOGETHER: usize = 512;
/// How many large objects: each takes the memory of some pieces.
const LARGE_AT_ONCE: usize = 4;

/// What went to a remote.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Sent {
    /// Objects.
    pub objects: u64,
    /// Their bytes, as they are here.
    pub raw: u64,
    /// Their bytes, as they are stored there.
    pub stored: u64,
}

/// What has to go: objects that a remote does not have, and their sizes.
pub fn missing(
    catalog: &Catalog<'_>,
    store: &Store,
    objects: impl IntoIterator<Item = Digest>,
) -> Result<Vec<(Digest, u64)>, RemoteError> {
    let mut seen = std::collections::HashSet::new();
    let absent: Vec<_> =
        objects.into_iter().filter(|digest| !catalog.has(digest) && seen.insert(*digest)).collect();
    let mut missing = Vec::new();
    for (size, digest) in store.sizes_of(&absent)?.into_iter().zip(absent) {
        match size {
            Some(size) => missing.push((digest, size)),
            None => match store.promised_size(&digest)? {
                Some(size) => missing.push((digest, size)),
                None => {
                    return Err(StoreError::Absent { digest, root: store.layout().root().to_owned() }.into());
                }
            },
        }
    }
    Ok(missing)
}

/// Sends objects, those that have one as deltas against their `bases`, and names them in the index; absent where a
/// collection came between: all must be looked at again.
pub async fn send(
    bucket: &Bucket,
    catalog: &mut Catalog<'_>,
    store: &Store,
    objects: &[(Digest, u64)],
    bases: &HashMap<Digest, Digest>,
    progress: &dyn Progress,
) -> Result<Option<Sent>, RemoteError> {
    if objects.is_empty() {
        return Ok(Some(Sent::default()));
    }
    let part = write(bucket, store, objects, bases, catalog.epoch(), progress).await?;
    store.hit("remote.send.written")?;
    if catalog.add(&part).await? == Added::Stale {
        return Ok(None);
    }
    store.hit("remote.send.named")?;
    let stored = part.entries.iter().map(|entry| match entry.place {
        Place::Own { stored } | Place::OwnSince { stored, .. } => stored,
        Place::Packed { stored, .. } => stored.into(),
    });
    Ok(Some(Sent {
        objects: part.entries.len() as u64,
        raw: part.entries.iter().map(|entry| entry.raw).sum(),
        stored: stored.sum(),
    }))
}

/// Writes objects to keys of an epoch; returns where they are. Nothing names them yet.
pub async fn write(
    bucket: &Bucket,
    store: &Store,
    objects: &[(Digest, u64)],
    bases: &HashMap<Digest, Digest>,
    epoch: u64,
    progress: &dyn Progress,
) -> Result<Part, RemoteError> {
    // What a delta is tried of is read once more where it comes to none.
    let tried = objects.iter().filter(|(digest, _)| bases.contains_key(digest));
    let bytes = objects.iter().chain(tried).map(|(_, size)| size).sum();
    progress.begin(Phase::Sending, objects.len() as u64, bytes);
    let (small, large): (Vec<_>, Vec<_>) = objects.iter().partition(|(_, size)| *size <= PACKED_MOST);
    let packs = send_small(bucket, store, &small, epoch, progress).await?;
    let (mut own, mut alone) = (Vec::new(), Vec::new());
    let mut deltas = Deltas { bucket, store, bases, epoch, allowed: None };
    for (digest, size) in large {
        match deltas.send((digest, *size), progress).await? {
            Some(entry) => own.push(entry),
            None => alone.push((digest, *size)),
        }
    }
    own.extend(send_large(bucket, store, alone, epoch, progress).await?);
    Ok(Part::of(&packs, own))
}

/// Sends packs; they come back without their bytes.
async fn send_small(
    bucket: &Bucket,
    store: &Store,
    objects: &[&(Digest, u64)],
    epoch: u64,
    progress: &dyn Progress,
) -> Result<Vec<Pack>, RemoteError> {
    let write = async |mut pack: Pack| {
        let bytes = std::mem::take(&mut pack.bytes);
        bucket.write(&layout::pack(&pack.digest), bytes).await?;
        progress.advance(pack.members.iter().map(|member| u64::from(member.raw)).sum());
        Ok::<_, RemoteError>(pack)
    };
    let (mut sending, mut sent) = (FuturesUnordered::new(), Vec::new());
    let mut builder = PackBuilder::new(epoch);
    for some in objects.chunks(READ_TOGETHER) {
        let digests: Vec<_> = some.iter().map(|(digest, _)| *digest).collect();
        for (bytes, digest) in store.load_small(&digests)?.into_iter().zip(digests) {
            match bytes {
                Some(bytes) => builder.add(digest, &bytes),
                None => builder.add(digest, &store.load(&digest)?),
            }
            if !builder.is_full() {
                continue;
            }
            if sending.len() == AT_ONCE
                && let Some(pack) = sending.next().await
            {
                sent.push(pack?);
            }
            sending.extend(std::mem::replace(&mut builder, PackBuilder::new(epoch)).finish().map(&write));
        }
    }
    sending.extend(builder.finish().map(&write));
    while let Some(pack) = sending.next().await {
        sent.push(pack?);
    }
    Ok(sent)
}

/// Sends objects by themselves, some at once.
async fn send_large(
    bucket: &Bucket,
    store: &Store,
    objects: Vec<(&Digest, u64)>,
    epoch: u64,
    progress: &dyn Progress,
) -> Result<Vec<Entry>, RemoteError> {
    let (mut sending, mut sent) = (FuturesUnordered::new(), Vec::new());
    for object in objects {
        if sending.len() == LARGE_AT_ONCE
            && let Some(entry) = sending.next().await
        {
            sent.push(entry?);
        }
        sending.push(send_alone(bucket, store, object, epoch, progress));
    }
    while let Some(entry) = sending.next().await {
        sent.push(entry?);
    }
    Ok(sent)
}

/// Sends one object by itself, read once; fails where its bytes here are not its own.
async fn send_alone(
    bucket: &Bucket,
    store: &Store,
    (digest, size): (&Digest, u64),
    epoch: u64,
    progress: &dyn Progress,
) -> Result<Entry, RemoteError> {
    let key = layout::object(digest, epoch);
    let mut outgoing = Outgoing::begin(store, (digest, size))?;
    let mut first = outgoing.next(progress)?;
    if outgoing.has_ended() {
        bucket.write(&key, first.unwrap_or_default()).await?;
    } else {
        let next = || match first.take() {
            Some(first) => Ok(Some(first)),
            None => outgoing.next(progress),
        };
        bucket.write_pieces(&key, next).await?;
    }
    let place = own_place(outgoing.stored(), epoch);
    Ok(Entry { digest: *digest, raw: size, encoding: outgoing.encoding(), place })
}

fn own_place(stored: u64, epoch: u64) -> Place {
    match epoch {
        0 => Place::Own { stored },
        epoch => Place::OwnSince { stored, epoch },
    }
}

/// What sends deltas, one at a time.
struct Deltas<'a> {
    bucket: &'a Bucket,
    store: &'a Store,
    bases: &'a HashMap<Digest, Digest>,
    epoch: u64,
    /// Whether who knows no deltas was kept away; absent where that was not tried yet.
    allowed: Option<bool>,
}

impl Deltas<'_> {
    /// Sends one object; absent where it has to go by itself.
    async fn send(
        &mut self,
        (digest, size): (&Digest, u64),
        progress: &dyn Progress,
    ) -> Result<Option<Entry>, RemoteError> {
        let Some(base) = self.bases.get(digest).filter(|_| self.allowed != Some(false)) else {
            return Ok(None);
        };
        let Some(bytes) = delta::make(self.store, (digest, size), base, progress)? else { return Ok(None) };
        if self.allowed.is_none() {
            self.allowed = Some(match format::raise(self.bucket, format::DELTAS).await {
                // A role may write objects and branches alone.
                Err(RemoteError::Denied { .. }) => false,
                raised => raised.map(|()| true)?,
            });
        }
        if self.allowed == Some(false) {
            return Ok(None);
        }
        let stored = bytes.len() as u64;
        let key = layout::delta(digest, base, self.epoch);
        if bytes.len() <= PIECE {
            self.bucket.write(&key, bytes).await?;
        } else {
            let mut pieces = bytes.chunks(PIECE);
            self.bucket.write_pieces(&key, || Ok(pieces.next().map(<[u8]>::to_vec))).await?;
        }
        progress.advance(size);
        let encoding = Encoding::Delta { base: *base };
        Ok(Some(Entry { digest: *digest, raw: size, encoding, place: own_place(stored, self.epoch) }))
    }
}
