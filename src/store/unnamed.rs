//! New files that have no name until they are whole, where the system can do that (Linux, most file systems).
//!
//! A third cheaper than a temporary name and a rename, and a kill leaves nothing behind.

use std::io;
use std::path::Path;

use super::clone::Mode;

/// Writes a file that did not exist; `false` where that cannot be done like this: one is there, or the file system cannot.
///
/// `written` is called when it is whole and not in its place.
#[cfg(target_os = "linux")]
pub(super) fn write(
    folder: &Path,
    to: &Path,
    bytes: &[u8],
    mode: Mode,
    written: impl FnOnce() -> io::Result<()>,
) -> io::Result<bool> {
    use std::fs::File;
    use std::io::Write;
    use std::os::fd::AsRawFd;
    use std::sync::atomic::{AtomicBool, Ordering};

    use rustix::fs::{AtFlags, CWD, Mode as Bits, OFlags, linkat, openat};
    use rustix::io::Errno;

    static HOPELESS: AtomicBool = AtomicBool::new(false);
    if HOPELESS.load(Ordering::Relaxed) {
        return Ok(false);
    }
    let flags = OFlags::WRONLY | OFlags::TMPFILE | OFlags::CLOEXEC;
    let mut file = match openat(CWD, folder, flags, Bits::from_raw_mode(mode.bits())) {
        Ok(opened) => File::from(opened),
        Err(Errno::OPNOTSUPP | Errno::ISDIR | Errno::INVAL) => {
            HOPELESS.store(true, Ordering::Relaxed);
            return Ok(false);
        }
        // What is really wrong will show on the other way.
        Err(_) => return Ok(false),
    };
    file.write_all(bytes)?;
    written()?;
    let unnamed = format!("/proc/self/fd/{}", file.as_raw_fd());
    Ok(linkat(CWD, unnamed, CWD, to, AtFlags::SYMLINK_FOLLOW).is_ok())
}

#[cfg(not(target_os = "linux"))]
pub(super) fn write(
    _: &Path,
    _: &Path,
    _: &[u8],
    _: Mode,
    _: impl FnOnce() -> io::Result<()>,
) -> io::Result<bool> {
    Ok(false)
}
