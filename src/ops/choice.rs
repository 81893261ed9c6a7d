//! Which items a run is about: what was typed, checked before anything starts.
//!
//! Where the list is known and holds, a name that is no item's is refused here.
//! Where the run makes the list first, its task finds that out.

use std::collections::{BTreeMap, HashSet};

use super::survey::Survey;
use super::{OpsError, Session};
use crate::model::{ItemChoice, ItemIndex, ItemKey, ItemSelector, Status, Task, TaskName};
use crate::plan::{ChoiceError, Known, choose_items, expand_items, list_provider, refuse_shared_output};

/// Which items of the selected tasks a run is about.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub enum WhichItems {
    /// All of them.
    #[default]
    All,
    /// Those of the one mapped task that is selected.
    Of(ItemChoice),
    /// Of each selected mapped task that failed, the failed ones.
    Failed,
}

/// Returns the items of each task that a run is about; a task that is not named has all.
pub fn of_request(
    session: &Session,
    survey: &Survey<'_>,
    which: &WhichItems,
    selected: &[TaskName],
) -> Result<BTreeMap<TaskName, ItemChoice>, OpsError> {
    match which {
        WhichItems::All => Ok(BTreeMap::new()),
        WhichItems::Of(choice) => {
            let task = the_mapped_task(session, survey, selected)?;
            keys(survey, task, choice, selected)?;
            Ok(BTreeMap::from([(task.name.clone(), choice.clone())]))
        }
        WhichItems::Failed => {
            let mapped = selected.iter().filter_map(|name| survey.graph.tasks.get(name));
            let some_failed = mapped.filter(|task| has_failed_items(survey, task));
            Ok(some_failed.map(|task| (task.name.clone(), ItemChoice(vec![ItemSelector::Failed]))).collect())
        }
    }
}

/// Returns the tasks whose latest attempt failed, of whatever fingerprint: what was mended since is tried again.
pub fn failed_tasks(session: &Session, survey: &Survey<'_>) -> Vec<TaskName> {
    let failed = |task: &&TaskName| survey.known.failed_attempt(task).is_some();
    session.dag(survey.graph).order().iter().filter(failed).cloned().collect()
}

fn has_failed_items(survey: &Survey<'_>, task: &Task) -> bool {
    task.is_mapped()
        && refuse_shared_output(task).is_ok()
        && !survey.known.failed_items(&task.name).is_empty()
}

/// Returns the one selected task that has items; nothing that is selected may depend on it.
fn the_mapped_task<'a>(
    session: &Session,
    survey: &Survey<'a>,
    selected: &[TaskName],
) -> Result<&'a Task, OpsError> {
    let mapped: Vec<&Task> = selected
        .iter()
        .filter_map(|name| survey.graph.tasks.get(name))
        .filter(|task| task.is_mapped())
        .collect();
    let [task] = mapped.as_slice() else {
        let tasks = mapped.iter().map(|task| task.name.clone()).collect();
        return Err(OpsError::NotOneMapped { tasks, selected: selected.to_vec() });
    };
    let dag = session.dag(survey.graph);
    let after = |name: &&TaskName| {
        **name != task.name && super::status::all_before(dag, &[(*name).clone()]).contains(&task.name)
    };
    match selected.iter().find(after) {
        Some(after) => Err(OpsError::AfterItems { task: task.name.clone(), after: after.clone() }),
        None => Ok(task),
    }
}

/// Returns the items that are meant; absent where the list will only be known when the task before has run.
pub fn keys(
    survey: &Survey<'_>,
    task: &Task,
    choice: &ItemChoice,
    selected: &[TaskName],
) -> Result<Option<HashSet<ItemKey>>, OpsError> {
    let wrong = |error| OpsError::items(&task.name, error);
    let Ok(provider) = list_provider(survey.graph, task) else { return Ok(None) };
    let runs_first = selected.contains(&provider.name)
        && survey.decisions.get(&provider.name).is_some_and(|decision| decision.status != Status::Fresh);
    let record = survey.decisions.get(&provider.name).and_then(|decision| decision.record().cloned());
    let record = record.or_else(|| survey.known.current(&provider.name));
    let list = record.as_ref().and_then(|record| survey.known.result(record));
    let (Some(record), Some(list), false) = (record, list, runs_first) else { return Ok(None) };
    // What is wrong with the list is said where it is run over.
    let Ok(items) = expand_items(provider, &list) else { return Ok(None) };
    let index = ItemIndex::new(&task.map_over, items.iter().map(|item| (item.key(), item)));
    let failed = || survey.known.failed_items(&task.name).iter().map(|item| item.key).collect();
    choose_items(task, choice, record.result, &index, failed).map(Some).map_err(wrong)
}

impl OpsError {
    /// Says why a choice of items cannot be made.
    fn items(task: &TaskName, error: ChoiceError) -> Self {
        match error {
            ChoiceError::Name { name, why, .. } => Self::item(task, &name, why),
            error => Self::Items { task: task.clone(), error },
        }
    }
}

/// Says why items were named in vain.
pub(super) fn not_one_mapped(tasks: &[TaskName]) -> String {
    match tasks {
        [] => "items were named, but no selected task is mapped".to_owned(),
        tasks => {
            format!("items were named, but several selected tasks are mapped: {}", super::error::list(tasks))
        }
    }
}
