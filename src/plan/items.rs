//! Which items of a mapped task are stale.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;

use super::{Dependency, DependencyState, Known, OutputsState, Situation};
use crate::fingerprint::{CommonIngredients, DependencyDigests, dependency_ingredients, item_ingredient};
use crate::model::{
    Fingerprint, Ingredient, Item, ItemKey, ItemRecord, ItemTable, MapDeps, Record, Task, outputs_digest,
};

/// The items of a mapped task, sorted into those that are done and those to do.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct ItemPlan {
    /// Keys in the order of the list.
    pub order: Vec<ItemKey>,
    /// Done: their records hold.
    pub fresh: Vec<Arc<ItemRecord>>,
    /// To do, in the order of the list.
    pub stale: Vec<StaleItem>,
    /// Not done either, but a run that is about other items leaves them as they are.
    pub left: Vec<StaleItem>,
    /// Items of the record before that are no longer in the list: their files leave the folder.
    pub removed: Vec<Arc<ItemRecord>>,
    /// How many of those that are not done failed when they ran last, of the same ingredients.
    pub failed: u64,
}

/// An item that has to run.
#[derive(Debug, Clone, PartialEq)]
pub struct StaleItem {
    /// Its values.
    pub item: Item,
    /// What it is known by.
    pub key: ItemKey,
    /// Of today's ingredients.
    pub fingerprint: Fingerprint,
    /// What it left last on this branch; absent where it never finished.
    pub before: Option<Arc<ItemRecord>>,
}

impl ItemPlan {
    /// Returns how many items there are.
    pub fn total(&self) -> u64 {
        self.order.len() as u64
    }
}

/// Sorts the items of a mapped task into fresh and stale; `outputs` tells where the record's files are.
pub(super) fn plan_items(
    situation: &Situation<'_>,
    known: &dyn Known,
    current: Option<&Record>,
    outputs: &OutputsState,
    items: Vec<(ItemKey, Item)>,
    chosen: Option<&HashSet<ItemKey>>,
) -> ItemPlan {
    let mut left = records_before(situation, known, current);
    let broken = broken_paths(outputs);
    // Where the list of results is lost, so may each of them be.
    let results_are_lost = outputs.lost.iter().chain(&outputs.elsewhere).any(|lost| lost == ITS_RESULT);
    let base = base_ingredients(situation);
    let common = CommonIngredients::new(&base);
    let chains = item_chains(situation, known);
    let meant = |key: &ItemKey| chosen.is_none_or(|chosen| chosen.contains(key));
    let failed = failed_before(situation, known);
    let all_again = !situation.gathered.uncacheable.is_empty() || situation.refresh_is_due(known, current);
    // Of a bad record no item holds; those that finished since are others.
    let whole_is_bad = known.invalidated(&situation.task.name).iter().any(|mark| mark.item.is_none());
    let bad = current.filter(|_| whole_is_bad).map(|record| known.readable_items(record));
    let is_of_bad = |record: &ItemRecord| {
        bad.as_ref().and_then(|table| table.find(&record.key)).is_some_and(|one| **one == *record)
    };
    let mut plan = ItemPlan { order: Vec::with_capacity(items.len()), ..ItemPlan::default() };
    for (key, item) in items {
        let fingerprint = item_fingerprint(situation, &common, &chains, &item, key);
        plan.order.push(key);
        let has_failed = failed.get(&key) == Some(&fingerprint);
        plan.failed += u64::from(has_failed);
        let holds = |record: &ItemRecord| {
            !all_again
                && !has_failed
                && !situation.forces_item(record, meant(&record.key))
                && record.fingerprint == fingerprint
                && !is_of_bad(record)
                && !known.is_bad(record)
                && !(results_are_lost && record.result.is_some_and(|result| !known.can_have(&result)))
                && !record.outputs.iter().any(|file| broken.contains(file.path.as_str()))
        };
        match left.remove(&key) {
            Some(record) if holds(&record) => plan.fresh.push(record),
            before => {
                let list = if meant(&key) { &mut plan.stale } else { &mut plan.left };
                list.push(StaleItem { item, key, fingerprint, before });
            }
        }
    }
    plan.removed = left.into_values().collect();
    plan.removed.sort_by_key(|record| record.key);
    if !plan.stale.is_empty() && has_shared_output(situation) {
        rerun_all(&mut plan);
    }
    plan
}

/// An output without an item variable belongs to the whole task: one stale item re-runs all.
fn has_shared_output(situation: &Situation<'_>) -> bool {
    situation.task.outputs.iter().any(|output| !situation.task.is_item_output(output))
}

