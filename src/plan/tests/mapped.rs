//! Which items of a mapped task are stale.

use std::collections::BTreeSet;
use std::sync::Arc;

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
