//! Unmapped tasks: what runs, what is spared, what a failure leaves.
//!
//! Through the binary there are more in `tests/run.rs` and `tests/faults.rs`.

use super::*;

const TWO: &str = "
settings: {outputs_dir: out}
graphs: {g: {tasks: {A: , B: A}}}
tasks:
  A: {file: t.py, outputs: [a.txt], cache_result: true}
  B: {file: t.py, outputs: [b.txt]}
";

const TWO_PY: &str = "
def A(output_dir):
    (output_dir / 'a.txt').write_text('one')
    return {'n': 1}

def B(output_dir, A):
    (output_dir / 'b.txt').write_text((output_dir / 'a.txt').read_text() + str(A['n']))
";

#[test]
fn what_ran_is_recorded_and_the_second_run_does_nothing() {
    let place = Place::new(TWO, &[("t.py", TWO_PY)]);
    let first = place.run();
    assert_eq!(first.tasks(), ["A ran", "B ran"]);
    assert_eq!((first.served.exit, place.read("b.txt").as_str()), (0, "one1"));
    assert_eq!(first.notes(), Vec::<String>::new());
    assert_eq!(place.run().tasks(), ["A spared", "B spared"]);
    let record = place.known(|known| known.current(&task("A"))).unwrap();
    assert_eq!(record.outputs[0].path, "a.txt");
    assert!(record.result.is_some() && record.timing.wall_ms > 0);
}

#[test]
fn an_edit_runs_what_it_reaches_and_the_same_bytes_spare_the_rest() {
    let place = Place::new(TWO, &[("t.py", TWO_PY)]);
    place.run();
    place.write("t.py", &TWO_PY.replace("    return {'n': 1}", "    x = 1\n    return {'n': x}"));
    assert_eq!(place.run().tasks(), ["A ran", "B spared"]);
    place.write("t.py", &TWO_PY.replace("'one'", "'two'"));
    assert_eq!(place.run().tasks(), ["A ran", "B ran"]);
    assert_eq!(place.read("b.txt"), "two1");
    // Back again: both are on record from the first run, and are taken from there.
    place.write("t.py", TWO_PY);
    assert_eq!(place.run().tasks(), ["A reused", "B reused"]);
    assert_eq!((place.read("a.txt").as_str(), place.read("b.txt").as_str()), ("one", "one1"));
}

#[test]
fn a_missing_file_comes_back_when_a_dependent_needs_it_and_an_edit_is_kept_aside() {
    let place = Place::new(TWO, &[("t.py", TWO_PY)]);
    place.run();
    fs::remove_file(place.root().join("out/a.txt")).unwrap();
    fs::remove_file(place.root().join("out/b.txt")).unwrap();
    place.write("t.py", &TWO_PY.replace("str(A", "'!' + str(A"));
    assert_eq!(place.run().tasks(), ["A spared", "B ran"]);
    assert_eq!((place.read("a.txt").as_str(), place.read("b.txt").as_str()), ("one", "one!1"));
    fs::write(place.root().join("out/a.txt"), "edited").unwrap();
    let again = place.run();
    assert_eq!(again.tasks(), ["A ran", "B spared"]);
    assert_eq!((place.read("a.txt").as_str(), again.notes().len()), ("one", 1));
    assert!(again.notes()[0].contains(".kept"), "{:?}", again.notes());
}

#[test]
fn a_failure_puts_back_what_was_there_and_stops_what_depends_on_it() {
    let place = Place::new(TWO, &[("t.py", TWO_PY)]);
    place.run();
    place.write("t.py", &TWO_PY.replace("    return {", "    raise ValueError('no') #{"));
    let failed = place.run();
    assert_eq!(failed.tasks()[0].split(": ").next(), Some("A failed"));
    assert_eq!(failed.tasks()[1], "B skipped: `A`, on which it depends, failed");
    assert_eq!((failed.served.exit, place.read("a.txt").as_str()), (1, "one"));
    let attempt = place.known(|known| known.failed_attempt(&task("A"))).unwrap();
    assert!(attempt.error.contains("no"), "{attempt:?}");
    assert_eq!(place.run().tasks()[0].split(": ").next(), Some("A failed"));
    place.write("t.py", TWO_PY);
    assert_eq!(place.run().tasks(), ["A spared", "B spared"]);
}

