//! Two clones of a repository share state through S3, as `docs/guides/remotes.md` tells it; and what goes wrong there.

use kptn::model::Digest;
use kptn::remote::Take;

use crate::support::s3::{ACCESS_KEY, S3, SECRET_KEY};
use crate::support::{Machine, Output, Project, python_task, tasks_yaml};

/// A -> B, with a remote `prod` in a bucket.
fn project(s3: &S3, more: &str) -> Project {
    let yaml = tasks_yaml("A: , B: A", &["A: {outputs: [A.txt]}", "B: {outputs: [B.txt]}"]);
    let mut project = Project::new()
        .yaml(&format!("{yaml}\nremotes:\n  prod: {{url: 's3://bucket/kptn', region: us-east-1{more}}}\n"))
        .file(".gitignore", "scratch/\nflows/\n__pycache__/\n")
        .file("A.py", python_task("A", "(output_dir / 'A.txt').write_text('a' * 3_000_000)"))
        .file("B.py", python_task("B", "(output_dir / 'B.txt').write_text('b')"));
    for (name, value) in s3.environment() {
        project = project.with_env(name, &value);
    }
    project.commit("first");
    project
}

/// The words people read, without what the terminal's width did to them.
fn words(output: &Output) -> String {
    output.whole().split_whitespace().collect::<Vec<_>>().join(" ")
}

#[test]
fn two_clones_share_state_through_a_bucket() {
    let s3 = S3::start();
    let (one, other) = (project(&s3, ""), project(&s3, ""));
    one.kptn(&["remote", "check"]).succeeds();
    one.kptn(&["run"]).succeeds();
    s3.take_calls();
    one.kptn(&["push"]).succeeds().says("pushed");
    // One pack, three requests for the large file, and at most ten besides.
    let calls = s3.take_calls();
    assert!(calls.values().sum::<u64>() <= 14, "{calls:?}");
    other.kptn(&["pull", "prod"]).succeeds().says("pulled 2 tasks");
    assert_eq!(other.not_fresh(), "");
    other.kptn(&["run"]).succeeds();
    assert_eq!(other.ran(), "", "nothing is computed twice");
    other.kptn(&["restore"]).succeeds();
    assert_eq!(other.read_output("B.txt"), "b");

    s3.take_calls();
    one.kptn(&["push"]).succeeds().says("has all of it already");
    let calls: u64 = s3.take_calls().values().sum();
    assert!(calls <= 3, "nothing new is at most three requests, and was {calls}");

    one.edit("B.py", "'b'", "'b2'");
    one.kptn(&["run"]).succeeds();
    other.edit("B.py", "'b'", "'b3'");
    other.kptn(&["run"]).succeeds();
    one.kptn(&["push"]).succeeds();
    other.kptn(&["push"]).exits(3).says("`B`");
}

#[test]
fn a_large_file_goes_and_comes_in_pieces_and_one_of_one_piece_in_one_request() {
    let s3 = S3::start();
    let remote = s3.settings("pieces");
    let (mut one, mut other) = (Machine::new(), Machine::new());
    let noise = |size: usize| {
        let mut bytes = vec![0; size];
        blake3::Hasher::new().update(&size.to_le_bytes()).finalize_xof().fill(&mut bytes);
        bytes
    };
    let (large, medium) = (noise(20_000_000), noise(2_000_000));
    let snapshot = one.snapshot(vec![one.record("a", &large), one.record("b", &medium)]);
    one.push(&remote, snapshot).expect("a push");
    let calls = s3.take_calls();
    // Three parts, begun and ended, and one key at once.
    assert_eq!((calls.get("PUT objects"), calls.get("POST objects")), (Some(&4), Some(&2)), "{calls:?}");
    other.pull(&remote, Take::All).expect("a pull");
    assert_eq!(s3.take_calls().get("GET objects"), Some(&4));
    for bytes in [large, medium] {
        assert!(other.store.load(&Digest::of(&bytes)).expect("the object") == bytes);
    }
}

#[test]
fn what_a_role_must_not_do_is_said_and_nothing_is_lost() {
    let s3 = S3::start();
    let one = project(&s3, "");
    one.kptn(&["run"]).succeeds();
    one.kptn(&["push"]).succeeds();
    s3.make_read_only(true);
    one.edit("B.py", "'b'", "'b2'");
    one.kptn(&["run"]).succeeds();
    let before = s3.objects();
    one.kptn(&["push"]).exits(4).says("does not allow to write");
    assert_eq!(s3.objects(), before);
    one.kptn(&["remote", "check"]).exits(4);
    project(&s3, "").kptn(&["pull"]).succeeds().says("pulled 2 tasks");
    s3.make_read_only(false);
    one.kptn(&["push"]).succeeds();
}

