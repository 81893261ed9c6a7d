//! What keys themselves say is in them, where no index does: packs list their members, large objects have headers.
//!
//! Only these words are read, not the objects: whoever fetches one verifies it.

use std::cell::RefCell;

use crate::remote::bucket::{Bucket, Listed};
use crate::remote::fetch::{AT_ONCE, in_parallel};
use crate::remote::index::{Entry, Located, Place};
use crate::remote::pack::{Member, TAIL, list_of, members};
use crate::remote::{RemoteError, delta, header, layout};

/// The epoch of a pack is below this; others are random.
const EPOCH_MOST: u64 = 1 << 62;

/// What was found.
#[derive(Default)]
pub struct Scanned {
    /// Objects, each where it is.
    pub objects: Vec<Located>,
    /// The latest collection after which something was written.
    pub epoch: u64,
}

/// Reads what some keys say; passes over those that are cut off, or none of ours.
pub async fn scan(bucket: &Bucket, keys: Vec<&Listed>) -> Result<Scanned, RemoteError> {
    let scanned = RefCell::new(Scanned::default());
    in_parallel(AT_ONCE, keys, async |one| {
        let found = match one.key.starts_with("packs/") {
            true => of_pack(bucket, one).await,
            false => of_object(bucket, one).await,
        };
        match found {
            Ok(Some((objects, epoch))) => {
                let mut scanned = scanned.borrow_mut();
                scanned.objects.extend(objects);
                scanned.epoch = scanned.epoch.max(epoch);
                Ok(())
            }
            Ok(None) | Err(RemoteError::Damaged { .. }) => Ok(()),
            Err(error) => Err(error),
        }
    })
    .await?;
    let mut scanned = scanned.into_inner();
    // In one order, whichever answer came first.
    scanned.objects.sort_by_key(Located::key);
    Ok(scanned)
}

type Found = Option<(Vec<Located>, u64)>;

async fn of_pack(bucket: &Bucket, one: &Listed) -> Result<Found, RemoteError> {
    let (Some(pack), Some(tail)) = (layout::read_named(&one.key), one.size.checked_sub(TAIL as u64)) else {
        return Ok(None);
    };
    let first = 0..one.size.min(8);
    let read = bucket.read_ranges(&one.key, &[first, tail..one.size]).await?;
    let [first, tail] = read.as_slice() else { return Ok(None) };
    let Some(list) = list_of(tail, one.size).filter(|list| !list.is_empty()) else { return Ok(None) };
    let start = list.start;
    let read = bucket.read_ranges(&one.key, &[list]).await?;
    let Some(all) = read.first().and_then(|list| members(list, start)) else { return Ok(None) };
    let begins_with_it = all.iter().map(|member| member.offset).min() == Some(8);
    let epoch = first.first_chunk().filter(|_| begins_with_it).map_or(0, |epoch| u64::from_le_bytes(*epoch));
    let located = |member: &Member| {
        let place = Place::Packed { pack: 0, offset: member.offset, stored: member.stored };
        let entry = Entry { digest: member.digest, raw: member.raw.into(), encoding: member.encoding, place };
        Located { entry, pack: Some(pack) }
    };
    Ok(Some((all.iter().map(located).collect(), if epoch < EPOCH_MOST { epoch } else { 0 })))
}

async fn of_object(bucket: &Bucket, one: &Listed) -> Result<Found, RemoteError> {
    let Some(named) = layout::read_object(&one.key) else { return Ok(None) };
    let longest = one.size.min(header::LONGEST as u64);
    if longest == 0 {
        return Ok(None);
    }
    let first = 0..longest;
    let read = bucket.read_ranges(&one.key, std::slice::from_ref(&first)).await?;
    let Some(said) = read.first().and_then(|bytes| header::decode(bytes)) else { return Ok(None) };
    if said.encoding.base() != named.base || named.base.is_some() && said.raw > delta::MOST {
        return Ok(None);
    }
    let place = match named.epoch {
        0 => Place::Own { stored: one.size },
        epoch => Place::OwnSince { stored: one.size, epoch },
    };
    let entry = Entry { digest: named.digest, raw: said.raw, encoding: said.encoding, place };
    Ok(Some((vec![Located { entry, pack: None }], named.epoch)))
}
