//! `kptn status`: a row a task, then one line that sums up.

use crate::cli::paint::Tone;
use crate::cli::reasons;
use crate::cli::table::{Cell, Side, Table};
use crate::cli::views::comment::affected_by;
use crate::cli::words;
use crate::model::{GraphName, Status};
use crate::ops::affected::AffectedReport;
use crate::ops::follow::elsewhere::ENGINE;
use crate::ops::report::{Place, Running, RunningEngine, StatusReport, StatusRow};

/// Which rows are shown.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fresh {
    /// Fresh tasks are only counted where there are more than a few.
    Counted,
    /// Every task gets its row.
    Listed,
}

/// So many fresh tasks are still listed.
const FEW: usize = 20;

/// Returns the whole text.
pub fn text(report: &StatusReport, fresh: Fresh, width: usize, now_ms: u64) -> String {
    let mut out = String::new();
    if let Some(running) = &report.running {
        out.push_str(&running_line(running, &report.place.branch, now_ms));
    }
    let graphs = graphs(report);
    for graph in &graphs {
        let rows: Vec<&StatusRow> = report.rows.iter().filter(|row| row.graph == **graph).collect();
        if graphs.len() > 1 {
            out.push_str(&format!("{}\n", Tone::Strong.paint(format!("graph {graph}"))));
        }
        out.push_str(&graph_text(&rows, fresh, width, now_ms));
        out.push('\n');
    }
    out.push_str(&summary(&report.rows, &report.place, width));
    out
}

fn graphs(report: &StatusReport) -> Vec<&GraphName> {
    let mut graphs: Vec<&GraphName> = Vec::new();
    for row in &report.rows {
        if !graphs.contains(&&row.graph) {
            graphs.push(&row.graph);
        }
    }
    graphs
}

fn graph_text(rows: &[&StatusRow], fresh: Fresh, width: usize, now_ms: u64) -> String {
    let plain = |row: &StatusRow| row.status == Status::Fresh && row.absent == 0;
    let hidden = rows.iter().filter(|row| plain(row)).count();
    let hidden = if fresh == Fresh::Counted && hidden > FEW { hidden } else { 0 };
    let mut table = Table::new([("task", Side::Left), ("status", Side::Left), ("why", Side::Left)]);
    let shown: Vec<&&StatusRow> = rows.iter().filter(|row| hidden == 0 || !plain(row)).collect();
    for row in &shown {
        let name = Cell::new(Tone::Strong, row.task.as_str());
        let status = Cell::new(row.status.into(), row.status.word());
        table.row([name, status, why(row, now_ms).into()]);
    }
    let mut text = if shown.is_empty() { String::new() } else { table.render(width) };
    if hidden > 0 {
        let tasks = words::count(hidden as u64, "fresh task is", "fresh tasks are");
        text.push_str(&Tone::Dim.paint(format!("{tasks} not shown; `kptn status --all` lists them")));
        text.push('\n');
    }
    text
}

fn why(row: &StatusRow, now_ms: u64) -> String {
    let absent = (row.absent > 0).then(|| format!("{} not here", words::count(row.absent, "file", "files")));
    let items = row.items.filter(|items| items.stale > 0);
    // The reasons already say it where items alone are stale.
    let said = row.reasons.iter().any(|reason| matches!(reason, crate::model::Reason::Items { .. }));
    let items = items.filter(|_| !said).map(|items| reasons::items(items.stale, items.total, items.failed));
    let reasons = Some(reasons::brief(&row.reasons)).filter(|text| !text.is_empty());
    let probes =
        row.probed_ms.map(|asked| format!("probe answered {}", words::age(now_ms.saturating_sub(asked))));
    [items, reasons, absent, probes].into_iter().flatten().collect::<Vec<_>>().join("; ")
}