#[test]
fn a_token_that_expires_in_the_middle_is_said_and_the_next_push_goes_on() {
    let s3 = S3::start();
    let one = project(&s3, "");
    one.kptn(&["run"]).succeeds();
    for requests in 0..6 {
        s3.expire_after(requests);
        let output = one.kptn(&["push"]).exits(4);
        assert!(words(&output).contains("have expired"), "after {requests}: {}", output.whole());
        assert!(words(&output).contains("log in again"), "{}", output.whole());
    }
    s3.set_faults(crate::support::s3::faults::Faults::default());
    one.kptn(&["push"]).succeeds();
    project(&s3, "").kptn(&["pull"]).succeeds().says("pulled 2 tasks");
}

#[test]
fn a_bucket_that_is_not_there_and_wrong_credentials_are_told_apart() {
    let s3 = S3::start();
    let one = project(&s3, "");
    one.kptn(&["run"]).succeeds();
    let yaml = one.read("kptn.yaml");
    one.write("kptn.yaml", yaml.replace("s3://bucket/", "s3://bucke/"));
    for verb in ["push", "pull"] {
        let output = one.kptn(&[verb]);
        assert_ne!(output.code, Some(0));
        assert!(words(&output).contains("there is nothing at `s3://bucke/kptn`"), "{}", output.whole());
    }
    one.write("kptn.yaml", &yaml);
    one.kptn_with(&[("AWS_SECRET_ACCESS_KEY", "wrong")], &["push"]).exits(4).says("does not allow");
    assert!(s3.objects().is_empty());
}

#[test]
fn a_server_that_is_not_there_is_an_error_and_nothing_is_lost() {
    let s3 = S3::start();
    let one = project(&s3, "");
    one.kptn(&["run"]).succeeds();
    drop(s3);
    let output = one.kptn(&["push"]).exits(4);
    assert!(words(&output).contains("s3://bucket/kptn"), "{}", output.whole());
    assert_eq!(one.not_fresh(), "");
}

#[test]
fn nothing_secret_is_in_messages_logs_records_or_the_bucket() {
    let s3 = S3::start();
    let one = project(&s3, "");
    one.kptn(&["run"]).succeeds();
    let mut said = String::new();
    for words in [
        &["push"][..],
        &["push", "-v"],
        &["remote", "check", "--json"],
        &["remote"],
        &["log", "--json"],
        &["pull", "--force"],
    ] {
        said += &one.kptn(words).whole();
    }
    s3.expire_after(0);
    said += &one.kptn(&["push"]).whole();
    said += &one.kptn_with(&[("AWS_SECRET_ACCESS_KEY", "another-secret")], &["push", "-v"]).whole();
    for secret in [SECRET_KEY, "another-secret"] {
        assert!(!said.contains(secret), "{said}");
        let found = one.program("grep").args(["-rlaF", secret, "."]).output().expect("grep");
        assert_eq!(String::from_utf8_lossy(&found.stdout), "");
        for (key, bytes) in s3.objects() {
            let holds = bytes.windows(secret.len()).any(|window| window == secret.as_bytes());
            assert!(!holds, "{key}");
        }
    }
    assert!(!said.contains(ACCESS_KEY), "{said}");
}

#[test]
fn damaged_bytes_at_the_remote_are_named_and_put_nothing() {
    let s3 = S3::start();
    let one = project(&s3, "");
    one.kptn(&["run"]).succeeds();
    one.kptn(&["push"]).succeeds();
    for (key, whole) in s3.objects() {
        if key.contains("history") {
            continue;
        }
        let mut flipped = whole.to_vec();
        let at = flipped.len() / 2;
        flipped[at] ^= 0x55;
        s3.put(&key, flipped);
        let other = project(&s3, "");
        let pulled = other.kptn(&["pull"]);
        if pulled.code != Some(0) {
            assert!([Some(2), Some(4)].contains(&pulled.code), "{key}: {}", pulled.whole());
        }
        other.kptn(&["fsck"]).succeeds();
        s3.remove(&key);
        let pulled = project(&s3, "").kptn(&["pull"]);
        assert!(!pulled.whole().contains("panicked"), "{key}: {}", pulled.whole());
        s3.put(&key, whole);
    }
    project(&s3, "").kptn(&["pull"]).succeeds();
}

