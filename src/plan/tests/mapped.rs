//! Which items of a mapped task are stale.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use proptest::prelude::*;
use serde_json::json;

use super::super::*;
use super::world::{Makes, World, name, task};
use crate::model::*;

fn mapped_world() -> World {
    let mut states = task(name(0), vec![], Makes::Constant);
    states.cache_result = true;
    states.iterable_item = vec!["US_STATE".into()];
    let mut mapped = task(name(1), vec![name(0)], Makes::Everything);
    mapped.map_over = vec!["US_STATE".into()];
    mapped.outputs = vec![Template::parse("${US_STATE}.csv").unwrap()];
    let makes = [(name(0), Makes::Constant), (name(1), Makes::Everything)];
    World::of(vec![states, mapped], makes.into())
}

#[test]
fn a_moved_item_changes_nothing_and_a_new_one_runs_alone() {
    let world = mapped_world();
    assert_eq!(world.run().len(), 2);
    world.edit(&name(0));
    assert_eq!(world.run(), BTreeSet::from([name(0)]), "the list was only shuffled");
    world.edit(&name(0));
    world.records.borrow_mut().remove(&name(0));
    let ran = world.run();
    assert!(ran.contains(&name(1)));
    world.edit(&name(1));
    let decision = world.step_alone(&name(1));
    assert_eq!(decision.items.map(|plan| plan.stale.len()), Some(4), "its own code reaches every item");
}

#[test]
fn only_the_new_item_is_stale_and_a_removed_one_is_named() {
    let world = mapped_world();
    world.run();
    for (edits, stale, fresh, removed) in [(2, 1, 3, 0), (1, 0, 1, 3)] {
        for _ in 0..edits {
            world.edit(&name(0));
        }
        let run = RunId::new(99, 0);
        let provider = world.step_alone(&name(0));
        let record = world.make(&name(0), &provider, &run);
        world.records.borrow_mut().insert(name(0), Arc::new(record));
        let plan = world.step_alone(&name(1)).items.unwrap();
        assert_eq!((plan.stale.len(), plan.fresh.len(), plan.removed.len()), (stale, fresh, removed));
        world.run();
    }
}

/// A list, a task over it, and one over both that takes the items one by one.
fn chained_world() -> World {
    let mut list = task(name(0), vec![], Makes::Constant);
    list.cache_result = true;
    list.iterable_item = vec!["N".into()];
    let mut tasks = vec![list];
    for (at, deps) in [(1, vec![name(0)]), (2, vec![name(1), name(0)])] {
        let mut mapped = task(name(at), deps, Makes::Everything);
        mapped.map_over = vec!["N".into()];
        mapped.map_deps = MapDeps::Item;
        mapped.outputs = vec![Template::parse(&format!("t{at}/${{N}}")).unwrap()];
        tasks.push(mapped);
    }
    let makes = [Makes::Constant, Makes::Everything, Makes::Everything];
    World::of(tasks, makes.into_iter().enumerate().map(|(at, makes)| (name(at), makes)).collect())
}

fn keys(list: &[u8]) -> Vec<ItemKey> {
    list.iter().map(|n| Item { values: [("N", json!(n))].into_iter().collect() }.key()).collect()
}

/// Runs everything with this list; returns the plan of each mapped task that ran.
fn run_list(world: &World, list: &[u8]) -> BTreeMap<TaskName, ItemPlan> {
    *world.listed.borrow_mut() = Some(json!(list));
    world.edit(&name(0));
    let run = RunId::new(u64::from(*world.runs.borrow()) + 1, 9);
    *world.runs.borrow_mut() += 1;
    let mut plans = BTreeMap::new();
    for at in 0..3 {
        let decision = world.step_alone(&name(at));
        if decision.action == Action::Run {
            let record = world.make(&name(at), &decision, &run);
            world.records.borrow_mut().insert(name(at), Arc::new(record));
            plans.extend(decision.items.map(|plan| (name(at), plan)));
        }
    }
    plans
}

fn lists() -> impl Strategy<Value = Vec<u8>> {
    Just((0..12).collect::<Vec<u8>>())
        .prop_shuffle()
        .prop_flat_map(|all| (0..=all.len()).prop_map(move |length| all[..length].to_vec()))
}

