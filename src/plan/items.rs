//! Which items of a mapped task are stale.

use std::collections::{BTreeMap, BTreeSet, HashSet};

use super::{Dependency, DependencyState, Known, OutputsState, Situation};
use crate::fingerprint::{DependencyDigests, dependency_ingredients, fingerprint, item_ingredient};
use crate::model::{
    Digest, Fingerprint, Force, Ingredient, Item, ItemKey, ItemRecord, ItemTable, MapDeps, Record,
    outputs_digest,
};

/// The items of a mapped task, sorted into those that are done and those to do.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct ItemPlan {
    /// Keys in the order of the list.
    pub order: Vec<ItemKey>,
    /// Done: their records hold.
    pub fresh: Vec<ItemRecord>,
    /// To do, in the order of the list.
    pub stale: Vec<StaleItem>,
    /// Not done either, but a run that is about other items leaves them as they are.
    pub left: Vec<StaleItem>,
    /// Items of the record before that are no longer in the list: their files leave the folder.
    pub removed: Vec<ItemRecord>,
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
    pub before: Option<ItemRecord>,
}

impl ItemPlan {
    /// Returns how many items there are.
    pub fn total(&self) -> u64 {
        self.order.len() as u64
    }
}

/// Sorts the items of a mapped task into fresh and stale.
pub(super) fn plan_items(
    situation: &Situation<'_>,
    known: &dyn Known,
    current: Option<&Record>,
    items: Vec<Item>,
    chosen: Option<&HashSet<ItemKey>>,
) -> ItemPlan {
    let before = records_before(situation, known, current);
    let broken = current.map(|record| known.outputs(record)).unwrap_or_default();
    let broken = broken_paths(&broken);
    let base = base_ingredients(situation);
    let chains = item_chains(situation, known);
    let meant = |key: &ItemKey| chosen.is_none_or(|chosen| chosen.contains(key));
    let all_again = !situation.gathered.uncacheable.is_empty() || situation.refresh_is_due(known, current);
    let mut plan = ItemPlan::default();
    let mut left = before.clone();
    for item in items {
        let key = item.key();
        let fingerprint = item_fingerprint(situation, &base, &chains, &item, key);
        plan.order.push(key);
        left.remove(&key);
        let earlier = before.get(&key).cloned();
        let holds = |record: &ItemRecord| {
            !all_again
                && (situation.force == Force::No || !meant(&record.key))
                && record.fingerprint == fingerprint
                && !record.outputs.iter().any(|file| broken.contains(file.path.as_str()))
        };
        match earlier {
            Some(record) if holds(&record) => plan.fresh.push(record),
            before => {
                let list = if meant(&key) { &mut plan.stale } else { &mut plan.left };
                list.push(StaleItem { item, key, fingerprint, before });
            }
        }
    }
    plan.removed = left.into_values().collect();
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
    let place: BTreeMap<_, _> = plan.order.iter().enumerate().map(|(at, key)| (*key, at)).collect();
    plan.stale.sort_by_key(|stale| place.get(&stale.key).copied());
}

/// The items' latest records on this branch: the whole task's table, then what finished since.
fn records_before(
    situation: &Situation<'_>,
    known: &dyn Known,
    current: Option<&Record>,
) -> BTreeMap<ItemKey, ItemRecord> {
    let table = current.and_then(|record| known.items(record));
    let table = table.iter().flat_map(|table| table.items.iter().cloned());
    let since = known.finished_items(&situation.task.name);
    table.chain(since).map(|record| (record.key, record)).collect()
}

fn broken_paths(state: &OutputsState) -> BTreeSet<&str> {
    state.edited.iter().chain(&state.lost).map(String::as_str).collect()
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
        all.extend(dependency_ingredients(&dependency.task.name, &digests));
    }
    all
}

/// Tells whether an item takes only its namesake of this dependency (`map_deps: item`).
fn chained(situation: &Situation<'_>, dependency: &Dependency<'_>) -> bool {
    situation.task.map_deps == MapDeps::Item
        && dependency.task.is_mapped()
        && dependency.task.map_over == situation.task.map_over
}

type Chain<'a> = (&'a Dependency<'a>, BTreeMap<ItemKey, DependencyDigests>, DependencyDigests);

fn item_chains<'a>(situation: &Situation<'a>, known: &dyn Known) -> Vec<Chain<'a>> {
    let chain = |dependency: &'a Dependency<'a>| -> Option<Chain<'a>> {
        let DependencyState::Known(record) = &dependency.state else { return None };
        if !chained(situation, dependency) {
            return None;
        }
        let table: Option<std::sync::Arc<ItemTable>> = known.items(record);
        let digests = table.iter().flat_map(|table| &table.items).map(|item| {
            let outputs: Digest = outputs_digest(&item.outputs);
            (item.key, DependencyDigests { outputs, result: item.result, run: None })
        });
        Some((dependency, digests.collect(), dependency.digests(record)))
    };
    situation.dependencies.iter().filter_map(chain).collect()
}

fn item_fingerprint(
    situation: &Situation<'_>,
    base: &[Ingredient],
    chains: &[Chain<'_>],
    item: &Item,
    key: ItemKey,
) -> Fingerprint {
    let mut all = base.to_vec();
    for (dependency, by_item, whole) in chains {
        // An item that the dependency does not have takes the whole of it.
        all.extend(dependency_ingredients(&dependency.task.name, by_item.get(&key).unwrap_or(whole)));
    }
    if situation.gathered.item_code {
        all.extend((situation.item_code)(item).ingredients);
    }
    all.push(item_ingredient(item));
    fingerprint(&all)
}
