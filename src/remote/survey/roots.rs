//! Which snapshots count, besides those that branches have now: PURE.
//!
//! ```text
//! young       a move of the last N days, and the one before the first of them: it held until then
//! announced   a move of a later generation than the branch has: its push has not moved the branch yet
//! ```
//! Ages are by the clock of the other end, which dates every key.

use std::collections::BTreeMap;

/// An announced move counts for so long, whatever is asked for: its push may be slow, or frozen.
pub const ANNOUNCED_MS: u64 = 30 * 24 * 60 * 60 * 1000;

/// Whether something is needed now, or by the past alone.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Held {
    /// A branch has it: it must be whole.
    Now,
    /// A move of the past, or one that is not done, has it: some of it may be gone.
    Past,
}

/// One move, as the list of keys tells of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Told {
    /// Its key.
    pub key: String,
    /// `<project>/<branch>`, as keys spell it.
    pub place: String,
    /// The move's number.
    pub generation: u64,
    /// The id of who made it.
    pub write_id: String,
    /// When its key was written.
    pub at_ms: u64,
}

impl Told {
    /// Reads a key of the history; absent where it is none.
    pub fn of(key: &str, at_ms: u64) -> Option<Self> {
        let (place, name) = key.strip_prefix("history/")?.rsplit_once('/')?;
        let (generation, write_id) = name.strip_suffix(".json")?.split_once('-')?;
        Some(Self {
            key: key.to_owned(),
            place: place.to_owned(),
            generation: generation.parse().ok()?,
            write_id: write_id.to_owned(),
            at_ms,
        })
    }
}

/// Returns the moves that count; `now` has each place's generation.
pub fn counting<'m>(
    now: &BTreeMap<String, u64>,
    moves: &'m [Told],
    at_ms: u64,
    keep_ms: u64,
) -> Vec<&'m Told> {
    let mut places: BTreeMap<&str, Vec<&Told>> = BTreeMap::new();
    for one in moves {
        places.entry(&one.place).or_default().push(one);
    }
    let mut counting = Vec::new();
    for (place, moves) in places {
        let current = now.get(place).copied().unwrap_or(0);
        // A clock that was put back makes nothing old.
        let age = |one: &Told| at_ms.saturating_sub(one.at_ms);
        let is_young = |one: &&&Told| keep_ms > 0 && age(one) <= keep_ms;
        let first = moves.iter().filter(is_young).map(|one| one.generation).min();
        let before = moves.iter().map(|one| one.generation).filter(|one| Some(*one) < first).max();
        counting.extend(moves.into_iter().filter(|one| {
            let is_announced = one.generation > current && age(one) <= ANNOUNCED_MS;
            is_young(&one) || is_announced || first.is_some() && Some(one.generation) == before
        }));
    }
    counting
}

#[cfg(test)]
mod tests {
    use super::*;

    const DAY: u64 = 24 * 60 * 60 * 1000;

    fn told(place: &str, generation: u64, day: u64) -> Told {
        Told::of(&format!("history/{place}/{generation:010}-id{day}.json"), day * DAY).unwrap()
    }

    fn generations(now: u64, moves: &[Told], day: u64, keep: u64) -> Vec<u64> {
        let now = BTreeMap::from([("p/main".to_owned(), now)]);
        counting(&now, moves, day * DAY, keep * DAY).into_iter().map(|one| one.generation).collect()
    }

    #[test]
    fn young_moves_count_and_what_held_before_them() {
        let moves = [1, 10, 70, 95].map(|day| told("p/main", day, day));
        assert_eq!(generations(95, &moves, 100, 30), [10, 70, 95]);
        assert_eq!(generations(95, &moves, 100, 5), [70, 95]);
        assert_eq!(generations(95, &moves, 100, 4), [0; 0]);
        assert_eq!(generations(95, &moves, 200, 30), [0; 0]);
        assert_eq!(generations(95, &moves, 95, 0), [0; 0]);
    }

    #[test]
    fn a_move_that_is_announced_counts_until_the_branch_has_moved_or_long_after() {
        let moves = [told("p/main", 3, 1), told("p/main", 4, 2)];
        assert_eq!(generations(3, &moves, 20, 0), [4]);
        assert_eq!(generations(4, &moves, 20, 0), [0; 0]);
        assert_eq!(generations(3, &moves, 40, 0), [0; 0]);
        // A branch that is not there yet, or that somebody removed.
        assert_eq!(counting(&BTreeMap::new(), &[told("p/new", 1, 1)], DAY, 0).len(), 1);
    }

    #[test]
    fn keys_of_the_history_are_read_and_others_are_none() {
        let one = Told::of("history/root/feature~ab12/0000000007-00ff.json", 5).unwrap();
        assert_eq!(
            (one.place.as_str(), one.generation, one.write_id.as_str()),
            ("root/feature~ab12", 7, "00ff")
        );
        for key in ["refs/root/main.json", "history/root/main/x-1.json", "history/1-2.json"] {
            assert_eq!(Told::of(key, 0), None, "{key}");
        }
    }
}
