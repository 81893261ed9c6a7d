//! What a verb that moves many bytes tells while it goes on.

/// One phase of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Phase {
    /// Looking at what is there, on both sides.
    Looking,
    /// Bytes leave this machine.
    Sending,
    /// Bytes come to this machine.
    Fetching,
    /// What nothing needs is deleted.
    Deleting,
    /// Bytes go from the store into the output folder.
    Restoring,
}

/// Hears how far it is, from any thread; must not block for long.
pub trait Progress: Sync {
    /// A phase begins, of so many objects (or files) and raw bytes.
    fn begin(&self, phase: Phase, objects: u64, bytes: u64);

    /// So many more raw bytes are done.
    fn advance(&self, bytes: u64);

    /// Asks who watches whether so many objects may come, of so many raw bytes; nobody has anything against it.
    fn may_come(&self, _objects: u64, _bytes: u64) -> bool {
        true
    }

    /// Nothing more comes: others may write where it was shown.
    fn end(&self) {}
}

/// Hears nothing.
pub struct Silent;

impl Progress for Silent {
    fn begin(&self, _: Phase, _: u64, _: u64) {}

    fn advance(&self, _: u64) {}
}
