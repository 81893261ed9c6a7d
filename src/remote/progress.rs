//! What a transfer tells while it goes on.

/// One phase of a transfer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Phase {
    /// Looking at what is there, on both sides.
    Looking,
    /// Bytes leave this machine.
    Sending,
    /// Bytes come to this machine.
    Fetching,
}

/// Hears how far a transfer is; must not block for long.
pub trait Progress {
    /// A phase begins, of so many objects and raw bytes.
    fn begin(&self, phase: Phase, objects: u64, bytes: u64);

    /// So many more raw bytes are done.
    fn advance(&self, bytes: u64);
}

/// Hears nothing.
pub struct Silent;

impl Progress for Silent {
    fn begin(&self, _: Phase, _: u64, _: u64) {}

    fn advance(&self, _: u64) {}
}
