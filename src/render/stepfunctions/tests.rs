//! Machines as text and as numbers; what they do is tried by `make test-aws`.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use proptest::prelude::*;
use serde_json::Value;

use super::*;
use crate::graph::testing;
use crate::model::{ProjectId, Settings, TaskName};
use crate::render::{RunnerState, state_of};

pub(super) fn project(graph: &Graph) -> Project {
    Project {
        root: "/p".into(),
        config_path: "/p/kptn.yaml".into(),
        settings: Settings { flows_dir: "/p/flows".into(), ..Settings::default() },
        graphs: [(graph.name.clone(), graph.clone())].into_iter().collect(),
        unused_tasks: Vec::new(),
        remotes: Default::default(),
    }
}

pub(super) fn id() -> ProjectId {
    ProjectId::parse("/survey").unwrap()
}

fn machines(graph: &Graph) -> Machines {
    stepfunctions(&project(graph), &id(), graph).unwrap()
}

/// A graph of `t0`, `t1`…, each with what it depends on.
pub(super) fn numbered(deps: &[Vec<usize>]) -> Graph {
    let names: Vec<String> = (0..deps.len()).map(|at| format!("t{at}")).collect();
    let deps: Vec<Vec<&str>> =
        deps.iter().map(|of| of.iter().map(|at| names[*at].as_str()).collect()).collect();
    let tasks: Vec<(&str, &[&str])> =
        names.iter().map(String::as_str).zip(deps.iter().map(Vec::as_slice)).collect();
    testing::graph(&tasks)
}

/// All states of a machine, in branches too, each with the names beside it.
fn states<'m>(piece: &'m Value, found: &mut Vec<(&'m str, &'m Value, BTreeSet<&'m str>)>) {
    let Some(of_piece) = piece["States"].as_object() else { return };
    let beside: BTreeSet<&str> = of_piece.keys().map(String::as_str).collect();
    assert!(beside.contains(piece["StartAt"].as_str().unwrap()), "{}", piece["StartAt"]);
    for (name, state) in of_piece {
        found.push((name, state, beside.clone()));
        for branch in state["Branches"].as_array().into_iter().flatten() {
            states(branch, found);
        }
        states(&state["ItemProcessor"], found);
    }
}

/// Where a state leads to.
fn next(state: &Value) -> Vec<&str> {
    let more = ["Catch", "Choices"].iter().flat_map(|field| state[*field].as_array().into_iter().flatten());
    more.map(|one| &one["Next"])
        .chain([&state["Next"], &state["Default"]])
        .filter_map(Value::as_str)
        .collect()
}

/// The gates that a state names, by `to.from`.
fn gates_of(state: &Value) -> BTreeSet<String> {
    let text = state.to_string();
    let found = text.match_indices("gates/{}/").map(|(at, found)| &text[at + found.len()..]);
    let named =
        found.map(|rest| rest.split(|c: char| c != '.' && !c.is_ascii_digit()).next().unwrap().to_owned());
    let listed = state["Result"]["k"].as_array().into_iter().flatten();
    let listed = listed.map(|gate| gate.as_str().unwrap().to_owned());
    named.filter(|gate| !gate.is_empty()).chain(listed).collect()
}

fn hold_together(machines: &Machines) {
    let (mut waits, mut opens) = (BTreeMap::new(), BTreeSet::new());
    for file in &machines.files {
        let machine: Value = serde_json::from_str(&file.text).unwrap();
        let mut found = Vec::new();
        states(&machine, &mut found);
        let names: BTreeSet<&str> = found.iter().map(|(name, ..)| *name).collect();
        assert_eq!(names.len(), found.len(), "two states of one name");
        for (name, state, beside) in &found {
            assert!(name.chars().count() <= 80, "{name}");
            for next in next(state) {
                assert!(beside.contains(next), "{name} leads to {next}");
            }
            let waits_here = state["Resource"].as_str().is_some_and(|of| of.ends_with(".waitForTaskToken"));
            let waits_long = ["submitJob.sync", "waitForTaskToken", "startExecution.sync:2"];
            if waits_long.iter().any(|of| state["Resource"].to_string().contains(of)) {
                assert!(state["TimeoutSeconds"].is_u64(), "{name} waits for ever");
            }
            for gate in if state["Branches"].is_array() { BTreeSet::new() } else { gates_of(state) } {
                if waits_here {
                    *waits.entry(gate).or_insert(0) += 1;
                } else {
                    opens.insert(gate);
                }
            }
        }
    }
    assert!(waits.values().all(|count| *count == 1), "{waits:?}");
    assert_eq!(waits.into_keys().collect::<BTreeSet<_>>(), opens);
}

