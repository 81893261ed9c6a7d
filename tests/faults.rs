//! What can go wrong in the middle: killed processes, two at once, a full disk, rude scripts.
//!
//! After each, the same must hold: the next run does what is left and no more, and `fsck` finds nothing.

use std::fs;

use rustix::process::{Pid, Signal, kill_process, test_kill_process};

use crate::support::{Project, Running, gated_task, python_task, tasks_yaml, wait_until};

/// A -> B -> C; B waits at its gate. A's output is large enough for a file of its own in the store.
fn gated() -> Project {
    Project::new()
        .yaml(&tasks_yaml(
            "A: , B: A, C: B",
            &["A: {outputs: [A.txt]}", "B: {outputs: [B.txt]}", "C: {outputs: [C.txt]}"],
        ))
        .file("A.py", python_task("A", "(output_dir / 'A.txt').write_text('a' * 100000)"))
        .file("B.py", gated_task("B", "(output_dir / 'B.txt').write_text('b')"))
        .file("C.py", python_task("C", "(output_dir / 'C.txt').write_text('c')"))
}

/// Asserts that a run does exactly `left`, that nothing is left then, and that the store is whole.
#[track_caller]
fn recovers(project: &Project, left: &str) {
    project.open_gate("B");
    project.trace();
    // What a killed run started is still being ended, and holds the lock until it is.
    project.kptn(&["run", "--wait"]).succeeds();
    assert_eq!(project.ran(), left);
    project.kptn(&["run"]).succeeds();
    assert_eq!(project.ran(), "");
    assert_eq!(project.not_fresh(), "");
    project.kptn(&["fsck"]).succeeds();
    for (name, text) in [("A", "a".repeat(100_000)), ("B", "b".into()), ("C", "c".into())] {
        assert_eq!(project.read_output(&format!("{name}.txt")), text);
    }
}

/// Returns the process that stands at the gate of a task.
fn pid_at_gate(project: &Project, task: &str) -> Pid {
    let text = fs::read_to_string(project.outside("gate").join(format!("{task}.ready"))).expect("its mark");
    Pid::from_raw(text.trim().parse().expect("a process id")).expect("not zero")
}

/// Returns the processes whose command line contains all words, among the descendants of a process.
pub fn find_descendant(of: u32, words: &[&str]) -> Option<Pid> {
    let listing =
        std::process::Command::new("ps").args(["-e", "-o", "pid=,ppid=,args="]).output().expect("ps");
    let listing = String::from_utf8_lossy(&listing.stdout).into_owned();
    let rows: Vec<(u32, u32, &str)> = listing
        .lines()
        .filter_map(|line| {
            let (pid, rest) = line.trim_start().split_once(char::is_whitespace)?;
            let (parent, words) = rest.trim_start().split_once(char::is_whitespace)?;
            Some((pid.parse().ok()?, parent.parse().ok()?, words))
        })
        .collect();
    let mut family = vec![of];
    let mut at = 0;
    while let Some(parent) = family.get(at).copied() {
        family.extend(rows.iter().filter(|(_, above, _)| *above == parent).map(|(pid, ..)| *pid));
        at += 1;
    }
    let found = rows.iter().find(|(pid, _, text)| {
        *pid != of && family.contains(pid) && words.iter().all(|word| text.contains(word))
    });
    found.and_then(|(pid, ..)| Pid::from_raw(*pid as i32))
}

/// Starts a run, waits until B stands at its gate, and waits after `end` until B's process is gone.
#[track_caller]
fn interrupted_in_b(end: impl FnOnce(&Project, &Running)) -> Project {
    let project = gated();
    let run = project.start(&["run"]);
    project.wait_for("B");
    let task = pid_at_gate(&project, "B");
    end(&project, &run);
    wait_until("the task's process ends with its starter", || test_kill_process(task).is_err());
    let (code, _, messages) = run.wait();
    assert_ne!(code, Some(0), "{messages}");
    fs::remove_file(project.outside("gate").join("B.ready")).expect("its mark");
    assert_eq!(project.ran(), "A B");
    project
}

