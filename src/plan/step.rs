//! One step: what to do about one task, and why.

use std::collections::HashSet;
use std::sync::Arc;

use super::fit::refuse_unfit;
use super::items::plan_items;
use super::{ItemPlan, Known, OutputsState, changes_between, choose_items, expand_keyed_items};
use crate::fingerprint::{
    DependencyDigests, Gathered, dependency_ingredients, fingerprint, items_ingredient,
};
use crate::model::{
    Attempt, Fingerprint, Force, Ingredient, Item, ItemChoice, ItemIndex, ItemKey, ItemRecord, ItemSelector,
    Mark, Reason, Record, Refresh, RunId, Settled, Status, Task, TaskName,
};

/// A direct dependency, as far as it is known.
#[derive(Debug, Clone)]
pub struct Dependency<'a> {
    /// The task.
    pub task: &'a Task,
    /// What is known of its outcome.
    pub state: DependencyState,
}

/// What is known of a dependency's outcome.
#[derive(Debug, Clone)]
pub enum DependencyState {
    /// This record holds.
    Known(Arc<Record>),
    /// It will run, or something before it will.
    Uncertain,
}

impl Dependency<'_> {
    /// Returns what a dependent's fingerprint takes of a record.
    pub fn digests(&self, record: &Record) -> DependencyDigests {
        DependencyDigests {
            outputs: record.outputs_digest,
            result: record.result,
            // Nothing to compare: that it ran is all there is.
            run: self.task.leaves_nothing().then(|| record.run.clone()),
        }
    }
}

/// Everything a step looks at, apart from [`Known`].
pub struct Situation<'a> {
    /// The task.
    pub task: &'a Task,
    /// Its ingredients without dependencies and item.
    pub gathered: &'a Gathered,
    /// Its direct dependencies, in the order written.
    pub dependencies: &'a [Dependency<'a>],
    /// The dependency that supplies the list; absent for an unmapped task.
    pub provider: Option<&'a Task>,
    /// Gathers an item's own code, where `file` depends on the item.
    pub item_code: &'a dyn Fn(&Item) -> Gathered,
    /// Whether it runs though it is fresh.
    pub force: Force,
    /// The run that forces it: what that has made is not made again. Absent where no run has begun.
    pub run: Option<&'a RunId>,
    /// The items that are meant; absent where all are.
    pub choice: Option<&'a ItemChoice>,
}

impl Situation<'_> {
    /// Tells whether a record, however fresh, is to be made again.
    fn forces(&self, current: Option<&Record>) -> bool {
        let is_made = || self.run.zip(current).is_some_and(|(run, record)| *run == record.run);
        self.force == Force::Yes && !is_made()
    }

    /// Tells whether an item's is. A bundle is a part of a task of which all items are.
    pub(super) fn forces_item(&self, record: &ItemRecord, is_meant: bool) -> bool {
        let is_made = || self.run.is_some_and(|run| record.timing.started_ms >= run.made_ms());
        let of_bundle = self.choice.is_some_and(|choice| matches!(choice.0[..], [ItemSelector::Bundle(_)]));
        self.force == Force::Yes && (is_meant || of_bundle) && !is_made()
    }
}

/// What to do about a task.
#[derive(Debug, Clone, PartialEq)]
pub enum Action {
    /// Nothing: this record holds.
    Keep(Arc<Record>),
    /// Take this record, made elsewhere.
    Reuse(Arc<Record>),
    /// Run it.
    Run,
    /// Decide again when its dependencies are done.
    Wait,
}

/// The outcome of a step.
#[derive(Debug, Clone, PartialEq)]
pub struct Decision {
    /// The status that people see.
    pub status: Status,
    /// Why; empty where it is fresh.
    pub reasons: Vec<Reason>,
    /// What to do.
    pub action: Action,
    /// Today's fingerprint; absent while a dependency is uncertain.
    pub fingerprint: Option<Fingerprint>,
    /// Today's ingredients; without the uncertain dependencies'.
    pub ingredients: Vec<Ingredient>,
    /// Where the files are of the record that the task has.
    pub outputs: OutputsState,
    /// The items of a mapped task; absent while its list is not known, and where the whole is fresh.
    pub items: Option<ItemPlan>,
}

