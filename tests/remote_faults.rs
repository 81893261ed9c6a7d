//! Push and pull where the network fails, by seeds: whatever happens, the remote has the old or the new state.
//!
//! `KPTN_FAULT_SEED=17 cargo nextest run remote_faults` plays one seed alone.

use kptn::model::{Digest, RemoteSettings, Snapshot, SnapshotEntry};
use kptn::remote::{RemoteError, Take};

use crate::support::Machine;
use crate::support::s3::S3;
use crate::support::s3::faults::Faults;

/// So many runs go on at once: most of their time is waiting before a request is tried again.
const AT_ONCE: u64 = 16;

fn bytes_of(size: usize, seed: u64) -> Vec<u8> {
    let mut bytes = vec![0; size];
    blake3::Hasher::new().update(&seed.to_le_bytes()).finalize_xof().fill(&mut bytes);
    bytes
}

/// What a machine pushes first, and then: of five tasks one is new, one changed, one gone; one file is large, and
/// of another large one a little changed.
fn states(one: &Machine, seed: u64) -> [(Digest, Vec<SnapshotEntry>); 2] {
    let small = |task: &str, n: u64| one.record(task, &bytes_of(3_000, seed * 100 + n));
    let large = |task: &str, n: u64| one.record(task, &bytes_of(1_500_000, seed * 100 + n));
    let edited = |task: &str, n: u8| {
        let mut bytes = bytes_of(1_200_000, seed * 100 + 7);
        bytes[500_000..500_100].fill(n);
        one.record(task, &bytes)
    };
    let old = vec![small("a", 1), small("b", 2), large("c", 3), edited("e", 1)];
    let new = vec![small("a", 4), large("c", 5), small("d", 6), edited("e", 2)];
    [old, new].map(|entries| (one.snapshot(entries.clone()), entries))
}

/// One run: a push of the new state and a pull of whatever is there, both with faults.
fn run(s3: &S3, remote: &RemoteSettings, seed: u64) {
    let (mut one, mut other) = (Machine::new(), Machine::new());
    let [(old, old_entries), (new, new_entries)] = states(&one, seed);
    // Three pushes, so that there are three packs and the index grows and is put together.
    let beginning = one.snapshot(old_entries[..1].to_vec());
    one.push(remote, beginning).expect("no faults yet");
    one.push(remote, old).expect("no faults yet");
    other.pull(remote, Take::State).expect("no faults yet");

    s3.set_faults(Faults::seeded(seed, 4, 6));
    let pushed = one.push(remote, new);
    let pulled = other.pull(remote, Take::All);
    s3.set_faults(Faults::default());

    let tip = tip(remote, seed);
    match &pushed {
        Ok(_) => assert_eq!(tip, new_entries, "seed {seed}: a push that went through is there"),
        Err(error) => {
            assert!(
                tip == new_entries || tip == old_entries,
                "seed {seed}: neither old nor new after {error}"
            );
            assert_clear(seed, error);
        }
    }
    match &pulled {
        Ok(arrived) => assert_whole(&other, &arrived.snapshot, seed),
        Err(error) => assert_clear(seed, error),
    }
    assert!(other.store.check_objects().expect("a check").damaged.is_empty(), "seed {seed}");
    // Going on ends well, with what is left.
    one.push(remote, new).unwrap_or_else(|error| panic!("seed {seed}: going on: {error:?}"));
    let is_delta = |key: &String| {
        key.strip_prefix(&format!("{}objects/", prefix(remote))).is_some_and(|rest| rest.contains('-'))
    };
    assert!(s3.objects().keys().any(is_delta), "seed {seed}: a delta was part of it");
    let arrived = other.pull(remote, Take::All).unwrap_or_else(|error| panic!("seed {seed}: {error:?}"));
    assert_eq!(arrived.snapshot.entries, new_entries, "seed {seed}");
    assert_whole(&other, &arrived.snapshot, seed);
}

fn prefix(remote: &RemoteSettings) -> String {
    format!("{}/", remote.url.strip_prefix("s3://bucket/").expect("a prefix"))
}

/// Returns what a machine finds that never was there before.
fn tip(remote: &RemoteSettings, seed: u64) -> Vec<SnapshotEntry> {
    let mut fresh = Machine::new();
    let arrived =
        fresh.pull(remote, Take::All).unwrap_or_else(|error| panic!("seed {seed}: a fresh pull: {error:?}"));
    assert_whole(&fresh, &arrived.snapshot, seed);
    arrived.snapshot.entries
}

fn assert_whole(machine: &Machine, snapshot: &Snapshot, seed: u64) {
    for entry in &snapshot.entries {
        let record: kptn::model::Record = machine.store.load_json(&entry.record).expect("a record");
        for file in &record.outputs {
            let bytes =
                machine.store.load(&file.digest).unwrap_or_else(|error| panic!("seed {seed}: {error}"));
            assert_eq!(Digest::of(&bytes), file.digest, "seed {seed}");
        }
    }
}

