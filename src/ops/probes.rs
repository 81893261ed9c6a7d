//! Probes: commands whose answers are ingredients, asked once a run.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::time::Duration;

use rayon::prelude::*;

use crate::model::{Digest, Ingredient, IngredientKind, Input, ProbeAnswer, Record, Task};
use crate::process::{self, Launch};

/// Probes' answers by command.
pub type Probes = BTreeMap<String, ProbeAnswer>;

const PATIENCE: Duration = Duration::from_secs(60);
const SHOWN: usize = 60;

/// Whether probes are asked, or believed as they last answered.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Probing {
    /// Asked, once each.
    Ask,
    /// What a task's record says is believed.
    Believe,
}

/// Asks each probe of these tasks once, in the project root.
pub fn ask<'a>(root: &Path, tasks: impl Iterator<Item = &'a Task>) -> Probes {
    let commands: BTreeSet<&str> = tasks.flat_map(commands).collect();
    commands.into_par_iter().map(|command| (command.to_owned(), ask_one(root, command))).collect()
}

fn ask_one(root: &Path, command: &str) -> ProbeAnswer {
    let captured = match process::run_captured(&Launch::shell(command).folder(root), PATIENCE) {
        Ok(captured) => captured,
        Err(error) => return ProbeAnswer::Failed { message: error.to_string() },
    };
    if !captured.ended.is_success() {
        let code = captured.ended.code.map_or("a signal".to_owned(), |code| format!("exit code {code}"));
        return ProbeAnswer::Failed { message: format!("{code}: {}", captured.complaint()) };
    }
    let text = captured.text();
    let shown = text.lines().next().unwrap_or_default().chars().take(SHOWN).collect();
    ProbeAnswer::Said { digest: Digest::of(&captured.output), shown }
}

/// Returns what the probes of a task answered when its record was made.
pub fn believed(record: Option<&Record>, task: &Task) -> Probes {
    let asked = |ingredient: &&Ingredient| ingredient.kind == IngredientKind::Probe;
    let answers: BTreeMap<_, _> = record
        .iter()
        .flat_map(|record| record.ingredients.iter().filter(asked))
        .map(|one| {
            let shown = one.shown.clone().unwrap_or_default();
            (one.name.clone(), ProbeAnswer::Said { digest: one.digest, shown })
        })
        .collect();
    let never = || ProbeAnswer::Failed { message: "no answer of it is on record".to_owned() };
    let answer = |command: &str| answers.get(command).cloned().unwrap_or_else(never);
    commands(task).map(|command| (command.to_owned(), answer(command))).collect()
}

/// Tells whether these are answers to a task's probes, given just now.
pub fn were_asked(probes: &Probes, task: &Task) -> bool {
    commands(task).all(|command| probes.contains_key(command))
}

/// Tells whether a task has a probe.
pub fn has_probes(task: &Task) -> bool {
    commands(task).next().is_some()
}

fn commands(task: &Task) -> impl Iterator<Item = &str> {
    task.inputs.iter().filter_map(|input| match input {
        Input::Probe(command) => Some(command.as_str()),
        Input::Files(_) => None,
    })
}
