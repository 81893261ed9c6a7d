//! Mapped tasks that are killed in the middle: what had finished is kept, what was running runs again.
//!
//! Items are numbers and run in order. One at or after `$STOP` waits to be killed, so a test knows what
//! had finished: all before it, but for those that other lanes were still at.

use std::collections::BTreeMap;
use std::fs;

use rustix::process::{Signal, kill_process};

use crate::faults::find_descendant;
use crate::support::{Project, Running, tasks_yaml, wait_until};

const LANES: usize = 2;

const EACH: &str = "
import os
import time

STOP = int(os.environ.get('STOP', '1000000'))
TRACE = os.open(os.environ['TRACE'], os.O_WRONLY | os.O_CREAT | os.O_APPEND)


def each(N, output_dir):
    if N >= STOP:
        open(os.environ['GATE'] + '/each.ready', 'w').close()
        time.sleep(120)
    with open('%s/%d.txt' % (output_dir, N), 'w') as file:
        file.write('item %d' % N)
    os.write(TRACE, b'%d\\n' % N)
";

fn numbers(count: usize, fields: &str) -> Project {
    Project::new()
        .yaml(&tasks_yaml(
            "numbers: , each: numbers",
            &[
                "numbers: {cache_result: true, iterable_item: N}",
                &format!("each: {{map_over: N, outputs: ['${{N}}.txt']{fields}}}"),
            ],
        ))
        .file("numbers.py", format!("def numbers():\n    return list(range({count}))\n"))
        .file("each.py", EACH)
}

/// Returns how many items are not done, once nothing of a run is left.
#[track_caller]
fn left(project: &Project) -> usize {
    let report = || project.kptn(&["status", "--json"]).succeeds().json();
    wait_until("nothing of the run is left", || report()["running"].is_null());
    let report = report();
    let row = report["rows"].as_array().and_then(|rows| rows.iter().find(|row| row["task"] == "each"));
    let stale = row.and_then(|row| row["items"]["stale"].as_u64());
    usize::try_from(stale.unwrap_or_else(|| panic!("no items in {report}"))).expect("a small number")
}

/// Runs a mapped task again and again, ending it each time when so many items more are done, and looks
/// that no item that had finished runs again.
fn survives(project: &Project, count: usize, seed: usize, kills: usize, end: impl Fn(&Running)) {
    let mut runs: BTreeMap<usize, usize> = BTreeMap::new();
    let mut stop = 0;
    for kill in 0..kills {
        // A step of any size, the same in each run of the test.
        stop += 1 + (seed * 7919 + kill * 104_729) % (count * 2 / kills - 1);
        if stop >= count {
            break;
        }
        let mut command = project.command(&["run", "--wait", "-j2"]);
        command.env("STOP", stop.to_string());
        let run = Running::start(command);
        project.wait_for("each");
        end(&run);
        let (code, _, messages) = run.wait();
        assert_ne!(code, Some(0), "{messages}");
        let left = left(project);
        assert!((count - stop..count - stop + LANES).contains(&left), "{left} left of {count} at {stop}");
        fs::remove_file(project.outside("gate/each.ready")).expect("its mark");
        count_runs(project, &mut runs);
    }
    let left = left(project);
    project.kptn(&["run", "--wait", "-j2"]).succeeds();
    let ran = count_runs(project, &mut runs);
    assert_eq!(ran, left, "what status said was left is what ran");
    let twice = runs.values().filter(|count| **count > 1).count();
    assert!(twice <= kills * (LANES - 1), "{twice} items ran twice");
    assert_eq!(runs.len(), count);
    for number in 0..count {
        assert_eq!(project.read_output(&format!("{number}.txt")), format!("item {number}"));
    }
    assert_eq!(project.not_fresh(), "");
    project.kptn(&["run"]).succeeds();
    assert_eq!(project.ran(), "");
    project.kptn(&["fsck"]).succeeds();
}

