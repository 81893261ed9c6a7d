//! Random sequences of run, edit, clone, undo, gc, switch, clean and restore, from two processes in two
//! worktrees, beside a plain model in memory that is compared with after every step.
//!
//! `KPTN_MODEL_SEED=7 cargo nextest run model::` runs one sequence of 60 steps, and prints each step.

mod real;
mod world;

use real::Real;
use world::{Step, World};

use crate::support::Random;

/// Plays one sequence of steps.
#[expect(clippy::print_stderr, reason = "shown where a comparison fails")]
fn play(seed: u64, steps: usize) {
    let mut random = Random::new(seed);
    let mut world = World::new();
    let real = Real::new();
    for number in 0..steps {
        let both = random.below(4) == 0;
        let who = usize::from(random.below(2) == 0);
        let first = world.choose(who, both, &mut random);
        let mut pair = vec![(who, first)];
        if both {
            let other = world.choose(1 - who, true, &mut random);
            let gcs = pair[0].1 == Step::Gc && other == Step::Gc;
            if !gcs {
                pair.push((1 - who, other));
            }
        }
        eprintln!("seed {seed}, step {number}: {pair:?}");
        real.step(&mut world, &pair);
        for who in 0..2 {
            real.compare(&world, who);
        }
    }
}

#[test]
fn two_processes_do_what_the_model_does_1() {
    play(said().unwrap_or(1), if said().is_some() { 60 } else { 20 });
}

#[test]
fn two_processes_do_what_the_model_does_2() {
    play(2, 20);
}

#[test]
fn two_processes_do_what_the_model_does_3() {
    // A record came back from the trash without its code, and the code was deleted.
    play(16, 25);
}

/// Returns the seed that a person wants to see again.
fn said() -> Option<u64> {
    std::env::var("KPTN_MODEL_SEED").ok()?.parse().ok()
}
