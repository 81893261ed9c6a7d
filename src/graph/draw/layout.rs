//! Where the boxes and lines of a picture go.
//!
//! Tasks stand in columns: each one column to the right of the last of its
//! dependencies. An edge over several columns gets a bend in each, which is
//! ordered like a task, so that it runs between boxes and not through them.
//! Columns are ordered by the mean place of their neighbours, a few times to
//! and fro; then everything moves towards its neighbours as far as there is room.

use std::collections::HashMap;

use unicode_width::UnicodeWidthStr;

use super::label;
use crate::graph::Dag;
use crate::model::{Graph, TaskName};

const BOX_HEIGHT: f64 = 30.0;
const BEND_HEIGHT: f64 = 6.0;
const ROW_GAP: f64 = 14.0;
const COLUMN_GAP: f64 = 56.0;
const MARGIN: f64 = 16.0;
const LETTER: f64 = 7.6;
/// Names longer than this are cut; the whole name is the box's title.
const LONGEST_LABEL: usize = 42;
/// With more bends than this, long edges run straight.
const MOST_BENDS: usize = 20_000;

/// A picture's boxes and lines, in pixels.
#[derive(Debug)]
pub(super) struct Placed {
    pub width: f64,
    pub height: f64,
    /// By position in the order.
    pub boxes: Vec<Box>,
    /// The points that each edge runs through.
    pub lines: Vec<Vec<(f64, f64)>>,
}

/// One task's box.
#[derive(Debug)]
pub(super) struct Box {
    pub label: String,
    pub x: f64,
    pub y: f64,
    pub width: f64,
    pub height: f64,
}

/// A task or a bend while it is being placed.
struct Spot {
    column: usize,
    width: f64,
    height: f64,
    /// Its middle.
    y: f64,
    before: Vec<usize>,
    after: Vec<usize>,
}

/// Places all tasks and edges of a graph.
pub(super) fn place(graph: &Graph, dag: &Dag) -> Placed {
    let labels: Vec<String> = dag
        .order()
        .iter()
        .map(|name| cut(&graph.tasks.get(name).map_or_else(|| name.to_string(), label)))
        .collect();
    let (mut spots, edges) = spots(dag, &labels);
    let mut columns = columns(&spots);
    order_columns(&mut columns, &mut spots);
    settle(&columns, &mut spots);
    let lefts = column_lefts(&columns, &spots);
    let top = spots.iter().map(|spot| spot.y - spot.height / 2.0).fold(f64::INFINITY, f64::min);
    for spot in &mut spots {
        spot.y += MARGIN - top;
    }
    let boxes: Vec<Box> = labels
        .into_iter()
        .zip(&spots)
        .map(|(label, spot)| Box {
            label,
            x: lefts[spot.column],
            y: spot.y - spot.height / 2.0,
            width: spot.width,
            height: spot.height,
        })
        .collect();
    // A line crosses a column level, at its own height, and bends only between columns.
    let right = |column: usize| lefts.get(column + 1).map_or(f64::INFINITY, |next| next - COLUMN_GAP);
    let lines = edges.iter().map(|path| {
        let mut line = Vec::with_capacity(2 * path.len());
        for (step, at) in path.iter().enumerate() {
            let spot = &spots[*at];
            let left = lefts[spot.column];
            line.push((if step == 0 { left + spot.width } else { left }, spot.y));
            if step + 1 < path.len() {
                line.push((right(spot.column), spot.y));
            }
        }
        line
    });
    Placed {
        lines: lines.collect(),
        width: boxes.iter().map(|b| b.x + b.width).fold(0.0, f64::max) + MARGIN,
        height: spots.iter().map(|spot| spot.y + spot.height / 2.0).fold(0.0, f64::max) + MARGIN,
        boxes,
    }
}

fn cut(label: &str) -> String {
    if label.width() <= LONGEST_LABEL {
        return label.to_owned();
    }
    let mut short = String::new();
    for c in label.chars() {
        if short.width() + 2 > LONGEST_LABEL {
            break;
        }
        short.push(c);
    }
    short.push('…');
    short
}

