//! Takes files into a store, as a task's outputs are, and the floor of the same work.
//!
//! ```text
//! store take-in STORE LIST         kptn's store: put each file, then flush
//! store copy-and-hash FOLDER LIST  the floor: copy each file and hash it in one pass, then sync
//! store hash LIST                  BLAKE3 alone, as `b3sum` does
//! store spawn N                    the floor of a process an item: /bin/true, N times
//! ```
//! LIST has a path a line. The harness starts it and measures CPU from outside; it measures nothing
//! itself. It is a library user, so that no worker or interpreter is counted in.

use std::error::Error;
use std::fs::{self, File};
use std::io::{Read, Write};
use std::path::Path;

use kptn::store::Store;

type Fallible = Result<(), Box<dyn Error>>;

fn main() -> Fallible {
    let arguments: Vec<String> = std::env::args().skip(1).filter(|argument| argument != "--bench").collect();
    match arguments.iter().map(String::as_str).collect::<Vec<_>>().as_slice() {
        ["take-in", store, list] => take_in(Path::new(store), list),
        ["copy-and-hash", folder, list] => copy_and_hash(Path::new(folder), list),
        ["hash", list] => paths(list)?.iter().try_for_each(|path| pass(path, &mut std::io::sink())),
        ["spawn", count] => spawn(count.parse()?),
        // `cargo bench` alone starts it without a word; `make bench` is the way.
        _ => Ok(()),
    }
}

fn spawn(count: u32) -> Fallible {
    for _ in 0..count {
        std::process::Command::new("/bin/true").status()?;
    }
    Ok(())
}

fn paths(list: &str) -> Result<Vec<String>, Box<dyn Error>> {
    Ok(fs::read_to_string(list)?.lines().map(str::to_owned).collect())
}

fn take_in(root: &Path, list: &str) -> Fallible {
    let store = Store::open(root)?;
    for path in paths(list)? {
        store.put_file(Path::new(&path))?;
    }
    Ok(store.flush()?)
}

fn copy_and_hash(folder: &Path, list: &str) -> Fallible {
    fs::create_dir_all(folder)?;
    for (number, path) in paths(list)?.iter().enumerate() {
        let mut copy = File::create(folder.join(number.to_string()))?;
        pass(path, &mut copy)?;
        copy.sync_all()?;
    }
    Ok(())
}

/// Reads a file once: each piece goes through the hasher and on to `copy`.
fn pass(path: &str, copy: &mut dyn Write) -> Fallible {
    let mut file = File::open(path)?;
    let mut hasher = blake3::Hasher::new();
    let mut buffer = vec![0; 256 * 1024];
    loop {
        let length = file.read(&mut buffer)?;
        if length == 0 {
            break;
        }
        hasher.update(&buffer[..length]);
        copy.write_all(&buffer[..length])?;
    }
    std::hint::black_box(hasher.finalize());
    Ok(())
}
