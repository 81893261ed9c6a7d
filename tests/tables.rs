//! Remotes whose branches are in a table of DynamoDB: `refs: dynamodb://table`.

#![cfg(feature = "aws")]

use kptn::model::RemoteSettings;
use kptn::remote::{Absent, Swapped, Take, block_on, open};

use crate::support::dynamo::TABLE;
use crate::support::s3::S3;
use crate::support::{Machine, Project, python_task, tasks_yaml};

fn project(s3: &S3, more: &str) -> Project {
    let yaml = tasks_yaml("A: , B: A", &["A: {outputs: [A.txt]}", "B: {outputs: [B.txt]}"]);
    let mut project = Project::new()
        .yaml(&format!("{yaml}\nremotes:\n  prod: {{url: 's3://bucket/kptn'{more}}}\n"))
        .file("A.py", python_task("A", "(output_dir / 'A.txt').write_text('a' * 2000000)"))
        .file("B.py", python_task("B", "(output_dir / 'B.txt').write_text('b')"));
    for (name, value) in s3.environment() {
        project = project.with_env(name, &value);
    }
    project
}

fn with_table(s3: &S3) -> Project {
    project(s3, &format!(", refs: 'dynamodb://{TABLE}'"))
}

#[test]
fn two_clones_share_state_and_the_bucket_has_no_branch() {
    let s3 = S3::start();
    let (one, other) = (with_table(&s3), with_table(&s3));
    one.kptn(&["remote", "check"]).succeeds().says("two who write at once are told apart");
    one.kptn(&["run"]).succeeds();
    one.kptn(&["push"]).succeeds().says("pushed");
    other.kptn(&["pull"]).succeeds().says("pulled 2 tasks");
    assert_eq!(other.not_fresh(), "");
    other.kptn(&["restore"]).succeeds();
    assert_eq!(other.read_output("B.txt"), "b");
    let places = s3.table().places();
    assert_eq!(places.len(), 3, "a branch, its history, and a small pack: {places:?}");
    assert!(places.iter().all(|(pk, _)| pk.starts_with("s3://bucket/kptn/")), "{places:?}");
    let in_bucket = s3.objects();
    assert!(!in_bucket.keys().any(|key| key.contains("/refs/") || key.contains("/history/")));

    one.edit("B.py", "'b'", "'b2'");
    one.kptn(&["run"]).succeeds();
    one.kptn(&["push"]).succeeds();
    other.edit("B.py", "'b'", "'b3'");
    other.kptn(&["run"]).succeeds();
    other.kptn(&["push"]).exits(3).says("`B`");
    for _ in 0..3 {
        one.kptn(&["gc", "--remote", "--yes", "--keep", "0d", "--grace", "0d"]).succeeds();
    }
    one.kptn(&["fsck", "--remote", "--full"]).succeeds().prints("1 branch");
    other.kptn(&["pull", "--force"]).succeeds();
    other.kptn(&["restore"]).succeeds();
    assert_eq!(other.read_output("B.txt"), "b2");
}

#[test]
fn who_does_not_name_the_table_keeps_away() {
    let s3 = S3::start();
    let one = with_table(&s3);
    one.kptn(&["run"]).succeeds();
    one.kptn(&["push"]).succeeds();
    let format: serde_json::Value = serde_json::from_slice(&s3.objects()["kptn/kptn.json"]).expect("JSON");
    assert_eq!((format["min_reader"].as_u64(), format["min_writer"].as_u64()), (Some(5), Some(5)));
    let before = s3.objects();
    let other = project(&s3, "");
    other.kptn(&["run"]).succeeds();
    for words in
        [&["pull"][..], &["push"], &["push", "--repair"], &["fsck", "--remote"], &["gc", "--remote", "--yes"]]
    {
        other
            .kptn(words)
            .exits(2)
            .says(&format!("has its branches in `dynamodb://{TABLE}`"))
            .says("write `refs:");
    }
    assert_eq!(s3.objects(), before, "nothing was written");
    // The other way round: branches are never moved by a word in a file.
    let s3 = S3::start();
    let plain = project(&s3, "");
    plain.kptn(&["run"]).succeeds();
    plain.kptn(&["push"]).succeeds();
    let moved = with_table(&s3);
    moved.kptn(&["pull"]).exits(2).says("has its branches in the bucket").says("take `refs` away");
}

