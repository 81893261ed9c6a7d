//! Pictures of a graph: for the terminal, for Mermaid and Graphviz, as SVG.
//!
//! Each is a pure function from a graph, its order and its tasks' statuses to
//! text. Names may be long, wide (`日本`) or hold signs that a format gives a
//! meaning: each format escapes in its own way. Colours in the terminal are
//! the caller's.

mod layout;
mod markup;
mod rails;
mod svg;

pub use markup::{dot, mermaid};
pub use rails::text;
pub use svg::svg;

use crate::model::{Status, Task, TaskName};

/// What is known of a task's status; absent where nobody looked.
pub type StatusOf<'a> = &'a dyn Fn(&TaskName) -> Option<Status>;

/// Returns how a task is called in a picture: a mapped one with its items' name.
fn label(task: &Task) -> String {
    match task.map_over.as_slice() {
        [] => task.name.to_string(),
        names => format!("{}[{}]", task.name, names.join(",")),
    }
}

/// Returns the fill and the outline that stand for a status.
const fn colours(status: Option<Status>) -> (&'static str, &'static str) {
    match status {
        Some(Status::Fresh) => ("#e3f4e3", "#3b873b"),
        Some(Status::Stale) => ("#fdf0d0", "#b07a10"),
        Some(Status::Failed) => ("#fbdcdc", "#b83232"),
        Some(Status::Maybe) => ("#fbf7e6", "#c0a860"),
        None => ("#f2f2f4", "#70707a"),
    }
}

#[cfg(test)]
mod tests {
    use super::super::{Dag, testing::graph};
    use super::*;
    use crate::model::Graph;

    fn states() -> (Graph, Dag) {
        let mut graph = graph(&[
            ("state_facts", &[]),
            ("arrests", &[]),
            ("joined", &["state_facts", "arrests"]),
            ("state_list", &["joined"]),
            ("profile", &["state_list", "joined"]),
            ("clusters", &["joined"]),
            ("report", &["profile", "clusters"]),
        ]);
        graph.tasks["profile"].map_over.push("US_STATE".to_owned());
        let dag = Dag::new(&graph).unwrap();
        (graph, dag)
    }

    fn status(task: &TaskName) -> Option<Status> {
        match task.as_str() {
            "report" => Some(Status::Stale),
            "arrests" => None,
            _ => Some(Status::Fresh),
        }
    }

