//! The index is put right: a part that is lost, and the head.
//!
//! An announced collection stays announced: what its list names counts as absent, as before. The epoch of a head
//! that is lost becomes larger than all that were ever seen, so no key is written again.

use std::collections::HashSet;
use std::path::Path;

use super::scan::{Scanned, scan};
use super::{TRIES, problem, set_aside};
use crate::model::{Digest, canonical_json};
use crate::remote::branch::new_id;
use crate::remote::bucket::{Bucket, Listed, Swapped, Version};
use crate::remote::catalog::kept_bytes;
use crate::remote::condemned::Condemned;
use crate::remote::index::{Collections, Head, Located, Part, PartName, REMEMBERED};
use crate::remote::survey::{sizes, wrong_keys};
use crate::remote::{Earnest, RemoteError, format, layout};

/// Puts it right; returns what was done, or would be, and whether there is an index that can be read.
pub async fn index(bucket: &Bucket, folder: &Path, earnest: Earnest) -> Result<Vec<String>, RemoteError> {
    for _ in 0..TRIES {
        let found = bucket.read_versioned(layout::INDEX_HEAD).await?;
        let head = found.as_ref().and_then(|(bytes, _)| serde_json::from_slice::<Head>(bytes).ok());
        let listed = bucket.list_dated("").await?;
        let mut said = Vec::new();
        let work = Work { bucket, folder, earnest, listed: &listed };
        let anew = match &head {
            Some(head) => work.of_head(head, &mut said).await?,
            None if found.is_none() && !work.has_objects() => None,
            None => Some(work.without_head().await?),
        };
        let Some(mut anew) = anew else { return Ok(said) };
        let (bytes, version) = found.map_or((None, None), |(bytes, version)| (Some(bytes), Some(version)));
        let count = anew.part.entries.len();
        let mut told = match head {
            Some(_) => "the index is put together anew".to_owned(),
            None => format!("`{}` {} and is put together anew", layout::INDEX_HEAD, problem(bytes.is_some())),
        };
        told.push_str(&format!(" from what is there: {count} objects"));
        if earnest == Earnest::No {
            said.push(told);
            return Ok(said);
        }
        if let Some(bytes) = bytes.filter(|_| head.is_none()) {
            told.push_str(&set_aside(bucket, layout::INDEX_HEAD, &bytes).await?);
        }
        if work.write(&mut anew, version.as_ref()).await? == Swapped::Yes {
            said.push(told);
            return Ok(said);
        }
    }
    Err(bucket.damaged(layout::INDEX_HEAD, "others move it all the time"))
}

/// A head that is to be written, and the only part that it names.
struct Anew {
    head: Head,
    part: Part,
}

struct Work<'a> {
    bucket: &'a Bucket,
    folder: &'a Path,
    earnest: Earnest,
    listed: &'a [Listed],
}