impl Decision {
    /// Returns the record that stands for the task once the decision is carried out without running it.
    pub fn record(&self) -> Option<&Arc<Record>> {
        match &self.action {
            Action::Keep(record) | Action::Reuse(record) => Some(record),
            Action::Run | Action::Wait => None,
        }
    }
}

impl Situation<'_> {
    /// Tells whether the record's age alone makes the task stale.
    pub(super) fn refresh_is_due(&self, known: &dyn Known, current: Option<&Record>) -> bool {
        match (self.task.refresh, current) {
            (Refresh::Never, _) | (_, None) => false,
            (Refresh::Always, Some(_)) => true,
            (Refresh::After(limit), Some(record)) => age_ms(known, record) >= limit,
        }
    }

    /// Returns the record of the task that made the list.
    fn list_record(&self) -> Option<&Arc<Record>> {
        self.dependencies.iter().find_map(|dep| match &dep.state {
            DependencyState::Known(record)
                if Some(&dep.task.name) == self.provider.map(|provider| &provider.name) =>
            {
                Some(record)
            }
            _ => None,
        })
    }

    fn uncertain(&self) -> Vec<&Dependency<'_>> {
        let uncertain = |dep: &&Dependency<'_>| matches!(dep.state, DependencyState::Uncertain);
        self.dependencies.iter().filter(uncertain).collect()
    }
}

fn age_ms(known: &dyn Known, record: &Record) -> u64 {
    known.now_ms().saturating_sub(record.timing.started_ms + record.timing.wall_ms)
}

/// Decides about one task.
pub fn step(situation: &Situation<'_>, known: &dyn Known) -> Decision {
    let current = known.current(&situation.task.name);
    let uncertain = situation.uncertain();
    if uncertain.is_empty() {
        decide(situation, known, current)
    } else {
        let upstream = uncertain.iter().map(|dep| dep.task.name.clone()).collect();
        let nothing_to_compare = uncertain.iter().any(|dep| dep.task.leaves_nothing());
        decide_uncertain(situation, known, current, upstream, nothing_to_compare)
    }
}

/// All dependencies have records.
fn decide(situation: &Situation<'_>, known: &dyn Known, current: Option<Arc<Record>>) -> Decision {
    let mut ingredients = situation.gathered.ingredients.clone();
    for dependency in situation.dependencies {
        let DependencyState::Known(record) = &dependency.state else { continue };
        let mut digests = dependency.digests(record);
        if Some(&dependency.task.name) == situation.provider.map(|provider| &provider.name) {
            // Its list counts by its items, in no order.
            digests.result = None;
        }
        ingredients.extend(dependency_ingredients(dependency.task, &digests));
    }
    let items = match list_of_items(situation, known) {
        Ok(items) => items,
        Err(error) => return bad_items(ingredients, error),
    };
    if let Some(items) = &items {
        ingredients.push(items_ingredient(items.iter().map(|(key, _)| key)));
    }
    ingredients.sort();
    let fingerprint = fingerprint(&ingredients);

    let outputs = current.as_ref().map(|record| known.outputs(record)).unwrap_or_default();
    let verdict = judge(situation, known, current.as_ref(), &outputs, (fingerprint, &ingredients));
    let mut decision = Decision {
        status: verdict.status,
        reasons: verdict.reasons,
        action: verdict.action,
        fingerprint: Some(fingerprint),
        ingredients,
        outputs,
        items: None,
    };
    if let (Action::Run, Some(items)) = (&decision.action, items) {
        if let Err(unfit) = refuse_unfit(situation.task, items.iter().map(|(_, item)| item)) {
            return bad_items(decision.ingredients, unfit.to_string());
        }
        let chosen = match chosen(situation, known, &items) {
            Ok(chosen) => chosen,
            Err(error) => return bad_items(decision.ingredients, error),
        };
        let plan =
            plan_items(situation, known, current.as_deref(), &decision.outputs, items, chosen.as_ref());
        let stale = (plan.stale.len() + plan.left.len()) as u64;
        let attempt = known.failed_attempt(&situation.task.name);
        if plan.failed == 0 && attempt.is_some_and(|attempt| attempt.failed_items > 0) {
            // A run of some items mended those that had failed.
            decision.status = Status::Stale;
            decision.reasons.retain(|reason| !matches!(reason, Reason::Failed { .. }));
        }
        decision.reasons.push(Reason::Items { stale, total: plan.total(), failed: plan.failed });
        decision.items = Some(plan);
    }
    decision
}