#[test]
fn kptn_alone_is_killed_in_a_task() {
    recovers(&interrupted_in_b(|_, run| run.signal(Signal::KILL)), "B C");
}

#[test]
fn the_runner_alone_is_killed_in_a_task() {
    let project = interrupted_in_b(|_, run| {
        let runner = find_descendant(run.pid(), &["flows/g.py"]).expect("the runner");
        kill_process(runner, Signal::KILL).expect("a kill");
    });
    recovers(&project, "B C");
}

#[test]
fn serve_alone_is_killed_in_a_task() {
    let project = interrupted_in_b(|_, run| {
        let serve = find_descendant(run.pid(), &["task serve"]).expect("serve");
        kill_process(serve, Signal::KILL).expect("a kill");
    });
    recovers(&project, "B C");
}

#[test]
fn the_whole_group_is_killed_in_a_task() {
    recovers(&interrupted_in_b(|_, run| run.signal_group(Signal::KILL)), "B C");
}

#[test]
fn ctrl_c_stops_children_and_keeps_what_is_finished() {
    recovers(&interrupted_in_b(|_, run| run.signal_group(Signal::INT)), "B C");
}

#[test]
fn sigterm_to_kptn_alone_stops_everything() {
    recovers(&interrupted_in_b(|_, run| run.signal(Signal::TERM)), "B C");
}

#[test]
fn the_tasks_own_process_is_killed() {
    let project = gated();
    let run = project.start(&["run"]);
    project.wait_for("B");
    kill_process(pid_at_gate(&project, "B"), Signal::KILL).expect("a kill");
    let (code, _, messages) = run.wait();
    assert_eq!(code, Some(1), "{messages}");
    assert!(
        messages.contains("signal") || messages.contains("SIGKILL") || messages.contains("killed"),
        "{messages}"
    );
    recovers(&project, "B C");
}

#[test]
fn the_second_run_on_a_branch_says_who_holds_it() {
    let project = gated();
    let run = project.start(&["run"]);
    project.wait_for("B");
    project.kptn(&["run"]).exits(3).says(&run.pid().to_string());
    project.kptn(&["status"]).succeeds();
    project.open_gate("B");
    let (code, _, messages) = run.wait();
    assert_eq!(code, Some(0), "{messages}");
    assert_eq!(project.ran(), "A B C");
}

#[test]
fn the_second_run_on_an_output_folder_says_who_holds_it() {
    let project = gated();
    project.write("kptn.yaml", project.read("kptn.yaml") + "settings: {outputs_dir: shared}\n");
    project.commit("project");
    project.git(&["worktree", "add", "-q", "../other", "-b", "other"]);
    project.write(
        "kptn.yaml",
        project
            .read("kptn.yaml")
            .replace("outputs_dir: shared", &format!("outputs_dir: '{}'", project.path("shared").display())),
    );
    fs::copy(project.path("kptn.yaml"), project.outside("other/kptn.yaml")).expect("a copy");
    let run = project.start(&["run"]);
    project.wait_for("B");
    project.kptn_in("../other", &["run"]).exits(3).says(&run.pid().to_string());
}

#[test]
fn a_script_that_ignores_sigterm_is_stopped_after_its_timeout() {
    let project = Project::new()
        .yaml(&tasks_yaml("A: ", &["A: {timeout: 500ms}"]))
        .file("A.py", "import signal, time\n\n\ndef A():\n    signal.signal(signal.SIGTERM, signal.SIG_IGN)\n    while True:\n        time.sleep(1)\n");
    project.kptn(&["run"]).exits(1).says("timeout");
}

#[test]
fn a_flood_of_output_and_bytes_that_are_not_utf8_are_taken() {
    let project = Project::new()
        .yaml(&tasks_yaml("A: , B: ", &["A: {}", "B: {}"]))
        .file("A.py", "import sys\n\n\ndef A():\n    for _ in range(1024):\n        sys.stdout.buffer.write(b'x' * (1 << 20))\n    sys.stdout.buffer.write(b'\\nthe end\\n')\n")
        .file("B.py", "import os\n\n\ndef B():\n    os.write(1, b'caf\\xe9\\n')\n    raise ValueError('caf\\udce9')\n");
    let output = project.kptn(&["run", "-v", "-k"]).exits(1).says("1 ran").says("ValueError");
    assert!(output.stderr.len() < 400 << 20);
    project.kptn(&["output", "B"]).succeeds().prints("caf");
    project.kptn(&["fsck"]).succeeds();
}