#[test]
fn a_table_that_is_not_there_or_no_address_is_told() {
    let s3 = S3::start();
    let lost = project(&s3, ", refs: 'dynamodb://lost'");
    lost.kptn(&["run"]).succeeds();
    lost.kptn(&["push"]).exits(2).says("there is no table `lost`");
    lost.kptn(&["remote", "check"]).says("there is no table `lost`");
    for wrong in ["lost", "s3://bucket/refs", "dynamodb://"] {
        project(&s3, &format!(", refs: '{wrong}'")).kptn(&["push"]).exits(2).says("dynamodb://table");
    }
}

#[test]
fn ten_pushers_at_once_all_get_through_where_the_table_fails() {
    let s3 = S3::start();
    let remote = s3.settings_with_table("team");
    s3.table().set_faults(7, 6, 40);
    std::thread::scope(|scope| {
        for n in 0..10_u8 {
            let remote = remote.clone();
            scope.spawn(move || {
                let mut one = Machine::new();
                let snapshot = one.snapshot(vec![one.record(&format!("t{n}"), &[n; 2_000])]);
                let pushed = (0..5).any(|_| one.push(&remote, snapshot).is_ok());
                assert!(pushed, "pusher {n}");
            });
        }
    });
    let arrived = Machine::new().pull(&remote, Take::All).expect("a pull");
    assert_eq!(arrived.snapshot.entries.len(), 10);
}

#[test]
fn pieces_that_a_cut_off_put_left_go_after_a_month_and_others_stay() {
    let s3 = S3::start();
    let one = with_table(&s3);
    one.write(
        "B.py",
        python_task("B", "(output_dir / 'B.txt').write_bytes(__import__('os').urandom(90000))"),
    );
    one.kptn(&["run"]).succeeds();
    one.kptn(&["push"]).succeeds();
    let pieces = |s3: &S3| {
        let all = s3.table().places().into_iter().filter(|(pk, _)| pk.ends_with("/pieces"));
        all.map(|(_, sk)| sk).collect::<Vec<_>>()
    };
    let own = pieces(&s3);
    assert_eq!(own.len(), 1, "of the small pack");
    let pack = own[0].split_once('#').expect("a tag").0;
    for left in ["refs/x/main.json#0123/000000", &format!("{pack}#0123/000001"), "nobody's"] {
        s3.table().plant("s3://bucket/kptn/pieces", left);
    }
    s3.table().plant("s3://bucket/other/pieces", "refs/x/main.json#0123/000000");
    one.kptn(&["gc", "--remote"]).succeeds().prints("2 keys (80 B) would be deleted");
    one.kptn(&["gc", "--remote", "--yes"]).succeeds().prints("2 keys (80 B) deleted");
    let mut left = own.clone();
    left.extend(["nobody's".to_owned(), "refs/x/main.json#0123/000000".to_owned()]);
    left.sort();
    let mut found = pieces(&s3);
    found.sort();
    assert_eq!(found, left, "those of this remote alone");
    with_table(&s3).kptn(&["pull"]).succeeds();
}

/// Answers that are lost, batches done in part, refusals: what is there in the end is what was said.
#[test]
fn a_swap_tells_the_truth_whatever_fails() {
    let s3 = S3::start();
    let settings: RemoteSettings = s3.settings_with_table("truth");
    block_on(async {
        let bucket = open(&settings, Absent::Make)?;
        for seed in 0..40 {
            let key = format!("runs/r/{seed}");
            let large = |n: u8| vec![n; if seed % 2 == 0 { 10 } else { 3_000_000 }];
            s3.table().set_faults(seed, 2, 5);
            let made = bucket.swap(&key, None, large(1)).await;
            assert!(!matches!(made, Ok(Swapped::No)), "seed {seed}: nobody else writes");
            let Some((bytes, version)) = bucket.read_versioned(&key).await? else {
                assert!(made.is_err(), "seed {seed}");
                continue;
            };
            assert!(bytes == large(1), "seed {seed}");
            s3.table().set_faults(seed + 100, 2, 5);
            let moved = bucket.swap(&key, Some(&version), large(2)).await;
            assert!(!matches!(moved, Ok(Swapped::No)), "seed {seed}: nobody else writes");
            let is_moved = bucket.read(&key).await? == Some(large(2));
            assert!(is_moved || moved.is_err(), "seed {seed}");
        }
        Ok(())
    })
    .expect("it can be read");
}