struct Verdict {
    status: Status,
    reasons: Vec<Reason>,
    action: Action,
}

/// Compares today's fingerprint with the branch's record, the latest attempt and the index.
fn judge(
    situation: &Situation<'_>,
    known: &dyn Known,
    current: Option<&Arc<Record>>,
    outputs: &OutputsState,
    (fingerprint, ingredients): (Fingerprint, &[Ingredient]),
) -> Verdict {
    let mut reasons = own_reasons(situation, known, current.map(Arc::as_ref));
    let must_run = !reasons.is_empty();
    let bad = invalidated(known, situation.task);
    let is_bad = !bad.is_empty();
    reasons.extend(bad);
    let attempt =
        known.failed_attempt(&situation.task.name).filter(|attempt| attempt.fingerprint == fingerprint);
    match current {
        None => reasons.push(Reason::NeverRan),
        Some(record) => {
            let changed = changes_between(&record.ingredients, ingredients);
            reasons.extend(changed.into_iter().map(Reason::Changed));
            reasons.extend(broken_outputs(outputs));
            if record.fingerprint == fingerprint && reasons.is_empty() && attempt.is_none() {
                return Verdict { status: Status::Fresh, reasons, action: Action::Keep(Arc::clone(record)) };
            }
        }
    }
    // What is bad is not kept, but a good record of the same fingerprint may be there.
    let may_reuse = !must_run && (is_bad || current.is_none_or(|record| record.fingerprint != fingerprint));
    if may_reuse && let Some(record) = known.reusable(&situation.task.name, fingerprint) {
        let reasons = vec![Reason::Reusable { branch: record.provenance.branch.clone() }];
        return Verdict { status: Status::Fresh, reasons, action: Action::Reuse(record) };
    }
    let status = if attempt.is_some() { Status::Failed } else { Status::Stale };
    reasons.extend(attempt.map(failed_reason));
    Verdict { status, reasons, action: Action::Run }
}

/// Reasons to run that no fingerprint shows.
fn own_reasons(situation: &Situation<'_>, known: &dyn Known, current: Option<&Record>) -> Vec<Reason> {
    let mut reasons = Vec::new();
    if situation.forces(current) {
        reasons.push(Reason::Forced);
    }
    if !situation.gathered.uncacheable.is_empty() {
        reasons.push(Reason::Uncacheable { problems: situation.gathered.uncacheable.clone() });
    }
    if let Some(record) = current {
        if let Settled::No(changed) = &record.settled {
            reasons.push(Reason::Unsettled { changed: changed.clone() });
        }
        if situation.refresh_is_due(known, current) {
            reasons.push(Reason::Refresh { age_ms: age_ms(known, record) });
        }
    }
    reasons
}

/// What a person said of the record that the task has; the items of one saying together.
fn invalidated(known: &dyn Known, task: &Task) -> Vec<Reason> {
    let mut reasons: Vec<Reason> = Vec::new();
    for Mark { item, user, why, .. } in known.invalidated(&task.name) {
        let label = item.map(|item| item.label);
        let same = |reason: &&mut Reason| match reason {
            Reason::Invalidated { items, user: by, why: said } => {
                items.is_empty() == label.is_none() && *by == user && *said == why
            }
            _ => false,
        };
        match reasons.iter_mut().find(same) {
            Some(Reason::Invalidated { items, .. }) => items.extend(label),
            _ => reasons.push(Reason::Invalidated { items: label.into_iter().collect(), user, why }),
        }
    }
    reasons
}

