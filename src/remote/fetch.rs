//! Objects of a remote come into the store; every byte is verified first.
//!
//! What lies close together in a pack comes in one request. A large object goes
//! through a file of the store that has no name yet, so that memory does not grow with it; a delta takes
//! that of two objects, so one is read at a time. Nothing is put under a digest
//! that it does not have.

use std::collections::BTreeMap;

use futures_util::StreamExt;
use futures_util::stream::FuturesUnordered;

use super::bases::Bases;
use super::bucket::Bucket;
use super::incoming::{Input, Problem};
use super::index::{Entry, Index, Located, Place};
use super::{RemoteError, layout};
use crate::model::Digest;
use crate::model::{Phase, Progress};
use crate::store::{Store, StoreError};

/// How many ranges of packs are read at once.
pub const AT_ONCE: usize = 8;
/// How many large objects: of each some pieces are on their way.
pub const LARGE_AT_ONCE: usize = 4;
/// How many bytes of a pack are asked for at once.
const SPAN: u64 = 16 * 1024 * 1024;

/// What is parsed has at most so many bytes: a snapshot of a million tasks is smaller.
pub const PARSED_MOST: u64 = 256 * 1024 * 1024;

/// An object to fetch, and what needs it: for the error where it is nowhere.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Wanted {
    /// The object.
    pub digest: Digest,
    /// A task's or a file's name.
    pub needed_by: String,
    /// How many bytes it may have.
    pub most: u64,
}

impl Wanted {
    /// An object that will be read as a whole, and parsed.
    pub fn parsed(digest: Digest, needed_by: impl ToString) -> Self {
        Self { digest, needed_by: needed_by.to_string(), most: PARSED_MOST }
    }

    /// Bytes of any length, such as a file.
    pub fn bytes(digest: Digest, needed_by: impl ToString) -> Self {
        Self { digest, needed_by: needed_by.to_string(), most: u64::MAX }
    }
}

/// What came.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Fetched {
    /// Objects that were not here.
    pub objects: u64,
    /// Their bytes, as they are here.
    pub raw: u64,
}

impl std::ops::AddAssign for Fetched {
    fn add_assign(&mut self, other: Self) {
        self.objects += other.objects;
        self.raw += other.raw;
    }
}

/// Some members of one pack.
struct Span {
    pack: Digest,
    members: Vec<(Entry, std::ops::Range<u64>)>,
}

/// Fetches those objects that the store does not have; they are on disk after the next flush.
pub async fn fetch(
    bucket: &Bucket,
    index: &Index,
    store: &Store,
    wanted: &[Wanted],
    progress: &dyn Progress,
) -> Result<Fetched, RemoteError> {
    let mut packed: BTreeMap<Digest, Vec<(Entry, std::ops::Range<u64>)>> = BTreeMap::new();
    let (mut own, mut deltas) = (Vec::new(), Vec::new());
    let mut seen = std::collections::HashSet::new();
    let mut fetched = Fetched::default();
    let wanted: Vec<_> = wanted.iter().filter(|one| seen.insert(one.digest)).collect();
    let here = store.sizes_of(&wanted.iter().map(|one| one.digest).collect::<Vec<_>>())?;
    for (one, _) in wanted.into_iter().zip(here).filter(|(_, size)| size.is_none()) {
        let located = locate(bucket, index, one)?;
        if located.entry.raw > one.most {
            let (raw, most) = (located.entry.raw, one.most);
            let problem =
                format!("what `{}` needs of it has {raw} bytes, and at most {most} are read", one.needed_by);
            return Err(bucket.damaged(&located.key(), problem));
        }
        fetched += Fetched { objects: 1, raw: located.entry.raw };
        match (located.entry.place, located.pack) {
            (Place::Packed { offset, stored, .. }, Some(pack)) => {
                let range = offset..offset.saturating_add(stored.into());
                packed.entry(pack).or_default().push((located.entry, range));
            }
            _ if located.entry.base().is_some() => deltas.push((located, one.needed_by.as_str())),
            _ => own.push(located),
        }
    }
    if fetched.objects == 0 {
        return Ok(fetched);
    }
    progress.begin(Phase::Fetching, fetched.objects, fetched.raw);
    let spans = packed.into_iter().flat_map(|(pack, members)| spans(pack, members));
    in_parallel(AT_ONCE, spans, async |span| fetch_span(bucket, store, span, progress).await).await?;
    in_parallel(LARGE_AT_ONCE, own, async |one| fetch_large(bucket, store, one, &[], progress).await).await?;
    // After those that may be their bases; deltas against one base together.
    deltas.sort_by_key(|(one, _)| one.entry.base());
    let mut bases = Bases::new(bucket, index, store);
    for (one, needed_by) in deltas {
        bases.has_memory(&one, needed_by)?;
        fetch_large(bucket, store, one, bases.of(&one).await?, progress).await?;
    }
    Ok(fetched)
}

