//! A large object on its way in: its stored bytes become the raw ones, and are verified by the way.

use std::io::Write;

use super::encoding::Encoding;
use super::header;
use super::index::Entry;
use crate::model::Digest;

/// A frame that needs a larger window than 128 MiB is not what kptn writes.
const WINDOW_LOG_MOST: u32 = 27;

/// Why a piece was not taken.
pub enum Problem {
    /// The bytes at the remote.
    Stored(String),
    /// The disk here.
    Disk(std::io::Error),
}

/// Takes pieces of a stored object and writes the raw one, never more of it than there should be.
pub struct Input<W: Write> {
    expected: Entry,
    header: Vec<u8>,
    body: Option<Body<W>>,
    out: Option<W>,
}

enum Body<W: Write> {
    Raw(Checked<W>),
    Zstd(Box<zstd::stream::write::Decoder<'static, Checked<W>>>),
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

impl<W: Write> Input<W> {
    /// Begins with nothing taken.
    pub fn new(expected: &Entry, out: W) -> Self {
        Self { expected: *expected, header: Vec::new(), body: None, out: Some(out) }
    }

    /// Takes the next stored bytes.
    pub fn take(&mut self, mut bytes: &[u8]) -> Result<(), Problem> {
        if self.body.is_none() {
            let needed = (header::LENGTH - self.header.len()).min(bytes.len());
            self.header.extend_from_slice(&bytes[..needed]);
            bytes = &bytes[needed..];
            let Some(header) = self.header.first_chunk::<{ header::LENGTH }>() else { return Ok(()) };
            let found = header::decode(header);
            if found != Some((self.expected.encoding, self.expected.raw)) {
                return Err(Problem::Stored("its header is not what the index says".to_owned()));
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

    fn begin(&mut self) -> std::io::Result<Option<Body<W>>> {
        let Some(out) = self.out.take() else { return Ok(None) };
        let most = self.expected.raw;
        let checked = Checked { out, hasher: Box::default(), written: 0, most };
        Ok(Some(match self.expected.encoding {
            Encoding::Raw => Body::Raw(checked),
            Encoding::Zstd => {
                let mut decoder = zstd::stream::write::Decoder::new(checked)?;
                decoder.window_log_max(WINDOW_LOG_MOST)?;
                Body::Zstd(Box::new(decoder))
            }
        }))
    }

    /// Returns how many raw bytes there are so far.
    pub fn written(&self) -> u64 {
        match &self.body {
            Some(Body::Raw(checked)) => checked.written,
            Some(Body::Zstd(decoder)) => decoder.get_ref().written,
            None => 0,
        }
    }

    /// Returns whether exactly the expected bytes were written.
    pub fn end(self) -> std::io::Result<bool> {
        let checked = match self.body {
            Some(Body::Raw(checked)) => checked,
            Some(Body::Zstd(mut decoder)) => {
                decoder.flush()?;
                decoder.into_inner()
            }
            None => return Ok(false),
        };
        let digest = Digest::from(checked.hasher.finalize());
        Ok(checked.written == self.expected.raw && digest == self.expected.digest)
    }
}
