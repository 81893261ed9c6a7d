//! Marks that say that a record, or an item of one, is bad: for everybody who has it.
//!
//! A record never changes, and one that a task makes again is another one: so a
//! mark names what is bad by its digest, and nobody has to lift it. Marks of two
//! sides are put together one by one: the later turn counts.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::{Digest, GraphName, ItemKey, ItemRecord, TaskName, canonical_json};

/// The version of [`Invalid`] that this kptn reads and writes.
pub const INVALID_FORMAT: u32 = 1;

/// All marks that a pushed state knows of.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Invalid {
    /// [`INVALID_FORMAT`] of the writer.
    pub format: u32,
    /// Sorted by `bad`, each once.
    pub marks: Vec<Mark>,
}

/// That a record or an item is bad, or is not any more.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Mark {
    /// The record, or what [`ItemRecord::identity`] says of the item.
    pub bad: Digest,
    /// The graph's namespace.
    pub graph: GraphName,
    /// The task.
    pub task: TaskName,
    /// The item; absent where the whole record is bad.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub item: Option<MarkedItem>,
    /// `false`: it was taken back.
    pub holds: bool,
    /// Grows with each change of this mark.
    pub turn: u64,
    /// Who made it.
    pub user: String,
    /// When, in ms since the epoch.
    pub at_ms: u64,
    /// Why; empty where nothing was said.
    pub why: String,
}

/// An item that is bad.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct MarkedItem {
    /// What it is known by.
    pub key: ItemKey,
    /// How people name it.
    pub label: String,
}

impl Mark {
    /// What decides between two versions of one mark: the later turn, then that it holds.
    fn rank(&self) -> (u64, bool, u64, &str, &str) {
        (self.turn, self.holds, self.at_ms, &self.user, &self.why)
    }

    /// Tells whether it counts, beside another version of itself.
    pub fn is_later_than(&self, other: &Self) -> bool {
        self.rank() > other.rank()
    }
}

impl Invalid {
    /// Puts marks together, of each the latest; absent where there are none.
    pub fn of(marks: impl IntoIterator<Item = Mark>) -> Option<Self> {
        let mut latest: BTreeMap<Digest, Mark> = BTreeMap::new();
        for mark in marks {
            match latest.get(&mark.bad) {
                Some(known) if !mark.is_later_than(known) => {}
                _ => drop(latest.insert(mark.bad, mark)),
            }
        }
        let marks: Vec<_> = latest.into_values().collect();
        (!marks.is_empty()).then_some(Self { format: INVALID_FORMAT, marks })
    }
}

impl ItemRecord {
    /// Returns what tells it from every other item that ever finished: the digest of its JSON, without where its lines are.
    pub fn identity(&self) -> Digest {
        Digest::of(&canonical_json(&Self { log: None, ..self.clone() }))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn mark(bad: &str, turn: u64, holds: bool) -> Mark {
        Mark {
            bad: Digest::of(bad.as_bytes()),
            graph: GraphName::parse("g").unwrap(),
            task: TaskName::parse("t").unwrap(),
            item: None,
            holds,
            turn,
            user: "ann".into(),
            at_ms: 1,
            why: String::new(),
        }
    }

    #[test]
    fn the_later_turn_counts_whichever_side_it_is_on() {
        let (a1, a2, b) = (mark("a", 1, true), mark("a", 2, false), mark("b", 1, true));
        let one = Invalid::of([a1.clone(), b.clone(), a2.clone()]);
        assert_eq!(one, Invalid::of([a2.clone(), a1, b]));
        assert_eq!(one.map(|all| all.marks.into_iter().find(|one| one.bad == a2.bad)), Some(Some(a2)));
        // Of one turn on two sides, that it is bad counts.
        let both = Invalid::of([mark("a", 2, true), mark("a", 2, false)]);
        assert_eq!(both, Invalid::of([mark("a", 2, true)]));
        assert_eq!(Invalid::of([]), None);
    }
}