/// Finds an object; fails where the remote does not have it.
pub fn locate(bucket: &Bucket, index: &Index, wanted: &Wanted) -> Result<Located, RemoteError> {
    index.find(&wanted.digest).ok_or_else(|| RemoteError::Missing {
        url: bucket.url().to_owned(),
        digest: wanted.digest,
        needed_by: wanted.needed_by.clone(),
    })
}

/// Does something with each, a few at once.
pub async fn in_parallel<T>(
    at_once: usize,
    all: impl IntoIterator<Item = T>,
    act: impl AsyncFn(T) -> Result<(), RemoteError>,
) -> Result<(), RemoteError> {
    let mut running = FuturesUnordered::new();
    for one in all {
        if running.len() == at_once
            && let Some(ended) = running.next().await
        {
            ended?;
        }
        running.push(act(one));
    }
    while let Some(ended) = running.next().await {
        ended?;
    }
    Ok(())
}

/// Cuts a pack's members, in the order of their bytes, into what is asked for at once.
fn spans(pack: Digest, mut members: Vec<(Entry, std::ops::Range<u64>)>) -> Vec<Span> {
    members.sort_by_key(|(_, range)| range.start);
    let mut spans: Vec<Span> = Vec::new();
    for member in members {
        match spans.last_mut() {
            Some(span)
                if span.members.first().is_some_and(|(_, first)| member.1.end - first.start <= SPAN) =>
            {
                span.members.push(member);
            }
            _ => spans.push(Span { pack, members: vec![member] }),
        }
    }
    spans
}

async fn fetch_span(
    bucket: &Bucket,
    store: &Store,
    span: Span,
    progress: &dyn Progress,
) -> Result<(), RemoteError> {
    let key = layout::pack(&span.pack);
    let ranges: Vec<_> = span.members.iter().map(|(_, range)| range.clone()).collect();
    let read = bucket.read_ranges(&key, &ranges).await?;
    for ((entry, _), stored) in span.members.iter().zip(read) {
        let bytes = entry.decode(&stored).map_err(|error| bucket.damaged(&key, error))?;
        store.put_bytes(&bytes)?;
        progress.advance(entry.raw);
    }
    Ok(())
}

async fn fetch_large(
    bucket: &Bucket,
    store: &Store,
    one: Located,
    base: &[u8],
    progress: &dyn Progress,
) -> Result<(), RemoteError> {
    let key = one.key();
    let writing = |error| StoreError::writing("write", store.layout().root(), error);
    let mut input = Input::new(&one.entry, base, store.draft()?);
    let piece = |bytes: &[u8]| {
        let before = input.written();
        input.take(bytes).map_err(|problem| match problem {
            Problem::Stored(problem) => bucket.damaged(&key, problem),
            Problem::Disk(error) => writing(error).into(),
        })?;
        progress.advance(input.written() - before);
        Ok(())
    };
    if bucket.read_pieces(&key, piece).await?.is_none() {
        return Err(bucket.damaged(&key, "it is not there"));
    }
    let whole = input.end().map_err(|error| RemoteError::from(writing(error)))?;
    let Some(draft) = whole else {
        return Err(bucket.damaged(&key, "it is cut off, or its bytes are not its own"));
    };
    store.keep(draft, one.entry.digest)?;
    Ok(())
}
