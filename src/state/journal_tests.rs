//! Journals of items: what the living and the dead wrote down is found, and nothing else.

use std::fs;
use std::path::PathBuf;

use super::journal::{Entry, parse};
use super::tests::{Place, failed_item, item, task};
use super::*;
use crate::model::{FailedItem, ItemRecord, RunId};
use crate::store::FileStat;

/// A run of one mapped task, and a file that its items depend on.
struct Items {
    place: Place,
    run: RunId,
    code: PathBuf,
}

impl Items {
    fn new() -> Self {
        let place = Place::new();
        let (run, code) = (place.open_run(1), place.folder.path().join("a.py"));
        fs::write(&code, "1").unwrap();
        Self { place, run, code }
    }

    fn journal(&self) -> Journal {
        let scope = JournalScope {
            project: self.place.branch.project.clone(),
            branch: self.place.branch.branch.clone(),
            graph: self.place.graph.clone(),
            task: task("a"),
            run: self.run.clone(),
            watched: vec![(self.code.clone(), FileStat::at(&self.code))],
        };
        Journal::new(self.place.store.layout(), scope)
    }

    fn kept(&self) -> Vec<ItemRecord> {
        self.place.other().kept_items(&self.place.branch, &self.place.graph, &task("a")).unwrap()
    }

    fn failed(&self) -> Vec<FailedItem> {
        self.place.other().failed_items(&self.place.branch, &self.place.graph, &task("a")).unwrap()
    }

    fn take_in_dead(&self) -> usize {
        self.place.other().take_in_dead(&self.place.branch).unwrap()
    }

    fn files(&self) -> Vec<PathBuf> {
        let folder = self.place.store.layout().run_items(&self.run);
        let mut files: Vec<_> =
            fs::read_dir(folder).into_iter().flatten().map(|one| one.unwrap().path()).collect();
        files.sort();
        files
    }
}

fn sorted(names: &[&str]) -> Vec<ItemRecord> {
    let mut items: Vec<_> = names.iter().map(|name| item(name)).collect();
    items.sort_by_key(|item| item.key);
    items
}

#[test]
fn what_a_dead_run_wrote_down_is_taken_in_once_with_its_objects() {
    let items = Items::new();
    let mut journal = items.journal();
    let object = b"what it left".as_slice();
    journal.item(&item("NC"), &[object.into()]).unwrap();
    journal.failed(&failed_item("SC")).unwrap();
    journal.failed(&failed_item("VA")).unwrap();
    journal.item(&item("VA"), &[]).unwrap();
    assert!(items.place.state.has_journals(&items.place.branch).unwrap());
    assert_eq!(items.take_in_dead(), 0, "it is not dead yet");
    drop(journal);
    assert_eq!(items.take_in_dead(), 1);
    assert_eq!(items.kept(), sorted(&["NC", "VA"]));
    assert_eq!(items.failed(), [failed_item("SC")]);
    let digest = crate::model::Digest::of(object);
    assert_eq!(crate::store::Store::open(items.place.folder.path()).unwrap().load(&digest).unwrap(), object);
    assert_eq!((items.files(), items.take_in_dead()), (vec![], 0));
    assert!(!items.place.state.has_journals(&items.place.branch).unwrap());
}

#[test]
fn a_torn_frame_and_what_follows_it_is_left_out_wherever_it_is_torn() {
    let items = Items::new();
    let mut journal = items.journal();
    for name in ["NC", "SC"] {
        journal.item(&item(name), &[name.as_bytes().into()]).unwrap();
    }
    let bytes = fs::read(&items.files()[0]).unwrap();
    let count = |bytes: &[u8]| parse(bytes).map(|(_, entries)| entries.len());
    assert_eq!(count(&bytes), Some(2));
    let mut counts = std::collections::BTreeSet::new();
    for end in 0..bytes.len() {
        counts.insert(count(&bytes[..end]));
        let mut flipped = bytes.clone();
        flipped[end] ^= 1;
        let found = parse(&flipped).map(|(_, entries)| entries).unwrap_or_default();
        assert!(found.len() < 2, "a wrong bit at {end} is noticed");
        let first = |entry: &Entry<'_>| matches!(entry, Entry::Item { objects, .. } if objects[0] == b"NC");
        assert!(found.iter().all(first));
    }
    assert_eq!(counts, [None, Some(0), Some(1)].into());
    journal.remove();
}

#[test]
fn after_an_edit_only_what_was_known_to_have_held_still_is_taken_in() {
    let items = Items::new();
    let mut journal = items.journal();
    journal.item(&item("NC"), &[]).unwrap();
    journal.held().unwrap();
    journal.item(&item("SC"), &[]).unwrap();
    drop(journal);
    fs::write(&items.code, "2 now").unwrap();
    items.take_in_dead();
    assert_eq!(items.kept(), sorted(&["NC"]));
}

#[test]
fn a_living_journal_goes_into_the_databases_part_by_part() {
    let items = Items::new();
    let mut journal = items.journal();
    journal.item(&item("NC"), &[]).unwrap();
    journal.held().unwrap();
    let first = journal.cut().unwrap();
    journal.item(&item("SC"), &[]).unwrap();
    assert_eq!(items.files().len(), 2);
    items.place.state.take_in(&items.place.store, first).unwrap();
    assert_eq!((items.kept(), items.files().len()), (sorted(&["NC"]), 1));
    drop(journal);
    items.take_in_dead();
    assert_eq!(items.kept(), sorted(&["NC", "SC"]));
}

#[test]
fn the_journal_of_a_recorded_task_adds_nothing() {
    let items = Items::new();
    let mut journal = items.journal();
    journal.item(&item("NC"), &[]).unwrap();
    items.place.finish(&items.run, "a", "a1", None);
    drop(journal);
    assert_eq!(items.take_in_dead(), 1);
    assert_eq!(items.kept(), []);
}

#[test]
fn processes_that_begin_at_once_never_take_one_name() {
    let items = Items::new();
    std::thread::scope(|scope| {
        for n in 0..8 {
            let items = &items;
            scope.spawn(move || {
                for round in 0..100 {
                    let mut journal = items.journal();
                    journal.item(&item(&format!("{n} {round}")), &[]).unwrap();
                    // One whose name another had taken would be gone, or be the other's.
                    let segment = journal.cut().unwrap();
                    let bytes = fs::read(&segment.path).unwrap();
                    let (_, entries) = parse(&bytes).unwrap();
                    let key = *item(&format!("{n} {round}")).key.0.as_bytes();
                    assert!(matches!(entries[..], [Entry::Item { key: found, .. }] if found == key));
                    segment.remove();
                }
            });
        }
    });
}
