//! Objects of the store go to a remote: small ones in packs, large ones by themselves.
//!
//! ```text
//! packs and large objects  ->  one part of the index  ->  the index's head names it
//! ```
//! What the index has already is passed over, so going on after a cut sends
//! what is left; packs that were written and not named are nobody's. A large
//! object that has a base goes as a delta where that is much less (`delta.rs`).

use std::collections::HashMap;
use std::io::{Read, Write};

use futures_util::StreamExt;
use futures_util::stream::FuturesUnordered;

use super::bucket::Bucket;
use super::catalog::{Added, Catalog};
use super::encoding::{self, Encoding};
use super::index::{Entry, Part, Place};
use super::pack::{PACKED_MOST, Pack, PackBuilder};
use super::{RemoteError, delta, format, header, layout};
use crate::model::Digest;
use crate::model::{Phase, Progress};
use crate::store::{Store, StoreError};

/// How many packs may be on their way at once.
const AT_ONCE: usize = 4;
/// How much of a large object is read and compressed at a time.
const BLOCK: usize = 1024 * 1024;
/// How much of it is handed on at a time.
const PIECE: usize = 8 * 1024 * 1024;

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
    let mut missing = Vec::new();
    for digest in objects {
        if catalog.has(&digest) || !seen.insert(digest) {
            continue;
        }
        match store.size_of(&digest)? {
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
    // What a delta is tried of is read once more where it comes to none.
    let tried = objects.iter().filter(|(digest, _)| bases.contains_key(digest));
    let bytes = objects.iter().chain(tried).map(|(_, size)| size).sum();
    progress.begin(Phase::Sending, objects.len() as u64, bytes);
    let (small, large): (Vec<_>, Vec<_>) = objects.iter().partition(|(_, size)| *size <= PACKED_MOST);
    let packs = send_small(bucket, store, &small, catalog.epoch(), progress).await?;
    let mut own = Vec::new();
    let mut deltas = Deltas { bucket, store, bases, epoch: catalog.epoch(), allowed: None };
    for (digest, size) in large {
        own.push(match deltas.send((digest, *size), progress).await? {
            Some(entry) => entry,
            None => send_large(bucket, store, (digest, *size), catalog.epoch(), progress).await?,
        });
    }
    let part = Part::of(&packs, own);
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
    for (at, (digest, _)) in objects.iter().enumerate() {
        builder.add(*digest, &store.load(digest)?);
        if !builder.is_full() && at + 1 < objects.len() {
            continue;
        }
        if sending.len() == AT_ONCE
            && let Some(pack) = sending.next().await
        {
            sent.push(pack?);
        }
        sending.extend(std::mem::replace(&mut builder, PackBuilder::new(epoch)).finish().map(&write));
    }
    while let Some(pack) = sending.next().await {
        sent.push(pack?);
    }
    Ok(sent)
}

/// Sends one object by itself, read once; fails where its bytes here are not its own.
async fn send_large(
    bucket: &Bucket,
    store: &Store,
    (digest, size): (&Digest, u64),
    epoch: u64,
    progress: &dyn Progress,
) -> Result<Entry, RemoteError> {
    let mut source = store.reader(digest)?;
    let mut first = vec![0; BLOCK];
    let read = read_full(store, &mut source, &mut first)?;
    first.truncate(read);
    let encoding = if encoding::helps(&first) { Encoding::Zstd } else { Encoding::Raw };
    let mut output = Output::new(encoding, size).map_err(|error| reading(store, error))?;
    let mut hasher = blake3::Hasher::new();
    let (mut block, mut stored, mut ended) = (first, 0, false);
    let next = || -> Result<Option<Vec<u8>>, RemoteError> {
        while !ended && output.written() < PIECE {
            if block.is_empty() {
                ended = true;
                let found = Digest::from(hasher.finalize());
                if found != *digest {
                    let root = store.layout().root().to_owned();
                    return Err(StoreError::Damaged { digest: *digest, found, root }.into());
                }
                output.finish().map_err(|error| reading(store, error))?;
                break;
            }
            hasher.update(&block);
            output.write(&block).map_err(|error| reading(store, error))?;
            progress.advance(block.len() as u64);
            block.resize(BLOCK, 0);
            let read = read_full(store, &mut source, &mut block)?;
            block.truncate(read);
        }
        let piece = output.take();
        stored += piece.len() as u64;
        Ok((!piece.is_empty()).then_some(piece))
    };
    bucket.write_pieces(&layout::object(digest, epoch), next).await?;
    Ok(Entry { digest: *digest, raw: size, encoding, place: own_place(stored, epoch) })
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

/// Fills a block, but for the end of what is read.
pub fn read_full(store: &Store, source: &mut impl Read, block: &mut [u8]) -> Result<usize, RemoteError> {
    let mut filled = 0;
    while filled < block.len() {
        match source.read(&mut block[filled..]) {
            Ok(0) => break,
            Ok(read) => filled += read,
            Err(error) if error.kind() == std::io::ErrorKind::Interrupted => {}
            Err(error) => return Err(reading(store, error)),
        }
    }
    Ok(filled)
}

fn reading(store: &Store, error: std::io::Error) -> RemoteError {
    StoreError::reading(store.layout().root(), error).into()
}

/// What an object's blocks become on their way.
enum Output {
    Raw(Vec<u8>),
    Zstd(zstd::stream::write::Encoder<'static, Vec<u8>>, bool),
}

impl Output {
    fn new(encoding: Encoding, raw: u64) -> std::io::Result<Self> {
        let head = header::encode(encoding, raw);
        Ok(match encoding {
            // What a delta has was made before.
            Encoding::Raw | Encoding::Delta { .. } => Self::Raw(head),
            Encoding::Zstd => {
                let mut encoder = zstd::stream::write::Encoder::new(head, encoding::LEVEL)?;
                encoder.set_pledged_src_size(Some(raw))?;
                Self::Zstd(encoder, false)
            }
        })
    }

    fn bytes(&mut self) -> &mut Vec<u8> {
        match self {
            Self::Raw(bytes) => bytes,
            Self::Zstd(encoder, _) => encoder.get_mut(),
        }
    }

    fn written(&mut self) -> usize {
        self.bytes().len()
    }

    fn write(&mut self, block: &[u8]) -> std::io::Result<()> {
        match self {
            Self::Raw(bytes) => bytes.write_all(block),
            Self::Zstd(encoder, _) => encoder.write_all(block),
        }
    }

    fn finish(&mut self) -> std::io::Result<()> {
        match self {
            Self::Zstd(encoder, finished) if !*finished => {
                *finished = true;
                encoder.do_finish()
            }
            _ => Ok(()),
        }
    }

    fn take(&mut self) -> Vec<u8> {
        std::mem::take(self.bytes())
    }
}