fn rerun_all(plan: &mut ItemPlan) {
    let fresh = std::mem::take(&mut plan.fresh);
    plan.stale.extend(fresh.into_iter().map(|record| StaleItem {
        item: record.item.clone(),
        key: record.key,
        fingerprint: record.fingerprint,
        before: Some(record),
    }));
    let place: HashMap<_, _> = plan.order.iter().enumerate().map(|(at, key)| (*key, at)).collect();
    plan.stale.sort_by_key(|stale| place.get(&stale.key).copied());
}

/// The items whose latest attempt failed, and the fingerprint that it was for: a forced item may have a good
/// record and have failed since.
fn failed_before(situation: &Situation<'_>, known: &dyn Known) -> HashMap<ItemKey, Fingerprint> {
    known.failed_items(&situation.task.name).into_iter().map(|item| (item.key, item.fingerprint)).collect()
}

/// The items' latest records on this branch: the whole task's table, then what finished since.
fn records_before(
    situation: &Situation<'_>,
    known: &dyn Known,
    current: Option<&Record>,
) -> HashMap<ItemKey, Arc<ItemRecord>> {
    let table = current.map(|record| known.readable_items(record));
    let table = table.iter().flat_map(|table| table.items().iter().cloned());
    let since = known.finished_items(&situation.task.name);
    table.chain(since).map(|record| (record.key, record)).collect()
}

/// How [`OutputsState::lost`] names a result.
pub const ITS_RESULT: &str = "its result";

fn broken_paths(state: &OutputsState) -> HashSet<&str> {
    state.edited.iter().chain(&state.lost).chain(&state.elsewhere).map(String::as_str).collect()
}

/// What every item shares: of the task that made the list only its output files count.
fn base_ingredients(situation: &Situation<'_>) -> Vec<Ingredient> {
    let mut all = situation.gathered.ingredients.clone();
    for dependency in situation.dependencies {
        let DependencyState::Known(record) = &dependency.state else { continue };
        if chained(situation, dependency) {
            continue;
        }
        let mut digests = dependency.digests(record);
        if Some(&dependency.task.name) == situation.provider.map(|provider| &provider.name) {
            digests.result = None;
        }
        all.extend(dependency_ingredients(dependency.task, &digests));
    }
    all
}

/// Tells whether an item takes only its namesake of this dependency (`map_deps: item`).
fn chained(situation: &Situation<'_>, dependency: &Dependency<'_>) -> bool {
    takes_item_alone(situation.task, dependency.task)
}

/// Tells whether an item of `task` takes its namesake of `dependency` alone.
pub fn takes_item_alone(task: &Task, dependency: &Task) -> bool {
    task.map_deps == MapDeps::Item && could_take_item_alone(task, dependency)
}

/// Tells whether `map_deps: item` would make it so.
pub fn could_take_item_alone(task: &Task, dependency: &Task) -> bool {
    task.is_mapped() && dependency.is_mapped() && dependency.map_over == task.map_over
}

/// A dependency of which an item takes its namesake alone.
struct Chain<'a> {
    dependency: &'a Dependency<'a>,
    table: Option<Arc<ItemTable>>,
    /// For an item that the dependency does not have.
    whole: DependencyDigests,
}

impl Chain<'_> {
    fn ingredients(&self, key: &ItemKey) -> Vec<Ingredient> {
        let dependency = self.dependency.task;
        match self.table.as_ref().and_then(|table| table.find(key)) {
            Some(item) => {
                let outputs = outputs_digest(&item.outputs);
                dependency_ingredients(
                    dependency,
                    &DependencyDigests { outputs, result: item.result, run: None },
                )
            }
            None => dependency_ingredients(dependency, &self.whole),
        }
    }
}

fn item_chains<'a>(situation: &Situation<'a>, known: &dyn Known) -> Vec<Chain<'a>> {
    let chain = |dependency: &'a Dependency<'a>| -> Option<Chain<'a>> {
        let DependencyState::Known(record) = &dependency.state else { return None };
        let table = chained(situation, dependency).then(|| known.items(record))?;
        Some(Chain { dependency, table, whole: dependency.digests(record) })
    };
    situation.dependencies.iter().filter_map(chain).collect()
}

fn item_fingerprint(
    situation: &Situation<'_>,
    common: &CommonIngredients<'_>,
    chains: &[Chain<'_>],
    item: &Item,
    key: ItemKey,
) -> Fingerprint {
    let mut own = vec![item_ingredient(key)];
    own.extend(chains.iter().flat_map(|chain| chain.ingredients(&key)));
    if situation.gathered.item_code {
        own.extend((situation.item_code)(item).ingredients);
    }
    common.with(&own)
}