/// Returns tasks and bends, and each edge as the spots that it runs through.
fn spots(dag: &Dag, labels: &[String]) -> (Vec<Spot>, Vec<Vec<usize>>) {
    let positions: HashMap<&TaskName, usize> =
        dag.order().iter().enumerate().map(|(at, name)| (name, at)).collect();
    let mut spots: Vec<Spot> = Vec::with_capacity(labels.len());
    for (name, label) in dag.order().iter().zip(labels) {
        let before = dag.dependencies(name).iter().filter_map(|dep| spots.get(*positions.get(dep)?));
        let column = before.map(|spot| spot.column + 1).max().unwrap_or(0);
        let width = label.width() as f64 * LETTER + 24.0;
        spots.push(Spot { column, width, height: BOX_HEIGHT, y: 0.0, before: Vec::new(), after: Vec::new() });
    }
    let pairs: Vec<(usize, usize)> = dag
        .order()
        .iter()
        .enumerate()
        .flat_map(|(at, name)| dag.dependencies(name).iter().map(move |dep| (dep, at)))
        .filter_map(|(dep, at)| Some((*positions.get(dep)?, at)))
        .collect();
    let bends: usize = pairs.iter().map(|(from, to)| spots[*to].column - spots[*from].column - 1).sum();
    let mut edges = Vec::with_capacity(pairs.len());
    for (from, to) in pairs {
        let mut path = vec![from];
        if bends <= MOST_BENDS {
            for column in spots[from].column + 1..spots[to].column {
                path.push(spots.len());
                spots.push(Spot {
                    column,
                    width: 0.0,
                    height: BEND_HEIGHT,
                    y: 0.0,
                    before: Vec::new(),
                    after: Vec::new(),
                });
            }
        }
        path.push(to);
        for pair in path.windows(2) {
            spots[pair[0]].after.push(pair[1]);
            spots[pair[1]].before.push(pair[0]);
        }
        edges.push(path);
    }
    (spots, edges)
}

fn columns(spots: &[Spot]) -> Vec<Vec<usize>> {
    let count = spots.iter().map(|spot| spot.column + 1).max().unwrap_or(0);
    let mut columns = vec![Vec::new(); count];
    for (at, spot) in spots.iter().enumerate() {
        columns[spot.column].push(at);
    }
    columns
}

fn column_lefts(columns: &[Vec<usize>], spots: &[Spot]) -> Vec<f64> {
    let mut left = MARGIN;
    let mut lefts = Vec::with_capacity(columns.len());
    for column in columns {
        lefts.push(left);
        left += column.iter().map(|at| spots[*at].width).fold(0.0, f64::max) + COLUMN_GAP;
    }
    lefts
}

/// Sorts each column by the mean row of its neighbours, forwards and backwards in turn.
fn order_columns(columns: &mut [Vec<usize>], spots: &mut [Spot]) {
    let rows = |columns: &[Vec<usize>], spots: &mut [Spot]| {
        for column in columns {
            for (row, at) in column.iter().enumerate() {
                spots[*at].y = row as f64;
            }
        }
    };
    rows(columns, spots);
    for sweep in 0..8 {
        let forwards = sweep % 2 == 0;
        let count = columns.len();
        for step in 1..count {
            let index = if forwards { step } else { count - 1 - step };
            let wanted = |at: &usize| {
                let spot = &spots[*at];
                mean(if forwards { &spot.before } else { &spot.after }, spots).unwrap_or(spot.y)
            };
            let mut keyed: Vec<(f64, usize)> = columns[index].iter().map(|at| (wanted(at), *at)).collect();
            keyed.sort_by(|one, other| one.0.total_cmp(&other.0));
            columns[index] = keyed.into_iter().map(|(_, at)| at).collect();
            rows(&columns[index..=index], spots);
        }
    }
}

fn mean(neighbours: &[usize], spots: &[Spot]) -> Option<f64> {
    let sum: f64 = neighbours.iter().map(|at| spots[*at].y).sum();
    (!neighbours.is_empty()).then(|| sum / neighbours.len() as f64)
}

/// Gives every spot its height in pixels: near its neighbours, in its column's order, apart from the next.
fn settle(columns: &[Vec<usize>], spots: &mut [Spot]) {
    for column in columns {
        let mut y = 0.0;
        for at in column {
            let half = spots[*at].height / 2.0;
            spots[*at].y = y + half;
            y += 2.0 * half + ROW_GAP;
        }
        for at in column {
            spots[*at].y -= y / 2.0;
        }
    }
    for round in 0..6 {
        let count = columns.len();
        for step in 0..count {
            let column = &columns[if round % 2 == 0 { step } else { count - 1 - step }];
            let wanted: Vec<f64> = column
                .iter()
                .map(|at| {
                    let spot = &spots[*at];
                    let both: Vec<usize> = spot.before.iter().chain(&spot.after).copied().collect();
                    mean(&both, spots).unwrap_or(spot.y)
                })
                .collect();
            let mut lowest = f64::NEG_INFINITY;
            let mut drift = 0.0;
            for (at, wanted) in column.iter().zip(&wanted) {
                let half = spots[*at].height / 2.0;
                let y = wanted.max(lowest + half);
                lowest = y + half + ROW_GAP;
                drift += wanted - y;
                spots[*at].y = y;
            }
            let drift = drift / column.len().max(1) as f64;
            for at in column {
                spots[*at].y += drift;
            }
        }
    }
}