    #[test]
    fn the_terminal_shows_edges_as_rails() {
        let (graph, dag) = states();
        insta::assert_snapshot!(text(&graph, &dag, &status), @"
        ●    state_facts        fresh
        │ ●  arrests
        ●─╯  joined             fresh
        ├─●  state_list         fresh
        ├─●  profile[US_STATE]  fresh
        ● │  clusters           fresh
        ○─╯  report             stale
        ");
    }

    #[test]
    fn mermaid_and_dot_name_every_edge() {
        let (graph, dag) = states();
        insta::assert_snapshot!(mermaid(&graph, &dag, &status), @r#"
        flowchart LR
            t0["state_facts"]
            t1["arrests"]
            t2["joined"]
            t3["state_list"]
            t4["profile[US_STATE]"]
            t5["clusters"]
            t6["report"]
            t0 --> t2
            t1 --> t2
            t2 --> t3
            t3 --> t4
            t2 --> t4
            t2 --> t5
            t4 --> t6
            t5 --> t6
            classDef fresh fill:#e3f4e3,stroke:#3b873b
            class t0,t2,t3,t4,t5 fresh
            classDef stale fill:#fdf0d0,stroke:#b07a10
            class t6 stale
        "#);
        insta::assert_snapshot!(dot(&graph, &dag, &status), @r##"
        digraph "test" {
            rankdir=LR;
            node [shape=box, style="rounded,filled", fontname="sans-serif"];
            "state_facts" [label="state_facts", fillcolor="#e3f4e3", color="#3b873b"];
            "arrests" [label="arrests", fillcolor="#f2f2f4", color="#70707a"];
            "joined" [label="joined", fillcolor="#e3f4e3", color="#3b873b"];
            "state_list" [label="state_list", fillcolor="#e3f4e3", color="#3b873b"];
            "profile" [label="profile[US_STATE]", fillcolor="#e3f4e3", color="#3b873b"];
            "clusters" [label="clusters", fillcolor="#e3f4e3", color="#3b873b"];
            "report" [label="report", fillcolor="#fdf0d0", color="#b07a10"];
            "state_facts" -> "joined";
            "arrests" -> "joined";
            "joined" -> "state_list";
            "state_list" -> "profile";
            "joined" -> "profile";
            "joined" -> "clusters";
            "profile" -> "report";
            "clusters" -> "report";
        }
        "##);
    }

    #[test]
    fn signs_with_a_meaning_are_escaped() {
        let graph = graph(&[("a & b; #1 100%", &[]), ("日本 été", &["a & b; #1 100%"])]);
        let dag = Dag::new(&graph).unwrap();
        let nobody = |_: &TaskName| None;
        let picture = svg(&graph, &dag, &nobody);
        assert!(picture.contains("a &amp; b; #1 100%") && !picture.contains("a & b"), "{picture}");
        assert!(mermaid(&graph, &dag, &nobody).contains("a #38; b#59; #35;1 100#37;"));
        assert!(text(&graph, &dag, &nobody).contains("日本 été"));
    }

    #[test]
    fn no_two_boxes_of_a_picture_overlap() {
        let (graph, dag) = states();
        let placed = layout::place(&graph, &dag);
        assert_eq!(placed.boxes.len(), 7);
        for (at, one) in placed.boxes.iter().enumerate() {
            assert!(
                one.x >= 0.0
                    && one.y >= 0.0
                    && one.x + one.width <= placed.width
                    && one.y + one.height <= placed.height
            );
            for other in &placed.boxes[at + 1..] {
                let apart = one.x + one.width <= other.x
                    || other.x + other.width <= one.x
                    || one.y + one.height <= other.y
                    || other.y + other.height <= one.y;
                assert!(apart, "{one:?} {other:?}");
            }
        }
    }

    #[test]
    fn a_wide_graph_is_listed_where_rails_would_be_too_wide() {
        let names: Vec<String> = (0..60).map(|at| format!("t{at}")).collect();
        let mut tasks: Vec<(&str, &[&str])> = names.iter().map(|name| (name.as_str(), &[][..])).collect();
        let all: Vec<&str> = names.iter().map(String::as_str).collect();
        tasks.push(("end", &all));
        let graph = graph(&tasks);
        let dag = Dag::new(&graph).unwrap();
        let shown = text(&graph, &dag, &|_| None);
        assert!(shown.lines().all(|line| line.chars().count() < 400), "{shown}");
        assert!(shown.lines().last().unwrap().contains("end"));
        assert!(shown.contains("<- t0, t1"), "{shown}");
        svg(&graph, &dag, &|_| None);
    }

    #[test]
    fn a_graph_of_thousands_is_drawn_in_a_moment() {
        let names: Vec<String> = (0..3000).map(|at| format!("t{at}")).collect();
        // A chain, with every tenth task also needed by the one ten further on.
        let deps = |at: usize| match at {
            0 => vec![],
            _ if at.is_multiple_of(10) => vec![names[at - 1].as_str(), names[at - 10].as_str()],
            _ => vec![names[at - 1].as_str()],
        };
        let deps: Vec<Vec<&str>> = (0..names.len()).map(deps).collect();
        let tasks: Vec<(&str, &[&str])> =
            names.iter().map(String::as_str).zip(deps.iter().map(Vec::as_slice)).collect();
        let graph = graph(&tasks);
        let dag = Dag::new(&graph).unwrap();
        assert_eq!(dag.ancestors(&dag.order()[2999]).len(), 2999);
        assert_eq!(text(&graph, &dag, &|_| None).lines().count(), 3000);
        assert_eq!(svg(&graph, &dag, &|_| None).matches("<rect").count(), 3000);
    }
}