impl Work<'_> {
    fn of_kind<'l>(&'l self, kind: &'static str) -> impl Iterator<Item = &'l Listed> {
        self.listed.iter().filter(move |one| one.key.starts_with(kind))
    }

    fn has_objects(&self) -> bool {
        self.of_kind("packs/").chain(self.of_kind("objects/")).chain(self.of_kind("index/")).next().is_some()
    }

    /// Writes lost parts back that are kept here; where one is not, returns an index without it.
    async fn of_head(&self, head: &Head, said: &mut Vec<String>) -> Result<Option<Anew>, RemoteError> {
        let (mut parts, mut lost) = (Vec::new(), 0);
        for name in &head.parts {
            let key = layout::index_part(&name.digest);
            let stored = self.bucket.read(&key).await?;
            if let Some(part) = stored.as_deref().filter(|stored| Digest::of(stored) == name.digest)
                && let Some(part) = Part::decode(part)
            {
                parts.push(part);
                continue;
            }
            let was = problem(stored.is_some());
            let kept = match stored.filter(|_| self.earnest == Earnest::Yes) {
                Some(bytes) => set_aside(self.bucket, &key, &bytes).await?,
                None => String::new(),
            };
            let here = kept_bytes(self.folder, &name.digest);
            let Some((part, here)) = here.and_then(|here| Some((Part::decode(&here)?, here))) else {
                said.push(format!("`{key}` {was}, and no copy of it is here{kept}"));
                lost += 1;
                continue;
            };
            if self.earnest == Earnest::Yes {
                self.bucket.write(&key, here).await?;
            }
            said.push(format!("`{key}` {was}, and comes from the copy of it here{kept}"));
            parts.push(part);
        }
        if lost == 0 {
            return Ok(None);
        }
        let known: Vec<Located> = parts.iter().flat_map(Part::located).collect();
        let Scanned { objects, .. } = self.scan_others(&known).await?;
        // What parts say comes later, and wins.
        let found = Part::of_located(objects.into_iter());
        let part = Part::merged(std::iter::once(&found).chain(&parts));
        let head = Head { generation: head.generation + 1, ..head.clone() };
        Ok(Some(Anew { head, part }))
    }

    /// Returns an index of all that is there.
    async fn without_head(&self) -> Result<Anew, RemoteError> {
        let (mut known, mut epoch) = (Vec::new(), 0);
        let mut named: Vec<_> = self.of_kind("index/").collect();
        named.sort_by_key(|one| one.at_ms);
        for one in named {
            let Some(digest) = layout::read_named(&one.key) else { continue };
            let stored = self.bucket.read(&one.key).await?.filter(|stored| Digest::of(stored) == digest);
            let Some((part, since)) = stored.and_then(|stored| Part::decode_dated(&stored)) else { continue };
            known.extend(part.located());
            epoch = epoch.max(since);
        }
        // Parts of before a collection name what it has deleted.
        let wrong = wrong_keys(&known, &sizes(self.listed));
        known.retain(|one| !wrong.contains_key(&one.key()));
        let scanned = self.scan_others(&known).await?;
        let own = self.listed.iter().filter_map(|one| layout::read_object(&one.key)).map(|own| own.epoch);
        let lists: Vec<_> = self.of_kind("gc/").filter_map(|one| one.key.strip_prefix("gc/")).collect();
        let listed = lists.iter().filter_map(|list| list.split_once('-')?.0.parse().ok());
        let epoch = own.chain(listed).fold(epoch.max(scanned.epoch), u64::max) + 1;
        let list = self.announced(lists.last().copied()).await?;
        let gc = Collections { epoch, list };
        let part = Part::of_located(scanned.objects.into_iter().chain(known));
        Ok(Anew { head: Head { format: 1, generation: 1, gc, ..Head::default() }, part })
    }

    /// Returns a collection's list where it can be read: it may be announced.
    async fn announced(&self, list: Option<&str>) -> Result<Option<String>, RemoteError> {
        let Some(list) = list else { return Ok(None) };
        match Condemned::read(self.bucket, list).await {
            Ok(read) => Ok(read.map(|read| read.list)),
            Err(RemoteError::Damaged { .. }) => Ok(None),
            Err(error) => Err(error),
        }
    }

    /// Reads what the keys say that nothing names.
    async fn scan_others(&self, known: &[Located]) -> Result<Scanned, RemoteError> {
        let named: HashSet<String> = known.iter().map(Located::key).collect();
        let all = self.of_kind("packs/").chain(self.of_kind("objects/"));
        scan(self.bucket, all.filter(|one| !named.contains(&one.key)).collect()).await
    }

    async fn write(&self, anew: &mut Anew, version: Option<&Version>) -> Result<Swapped, RemoteError> {
        let Anew { head, part } = anew;
        let has_deltas = part.entries.iter().any(|entry| entry.base().is_some());
        format::raise(self.bucket, if has_deltas { format::DELTAS } else { format::COLLECTIONS }).await?;
        let stored = part.encode(head.gc.epoch);
        let digest = Digest::of(&stored);
        self.bucket.write(&layout::index_part(&digest), stored).await?;
        head.parts = vec![PartName { digest, objects: part.entries.len() as u64 }];
        head.writes.insert(0, new_id());
        head.writes.truncate(REMEMBERED);
        self.bucket.swap(layout::INDEX_HEAD, version, canonical_json(head)).await
    }
}
