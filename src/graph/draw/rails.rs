//! A graph as lines of text: one line a task, its edges as rails beside it.
//!
//! ```text
//! ●    a
//! ├─●  b      b depends on a
//! ○─╯  c      c depends on a and b
//! ```
//! A rail begins at a task and runs down until the last task that depends on it. `○` is a task
//! that nothing depends on: no rail leaves it, whatever stands in the line below.

use std::collections::HashMap;
use std::fmt::Write as _;

use unicode_width::UnicodeWidthStr;

use super::{StatusOf, label};
use crate::graph::Dag;
use crate::model::{Graph, TaskName};

/// With more rails than this beside each other nobody can follow them.
const MOST_RAILS: usize = 24;
/// Rails up to this width have the names after them in one column.
const ALIGNED: usize = 24;

/// Draws a graph for the terminal; each line ends with a task's name and status.
pub fn text(graph: &Graph, dag: &Dag, status: StatusOf<'_>) -> String {
    let rows = rails(dag);
    let widest = rows.iter().map(|row| row.width()).max().unwrap_or(0);
    let as_list = widest > 2 * MOST_RAILS;
    let labels: Vec<String> = dag
        .order()
        .iter()
        .map(|name| graph.tasks.get(name).map_or_else(|| name.to_string(), label))
        .collect();
    let label_width =
        labels.iter().map(|label| label.width()).filter(|width| *width <= 40).max().unwrap_or(0);
    let mut out = String::new();
    for ((name, label), row) in dag.order().iter().zip(&labels).zip(&rows) {
        let rail_width = if widest <= ALIGNED { widest } else { row.width() };
        if !as_list {
            let _ = write!(out, "{row}{}  ", " ".repeat(rail_width - row.width()));
        }
        out.push_str(label);
        if let Some(status) = status(name) {
            let _ =
                write!(out, "{}  {}", " ".repeat(label_width.saturating_sub(label.width())), status.word());
        }
        if as_list && !dag.dependencies(name).is_empty() {
            let _ = write!(out, "  <- {}", joined(dag.dependencies(name)));
        }
        out.push('\n');
    }
    out
}

fn joined(names: &[TaskName]) -> String {
    let shown: Vec<&str> = names.iter().take(20).map(TaskName::as_str).collect();
    let more = names.len() - shown.len();
    let rest = if more > 0 { format!(" and {more} more") } else { String::new() };
    format!("{}{rest}", shown.join(", "))
}

/// Returns the rails of each task's line, in order.
fn rails(dag: &Dag) -> Vec<String> {
    let mut waiting: HashMap<&TaskName, usize> = HashMap::new();
    for dep in dag.order().iter().flat_map(|task| dag.dependencies(task)) {
        *waiting.entry(dep).or_default() += 1;
    }
    let mut lanes: Vec<Option<&TaskName>> = Vec::new();
    let mut rows = Vec::with_capacity(dag.order().len());
    for task in dag.order() {
        let deps = dag.dependencies(task);
        for dep in deps {
            waiting.entry(dep).and_modify(|left| *left -= 1);
        }
        let ends = |lane: &Option<&TaskName>| {
            lane.is_some_and(|from| deps.contains(from) && waiting.get(from) == Some(&0))
        };
        let place = lanes.iter().position(ends).or_else(|| lanes.iter().position(Option::is_none));
        let column = place.unwrap_or(lanes.len());
        if column == lanes.len() {
            lanes.push(None);
        }
        let mark = if waiting.contains_key(task) { '●' } else { '○' };
        rows.push(row(&lanes, column, mark, deps, &waiting));
        for lane in &mut lanes {
            if ends(lane) {
                *lane = None;
            }
        }
        lanes[column] = waiting.get(task).map(|_| task);
        while lanes.last() == Some(&None) {
            lanes.pop();
        }
        // Beyond that it becomes a list anyway, and rows are as long as there are lanes.
        if lanes.len() > 4 * MOST_RAILS {
            return vec!["│".repeat(4 * MOST_RAILS); dag.order().len()];
        }
    }
    rows
}

fn row(
    lanes: &[Option<&TaskName>],
    column: usize,
    mark: char,
    deps: &[TaskName],
    waiting: &HashMap<&TaskName, usize>,
) -> String {
    let joins = |lane: &Option<&TaskName>| lane.is_some_and(|from| deps.contains(from));
    let first = lanes.iter().position(joins).map_or(column, |at| at.min(column));
    let last = lanes.iter().rposition(joins).map_or(column, |at| at.max(column));
    let mut row = String::new();
    for (at, lane) in lanes.iter().enumerate() {
        let inside = at > first && at < last;
        let goes_on = lane.is_some_and(|from| waiting.get(from).is_some_and(|left| *left > 0));
        row.push(match (at == column, joins(lane), goes_on) {
            (true, ..) => mark,
            (_, true, true) if inside => '┼',
            (_, true, false) if inside => '┴',
            (_, true, true) => {
                if at == first {
                    '├'
                } else {
                    '┤'
                }
            }
            (_, true, false) => {
                if at == first {
                    '╰'
                } else {
                    '╯'
                }
            }
            _ if lane.is_some() => '│',
            _ if inside => '─',
            _ => ' ',
        });
        if at + 1 < lanes.len() {
            row.push(if at >= first && at < last { '─' } else { ' ' });
        }
    }
    row
}
