//! A graph as an SVG picture that needs nothing else: no fonts, no scripts.

use std::fmt::Write as _;

use super::layout;
use super::{StatusOf, colours};
use crate::graph::Dag;
use crate::model::Graph;

/// Draws a graph as SVG, dependencies to the left.
pub fn svg(graph: &Graph, dag: &Dag, status: StatusOf<'_>) -> String {
    let placed = layout::place(graph, dag);
    let (width, height) = (placed.width, placed.height);
    let mut out = format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"{width:.0}\" height=\"{height:.0}\" \
         viewBox=\"0 0 {width:.0} {height:.0}\" font-family=\"sans-serif\" font-size=\"13\">\n"
    );
    let _ = writeln!(out, "  <title>{}</title>", escaped(graph.name.as_str()));
    out.push_str("  <g fill=\"none\" stroke=\"#9a9aa4\" stroke-width=\"1.3\">\n");
    for line in &placed.lines {
        let _ = writeln!(out, "    <path d=\"{}\"/>", path(line));
    }
    out.push_str("  </g>\n");
    for (name, one) in dag.order().iter().zip(&placed.boxes) {
        let state = status(name);
        let (fill, stroke) = colours(state);
        let word = state.map_or(String::new(), |state| format!(": {}", state.word()));
        let _ = writeln!(
            out,
            "  <g><title>{}{word}</title><rect x=\"{:.1}\" y=\"{:.1}\" width=\"{:.1}\" height=\"{:.1}\" rx=\"6\" \
             fill=\"{fill}\" stroke=\"{stroke}\"/><text x=\"{:.1}\" y=\"{:.1}\" text-anchor=\"middle\" \
             dominant-baseline=\"central\" fill=\"#222226\">{}</text></g>",
            escaped(name.as_str()),
            one.x,
            one.y,
            one.width,
            one.height,
            one.x + one.width / 2.0,
            one.y + one.height / 2.0,
            escaped(&one.label),
        );
    }
    out.push_str("</svg>\n");
    out
}

/// Returns a smooth line through all points.
fn path(points: &[(f64, f64)]) -> String {
    let mut out = String::new();
    for (at, (x, y)) in points.iter().enumerate() {
        match at.checked_sub(1).map(|before| points[before]) {
            None => {
                let _ = write!(out, "M{x:.1},{y:.1}");
            }
            Some((from_x, from_y)) => {
                let middle = (from_x + x) / 2.0;
                let _ = write!(out, " C{middle:.1},{from_y:.1} {middle:.1},{y:.1} {x:.1},{y:.1}");
            }
        }
    }
    out
}

/// Escapes what XML gives a meaning; what XML cannot hold becomes a space.
fn escaped(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '"' => out.push_str("&quot;"),
            c if c.is_control() || c == '\u{fffe}' || c == '\u{ffff}' => out.push(' '),
            c => out.push(c),
        }
    }
    out
}
