//! A large object on its way in: its stored bytes become the raw ones, and are verified by the way.

use std::io::Write;

use zstd::stream::raw;
use zstd::zstd_safe::DParameter;

use super::encoding::Encoding;
use super::index::Entry;
use super::{delta, header};
use crate::model::Digest;

/// A frame that needs a larger window than 128 MiB is not what kptn writes, but for deltas.
const ALONE_WINDOW_LOG_MOST: u32 = 27;

/// Why a piece was not taken.
pub enum Problem {
    /// The bytes at the remote.
    Stored(String),
    /// The disk here.
    Disk(std::io::Error),
}

/// Takes pieces of a stored object and writes the raw one, never more of it than there should be.
pub struct Input<'b, W: Write> {
    expected: Entry,
    base: &'b [u8],
    /// As it should be.
    header: Vec<u8>,
    /// How much of it came.
    taken: usize,
    body: Option<Body<'b, W>>,
    out: Option<W>,
}

enum Body<'b, W: Write> {
    Raw(Checked<W>),
    /// A delta, too: with a base.
    Zstd(Box<zstd::stream::zio::Writer<Checked<W>, raw::Decoder<'b>>>),
}

/// Writes and hashes, up to a length.
struct Checked<W> {
    out: W,
    hasher: Box<blake3::Hasher>,
    written: u64,
    most: u64,
}

impl<W: Write> Write for Checked<W> {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        if bytes.len() as u64 > self.most - self.written {
            return Err(std::io::Error::new(std::io::ErrorKind::InvalidData, "it is longer than it says"));
        }
        self.out.write_all(bytes)?;
        self.hasher.update(bytes);
        self.written += bytes.len() as u64;
        Ok(bytes.len())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        self.out.flush()
    }
}

impl<'b, W: Write> Input<'b, W> {
    /// Begins with nothing taken; `base` has the bytes of the object that a delta is against, and none for others.
    pub fn new(expected: &Entry, base: &'b [u8], out: W) -> Self {
        let header = header::encode(expected.encoding, expected.raw);
        Self { expected: *expected, base, header, taken: 0, body: None, out: Some(out) }
    }

    /// Takes the next stored bytes.
    pub fn take(&mut self, mut bytes: &[u8]) -> Result<(), Problem> {
        if self.body.is_none() {
            let expected = &self.header[self.taken..];
            let came = expected.len().min(bytes.len());
            if bytes[..came] != expected[..came] {
                return Err(Problem::Stored("its header is not what the index says".to_owned()));
            }
            self.taken += came;
            bytes = &bytes[came..];
            if self.taken < self.header.len() {
                return Ok(());
            }
            self.body = self.begin().map_err(Problem::Disk)?;
        }
        let written = match &mut self.body {
            Some(Body::Raw(checked)) => checked.write_all(bytes),
            Some(Body::Zstd(decoder)) => decoder.write_all(bytes),
            None => Ok(()),
        };
        written.map_err(|error| match error.raw_os_error() {
            Some(_) => Problem::Disk(error),
            None => Problem::Stored(error.to_string()),
        })
    }

    fn begin(&mut self) -> std::io::Result<Option<Body<'b, W>>> {
        let Some(out) = self.out.take() else { return Ok(None) };
        let most = self.expected.raw;
        let checked = Checked { out, hasher: Box::default(), written: 0, most };
        Ok(Some(match self.expected.encoding {
            Encoding::Raw => Body::Raw(checked),
            Encoding::Zstd => zstd_body(checked, raw::Decoder::new()?, ALONE_WINDOW_LOG_MOST)?,
            Encoding::Delta { .. } => {
                zstd_body(checked, raw::Decoder::with_ref_prefix(self.base)?, delta::DELTA_WINDOW_LOG_MOST)?
            }
        }))
    }

    /// Returns how many raw bytes there are so far.
    pub fn written(&self) -> u64 {
        match &self.body {
            Some(Body::Raw(checked)) => checked.written,
            Some(Body::Zstd(decoder)) => decoder.writer().written,
            None => 0,
        }
    }

    /// Returns where it was written to; absent where that is not exactly the expected bytes.
    pub fn end(self) -> std::io::Result<Option<W>> {
        let checked = match self.body {
            Some(Body::Raw(checked)) => checked,
            Some(Body::Zstd(mut decoder)) => {
                decoder.flush()?;
                decoder.into_inner().0
            }
            None => return Ok(None),
        };
        let digest = Digest::from(checked.hasher.finalize());
        let is_whole = checked.written == self.expected.raw && digest == self.expected.digest;
        Ok(is_whole.then_some(checked.out))
    }
}

fn zstd_body<'b, W: Write>(
    checked: Checked<W>,
    mut decoder: raw::Decoder<'b>,
    window_log_most: u32,
) -> std::io::Result<Body<'b, W>> {
    decoder.set_parameter(DParameter::WindowLogMax(window_log_most))?;
    // As much as a block of a frame becomes.
    const BLOCK: usize = 128 * 1024;
    Ok(Body::Zstd(Box::new(zstd::stream::zio::Writer::new_with_capacity(checked, decoder, BLOCK))))
}
