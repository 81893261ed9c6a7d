//! The file system's own clock, and which stats cannot be trusted yet.
//!
//! A file's change time moves in ticks of some milliseconds. Whoever reads a
//! file and remembers its digest by its stat is fooled where the file is written
//! again within the same tick: same stat, other bytes. So a stat counts only
//! where its change time was already over when the reading began. The time is
//! taken from a file that is touched for that, since the file system may go by
//! another clock than the program.

use std::fs::{self, File};
use std::io;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};

use crate::store::FileStat;

const SECOND: i64 = 1_000_000_000;

/// Tells the time as a file system does, in ns since the epoch.
pub(super) struct Clock {
    probe: PathBuf,
    reading: Mutex<Reading>,
}

struct Reading {
    file: Option<File>,
    device: u64,
    now_ns: i64,
}

/// Earlier than anything, so that the first question looks.
const NEVER: Reading = Reading { file: None, device: 0, now_ns: i64::MIN };

impl Clock {
    /// Uses `probe`, made where it is absent, as the file to touch.
    pub(super) fn new(probe: PathBuf) -> Self {
        Self { probe, reading: Mutex::new(NEVER) }
    }

    /// Returns a time such that what is read from now on was not written before it.
    ///
    /// The last reading serves as long as it is later than `than`.
    pub(super) fn later_than(&self, than: i64) -> Moment {
        let mut reading = self.reading.lock().unwrap_or_else(PoisonError::into_inner);
        if reading.now_ns <= than && self.look(&mut reading).is_err() {
            // A time that makes every stat one that cannot be trusted.
            return Moment { device: 0, now_ns: i64::MIN };
        }
        Moment { device: reading.device, now_ns: reading.now_ns }
    }

    fn look(&self, reading: &mut Reading) -> io::Result<()> {
        let file = match &reading.file {
            Some(file) => file,
            None => reading.file.insert(make(&self.probe)?),
        };
        touch(file)?;
        let stat = FileStat::from(&file.metadata()?);
        (reading.device, reading.now_ns) = (stat.device, stat.changed_ns);
        Ok(())
    }
}

fn make(path: &Path) -> io::Result<File> {
    if let Some(folder) = path.parent() {
        fs::create_dir_all(folder)?;
    }
    File::options().write(true).create(true).truncate(false).open(path)
}

#[cfg(unix)]
fn touch(file: &File) -> io::Result<()> {
    use rustix::fs::{Timespec, Timestamps, UTIME_NOW};
    let now = || Timespec { tv_sec: 0, tv_nsec: UTIME_NOW as _ };
    Ok(rustix::fs::futimens(file, &Timestamps { last_access: now(), last_modification: now() })?)
}

#[cfg(not(unix))]
fn touch(mut file: &File) -> io::Result<()> {
    use std::io::{Seek, Write};
    file.rewind()?;
    file.write_all(b".")
}

/// A reading of a file system's clock.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Moment {
    device: u64,
    now_ns: i64,
}

impl Moment {
    /// Returns whether a file with this stat that is read after this moment may
    /// be written again without its stat showing it.
    pub(super) fn leaves_doubt(&self, stat: &FileStat) -> bool {
        // Other file systems may count in whole seconds, or by another machine's clock.
        let coarse = stat.device != self.device || stat.changed_ns % 10_000_000 == 0;
        let margin = if coarse { 2 * SECOND } else { 0 };
        stat.changed_ns.saturating_add(margin) >= self.now_ns
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn stat(device: u64, changed_ns: i64) -> FileStat {
        FileStat { device, changed_ns, ..FileStat::default() }
    }

    #[test]
    fn only_what_is_older_than_the_moment_is_sure() {
        let moment = Moment { device: 1, now_ns: 100 * SECOND + 5 };
        assert!(!moment.leaves_doubt(&stat(1, 100 * SECOND + 4)));
        assert!(moment.leaves_doubt(&stat(1, 100 * SECOND + 5)));
        assert!(moment.leaves_doubt(&stat(1, 200 * SECOND + 1)), "a clock that went back");
        assert!(moment.leaves_doubt(&stat(1, 99 * SECOND)), "whole seconds");
        assert!(moment.leaves_doubt(&stat(2, 99 * SECOND + 1)), "another file system");
        assert!(!moment.leaves_doubt(&stat(2, 90 * SECOND + 1)));
    }

    #[test]
    fn the_clock_goes_by_the_file_system_and_without_one_nothing_is_sure() {
        let root = tempfile::tempdir().unwrap();
        let clock = Clock::new(root.path().join("a/clock"));
        let before = clock.later_than(0);
        fs::write(root.path().join("x"), "x").unwrap();
        let written = FileStat::from(&fs::metadata(root.path().join("x")).unwrap());
        assert!(before.leaves_doubt(&written));
        assert_eq!(clock.later_than(before.now_ns - 1), before, "no need to look again");
        let broken = Clock::new(root.path().join("x/clock")).later_than(0);
        assert!(broken.leaves_doubt(&stat(0, 0)));
    }
}
