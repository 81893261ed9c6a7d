//! How keys and bytes lie in a table: PURE.
//!
//! ```text
//! pk                 sk                    one item
//! <place>/refs       <project>/<b>.json    tag, size, at, and the bytes, or how many pieces they have
//! <place>/history    …                     the same
//! <place>/runs       <run>/…               the same
//! <place>/packs      <digest>              the same, of small ones
//! <place>/pieces     <key>#<tag>/<n>       one piece of what is too large for one item
//! ```
//! `place` is the remote's address, so that one table serves many. `tag` is another one for each write: who swaps
//! asks for it. `at` is by the clock of the server.

use crate::remote::layout;

/// What stands in the item itself; more goes into pieces. Lists read whole items, so this is small.
pub const INLINE: usize = 32 * 1024;
/// One piece: an item has at most 400 KB, names included.
pub const PIECE: usize = 350 * 1024;
/// So many items are written in one request.
pub const BATCH: usize = 25;

/// Where an item is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Spot {
    /// The partition.
    pub pk: String,
    /// The place in it.
    pub sk: String,
}

/// Returns where a key's item is; absent where keys of its kind are in the bucket.
pub fn spot(place: &str, key: &str) -> Option<Spot> {
    let (kind, rest) = layout::in_table(key)?;
    Some(Spot { pk: format!("{place}/{kind}"), sk: rest.to_owned() })
}

/// Returns where one of the pieces of a key is.
pub fn piece_spot(place: &str, key: &str, tag: &str, number: usize) -> Spot {
    Spot { pk: pieces_of(place), sk: format!("{key}#{tag}/{number:06}") }
}

/// Returns the partition of all pieces.
pub fn pieces_of(place: &str) -> String {
    format!("{place}/pieces")
}

/// Reads whose piece it is: the key and the tag.
pub fn read_piece(sk: &str) -> Option<(&str, &str)> {
    sk.rsplit_once('/')?.0.rsplit_once('#')
}

/// Returns the ranges to ask for that have all keys of a folder: the kind, and what the rest begins with.
pub fn ranges(folder: &str) -> Vec<(&'static str, String)> {
    let folder = folder.trim_end_matches('/');
    let below = |kind: &'static str| match folder.strip_prefix(kind)? {
        "" => Some((kind, String::new())),
        rest => Some((kind, format!("{}/", rest.strip_prefix('/')?))),
    };
    match folder {
        "" => layout::IN_TABLE.iter().map(|kind| (*kind, String::new())).collect(),
        _ => layout::IN_TABLE.iter().copied().filter_map(below).collect(),
    }
}

/// Returns what some texts all begin with.
pub fn common_start<'t>(texts: &[&'t str]) -> &'t str {
    let Some((first, others)) = texts.split_first() else { return "" };
    let same = |other: &&str| first.bytes().zip(other.bytes()).take_while(|(a, b)| a == b).count();
    let mut length = others.iter().map(same).min().unwrap_or(first.len());
    while !first.is_char_boundary(length) {
        length -= 1;
    }
    &first[..length]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_has_one_spot_and_a_folder_the_range_that_has_it() {
        let at = spot("s3://b/p", "refs/root/main.json").unwrap();
        assert_eq!((at.pk.as_str(), at.sk.as_str()), ("s3://b/p/refs", "root/main.json"));
        for key in ["objects/1", "index/head", "kptn.json", "refs", "refs/", "refs2/a"] {
            assert_eq!(spot("p", key), None, "{key}");
        }
        assert_eq!(ranges("refs"), [("refs", String::new())]);
        assert_eq!(ranges("runs/r1"), [("runs", "r1/".to_owned())]);
        assert_eq!(ranges("").len(), 4);
        assert_eq!(ranges("objects"), []);
        assert_eq!(ranges("refs2"), []);
    }

    #[test]
    fn a_piece_tells_whose_it_is() {
        let at = piece_spot("p", "runs/r#1/a/b", "00ff", 12);
        assert_eq!(read_piece(&at.sk), Some(("runs/r#1/a/b", "00ff")));
        assert_eq!(read_piece("x"), None);
    }

    #[test]
    fn what_texts_begin_with() {
        assert_eq!(common_start(&["runs/a/1", "runs/a/2", "runs/b"]), "runs/");
        assert_eq!(common_start(&["é", "è"]), "");
        assert_eq!(common_start(&["one"]), "one");
        assert_eq!(common_start(&[]), "");
    }
}
