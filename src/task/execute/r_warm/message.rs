//! How `worker/warm.R` is spoken to: base R reads this without a parser.

use std::ffi::OsStr;
use std::os::unix::ffi::OsStrExt;
use std::path::Path;

use super::fit::Changes;
use super::parent::Wanted;

/// Spells a path as R code.
pub(super) fn quoted(path: &Path) -> String {
    format!("\"{}\"", path.to_string_lossy().replace('\\', "\\\\").replace('"', "\\\""))
}

/// Returns what a fork is told when its turn comes.
pub(super) fn request(wanted: &Wanted<'_>, changes: &Changes<'_>) -> Vec<u8> {
    let Wanted { job, script, .. } = wanted;
    let mut words: Vec<Vec<u8>> = vec![bytes(job.folder.as_os_str()), bytes(script.script.as_os_str())];
    let mut list = |list: Vec<Vec<u8>>| {
        words.push(list.len().to_string().into_bytes());
        words.extend(list);
    };
    list(script.arguments.iter().map(|word| word.clone().into_bytes()).collect());
    list(changes.unset.iter().map(|name| bytes(name)).collect());
    list(changes.set.iter().map(|(name, _)| bytes(name)).collect());
    list(changes.set.iter().map(|(_, value)| bytes(value)).collect());
    frame(words.iter().map(Vec::as_slice))
}

fn bytes(text: &OsStr) -> Vec<u8> {
    text.as_bytes().to_vec()
}

/// Puts strings together: their size and number, 4 bytes each, then each with a NUL at its end.
pub(super) fn frame<'a>(words: impl Iterator<Item = &'a [u8]>) -> Vec<u8> {
    let (mut count, mut all) = (0_u32, vec![0; 8]);
    for word in words {
        count += 1;
        all.extend_from_slice(word);
        all.push(0);
    }
    let size = (all.len() - 8) as u32;
    all[..4].copy_from_slice(&size.to_le_bytes());
    all[4..8].copy_from_slice(&count.to_le_bytes());
    all
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_frame_says_how_long_it_is() {
        let words: [&[u8]; 3] = [b"a", b"", b"\xff\n"];
        assert_eq!(frame(words.into_iter()), b"\x06\0\0\0\x03\0\0\0a\0\0\xff\n\0");
        assert_eq!(frame([].into_iter()), [0; 8]);
        assert_eq!(quoted(Path::new("/a \"b\"\\c")), r#""/a \"b\"\\c""#);
    }
}