fn count_runs(project: &Project, runs: &mut BTreeMap<usize, usize>) -> usize {
    let trace = project.trace();
    for number in &trace {
        *runs.entry(number.parse().expect("a number")).or_default() += 1;
    }
    trace.len()
}

#[test]
fn the_whole_group_is_killed_between_items() {
    survives(&numbers(5000, ""), 5000, 1, 7, |run| run.signal_group(Signal::KILL));
}

#[test]
fn kptn_alone_is_killed_between_items() {
    survives(&numbers(5000, ""), 5000, 2, 7, |run| run.signal(Signal::KILL));
}

#[test]
fn the_runner_alone_is_killed_between_items() {
    survives(&numbers(5000, ""), 5000, 3, 6, |run| {
        let runner = find_descendant(run.pid(), &["flows/g.py"]).expect("the runner");
        kill_process(runner, Signal::KILL).expect("a kill");
    });
}

#[test]
fn serve_alone_is_killed_between_items() {
    survives(&numbers(500, ""), 500, 4, 5, |run| {
        let serve = find_descendant(run.pid(), &["task serve"]).expect("serve");
        kill_process(serve, Signal::KILL).expect("a kill");
    });
}

#[cfg(feature = "failpoints")]
mod failpoints {
    use super::*;

    /// Runs with a fail point; returns the exit code and the messages.
    fn strike(project: &Project, trigger: &str, stop: &str) -> (Option<i32>, String) {
        let mut command = project.command(&["run", "--wait", "-j1"]);
        command.env("KPTN_FAILPOINT", trigger).env("STOP", stop);
        let (code, _, messages) = Running::start(command).wait();
        assert!(!messages.contains("panicked"), "{messages}");
        (code, messages)
    }

    #[test]
    fn killed_at_every_point_of_the_journal_no_finished_item_runs_twice() {
        for action in ["kill", "kill-group"] {
            // The item is in the journal: it has finished, though nobody was told.
            let project = numbers(30, "");
            assert_ne!(strike(&project, &format!("journal.appended:10={action}"), "100").0, Some(0));
            assert_eq!(left(&project), 20);
            // Taken in by that status, whoever dies then.
            project.kptn(&["run", "--wait"]).succeeds();
            assert_eq!(project.trace().len(), 30);

            let project = numbers(30, "");
            strike(&project, "journal.appended:10=kill-group", "100");
            assert_ne!(strike(&project, &format!("journal.replayed={action}"), "100").0, Some(0));
            project.kptn(&["run", "--wait"]).succeeds();
            assert_eq!(project.trace().len(), 30, "journal.replayed={action}");

            // One item fails, so that the journal goes into the databases.
            let project = numbers(30, "");
            project.edit("each.py", "    if N >= STOP:", "    assert N < STOP\n    if N >= STOP:");
            assert_ne!(strike(&project, &format!("journal.batched={action}"), "20").0, Some(0));
            project.kptn(&["run", "--wait"]).succeeds();
            assert_eq!(project.trace().len(), 30, "journal.batched={action}");
        }
    }

    #[test]
    fn a_journal_that_cannot_be_written_is_a_clear_error_and_nothing_is_lost() {
        for trigger in ["journal.appended:10=enospc", "journal.batched=enospc", "journal.replayed=enospc"] {
            let project = numbers(30, "");
            if trigger.starts_with("journal.replayed") {
                strike(&project, "journal.appended:10=kill-group", "100");
            }
            project.edit("each.py", "    if N >= STOP:", "    assert N < STOP\n    if N >= STOP:");
            let (code, messages) = strike(&project, trigger, "20");
            let words = messages.split_whitespace().collect::<Vec<_>>().join(" ");
            assert_ne!(code, Some(0), "{trigger}");
            assert!(
                words.contains("no space left") || words.contains("no storage space"),
                "{trigger}: {messages}"
            );
            project.kptn(&["run", "--wait"]).succeeds();
            assert_eq!(project.not_fresh(), "");
            project.kptn(&["fsck"]).succeeds();
        }
    }
}