fn broken_outputs(state: &OutputsState) -> Vec<Reason> {
    let mut reasons = Vec::new();
    if !state.edited.is_empty() {
        reasons.push(Reason::Edited { paths: state.edited.clone() });
    }
    if !state.lost.is_empty() {
        reasons.push(Reason::Lost { paths: state.lost.clone() });
    }
    if !state.elsewhere.is_empty() {
        reasons.push(Reason::Elsewhere { paths: state.elsewhere.clone() });
    }
    reasons
}

fn failed_reason(attempt: Attempt) -> Reason {
    Reason::Failed { error: attempt.error, log: attempt.log }
}

/// Something before it will run, or may: only what is its own can be judged.
fn decide_uncertain(
    situation: &Situation<'_>,
    known: &dyn Known,
    current: Option<Arc<Record>>,
    upstream: Vec<TaskName>,
    nothing_to_compare: bool,
) -> Decision {
    let mut reasons = own_reasons(situation, known, current.as_deref());
    reasons.extend(invalidated(known, situation.task));
    let outputs = current.as_ref().map(|record| known.outputs(record)).unwrap_or_default();
    match &current {
        None => reasons.push(Reason::NeverRan),
        Some(record) => {
            let own = |ingredient: &&Ingredient| !ingredient.kind.comes_from_dependencies();
            let before: Vec<_> = record.ingredients.iter().filter(own).cloned().collect();
            let changed = changes_between(&before, &situation.gathered.ingredients);
            reasons.extend(changed.into_iter().map(Reason::Changed));
            reasons.extend(broken_outputs(&outputs));
        }
    }
    let stale = !reasons.is_empty() || nothing_to_compare;
    reasons.push(Reason::Upstream { tasks: upstream });
    Decision {
        status: if stale { Status::Stale } else { Status::Maybe },
        reasons,
        action: if stale { Action::Run } else { Action::Wait },
        fingerprint: None,
        ingredients: situation.gathered.ingredients.clone(),
        outputs,
        items: None,
    }
}

/// Returns the items of a mapped task; absent for an unmapped one.
fn list_of_items(
    situation: &Situation<'_>,
    known: &dyn Known,
) -> Result<Option<Vec<(ItemKey, Item)>>, String> {
    if !situation.task.is_mapped() {
        return Ok(None);
    }
    let Some(provider) = situation.provider else {
        return Err(format!("no dependency has `iterable_item: {}`", situation.task.map_over.join(",")));
    };
    let Some(result) = situation.list_record().and_then(|record| known.result(record)) else {
        return Err(format!("the result of `{}` cannot be read; run it again with `-f`", provider.name));
    };
    expand_keyed_items(provider, &result).map(Some).map_err(|error| error.to_string())
}

/// Returns the items that are meant; absent where all are.
fn chosen(
    situation: &Situation<'_>,
    known: &dyn Known,
    items: &[(ItemKey, Item)],
) -> Result<Option<HashSet<ItemKey>>, String> {
    let Some(choice) = situation.choice else { return Ok(None) };
    let index = ItemIndex::new(&situation.task.map_over, items.iter().map(|(key, item)| (*key, item)));
    let list = situation.list_record().and_then(|record| record.result);
    let failed = || known.failed_items(&situation.task.name).iter().map(|item| item.key).collect();
    choose_items(situation.task, choice, list, &index, failed).map(Some).map_err(|error| error.to_string())
}

fn bad_items(ingredients: Vec<Ingredient>, error: String) -> Decision {
    Decision {
        status: Status::Failed,
        reasons: vec![Reason::BadItems { error }],
        action: Action::Run,
        fingerprint: None,
        ingredients,
        outputs: OutputsState::default(),
        items: None,
    }
}