/// Returns the tasks that a branch affects, and by what.
pub fn affected(report: &AffectedReport, width: usize) -> String {
    let mut table = Table::new([("task", Side::Left), ("status", Side::Left), ("affected by", Side::Left)]);
    for affected in &report.rows {
        let row = &affected.row;
        let status = Cell::new(row.status.into(), row.status.word());
        table.row([Cell::new(Tone::Strong, row.task.as_str()), status, affected_by(affected).into()]);
    }
    let commit = report.commit.get(..9).unwrap_or(&report.commit);
    let total = words::count(report.tasks, "task", "tasks");
    let sum = format!("{} of {total} affected since {} ({commit})", report.rows.len(), report.base);
    let sum = words::facts(&[vec![sum], where_it_is(&report.place)].concat(), width) + "\n";
    if report.rows.is_empty() { sum } else { format!("{}\n{sum}", table.render(width)) }
}

/// Returns the line that sums up: `12 tasks: 9 fresh, 2 stale, 1 maybe · outputs in scratch/main`.
fn summary(rows: &[StatusRow], place: &Place, width: usize) -> String {
    let count = |status| rows.iter().filter(|row| row.status == status).count() as u64;
    let order = [Status::Fresh, Status::Stale, Status::Failed, Status::Maybe];
    let parts: Vec<String> = order
        .into_iter()
        .map(|status| (status, count(status)))
        .filter(|(_, n)| *n > 0)
        .map(|(status, n)| Tone::from(status).paint(format!("{} {}", words::number(n), status.word())))
        .collect();
    let tasks = words::count(rows.len() as u64, "task", "tasks");
    let parts = if parts.is_empty() { String::new() } else { format!(": {}", parts.join(", ")) };
    words::facts(&[vec![format!("{tasks}{parts}")], where_it_is(place)].concat(), width) + "\n"
}

/// Returns the branch and the output folder, as facts.
pub fn where_it_is(place: &Place) -> Vec<String> {
    vec![format!("branch {}", place.branch), format!("outputs in {}", place.outputs_dir.display())]
}