#[test]
fn a_machine_says_how_it_is_made_and_is_left_alone_once_edited() {
    let graph = numbered(&[vec![], vec![0]]);
    let made = machines(&graph);
    assert_eq!(made.files[0].path, Path::new("/p/flows/test.asl.json"));
    let text = &made.files[0].text;
    let comment =
        "{\n  \"Comment\": \"Made from kptn.yaml by `kptn render --runner stepfunctions`. kptn-runner ";
    assert!(text.starts_with(comment), "{text}");
    let other = machines(&numbered(&[vec![]])).files.remove(0).text;
    assert_eq!(state_of(Some(text), text), RunnerState::Current);
    assert_eq!(state_of(Some(&other), text), RunnerState::Outdated);
    assert_eq!(state_of(Some(&other.replace("t0", "mine")), text), RunnerState::Edited);
}

#[test]
fn a_state_is_a_line_so_that_a_change_shows() {
    let graph = numbered(&[vec![], vec![]]);
    let mut changed = graph.clone();
    changed.tasks[&TaskName::parse("t1").unwrap()].retries.0 = 3;
    let (one, other) = (machines(&graph).files.remove(0).text, machines(&changed).files.remove(0).text);
    let differ: Vec<_> = one.lines().zip(other.lines()).skip(2).filter(|(one, other)| one != other).collect();
    assert_eq!(differ.len(), 1, "{differ:?}");
    assert!(differ[0].1.trim_start().starts_with("\"t1\": {\"Type\":\"Task\""), "{differ:?}");
}

#[test]
fn what_the_engine_does_otherwise_is_said() {
    let mut graph = numbered(&[vec![], vec![]]);
    graph.tasks[0].compute.cpu_units = 300;
    graph.tasks[1].tags = vec!["db".into()];
    let mut project = project(&graph);
    project.settings.concurrency = [("db".to_owned(), 1), ("other".to_owned(), 1)].into_iter().collect();
    assert_eq!(
        stepfunctions(&project, &id(), &graph).unwrap().notes,
        [
            "`t0` asks for 0.29 vCPU: Fargate has 0.5 vCPU and 1 GB for that",
            "`settings.concurrency` of `db` does not hold there: AWS Batch has no such limit"
        ]
    );
}

#[test]
fn a_graph_without_tasks_is_a_machine_too() {
    hold_together(&machines(&numbered(&[])));
}

#[test]
fn what_no_machine_holds_is_refused() {
    let mut deps = vec![vec![]; 4000];
    deps.push((0..4000).collect());
    let graph = numbered(&deps);
    let refused = stepfunctions(&project(&graph), &id(), &graph).unwrap_err().to_string();
    assert_eq!(refused, "`t4000` waits for 4000 others, which is more than one state machine holds");
}

#[test]
fn no_file_is_larger_than_a_machine_may_be() {
    let deps: Vec<Vec<usize>> = (0..1500)
        .map(|at| [1, 2, 5].iter().filter_map(|back| usize::checked_sub(at, *back)).collect())
        .collect();
    let wide: Vec<Vec<usize>> = (0..1500).map(|at| if at == 0 { vec![] } else { vec![0] }).collect();
    for deps in [deps, wide] {
        let made = machines(&numbered(&deps));
        assert!(made.files.len() > 2, "{}", made.files.len());
        assert!(made.files.iter().all(|file| file.text.len() < 1024 * 1024));
        assert!(made.notes[0].starts_with("1500 tasks are more than one machine holds"), "{:?}", made.notes);
        hold_together(&made);
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]
    #[test]
    fn machines_hold_together(
        count in 1usize..60,
        pairs in proptest::collection::vec((0usize..60, 0usize..60), 0..150),
        mapped in proptest::collection::btree_set(1usize..60, 0..10),
    ) {
        let deps: Vec<Vec<usize>> = (0..count)
            .map(|at| pairs.iter().filter(|(to, from)| *to == at && from < to).map(|(_, from)| *from).collect::<BTreeSet<_>>().into_iter().collect())
            .collect();
        let mut graph = numbered(&deps);
        for at in mapped.into_iter().filter(|at| *at < count) {
            graph.tasks[at].map_over = vec!["ITEM".into()];
        }
        let made = machines(&graph);
        prop_assert_eq!(&made, &machines(&graph));
        hold_together(&made);
    }
}

#[test]
fn jobs_that_work_on_the_branch_know_the_project_without_git() {
    let graph = numbered(&[vec![], vec![0]]);
    let machine: Value = serde_json::from_str(&machines(&graph).files[0].text).unwrap();
    let mut all = Vec::new();
    states(&machine, &mut all);
    let told = |state: &Value| {
        let environment = state["Parameters"]["ContainerOverrides"]["Environment"].as_array();
        let named = environment.into_iter().flatten().find(|one| one["Name"] == "KPTN_PROJECT");
        named.map(|one| one["Value"].clone())
    };
    let told: Vec<_> = all.iter().filter_map(|(name, state, _)| Some((*name, told(state)?))).collect();
    assert_eq!(told, [("run: close", "/survey".into()), ("run: open", "/survey".into())]);
}
