//! Items of mapped tasks in runs that several machines carry out: which fail, which are tried again, and where.

use crate::shared_runs::{Machines, begin, bundle, bundles, counts, task};

#[test]
fn a_bundle_that_was_named_once_stays_and_failures_of_several_are_all_told() {
    let machines = Machines::in_a_folder();
    let bad = tempfile::tempdir().expect("a folder");
    ["2", "6"].iter().for_each(|name| std::fs::write(bad.path().join(name), "").expect("a mark"));
    let word = format!("{}/", bad.path().display());
    let (one, two) = (machines.worker().with_env("BAD", &word), machines.worker().with_env("BAD", &word));
    let run = machines.open(&[]);
    begin(&one, &run);
    let names = bundles(&one, &run);
    bundle(&one, &run, &names[0]).exits(1);
    one.kptn(&["task", "bundles", "each", "--run", &run, "--at-most", "1"]).succeeds();
    bundle(&two, &run, &names[2]).succeeds();
    bundle(&two, &run, &names[1]).exits(1);
    machines.close(&run).exits(1);
    for item in ["2", "6"] {
        machines
            .driver
            .kptn(&["output", &format!("each[{item}]")])
            .succeeds()
            .prints(&format!("{item} is bad"));
    }
    ["2", "6"].iter().for_each(|name| std::fs::remove_file(bad.path().join(name)).expect("a mark"));
    [&one, &two].into_iter().for_each(|worker| drop(worker.ran()));
    let run = machines.open(&["each"]);
    for name in bundles(&two, &run) {
        bundle(&two, &run, &name).succeeds();
    }
    task(&two, &run, "each").succeeds();
    machines.close(&run).succeeds();
    assert_eq!(two.ran(), "2 6", "the others were kept");
}

#[test]
fn an_item_that_fails_fails_its_bundle_and_the_next_run_runs_it_alone() {
    let machines = Machines::in_a_folder();
    let bad = tempfile::tempdir().expect("a folder");
    std::fs::write(bad.path().join("5"), "").expect("a mark");
    let word = format!("{}/", bad.path().display());
    let (one, two) = (machines.worker().with_env("BAD", &word), machines.worker().with_env("BAD", &word));
    let run = machines.open(&[]);
    begin(&one, &run);
    let names = bundles(&one, &run);
    bundle(&one, &run, &names[0]).succeeds();
    bundle(&two, &run, &names[1]).exits(1).says("5 is bad");
    bundle(&two, &run, &names[2]).succeeds();
    task(&two, &run, "D").exits(2).says("`each`");
    two.ran();
    // Tried again on another machine: the others of the bundle are kept.
    bundle(&one, &run, &names[1]).exits(1);
    one.ran();
    task(&one, &run, "each")
        .exits(1)
        .says("5 is bad")
        .says("1 item failed in its bundle, and is not tried again");
    assert_eq!(one.ran(), "");
    task(&two, &run, "R").succeeds();
    let closed = machines.close(&run).exits(1);
    assert_eq!((counts(&closed, "ran"), counts(&closed, "failed"), counts(&closed, "skipped")), (4, 1, 1));
    machines.driver.kptn(&["output", "each[5]"]).succeeds().prints("5 is bad");
    machines.driver.kptn(&["status"]).prints("1 of 1 item failed");

    std::fs::remove_file(bad.path().join("5")).expect("it is good now");
    [&one, &two].into_iter().for_each(|worker| drop(worker.ran()));
    let run = machines.open(&[]);
    let names = bundles(&one, &run);
    assert_eq!(names.len(), 1);
    bundle(&one, &run, &names[0]).succeeds();
    ["each", "D"].iter().for_each(|name| drop(task(&two, &run, name).succeeds()));
    assert_eq!((one.ran(), two.ran()), ("5".into(), "D".into()));
    machines.close(&run).succeeds();
    assert_eq!(machines.driver.not_fresh(), "");
}

#[test]
fn who_ends_a_task_runs_what_no_bundle_reported_and_takes_over_what_failed() {
    let machines = Machines::in_a_folder();
    let bad = tempfile::tempdir().expect("a folder");
    ["2", "5"].iter().for_each(|name| std::fs::write(bad.path().join(name), "").expect("a mark"));
    let word = format!("{}/", bad.path().display());
    let (one, two) = (machines.worker().with_env("BAD", &word), machines.worker().with_env("BAD", &word));
    let run = machines.open(&[]);
    begin(&one, &run);
    let names = bundles(&one, &run);
    bundle(&one, &run, &names[0]).exits(1);
    // A bundle that is tried again does try it.
    bundle(&two, &run, &names[0]).exits(1);
    assert_eq!(two.ran(), "2");
    // Nothing was heard of the second one.
    bundle(&one, &run, &names[2]).succeeds();
    one.ran();
    task(&two, &run, "each").exits(1).says("2 of 4 items failed").says("5: ").says("2: ").says("2 is bad");
    assert_eq!(two.ran(), "4 5 6");
    // Its engine tries it again: what failed in it, and not what failed in a bundle.
    task(&one, &run, "each").exits(1).says("2 of 2 items failed");
    assert_eq!(one.ran(), "5");
    machines.close(&run).exits(1);
    for item in ["2", "5"] {
        let printed = machines.driver.kptn(&["output", &format!("each[{item}]")]).succeeds();
        printed.prints(&format!("{item} is bad"));
    }
    machines.driver.kptn(&["output", "each"]).succeeds().prints("is bad");

    ["2", "5"].iter().for_each(|name| std::fs::remove_file(bad.path().join(name)).expect("a mark"));
    let run = machines.open(&["state:failed"]);
    // Without bundles: what failed in those of the run before is tried.
    task(&two, &run, "each").succeeds();
    assert_eq!(two.ran(), "2 5");
    machines.close(&run).succeeds();
}

#[test]
fn items_that_a_run_was_about_alone_are_kept_beside_the_record_of_the_task() {
    for by_bundles in [false, true] {
        let machines = Machines::in_a_folder();
        machines.driver.kptn(&["run"]).succeeds();
        let edited = machines.driver.read("each.py").replace("return N * N", "return N * N + 1");
        let worker = machines.worker();
        [&machines.driver, &worker].into_iter().for_each(|project| project.write("each.py", &edited));
        let run = machines.open(&["each", "--item", "2", "--item", "6"]);
        if by_bundles {
            bundles(&worker, &run).iter().for_each(|name| drop(bundle(&worker, &run, name).succeeds()));
        }
        task(&worker, &run, "each").succeeds();
        machines.close(&run).succeeds();
        assert_eq!(worker.ran(), "2 6");
        machines.driver.kptn(&["status", "each"]).succeeds().prints("5 of 7 items stale");
        machines.driver.ran();
        machines.driver.kptn(&["run", "each"]).succeeds();
        assert_eq!(machines.driver.ran(), "1 3 4 5 7");
        machines.driver.kptn(&["cat", "each[2]"]).succeeds().prints("5");
    }
}
