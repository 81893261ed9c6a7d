//! Programs that misbehave: each of these once hung, lied or left something behind somewhere.

use super::*;

/// A script for `/bin/sh` in the place of `Rscript`: faster, and it can do anything.
async fn sh(bench: &Bench, text: &str, change: impl FnOnce(&mut Job)) -> Attempted {
    let mut job = bench.r_job("B/run.R", text);
    job.interpreter = "/bin/sh".into();
    change(&mut job);
    bench.workers.run(&job).await
}

#[tokio::test]
async fn a_script_that_ignores_sigterm_is_killed_when_its_time_is_up() {
    let bench = Bench::new();
    let text = "trap '' TERM; (trap '' TERM; sleep 1000) & echo $$; while :; do sleep 0.01; done";
    let done = sh(&bench, text, |job| job.timeout = Some(Duration::from_millis(200))).await;
    assert_eq!(failure_of(&done), "stopped after 0.2 s (`timeout`)");
    let group = crate::process::Group::of(done.log_tail[0].parse().unwrap());
    assert!(!group.is_alive());
}

#[tokio::test]
async fn a_background_child_is_stopped_and_that_is_said() {
    let bench = Bench::new();
    let done = sh(&bench, "sleep 1000 & echo $$", |_| ()).await;
    assert_eq!(done.outcome, Ok(()));
    assert_eq!(done.notes, ["background child stopped: it outlived the task"]);
    let group = crate::process::Group::of(done.log_tail[0].parse().unwrap());
    assert!(!group.is_alive());
}

#[tokio::test]
async fn bytes_that_are_no_text_are_shown_all_the_same() {
    let bench = Bench::new();
    let done = sh(&bench, "printf 'caf\\351 10%%\\r20%%\\n'", |_| ()).await;
    assert_eq!(done.log_tail, ["20%"]);
    let done = sh(&bench, "printf 'caf\\351\\n'; exit 1", |_| ()).await;
    assert_eq!(failure_of(&done), "caf\u{fffd}");
}

#[tokio::test]
async fn a_flood_is_cut_in_the_middle() {
    let bench = Bench::new();
    let text = "echo first; i=0; while [ $i -lt 2000 ]; do echo line $i; i=$((i+1)); done; echo last";
    let done = sh(&bench, text, |_| ()).await;
    let log = bench.log();
    assert!(log.starts_with("first\nline 0\n") && log.ends_with("line 1999\nlast\n"), "{log}");
    assert!(log.contains("KiB left out]") && log.len() < 3100, "{}", log.len());
    assert_eq!(done.notes.len(), 1, "{:?}", done.notes);
    assert_eq!(done.log_range, (0, log.len() as u64));
}

#[tokio::test]
async fn a_flood_many_times_the_bound_leaves_the_bound() {
    let bench = Bench::patient(Patience { log: Bounds::default(), ..Patience::default() });
    let done = sh(&bench, "yes 'a line of a flood' | head -c 300000000; echo; echo last", |_| ()).await;
    assert_eq!(done.outcome, Ok(()));
    assert_eq!(done.log_tail.last().unwrap(), "last");
    assert!(bench.log().len() < 17 * 1024 * 1024);
}

#[tokio::test]
async fn lines_are_heard_as_they_come_and_the_log_has_them_too() {
    let bench = Bench::new();
    let heard = Arc::new(Mutex::new(Vec::new()));
    let ears = Arc::clone(&heard);
    let sink: LineSink = Arc::new(move |line: &str| ears.lock().unwrap().push(line.to_owned()));
    sh(&bench, "echo one; printf two", |job| job.lines = Some(sink)).await;
    assert_eq!(*heard.lock().unwrap(), ["one", "two"]);
    assert_eq!(bench.log(), "one\ntwo");
}

#[tokio::test]
async fn an_attempt_tells_its_own_lines_from_those_of_the_attempt_before() {
    let bench = Bench::new();
    sh(&bench, "echo before", |_| ()).await;
    let done = sh(&bench, "echo now", |_| ()).await;
    assert_eq!((done.log_tail, done.log_range), (vec!["now".to_owned()], (7, 4)));
}

#[tokio::test]
async fn stopping_the_run_stops_what_runs_and_lets_nothing_start() {
    let bench = Bench::new();
    bench.workers.stop();
    assert_eq!(failure_of(&sh(&bench, "sleep 1000", |_| ()).await), "stopped");
    let job = bench.python_job(bench.function("B.py", "import time\ndef B():\n  time.sleep(1000)\n"));
    assert_eq!(failure_of(&bench.workers.run(&job).await), "stopped");
}

#[tokio::test]
async fn a_program_that_may_not_be_executed_is_said() {
    let bench = Bench::new();
    let program = bench.write("Rscript", "");
    std::fs::set_permissions(&program, std::fs::Permissions::from_mode(0o644)).unwrap();
    let done = sh(&bench, "", |job| job.interpreter = program.clone()).await;
    assert!(failure_of(&done).ends_with("Permission denied (os error 13)"), "{:?}", done.outcome);
}

#[tokio::test]
async fn a_log_that_the_task_empties_is_read_from_there() {
    let bench = Bench::new();
    sh(&bench, "echo a line of the attempt before", |_| ()).await;
    let done = sh(&bench, "echo lost >&2; echo b > /dev/stderr; echo c; exit 1", |_| ()).await;
    assert_eq!((done.log_tail, done.log_range), (vec!["b".to_owned(), "c".to_owned()], (0, 4)));
}
