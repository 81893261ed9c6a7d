//! Tasks whose machines died without a report, in runs that several machines carry out: what their engine has caught of
//! the job tells how they ended.

use tempfile::TempDir;

use crate::shared_runs::{Machines, begin, bundle, bundles, counts, task};
use crate::support::Project;

/// What a state machine catches of a job of Batch.
fn job(code: i32) -> String {
    let cause = serde_json::json!({
        "JobName": "kptn-main-list", "StatusReason": "Essential container in task exited",
        "Container": {"ExitCode": code, "LogStreamName": "kptn/one", "Reason": "OutOfMemoryError"},
    });
    serde_json::json!({"Error": "States.TaskFailed", "Cause": cause.to_string()}).to_string()
}

/// A worker to which an item is bad for as long as the folder is there.
fn worker_with_bad(machines: &Machines, item: &str) -> (Project, TempDir) {
    let marks = tempfile::tempdir().expect("a folder");
    std::fs::write(marks.path().join(item), "").expect("a mark");
    (machines.worker().with_env("BAD", &format!("{}/", marks.path().display())), marks)
}

/// Asserts that a task has failed, and why.
fn has_failed(machine: &Project, task: &str, why: &str) {
    machine.kptn(&["status", task]).succeeds().prints("failed");
    machine.kptn(&["output", task]).succeeds().prints(why);
    machine.kptn(&["plan", "state:failed"]).succeeds().prints(task);
}

#[test]
fn what_an_engine_has_caught_is_how_a_task_ended_that_said_nothing() {
    let machines = Machines::in_a_folder();
    let worker = machines.worker();
    let run = machines.open(&["A"]);
    task(&worker, &run, "A").succeeds();
    machines.close(&run).succeeds();
    for (error, why) in [
        (job(137), "Essential container in task exited; OutOfMemoryError; exit code 137"),
        (
            r#"{"Error": "Batch.ClientException", "Cause": "no queue"}"#.to_owned(),
            "was refused: Batch.ClientException: no queue",
        ),
        (r#"{"Error": null}"#.to_owned(), "its job failed: nobody says why"),
        ("{".to_owned(), "its job failed: nobody says why"),
    ] {
        let run = machines.open(&["list", "R", "--keep-going"]);
        machines.caught(&run, "list", &error);
        let closed = machines.close(&run).exits(1);
        assert_eq!((counts(&closed, "failed"), counts(&closed, "skipped")), (1, 1), "{}", closed.whole());
        let again = machines.close(&run).exits(1);
        assert_eq!((counts(&again, "failed"), counts(&again, "skipped")), (1, 1), "{}", again.whole());
        has_failed(&machines.driver, "list", why);
    }
    let run = machines.open(&["list"]);
    machines.caught(&run, "list", &job(1));
    task(&worker, &run, "list").succeeds();
    machines.close(&run).succeeds();
    assert_eq!(
        machines.driver.kptn(&["status", "list", "--exit-code"]).code,
        Some(0),
        "it was done by another job"
    );
}

#[test]
fn a_report_of_a_failure_says_more_than_what_was_caught_of_its_job_unless_a_later_one_was_killed() {
    let machines = Machines::in_a_folder();
    let (worker, _marks) = worker_with_bad(&machines, "4");
    let run = machines.open(&["A", "list"]);
    ["A", "list"].iter().for_each(|name| drop(task(&worker, &run, name).succeeds()));
    machines.close(&run).succeeds();
    for (code, why) in [(1, "4 is bad"), (137, "exit code 137")] {
        let run = machines.open(&["each"]);
        task(&worker, &run, "each").exits(1);
        machines.caught(&run, "each", &job(code));
        let closed = machines.close(&run).exits(1);
        assert_eq!((counts(&closed, "failed"), counts(&closed, "skipped")), (1, 0), "{}", closed.whole());
        has_failed(&machines.driver, "each", why);
    }
}

#[test]
fn what_items_printed_that_failed_in_bundles_follows_why_the_last_job_died() {
    let machines = Machines::in_a_folder();
    let (worker, _marks) = worker_with_bad(&machines, "2");
    let run = machines.open(&["+each"]);
    begin(&worker, &run);
    bundle(&worker, &run, &bundles(&worker, &run)[0]).exits(1);
    machines.caught(&run, "each", &job(137));
    machines.close(&run).exits(1);
    let output = machines.driver.kptn(&["output", "each"]).succeeds();
    output.prints("exit code 137").prints("[2]\n").prints("Traceback").prints("2 is bad");
}