proptest! {
    #[test]
    fn an_edited_list_makes_stale_exactly_its_new_items_in_every_task_of_a_chain(before in lists(), after in lists()) {
        let world = chained_world();
        prop_assert_eq!(run_list(&world, &before).len(), 2);
        let plans = run_list(&world, &after);
        let (old, new) = (keys(&before), keys(&after));
        let same: BTreeSet<_> = old.iter().collect();
        if same == new.iter().collect() {
            prop_assert!(plans.is_empty(), "the list was only shuffled");
        } else {
            prop_assert_eq!(plans.len(), 2);
        }
        for plan in plans.values() {
            let stale: Vec<_> = plan.stale.iter().map(|stale| stale.key).collect();
            let added: Vec<_> = new.iter().filter(|key| !old.contains(key)).copied().collect();
            prop_assert_eq!(stale, added);
            let fresh: Vec<_> = plan.fresh.iter().map(|record| record.key).collect();
            let kept: Vec<_> = new.iter().filter(|key| old.contains(key)).copied().collect();
            prop_assert_eq!(fresh, kept);
            let removed: BTreeSet<_> = plan.removed.iter().map(|record| record.key).collect();
            prop_assert_eq!(removed, old.iter().filter(|key| !new.contains(key)).copied().collect());
            prop_assert_eq!(&plan.order, &new);
        }
        prop_assert!(run_list(&world, &after).is_empty());
    }

    #[test]
    fn an_item_whose_file_was_edited_runs_alone_and_the_chain_is_spared(list in lists(), at in any::<prop::sample::Index>()) {
        prop_assume!(!list.is_empty());
        let world = chained_world();
        run_list(&world, &list);
        let key = keys(&list)[at.index(list.len())];
        world.broken.borrow_mut().edited = vec![format!("t1/{}", key.0)];
        let plans = run_list(&world, &list);
        prop_assert_eq!(plans.keys().cloned().collect::<Vec<_>>(), [name(1)], "it made the same bytes again");
        let stale: Vec<_> = plans[&name(1)].stale.iter().map(|stale| stale.key).collect();
        prop_assert_eq!(stale, [key]);
        prop_assert!(plans[&name(1)].stale[0].before.is_some());
    }
}

#[test]
fn an_item_of_changed_code_reaches_only_its_namesake_down_the_chain() {
    let world = chained_world();
    run_list(&world, &[1, 2, 3]);
    // The table of t1 as another run would have left it: one item has other bytes.
    let record = world.current(&name(1)).unwrap();
    let table = world.items(&record).unwrap();
    let changed = table.items().iter().enumerate().map(|(at, item)| {
        let mut item = ItemRecord::clone(item);
        item.outputs[0].digest = if at == 1 { Digest::of(b"other") } else { item.outputs[0].digest };
        Arc::new(item)
    });
    let other = Digest::of(b"another table");
    world.tables.borrow_mut().insert(other, Arc::new(ItemTable::new(changed)));
    let record =
        Record { items: Some(other), outputs_digest: Digest::of(b"changed"), ..Record::clone(&record) };
    world.records.borrow_mut().insert(name(1), Arc::new(record));
    let plan = world.step_alone(&name(2)).items.unwrap();
    assert_eq!(plan.stale.iter().map(|stale| stale.key).collect::<Vec<_>>(), [table.items()[1].key]);
    assert_eq!(plan.fresh.len(), 2);
}

#[test]
fn a_result_that_is_no_list_is_an_error_that_names_it() {
    let mut provider = task(name(0), vec![], Makes::Nothing);
    provider.iterable_item = vec!["STATE".into(), "ZIP".into()];
    for (value, part) in [
        (json!({"a": 1}), "returned an object"),
        (json!([["NC", 1], "SC"]), "[1]"),
        (json!([["NC", 1], ["NC", 1]]), "twice"),
    ] {
        let error = expand_items(&provider, &value).unwrap_err().to_string();
        assert!(error.contains(part), "{error}");
    }
    let items = expand_items(&provider, &json!([["NC", 1], {"ZIP": 2, "STATE": "a, b"}])).unwrap();
    assert_eq!(items[1].label(&provider.iterable_item), "a, b,2");
    assert!(expand_items(&provider, &json!([])).unwrap().is_empty());
}
