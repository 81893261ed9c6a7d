//! A large object on its way out: its raw bytes become the stored ones, piece by piece, and are verified by the way.

use std::io::{Read, Write};

use super::encoding::{self, Encoding};
use super::{RemoteError, header};
use crate::model::{Digest, Progress};
use crate::store::{Store, StoreError};

/// How much of it is handed on at a time.
pub const PIECE: usize = 8 * 1024 * 1024;
/// How much is read at a time: small enough to stay in the processor's cache until it is hashed and copied.
const BLOCK: usize = 256 * 1024;

/// Reads an object once and hands out the bytes to store.
pub struct Outgoing<'a> {
    store: &'a Store,
    digest: Digest,
    source: Box<dyn Read + Send>,
    hasher: blake3::Hasher,
    /// What was read to judge it, until that is taken.
    first: Vec<u8>,
    body: Body,
    stored: u64,
    ended: bool,
}

enum Body {
    /// A piece with room for all of its bytes, and how many it has.
    Raw(Vec<u8>, usize),
    /// And a block to read into.
    Zstd(Box<zstd::stream::write::Encoder<'static, Vec<u8>>>, Vec<u8>),
}

impl<'a> Outgoing<'a> {
    /// Begins with an object; its first bytes tell how it is encoded.
    pub fn begin(store: &'a Store, (digest, size): (&Digest, u64)) -> Result<Self, RemoteError> {
        let mut source = store.reader(digest)?;
        let mut first = vec![0; encoding::TRIED];
        let read = read_full(store, &mut source, &mut first)?;
        first.truncate(read);
        let body = if encoding::helps(&first) {
            let head = header::encode(Encoding::Zstd, size);
            let encoder = zstd::stream::write::Encoder::new(head, encoding::LEVEL);
            let mut encoder = encoder.map_err(|error| reading(store, error))?;
            encoder.set_pledged_src_size(Some(size)).map_err(|error| reading(store, error))?;
            Body::Zstd(Box::new(encoder), vec![0; BLOCK])
        } else {
            let head = header::encode(Encoding::Raw, size);
            let mut piece = vec![0; PIECE];
            piece[..head.len()].copy_from_slice(&head);
            Body::Raw(piece, head.len())
        };
        let (hasher, stored, ended) = (blake3::Hasher::new(), 0, false);
        Ok(Self { store, digest: *digest, source, hasher, first, body, stored, ended })
    }

    /// Returns how it is encoded.
    pub fn encoding(&self) -> Encoding {
        match self.body {
            Body::Raw(..) => Encoding::Raw,
            Body::Zstd(..) => Encoding::Zstd,
        }
    }

    /// Returns how many bytes were handed out.
    pub fn stored(&self) -> u64 {
        self.stored
    }

    /// Returns whether all of it was handed out.
    pub fn has_ended(&self) -> bool {
        self.ended
    }

    /// Returns the next bytes to store, about a piece; none at the end. Fails where the object's bytes here are
    /// not its own, before the last of them are handed out.
    pub fn next(&mut self, progress: &dyn Progress) -> Result<Option<Vec<u8>>, RemoteError> {
        while !self.ended && self.filled() < PIECE {
            let read = self.read_block()?;
            if read == 0 {
                self.ended = true;
                self.finish()?;
            }
            progress.advance(read as u64);
        }
        let piece = match &mut self.body {
            Body::Raw(piece, filled) => {
                let next = if self.ended { Vec::new() } else { vec![0; PIECE] };
                let mut piece = std::mem::replace(piece, next);
                piece.truncate(std::mem::take(filled));
                piece
            }
            Body::Zstd(encoder, _) => std::mem::take(encoder.get_mut()),
        };
        self.stored += piece.len() as u64;
        Ok((!piece.is_empty()).then_some(piece))
    }

    fn filled(&self) -> usize {
        match &self.body {
            Body::Raw(_, filled) => *filled,
            Body::Zstd(encoder, _) => encoder.get_ref().len(),
        }
    }

    fn read_block(&mut self) -> Result<usize, RemoteError> {
        let mut source = self.first.as_slice().chain(&mut self.source);
        let read = match &mut self.body {
            Body::Raw(piece, filled) => {
                let room = &mut piece[*filled..];
                let most = room.len().min(BLOCK);
                let read = read_full(self.store, &mut source, &mut room[..most])?;
                self.hasher.update(&room[..read]);
                *filled += read;
                read
            }
            Body::Zstd(encoder, block) => {
                let read = read_full(self.store, &mut source, block)?;
                self.hasher.update(&block[..read]);
                encoder.write_all(&block[..read]).map_err(|error| reading(self.store, error))?;
                read
            }
        };
        let taken = self.first.len().min(read);
        self.first.drain(..taken);
        Ok(read)
    }

    fn finish(&mut self) -> Result<(), RemoteError> {
        let found = Digest::from(self.hasher.finalize());
        if found != self.digest {
            let root = self.store.layout().root().to_owned();
            return Err(StoreError::Damaged { digest: self.digest, found, root }.into());
        }
        match &mut self.body {
            Body::Raw(..) => Ok(()),
            Body::Zstd(encoder, _) => encoder.do_finish().map_err(|error| reading(self.store, error)),
        }
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
