//! `task bundles --remote`: what is stale of a mapped task, cut into lists that workers take one by one.
//!
//! Each list is an object of its own and a bundle's name is its digest, so a
//! worker reads neither the whole list nor the table of all items. What was
//! named once stays, whatever is asked later.

use serde_json::Value;

use super::enter::{Entered, Entering, Way, enter};
use crate::model::{Bundle, Record, Silent, Task, TaskName};
use crate::ops::OpsError;
use crate::ops::bundles::{BundlesReport, in_flight, size_of};
use crate::plan::refuse_shared_output;
use crate::remote::block_on;
use crate::state::{Shards, StateError, load_item_table};
use crate::task::{Run, now_ms, serve};

/// An engine that looks for marks starts a container for each bundle, which takes a minute: so long should its work be.
const WORTH_A_START_MS: u64 = 5 * 60 * 1000;

/// Returns how many items take so long, by the times on record; 1 where there are none, and where the task says a size.
fn worth_a_start(run: &Run, task: &Task) -> Result<u64, OpsError> {
    if task.bundle_size > 1 {
        return Ok(1);
    }
    let record = run.state.record_of(&run.key(), &run.plan.graph.namespace, &task.name)?;
    let record = record.map(|digest| run.store.load_json::<Record>(&digest)).transpose()?;
    let Some(items) = record.and_then(|record| record.items) else { return Ok(1) };
    let table = load_item_table(&run.store, &items, &mut Shards::new()).map_err(StateError::from)?;
    let all: u64 = table.items().iter().map(|item| item.timing.wall_ms).sum();
    let each = all / (table.items().len() as u64).max(1);
    Ok((WORTH_A_START_MS / each.max(1)).max(1))
}

/// Returns the bundles of a task of a run, at most so many; a worker may take any of them from then on.
pub fn bundles(entering: &Entering<'_>, at_most: u64) -> Result<BundlesReport, OpsError> {
    let run = super::parse_run(entering.run)?;
    let entered = match enter(entering, Vec::new())? {
        Way::In(entered) => *entered,
        Way::NotMeant(graph) | Way::Done(graph) => {
            let task = TaskName::parse(entering.task).map_err(|error| OpsError::Name { error })?;
            return Ok(BundlesReport {
                graph,
                task,
                run: Some(run),
                items: 0,
                stale: 0,
                bundle_size: 1,
                in_flight: None,
                bundles: Vec::new(),
            });
        }
    };
    let Entered { shared, task, run: bench, .. } = &entered;
    if !task.is_mapped() {
        return Err(OpsError::NoItems { task: task.name.clone() });
    }
    let stale = serve::stale_elements(bench, &task.name)?;
    drop(bench.memo.save());
    let count = stale.elements.len() as u64;
    let size = size_of(task, count, at_most).max(if entered.marks { worth_a_start(bench, task)? } else { 1 });
    // What all items write together, or update in place, is done by the task as a whole.
    let cut = if refuse_shared_output(task).is_ok() && !task.keep { stale.elements } else { Vec::new() };
    let mut bundles = Vec::new();
    for chunk in cut.chunks(usize::try_from(size).unwrap_or(usize::MAX)) {
        let list = bench.store.put_json(&Value::Array(chunk.to_vec()))?;
        bundles.push(Bundle { list, from: 0, to: chunk.len() as u64 });
    }
    bench.store.flush()?;
    block_on(async {
        if entered.marks {
            // Nothing is decided by it.
            drop(shared.write_start(&task.name, &bench.host, Some(count), now_ms()).await);
        }
        shared.add_bundles(&bench.store, &task.name, &bundles, &Silent).await
    })?;
    Ok(BundlesReport {
        graph: bench.plan.graph.name.clone(),
        task: task.name.clone(),
        run: Some(run),
        items: stale.total,
        stale: count,
        bundle_size: size,
        in_flight: in_flight(task, size),
        bundles,
    })
}
