//! What several processes tell of one run.

use super::*;

fn name(task: &str) -> TaskName {
    TaskName::parse(task).unwrap()
}

fn started(items: Option<u64>) -> Event {
    Event::TaskStarted { task: name("A"), items, estimate_ms: None }
}

fn items(done: u64, failed: u64, total: u64) -> Event {
    Event::Items { task: name("A"), done, failed, total }
}

fn ended(outcome: TaskOutcome, error: Option<&str>) -> Event {
    Event::TaskFinished {
        task: name("A"),
        outcome,
        timing: None,
        outputs: None,
        error: error.map(str::to_owned),
        log_tail: Vec::new(),
        log: None,
    }
}

fn note(message: &str) -> Event {
    Event::Note { task: Some(name("A")), message: message.into() }
}

fn over() -> Event {
    let run = crate::model::RunId::new(1, 1);
    Event::RunFinished { run, ran: 1, fresh: 0, spared: 0, reused: 0, failed: 0, skipped: 0, wall_ms: 1 }
}

/// Hears of lines, each with the bundle that it is about (`""` for none).
fn heard(merge: &mut Merge, tried_again: bool, lines: &[(&str, Event)]) -> Vec<Event> {
    let logged = lines.iter().map(|(bundle, event)| Logged {
        event: event.clone(),
        teller: Teller { bundle: (!bundle.is_empty()).then(|| (*bundle).to_owned()), tried_again },
    });
    logged.flat_map(|logged| merge.hear(logged)).collect()
}

use TaskOutcome::{Failed, Ran, Skipped, Spared};

#[test]
fn bundles_are_one_task_whose_items_add_up() {
    let mut merge = Merge::default();
    let told = heard(
        &mut merge,
        false,
        &[
            ("", started(Some(5))),
            ("a", started(Some(3))),
            ("b", started(Some(2))),
            ("a", items(1, 0, 3)),
            ("b", items(2, 0, 2)),
            ("b", ended(Ran, None)),
            ("a", items(3, 0, 3)),
            ("a", started(Some(0))),
            ("a", items(0, 0, 0)),
            ("a", ended(Ran, None)),
            ("", ended(Spared, None)),
            ("", ended(Spared, None)),
        ],
    );
    let expected =
        [started(Some(5)), items(1, 0, 5), items(3, 0, 5), items(5, 0, 5), items(5, 0, 5), ended(Ran, None)];
    assert_eq!(told, expected);
}

#[test]
fn a_failed_bundle_is_noted_and_fails_its_task_at_the_end() {
    let mut merge = Merge::default();
    let lines = [
        ("a", started(Some(3))),
        ("a", items(2, 1, 3)),
        ("a", ended(Failed, Some("1 of 3 items failed; NC: no"))),
        ("b", items(2, 0, 2)),
        ("b", ended(Ran, None)),
    ];
    let told = heard(&mut merge, false, &lines);
    assert_eq!(told[2], note("1 of 3 items failed; NC: no"));
    assert_eq!(told.len(), 4, "{told:?}");
    let told = heard(&mut merge, false, &[("", over())]);
    assert_eq!(told, [ended(Failed, Some("1 of 5 items failed; NC: no")), over()]);

    let mut merge = Merge::default();
    heard(&mut merge, false, &[("", started(Some(6)))]);
    heard(&mut merge, false, &lines);
    let more = [("c", items(0, 1, 1)), ("c", ended(Failed, Some("1 of 1 item failed; SC: no")))];
    heard(&mut merge, false, &more);
    let told = heard(&mut merge, false, &[("", over())]);
    assert_eq!(told[0], ended(Failed, Some("2 of 6 items failed; NC: no")));
}

#[test]
fn what_is_tried_again_has_failed_only_with_its_last_attempt() {
    let mut merge = Merge { retries: [(name("A"), 1)].into(), ..Merge::default() };
    let attempt = [("", started(None)), ("", ended(Failed, Some("no")))];
    assert_eq!(heard(&mut merge, true, &attempt), [started(None), note("no; it is tried again")]);
    assert_eq!(heard(&mut merge, true, &attempt), [ended(Failed, Some("no"))]);
    assert_eq!(heard(&mut merge, true, &[("", over())]), [over()]);

    // kptn's own retries are over when it says that a task failed.
    let mut merge = Merge { retries: [(name("A"), 1)].into(), ..Merge::default() };
    assert_eq!(heard(&mut merge, false, &attempt)[1], ended(Failed, Some("no")));

    // The engine that was to try again is gone.
    let mut merge = Merge { retries: [(name("A"), 5)].into(), ..Merge::default() };
    heard(&mut merge, true, &attempt);
    assert_eq!(heard(&mut merge, true, &[("", over())]), [ended(Failed, Some("no")), over()]);

    // In bundles: items of earlier attempts stay done.
    let mut merge = Merge { retries: [(name("A"), 1)].into(), ..Merge::default() };
    let told = heard(
        &mut merge,
        true,
        &[
            ("a", started(Some(3))),
            ("a", items(2, 1, 3)),
            ("a", ended(Failed, Some("no"))),
            ("a", started(Some(1))),
            ("a", items(1, 0, 1)),
            ("a", ended(Ran, None)),
            ("", ended(Spared, None)),
            ("", over()),
        ],
    );
    let expected = [
        started(Some(3)),
        items(2, 1, 3),
        note("no; it is tried again"),
        items(3, 0, 3),
        ended(Ran, None),
        over(),
    ];
    assert_eq!(told, expected);
}

#[test]
fn what_was_not_started_for_a_person_says_so_and_once() {
    let mut merge = Merge::default();
    merge.interrupt();
    let told = heard(
        &mut merge,
        false,
        &[("", ended(Skipped, Some(NOT_STARTED))), ("", ended(Skipped, Some(NOT_STARTED)))],
    );
    assert_eq!(told, [ended(Skipped, Some("interrupted"))]);
}