/// Returns the line about a run that is going on.
pub fn running_line(running: &Running, branch: &str, now_ms: u64) -> String {
    let since = words::age(now_ms.saturating_sub(running.since_ms));
    let said = match &running.engine {
        Some(RunningEngine { name, run }) if name == ENGINE => {
            format!("{}; begun {since}", super::run::goes_on(run, branch))
        }
        Some(_) => format!("{running} goes on; begun {since}"),
        None => {
            let Running { pid, host, command, .. } = running;
            format!("`{command}` has been running since {since} (process {pid} on {host})")
        }
    };
    format!("{} {said}\n\n", Tone::Hint.paint("note:"))
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;
    use crate::cli::width::{cells, strip};
    use crate::model::RunId;
    use crate::model::{Change, IngredientKind, Reason, TaskName};
    use crate::ops::report::ItemCounts;

    pub fn row(task: &str, status: Status, reasons: Vec<Reason>) -> StatusRow {
        StatusRow {
            graph: GraphName::parse("basic").unwrap(),
            task: TaskName::parse(task).unwrap(),
            status,
            reasons,
            absent: 0,
            items: None,
            chosen: None,
            estimate_ms: Some(3_100),
            made_ms: Some(0),
            probed_ms: None,
        }
    }

    pub fn report(rows: Vec<StatusRow>) -> StatusReport {
        let place =
            Place { project: "root".into(), branch: "main".into(), outputs_dir: "scratch/main".into() };
        StatusReport { place, rows, notes: vec![], running: None }
    }

    fn mixed() -> StatusReport {
        let year = Change {
            kind: IngredientKind::Arg,
            name: "year".into(),
            before: Some("2021".into()),
            after: Some("2022".into()),
        };
        let mut away = row("read", Status::Fresh, vec![]);
        away.absent = 3;
        let mut mapped =
            row("by_state", Status::Stale, vec![Reason::Items { stale: 312, total: 50_000, failed: 3 }]);
        mapped.items = Some(ItemCounts { total: 50_000, stale: 312, failed: 3 });
        report(vec![
            away,
            row("clean", Status::Stale, vec![Reason::Changed(year)]),
            mapped,
            row(
                "plot",
                Status::Failed,
                vec![Reason::Failed { error: "exit code 1: object 'x' not found".into(), log: None }],
            ),
            row(
                "report",
                Status::Maybe,
                vec![Reason::Upstream { tasks: vec![TaskName::parse("clean").unwrap()] }],
            ),
        ])
    }

    #[test]
    fn a_row_a_task_and_a_line_that_sums_up() {
        insta::assert_snapshot!(strip(&text(&mixed(), Fresh::Counted, 80, 0)), @"
        task      status  why
        read      fresh   3 files not here
        clean     stale   arg year: 2021 -> 2022
        by_state  stale   312 of 50,000 items stale, 3 failed
        plot      failed  exit code 1: object 'x' not found
        report    maybe   after clean

        5 tasks: 1 fresh, 2 stale, 1 failed, 1 maybe · branch main
        outputs in scratch/main
        ");
    }

    #[test]
    fn is_readable_in_forty_columns() {
        let shown = strip(&text(&mixed(), Fresh::Counted, 40, 0));
        insta::assert_snapshot!(shown, @"
        task      status  why
        read      fresh
            3 files not here
        clean     stale
            arg year: 2021 -> 2022
        by_state  stale
            312 of 50,000 items stale, 3 failed
        plot      failed
            exit code 1: object 'x' not found
        report    maybe
            after clean

        5 tasks: 1 fresh, 2 stale, 1 failed, 1
        maybe · branch main
        outputs in scratch/main
        ");
        assert!(shown.lines().all(|line| cells(line) <= 40));
    }

    #[test]
    fn many_fresh_tasks_are_counted_unless_asked_for() {
        let rows = (0..1200).map(|n| row(&format!("t{n}"), Status::Fresh, vec![])).collect();
        let report = report(rows);
        insta::assert_snapshot!(strip(&text(&report, Fresh::Counted, 80, 0)), @"
        1,200 fresh tasks are not shown; `kptn status --all` lists them

        1,200 tasks: 1,200 fresh · branch main · outputs in scratch/main
        ");
        assert_eq!(text(&report, Fresh::Listed, 80, 0).lines().count(), 1203);
    }

    #[test]
    fn graphs_have_their_own_tables_and_a_run_that_goes_on_is_named() {
        let mut report =
            report(vec![row("A", Status::Fresh, vec![]), row("A", Status::Stale, vec![Reason::NeverRan])]);
        report.rows[1].graph = GraphName::parse("other").unwrap();
        report.running = Some(Running {
            pid: 7,
            host: "box".into(),
            since_ms: 0,
            command: "kptn run basic".into(),
            engine: None,
        });
        insta::assert_snapshot!(strip(&text(&report, Fresh::Counted, 80, 65_000)), @"
        note: `kptn run basic` has been running since 1 minute ago (process 7 on box)

        graph basic
        task  status  why
        A     fresh

        graph other
        task  status  why
        A     stale   never ran

        2 tasks: 1 fresh, 1 stale · branch main · outputs in scratch/main
        ");
    }

    #[test]
    fn a_run_of_an_engine_is_named_not_the_process_that_opened_it() {
        let line = |name: &str| {
            let engine = Some(RunningEngine { name: name.into(), run: RunId::new(1, 1) });
            let command = "kptn run open".to_owned();
            let running = Running { pid: 7, host: "box".into(), since_ms: 0, command, engine };
            strip(&running_line(&running, "main", 65_000)).trim_end().to_owned()
        };
        let run = RunId::new(1, 1);
        assert_eq!(line("prefect"), format!("note: the run `{run}` of prefect goes on; begun 1 minute ago"));
        let there = format!(
            "note: the run `{run}` goes on: `kptn run --runner stepfunctions --follow -b main` follows it; begun 1 minute ago"
        );
        assert_eq!(line("stepfunctions"), there);
    }
}
