//! Items of mapped tasks in runs that several machines carry out: which fail, which are tried again, and where.

use tempfile::TempDir;

use crate::shared_runs::{Machines, begin, bundle, bundles, counts, task, with_files};
use crate::support::Project;

/// Machines to which some items are bad, until that is mended.
struct Bad {
    machines: Machines,
    marks: TempDir,
    items: &'static [&'static str],
}

impl Bad {
    fn items(items: &'static [&'static str]) -> Self {
        let marks = tempfile::tempdir().expect("a folder");
        items.iter().for_each(|item| std::fs::write(marks.path().join(item), "").expect("a mark"));
        Self { machines: Machines::in_a_folder(), marks, items }
    }

    fn knows(&self, project: Project) -> Project {
        project.with_env("BAD", &format!("{}/", self.marks.path().display()))
    }

    fn worker(&self) -> Project {
        self.knows(self.machines.worker())
    }

    fn is_mended(&self) {
        self.items
            .iter()
            .for_each(|item| std::fs::remove_file(self.marks.path().join(item)).expect("a mark"));
    }
}

#[test]
fn a_bundle_that_was_named_once_stays_and_failures_of_several_are_all_told() {
    let bad = Bad::items(&["2", "6"]);
    let (machines, one, two) = (&bad.machines, bad.worker(), bad.worker());
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
    bad.is_mended();
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
    let bad = Bad::items(&["5"]);
    let (machines, one, two) = (&bad.machines, bad.worker(), bad.worker());
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
    machines.driver.kptn(&["status"]).prints("1 of 7 items failed");

    bad.is_mended();
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
    let bad = Bad::items(&["2", "5"]);
    let (machines, one, two) = (&bad.machines, bad.worker(), bad.worker());
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
    task(&two, &run, "each").exits(1).says("2 of 7 items failed").says("5: ").says("2: ").says("2 is bad");
    assert_eq!(two.ran(), "4 5 6");
    // Its engine tries it again: what failed in it, and not what failed in a bundle.
    task(&one, &run, "each").exits(1).says("2 of 7 items failed");
    assert_eq!(one.ran(), "5");
    machines.close(&run).exits(1);
    for item in ["2", "5"] {
        let printed = machines.driver.kptn(&["output", &format!("each[{item}]")]).succeeds();
        printed.prints(&format!("{item} is bad"));
    }
    machines.driver.kptn(&["output", "each"]).succeeds().prints("2 is bad").prints("5 is bad");

    bad.is_mended();
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

#[test]
fn failed_items_are_told_of_as_those_of_a_run_on_one_machine() {
    let bad = Bad::items(&["2", "5"]);
    let (machines, one, two) = (&bad.machines, bad.worker(), bad.worker());
    let run = machines.open(&["+each"]);
    begin(&one, &run);
    let names = bundles(&one, &run);
    for (worker, name) in [&one, &two, &one].into_iter().zip(&names) {
        bundle(worker, &run, name);
    }
    task(&two, &run, "each").exits(1);
    machines.close(&run).exits(1);
    let local = bad.knows(with_files(Project::new()));
    local.kptn(&["run", "+each", "-j", "2"]).exits(1);
    for project in [&machines.driver, &local] {
        project.kptn(&["status", "each"]).prints("2 of 7 items failed");
        let printed = project.kptn(&["output", "each"]).succeeds().stdout;
        for item in ["2", "5"] {
            let of_item = project.kptn(&["output", &format!("each[{item}]")]).succeeds();
            let of_item = of_item.prints(&format!("{item} is bad")).stdout;
            assert_eq!(printed.matches(&of_item).count(), 1, "{printed}");
        }
        assert_eq!(printed.matches("Traceback").count(), 2, "{printed}");
    }
}
