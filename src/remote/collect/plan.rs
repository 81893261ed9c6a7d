//! Which keys go, and what is copied out of them first: PURE.
//!
//! ```text
//! nothing names it, or nothing in it is needed   it goes
//! a pack of which less than half is needed       what is needed is copied, then it goes
//! anything else                                  stays
//! ```

use std::collections::{HashMap, HashSet};

use crate::model::Digest;
use crate::remote::bucket::Listed;
use crate::remote::index::{Located, Place};
use crate::remote::pack::TAIL;

/// What a member's place in a pack's list takes at most: a digest and four numbers.
const MEMBER_MOST: u64 = 32 + 10 + 5 + 5 + 1;
/// What a pack has at most before its members, around its list and at its end.
const AROUND_MOST: u64 = 8 + 10 + TAIL as u64;

/// What goes.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Plan {
    /// Keys.
    pub goes: HashSet<String>,
    /// Of packs among them, what is copied first, in the order of its bytes.
    pub moves: Vec<(String, Vec<Located>)>,
}

/// Plans; `there` are the keys that may go, `by_key` what the index names in each key.
pub fn plan<'l>(
    there: impl Iterator<Item = &'l Listed>,
    by_key: &HashMap<String, Vec<Located>>,
    is_needed: &dyn Fn(&Digest) -> bool,
) -> Plan {
    let mut plan = Plan::default();
    for one in there {
        let named = by_key.get(&one.key).map(Vec::as_slice).unwrap_or_default();
        let mut needed: Vec<_> =
            named.iter().filter(|object| is_needed(&object.entry.digest)).copied().collect();
        if !needed.is_empty() {
            if packed_anew(&needed).is_none_or(|size| size.saturating_mul(2) > one.size) {
                continue;
            }
            needed.sort_by_key(Located::end);
            plan.moves.push((one.key.clone(), needed));
        }
        plan.goes.insert(one.key.clone());
    }
    plan
}

/// Returns how large a pack of some objects is at most; absent where one has a key of its own.
///
/// With all that a pack has besides its objects: else one of many tiny objects would be copied for ever.
fn packed_anew(objects: &[Located]) -> Option<u64> {
    let size = |object: &Located| match object.entry.place {
        Place::Packed { stored, .. } => Some(u64::from(stored) + MEMBER_MOST),
        _ => None,
    };
    objects.iter().map(size).sum::<Option<u64>>().map(|size| size + AROUND_MOST)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::remote::encoding::Encoding;
    use crate::remote::index::Entry;

    fn packed(name: &str, offset: u64, stored: u32) -> Located {
        let place = Place::Packed { pack: 0, offset, stored };
        let entry = Entry { digest: Digest::of(name.as_bytes()), raw: 1, encoding: Encoding::Raw, place };
        Located { entry, pack: Some(Digest::of(b"pack")) }
    }

    fn planned(size: u64, named: &[Located], needed: &[&str]) -> (usize, Vec<Digest>) {
        let key = packed("a", 0, 1).key();
        let listed = [Listed { key: key.clone(), size, at_ms: 0 }];
        let by_key = HashMap::from([(key, named.to_vec())]);
        let is_needed = |digest: &Digest| needed.iter().any(|name| Digest::of(name.as_bytes()) == *digest);
        let plan = plan(listed.iter(), &by_key, &is_needed);
        let moved = plan.moves.iter().flat_map(|(_, live)| live).map(|one| one.entry.digest);
        (plan.goes.len(), moved.collect())
    }

    #[test]
    fn a_pack_goes_where_nothing_in_it_is_needed_and_is_copied_where_little_is() {
        let (a, b, c) = (packed("a", 0, 6000), packed("b", 6000, 2000), packed("c", 8000, 2000));
        assert_eq!(planned(10_200, &[a, b, c], &[]), (1, vec![]));
        assert_eq!(planned(10_200, &[a, b, c], &["a"]), (0, vec![]));
        assert_eq!(planned(10_200, &[a, b, c], &["c", "b"]), (1, vec![b.entry.digest, c.entry.digest]));
        assert_eq!(planned(4_200, &[b, c], &["b", "c"]), (0, vec![]), "all of it is needed");
        let tiny = packed("d", 0, 1);
        assert_eq!(planned(60, &[tiny], &["d"]), (0, vec![]), "most of it is the list");
        assert_eq!(planned(10_200, &[], &["a"]), (1, vec![]), "nobody names it");
    }

    #[test]
    fn a_large_object_goes_or_stays() {
        let place = Place::OwnSince { stored: 90, epoch: 2 };
        let one = Located { entry: Entry { place, ..packed("own", 0, 1).entry }, pack: None };
        let listed = [Listed { key: one.key(), size: 90, at_ms: 0 }];
        let by_key = HashMap::from([(one.key(), vec![one])]);
        assert_eq!(plan(listed.iter(), &by_key, &|_| true), Plan::default());
        assert_eq!(plan(listed.iter(), &by_key, &|_| false).goes.len(), 1);
    }
}