#[test]
fn a_background_child_is_stopped_and_that_is_said() {
    let project = Project::new()
        .yaml(&tasks_yaml("A: ", &["A: {outputs: [A.txt]}"]))
        .file(
            "A.py",
            "import os\nimport subprocess\n\n\ndef A(output_dir):\n    child = subprocess.Popen(['sleep', '600'])\n    \
             open(os.environ['GATE'] + '/child.ready', 'w').write(str(child.pid))\n    (output_dir / 'A.txt').write_text('a')\n",
        );
    project.kptn(&["run"]).succeeds().says("background");
    let child = pid_at_gate(&project, "child");
    wait_until("the child is gone", || test_kill_process(child).is_err());
}

#[test]
fn an_output_that_is_written_while_it_is_read_never_leaves_a_false_record() {
    // The writer leaves its session, so nobody can know of it; what is recorded must be whole all the same.
    let project = Project::new()
        .yaml(&tasks_yaml("A: ", &["A: {outputs: [A.txt]}"]))
        .file(
            "A.py",
            "import subprocess\nimport sys\n\nWRITER = '''\nimport sys, time\nend = time.time() + 1.5\nwhile time.time() < end:\n    \
             with open(sys.argv[1], 'r+') as file:\n        file.write(str(time.time()) * 1000)\n'''\n\n\n\
             def A(output_dir):\n    path = output_dir / 'A.txt'\n    path.write_text('a' * 50_000_000)\n    \
             subprocess.Popen([sys.executable, '-c', WRITER, str(path)], start_new_session=True)\n",
        );
    let output = project.kptn(&["run"]);
    assert!(matches!(output.code, Some(0 | 1)), "{}", output.whole());
    project.kptn(&["fsck"]).succeeds();
}

#[test]
fn code_that_changes_while_its_task_waits_is_used_and_said() {
    let project = gated();
    let run = project.start(&["run"]);
    project.wait_for("B");
    project.edit("C.py", "write_text('c')", "write_text('changed')");
    project.open_gate("B");
    let (code, _, messages) = run.wait();
    assert_eq!(code, Some(0), "{messages}");
    assert_eq!(project.read_output("C.txt"), "changed");
    assert_eq!(project.not_fresh(), "");
    assert!(messages.contains("C.py") || messages.contains("changed"), "{messages}");
}

#[test]
fn code_that_changes_while_its_task_runs_leaves_the_task_stale() {
    let project = gated();
    let run = project.start(&["run"]);
    project.wait_for("B");
    project.edit("B.py", "write_text('b')", "write_text('changed')");
    project.open_gate("B");
    let (_, _, messages) = run.wait();
    assert!(project.not_fresh().contains("B=stale"), "{} {messages}", project.not_fresh());
    project.kptn(&["run"]).succeeds();
    assert_eq!(project.read_output("B.txt"), "changed");
    assert_eq!(project.not_fresh(), "");
}

#[test]
fn after_git_switch_in_the_middle_no_further_task_starts() {
    let project = gated();
    project.commit("project");
    let run = project.start(&["run"]);
    project.wait_for("B");
    project.git(&["switch", "-q", "-c", "dev"]);
    project.open_gate("B");
    let (code, _, messages) = run.wait();
    assert_ne!(code, Some(0), "{messages}");
    assert!(messages.contains("main") && messages.contains("dev"), "{messages}");
    assert_eq!(project.ran(), "A B");
    project.git(&["switch", "-q", "main"]);
    // HEAD moved while B ran, so nobody can say which code it saw: it runs once more.
    recovers(&project, "B C");
}

