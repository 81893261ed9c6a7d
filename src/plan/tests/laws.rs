//! The plan's laws on random graphs, and its answers in single cases.

use std::collections::{BTreeMap, BTreeSet};

use proptest::prelude::*;

use super::super::*;
use super::world::{Makes, Spec, World, name, task};
use crate::model::*;

fn graphs() -> impl Strategy<Value = Vec<Spec>> {
    let makes = prop_oneof![
        4 => Just(Makes::Everything),
        1 => Just(Makes::Constant),
        1 => Just(Makes::Nothing),
    ];
    proptest::collection::vec((proptest::collection::vec(any::<prop::sample::Index>(), 0..4), makes), 1..25)
        .prop_map(|specs| {
            let spec = |(at, (deps, makes)): (usize, (Vec<prop::sample::Index>, Makes))| {
                let deps: BTreeSet<_> =
                    deps.iter().filter(|_| at > 0).map(|index| index.index(at.max(1))).collect();
                Spec { deps: deps.into_iter().collect(), makes }
            };
            specs.into_iter().enumerate().map(spec).collect()
        })
}

/// Which tasks an edit of `edited` makes run, told from the specs alone.
fn reached(specs: &[Spec], edited: usize) -> BTreeSet<TaskName> {
    let mut ran = vec![false; specs.len()];
    let mut differs = vec![false; specs.len()];
    for (at, spec) in specs.iter().enumerate() {
        ran[at] = at == edited || spec.deps.iter().any(|dep| differs[*dep]);
        differs[at] = ran[at] && spec.makes != Makes::Constant;
    }
    ran.iter().enumerate().filter(|(_, ran)| **ran).map(|(at, _)| name(at)).collect()
}

proptest! {
    #[test]
    fn a_second_run_does_nothing(specs in graphs()) {
        let world = World::new(&specs);
        prop_assert_eq!(world.run().len(), specs.len());
        prop_assert!(world.run().is_empty());
        prop_assert!(world.status().values().all(|decision| decision.status == Status::Fresh));
    }

    #[test]
    fn an_edit_runs_exactly_what_it_reaches(specs in graphs(), pick in any::<prop::sample::Index>()) {
        let world = World::new(&specs);
        world.run();
        let edited = pick.index(specs.len());
        world.edit(&name(edited));
        let said = world.status();
        let ran = world.run();
        prop_assert_eq!(&ran, &reached(&specs, edited));
        // Before the run, nothing that ran was called fresh, and everything called stale ran.
        for (task, decision) in said {
            match decision.status {
                Status::Fresh => prop_assert!(!ran.contains(&task)),
                Status::Stale => {
                    let upstream = decision.reasons.iter().all(|r| matches!(r, Reason::Upstream { .. }));
                    prop_assert!(upstream || ran.contains(&task));
                }
                Status::Maybe | Status::Failed => {}
            }
        }
        prop_assert!(world.run().is_empty());
    }
}

fn chain(count: usize) -> World {
    let spec =
        |at: usize| Spec { deps: if at == 0 { vec![] } else { vec![at - 1] }, makes: Makes::Everything };
    World::new(&(0..count).map(spec).collect::<Vec<_>>())
}

#[test]
fn an_absent_output_is_fresh_and_an_edited_or_lost_one_is_stale() {
    let world = chain(2);
    world.run();
    world.broken.borrow_mut().absent = vec!["t0.csv".into()];
    assert_eq!(world.status()[&name(0)].status, Status::Fresh);
    world.broken.borrow_mut().edited = vec!["t0.csv".into()];
    assert_eq!(world.status()[&name(0)].reasons, [Reason::Edited { paths: vec!["t0.csv".into()] }]);
    *world.broken.borrow_mut() = OutputsState { lost: vec!["t0.csv".into()], ..OutputsState::default() };
    assert_eq!(world.status()[&name(0)].status, Status::Stale);
    assert_eq!(world.status()[&name(1)].status, Status::Maybe);
}

#[test]
fn a_failed_attempt_counts_only_for_todays_fingerprint() {
    let world = chain(1);
    world.edit(&name(0));
    let fingerprint = world.step_alone(&name(0)).fingerprint.unwrap();
    let attempt = Attempt {
        fingerprint,
        run: RunId::new(1, 1),
        ended_ms: 1,
        error: "boom".into(),
        log: None,
        failed_items: 0,
    };
    world.attempts.borrow_mut().insert(name(0), attempt);
    assert_eq!(world.status()[&name(0)].status, Status::Failed);
    world.edit(&name(0));
    assert_eq!(world.status()[&name(0)].status, Status::Stale);
}

#[test]
fn age_makes_stale_where_refresh_says_so() {
    let mut old = task(name(0), vec![], Makes::Everything);
    old.refresh = Refresh::After(1000);
    let world = World::of(vec![old], BTreeMap::from([(name(0), Makes::Everything)]));
    world.run();
    assert!(world.run().is_empty());
    *world.now.borrow_mut() += 1000;
    assert_eq!(world.status()[&name(0)].reasons, [Reason::Refresh { age_ms: 1000 }]);
    assert_eq!(world.run().len(), 1);
}