#[test]
fn code_that_changes_while_it_runs_leaves_the_task_stale() {
    let py = TWO_PY.replace("    return {", "    open(__file__, 'a').write('\\nX = 1\\n')\n    return {");
    let place = Place::new(TWO, &[("t.py", &py)]);
    place.run();
    let record = place.known(|known| known.current(&task("A"))).unwrap();
    assert_eq!(record.settled, crate::model::Settled::No(vec!["t.py".to_owned()]));
    place.write("t.py", TWO_PY);
    assert_eq!(place.run().tasks(), ["A ran", "B spared"]);
    assert_eq!(place.run().tasks(), ["A spared", "B spared"]);
}

#[test]
fn an_attempt_is_made_again_in_a_clean_folder_as_often_as_retries_says() {
    let yaml = TWO.replace("outputs: [a.txt]", "outputs: [a.txt, tries/], retries: 2");
    let py = "
import os
def A(output_dir):
    assert not (output_dir / 'a.txt').exists()
    count = os.path.join(os.path.dirname(__file__), 'count')
    open(count, 'a').write('x')
    (output_dir / 'a.txt').write_text('half')
    if len(open(count).read()) < 3:
        raise ValueError('not yet')
    (output_dir / 'tries' / 'x').write_text('')
    return {'n': 1}
def B(output_dir, A):
    (output_dir / 'b.txt').write_text('')
";
    let place = Place::new(&yaml, &[("t.py", py)]);
    let ran = place.run();
    assert_eq!(ran.tasks(), ["A ran", "B ran"]);
    assert_eq!(ran.notes().len(), 2, "{:?}", ran.notes());
    assert!(ran.notes()[1].starts_with("attempt 2 of 3 failed: "), "{:?}", ran.notes());
}

#[test]
fn one_task_is_run_alone_and_twice_is_harmless() {
    let place = Place::new(TWO, &[("t.py", TWO_PY)]);
    let heard = Arc::new(Heard::default());
    let run = place.run_of(&heard, |_| {});
    assert_eq!(run_one(&run, &task("A")).unwrap(), TaskOutcome::Ran);
    assert_eq!(run_one(&run, &task("A")).unwrap(), TaskOutcome::Spared);
    assert_eq!(run_one(&run, &task("B")).unwrap(), TaskOutcome::Ran);
    assert!(matches!(run_one(&run, &task("Z")), Err(ServeError::NotInRun { .. })));
}

#[test]
fn a_runner_that_starts_a_task_too_early_is_stopped() {
    let place = Place::new(TWO, &[("t.py", TWO_PY)]);
    let heard = Arc::new(Heard::default());
    let run = place.run_of(&heard, |_| {});
    let said = said_in_tests();
    let input = std::io::Cursor::new("{\"start\":\"B\"}\n{\"end\":true}\n");
    let served = serve(&run, input, said.clone()).unwrap();
    assert_eq!((served.exit, served.counts.skipped), (2, 2));
    assert!(said.text().contains("run `kptn render`"), "{}", said.text());
}

#[test]
fn a_runner_that_goes_away_stops_what_runs_and_nothing_is_failed() {
    let py = TWO_PY.replace("    return {", "    import time; time.sleep(600)\n    return {");
    let place = Place::new(TWO, &[("t.py", &py)]);
    let heard = Arc::new(Heard::default());
    let run = place.run_of(&heard, |_| {});
    let served = serve(&run, std::io::Cursor::new("{\"start\":\"A\"}\n"), said_in_tests()).unwrap();
    assert_eq!((served.exit, served.counts.skipped, served.counts.failed), (1, 2, 0));
    drop(run);
    assert_eq!(place.known(|known| known.failed_attempt(&task("A"))), None);
}

#[test]
fn a_log_that_names_a_file_of_a_task_that_is_no_dependency_gets_a_hint() {
    let py = TWO_PY.replace("def B(output_dir, A):", "def B(output_dir):").replace("str(A['n'])", "''");
    let place = Place::new(TWO, &[("t.py", &py)]);
    place.run();
    fs::remove_file(place.root().join("out/a.txt")).unwrap();
    place.write("kptn.yaml", &TWO.replace("B: A", "B: "));
    let failed = place.run();
    assert_eq!(failed.served.counts.failed, 1, "{:?}", failed.tasks());
    let hint = "`a.txt`, which its log names, is made by `A` and is not here; add `A` to the deps of `B`";
    assert_eq!(failed.notes(), [hint]);
}
