//! Whether keys are there and as long as the index implies: PURE.

use std::collections::BTreeMap;

use super::Sizes;
use crate::remote::index::{Located, Place};
use crate::remote::pack::TAIL;

/// Returns the keys that the index names and that cannot hold what it says, each with what is wrong.
pub fn wrong_keys(all: &[Located], sizes: &Sizes) -> BTreeMap<String, String> {
    // Of a pack at least so many bytes, of any other key exactly as many.
    let mut expected: BTreeMap<String, (u64, bool)> = BTreeMap::new();
    for one in all {
        let packed = matches!(one.entry.place, Place::Packed { .. });
        let end = if packed { one.end().saturating_add(TAIL as u64) } else { one.end() };
        let known = expected.entry(one.key()).or_insert((end, !packed));
        known.0 = known.0.max(end);
    }
    let wrong = |(key, (size, exactly)): (String, (u64, bool))| {
        let problem = match sizes.get(&key) {
            None => "it is not there".to_owned(),
            Some(found) if *found < size => format!("it is cut off: {found} bytes of {size}"),
            Some(found) if exactly && *found > size => {
                format!("it has {found} bytes, and should have {size}")
            }
            Some(_) => return None,
        };
        Some((key, problem))
    };
    expected.into_iter().filter_map(wrong).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::Digest;
    use crate::remote::encoding::Encoding;
    use crate::remote::index::Entry;

    #[test]
    fn a_key_that_is_absent_or_short_is_wrong_and_a_pack_may_have_more() {
        let located = |name: &str, place, pack| {
            let digest = Digest::of(name.as_bytes());
            Located { entry: Entry { digest, raw: 1, encoding: Encoding::Raw, place }, pack }
        };
        let pack = Digest::of(b"pack");
        let own = located("own", Place::Own { stored: 40 }, None);
        let packed = located("packed", Place::Packed { pack: 0, offset: 10, stored: 5 }, Some(pack));
        let wrong = |sizes: &[(&Located, u64)]| {
            let sizes = sizes.iter().map(|(one, size)| (one.key(), *size)).collect();
            wrong_keys(&[own, packed], &sizes).into_values().collect::<Vec<_>>()
        };
        let least = 15 + TAIL as u64;
        assert_eq!(wrong(&[(&own, 40), (&packed, least)]), [""; 0]);
        assert_eq!(wrong(&[(&own, 40), (&packed, 900)]), [""; 0]);
        assert_eq!(wrong(&[(&own, 41), (&packed, 900)]), ["it has 41 bytes, and should have 40"]);
        assert_eq!(wrong(&[(&packed, least)]), ["it is not there"]);
        assert_eq!(wrong(&[(&own, 40), (&packed, least - 1)]).len(), 1);
    }
}