#[test]
fn a_store_that_cannot_be_written_is_a_clear_error() {
    let project = gated();
    project.open_gate("B");
    project.write(".git/kptn", "not a folder");
    project.kptn(&["run"]).exits(4).says(".git/kptn");
    assert_eq!(project.ran(), "");
    project.remove(".git/kptn");
    project.kptn(&["run"]).succeeds();
}

/// A file system that nobody can write to, not even root.
#[cfg(target_os = "linux")]
#[test]
fn a_read_only_store_is_a_clear_error() {
    let project = gated();
    let output = project.kptn_with(&[("KPTN_STORE", "/sys/kptn")], &["run"]).exits(4);
    output.says("/sys/kptn").says("KPTN_STORE");
    assert_eq!(project.ran(), "");
}

#[cfg(feature = "failpoints")]
mod failpoints {
    use super::*;

    /// Runs with a failpoint until it strikes, in a run or else in putting back; returns the messages.
    #[track_caller]
    fn strike(project: &Project, point: &str, action: &str) -> String {
        let trigger = format!("{point}={action}");
        let failing = |words: &[&str]| {
            let mut command = project.command(words);
            command.env("KPTN_FAILPOINT", &trigger);
            Running::start(command).wait()
        };
        let (code, _, messages) = failing(&["run"]);
        assert!(!messages.contains("panicked"), "{messages}");
        // At the very end of a run all is recorded, so that it has succeeded whoever dies then.
        if code != Some(0) || messages.contains("error: ") {
            return messages;
        }
        project.remove("scratch/main");
        let (code, _, messages) = failing(&["restore"]);
        assert_ne!(code, Some(0), "{point} was never hit: {messages}");
        assert!(!messages.contains("panicked"), "{messages}");
        messages
    }

    /// Those that no run of these tasks comes by; `item_faults.rs`, `branches.rs`, `remotes.rs`, `collection.rs` and `repair.rs` have them.
    const ELSEWHERE: [&str; 8] =
        ["journal.", "state.move.", "remote.", "run.close.", "run.execution.", "gc.", "fsck.", "deploy."];

    fn of_tasks() -> impl Iterator<Item = &'static (&'static str, &'static str)> {
        let here = |point: &str| !ELSEWHERE.iter().any(|other| point.starts_with(other));
        kptn::failpoint::FAILPOINTS.iter().filter(move |(point, _)| here(point))
    }

    #[test]
    fn killed_at_every_point_the_next_run_does_what_is_left_and_no_more() {
        for (point, _) in of_tasks() {
            for action in ["kill", "kill-group"] {
                let project = gated();
                project.open_gate("B");
                strike(&project, point, action);
                let before = project.trace();
                let again = project.kptn(&["run", "--wait"]);
                assert_eq!(again.code, Some(0), "{point}={action}: {}", again.whole());
                let after = project.trace();
                for task in ["A", "B", "C"] {
                    // What was not yet committed runs once more; nothing runs three times.
                    let runs = before.iter().chain(&after).filter(|ran| *ran == task).count();
                    assert!((1..=2).contains(&runs), "{point}={action}: {task} ran {runs} times");
                }
                let twice = ["A", "B", "C"]
                    .iter()
                    .filter(|task| before.iter().chain(&after).filter(|ran| ran == *task).count() > 1)
                    .count();
                assert!(twice <= 1, "{point}={action}: {before:?} then {after:?}");
                project.kptn(&["restore"]).succeeds();
                recovers(&project, "");
            }
        }
    }

    #[test]
    fn a_full_disk_at_every_point_is_a_clear_error_and_nothing_is_lost() {
        for (point, _) in of_tasks() {
            let project = gated();
            project.open_gate("B");
            let messages = strike(&project, point, "enospc");
            let words = messages.split_whitespace().collect::<Vec<_>>().join(" ");
            let clear = words.contains("no space left") || words.contains("no storage space");
            assert!(clear, "{point}: {messages}");
            project.kptn(&["run", "--wait"]).succeeds();
            project.kptn(&["restore"]).succeeds();
            recovers(&project, "");
        }
    }
}