/// Tells whether a policy lets an action be done to a key: what a statement denies, none allows.
fn allows(policy: &serde_json::Value, action: &str, key: &str) -> bool {
    let resource = format!("arn:aws:s3:::bucket/kptn/{key}");
    let is_in = |list: &serde_json::Value, what: &str| {
        let all = list.as_array().cloned().unwrap_or_default();
        all.iter().filter_map(|one| one.as_str()).any(|pattern| {
            globset::Glob::new(pattern).is_ok_and(|glob| glob.compile_matcher().is_match(what))
        })
    };
    let statements = policy["Statement"].as_array().cloned().unwrap_or_default();
    let of = |effect: &str| {
        statements.iter().any(|one| {
            one["Effect"] == effect && is_in(&one["Action"], action) && is_in(&one["Resource"], &resource)
        })
    };
    of("Allow") && !of("Deny")
}

#[test]
fn the_policies_let_each_role_do_what_it_does_and_no_more() {
    let s3 = S3::start();
    let one = project(&s3, "}\nsettings: {protected: [main, 'release/*']");
    let policy = |role: &str| one.kptn(&["remote", "policy", "prod", "--for", role]).succeeds().json();
    one.kptn(&["run"]).succeeds();
    one.kptn(&["push"]).succeeds();
    one.git(&["switch", "-qc", "feature/x"]);
    one.edit("B.py", "'b'", "'b2'");
    one.commit("another B");
    one.kptn(&["run"]).succeeds();
    one.kptn(&["push"]).succeeds();
    let keys = s3.objects().into_keys().map(|key| key.trim_start_matches("kptn/").to_owned());
    let keys: Vec<String> = keys.collect();
    let is_mains =
        |key: &str| key.starts_with("refs/") && key.ends_with("/main.json") || key.contains("/main/");
    assert!(
        keys.iter().any(|key| is_mains(key)) && keys.iter().any(|key| key.starts_with("objects/")),
        "{keys:?}"
    );
    for key in &keys {
        assert!(allows(&policy("protected-writer"), "s3:PutObject", key), "{key}");
        assert_eq!(allows(&policy("writer"), "s3:PutObject", key), !is_mains(key), "{key}");
        assert!(!allows(&policy("reader"), "s3:PutObject", key), "{key}");
        assert!(!allows(&policy("writer"), "s3:DeleteObject", key), "{key}");
        let is_collected = !key.starts_with("refs/") && !key.starts_with("history/") && key != "kptn.json";
        assert_eq!(allows(&policy("collector"), "s3:DeleteObject", key), is_collected, "{key}");
    }
    one.kptn(&["remote", "policy", "prod", "--for", "nobody"]).exits(2);
}

#[test]
fn what_one_task_reads_comes_and_nothing_else() {
    let s3 = S3::start();
    let make = |seed: u8| {
        format!(
            "import random\n    (output_dir / name).write_bytes(random.Random({seed}).randbytes(3_000_000))"
        )
    };
    let project = |more: &str| {
        let one = project(&s3, more);
        let tasks = [
            "A: {outputs: [A.bin]}",
            "B: {outputs: [B.txt]}",
            "C: {outputs: [C.bin]}",
            "D: {outputs: [D.txt]}",
        ];
        let yaml = tasks_yaml("A: , B: A, C: , D: [B, C]", &tasks);
        let remotes = one.read("kptn.yaml").split_once("remotes:").map(|(_, rest)| rest.to_owned());
        one.write("kptn.yaml", format!("{yaml}remotes:{}", remotes.expect("remotes")));
        for (task, body) in [("A", make(1)), ("C", make(2))] {
            one.write(&format!("{task}.py"), python_task(task, &format!("name = '{task}.bin'\n    {body}")));
        }
        for task in ["B", "D"] {
            one.write(
                &format!("{task}.py"),
                python_task(task, &format!("(output_dir / '{task}.txt').write_text('{task}')")),
            );
        }
        one.commit("four tasks");
        one
    };
    let (one, other, whole) = (project(""), project(""), project(""));
    one.kptn(&["run"]).succeeds();
    one.kptn(&["push"]).succeeds();
    let read = |project: &Project, words: &[&str]| {
        s3.take_calls();
        project.kptn(words).succeeds();
        s3.take_calls()
            .into_iter()
            .filter(|(call, _)| call.contains("objects"))
            .map(|(_, count)| count)
            .sum::<u64>()
    };
    let all = read(&whole, &["pull"]);
    assert!(all > 0);
    assert_eq!(read(&other, &["pull", "--for", "B"]) * 2, all, "A.bin, and not C.bin");
    assert_eq!(other.not_fresh(), "B=stale C=stale D=stale");
    other.kptn(&["restore", "A"]).succeeds();
    assert_eq!(read(&other, &["pull", "--for", "B"]), 0, "it is here");
    assert_eq!(read(&other, &["pull", "--for", "D"]) * 2, all, "C.bin, and B's small file in a pack");
}