/// A failure says which remote, and is one of those that people can do something about.
fn assert_clear(seed: u64, error: &RemoteError) {
    let text = error.to_string();
    assert!(text.contains("s3://bucket/"), "seed {seed}: {text}");
}

/// One run of collections: a push and two collections with faults, after which the remote is whole.
fn run_collecting(s3: &S3, remote: &RemoteSettings, seed: u64) {
    let (mut one, other) = (Machine::new(), Machine::new());
    let [(old, old_entries), (new, new_entries)] = states(&one, seed);
    one.push(remote, old).expect("no faults yet");
    one.push(remote, new).expect("no faults yet");
    // Half of them begin where something is announced already.
    if seed % 2 == 1 {
        other.collect(remote).expect("no faults yet");
    }
    s3.set_faults(Faults::seeded(seed, 4, 6));
    let pushed = one.push(remote, old);
    for _ in 0..2 {
        if let Err(error) = other.collect(remote) {
            assert_clear(seed, &error);
        }
    }
    s3.set_faults(Faults::default());
    let checked = Machine::new().check(remote).expect("a check");
    assert_eq!(checked.problems, [""; 0], "seed {seed}");
    let tip = tip(remote, seed);
    match pushed {
        Ok(_) => assert_eq!(tip, old_entries, "seed {seed}"),
        Err(_) => assert!(tip == old_entries || tip == new_entries, "seed {seed}"),
    }
    // Going on ends with what is needed, and nothing more.
    one.push(remote, old).unwrap_or_else(|error| panic!("seed {seed}: going on: {error:?}"));
    for _ in 0..6 {
        other.collect(remote).unwrap_or_else(|error| panic!("seed {seed}: going on: {error:?}"));
    }
    let checked = Machine::new().check(remote).expect("a check");
    assert_eq!((checked.problems, checked.unnamed.objects), (Vec::new(), 0), "seed {seed}");
}

#[test]
fn the_remote_is_whole_whatever_fails_of_collections() {
    std::thread::scope(|scope| {
        for first in 0..AT_ONCE {
            scope.spawn(move || {
                let s3 = S3::start();
                (0..160)
                    .filter(|seed| seed % AT_ONCE == first)
                    .for_each(|seed| run_collecting(&s3, &s3.settings(&format!("collected-{seed}")), seed));
            });
        }
    });
}

fn play(seeds: std::ops::Range<u64>) {
    if let Some(seed) = std::env::var("KPTN_FAULT_SEED").ok().and_then(|text| text.parse().ok()) {
        let s3 = S3::start();
        return run(&s3, &s3.settings("one"), seed);
    }
    std::thread::scope(|scope| {
        for first in 0..AT_ONCE {
            let seeds = seeds.clone();
            scope.spawn(move || {
                let s3 = S3::start();
                seeds
                    .filter(|seed| seed % AT_ONCE == first)
                    .for_each(|seed| run(&s3, &s3.settings(&format!("seed-{seed}")), seed));
            });
        }
    });
}

#[test]
fn the_remote_has_the_old_or_the_new_state_whatever_fails_1() {
    play(0..250);
}

#[test]
fn the_remote_has_the_old_or_the_new_state_whatever_fails_2() {
    play(250..500);
}

#[test]
fn the_remote_has_the_old_or_the_new_state_whatever_fails_3() {
    play(500..750);
}

#[test]
fn the_remote_has_the_old_or_the_new_state_whatever_fails_4() {
    play(750..1_000);
}

#[test]
fn two_and_ten_pushers_at_once_all_get_through() {
    for pushers in [2_u64, 10] {
        let s3 = S3::start();
        let remote = s3.settings("team");
        s3.set_faults(Faults::seeded(pushers, 8, 20));
        std::thread::scope(|scope| {
            for n in 0..pushers {
                let remote = remote.clone();
                scope.spawn(move || {
                    let mut one = Machine::new();
                    let snapshot = one.snapshot(vec![one.record(&format!("t{n}"), &bytes_of(2_000, n))]);
                    // A fault may end one try; the next goes on.
                    let pushed = (0..5).any(|_| one.push(&remote, snapshot).is_ok());
                    assert!(pushed, "pusher {n}");
                });
            }
        });
        s3.set_faults(Faults::default());
        let arrived = Machine::new().pull(&remote, Take::All).expect("a pull");
        assert_eq!(arrived.snapshot.entries.len() as u64, pushers);
    }
}

/// The same where branches are in a table, at which things go wrong too.
#[cfg(feature = "aws")]
#[test]
fn the_remote_has_the_old_or_the_new_state_whatever_fails_of_a_table() {
    std::thread::scope(|scope| {
        for first in 0..AT_ONCE {
            scope.spawn(move || {
                let s3 = S3::start();
                for seed in (0..96).filter(|seed| seed % AT_ONCE == first) {
                    s3.table().set_faults(seed, 3, 12);
                    run(&s3, &s3.settings_with_table(&format!("seed-{seed}")), seed);
                    s3.table().set_faults(seed, 3, 12);
                    run_collecting(&s3, &s3.settings_with_table(&format!("collected-{seed}")), seed);
                }
            });
        }
    });
}
