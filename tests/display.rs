//! What one sees: whole outputs, as a person reads them, with times and digests masked.

use crate::support::{Project, python_task, tasks_yaml};

fn project() -> Project {
    Project::new()
        .yaml(&tasks_yaml(
            "A: , B: A, C: [B], D: A",
            &[
                "A: {outputs: [A.txt]}",
                "B: {outputs: [B.txt], env: {SIZE: '3'}}",
                "C: {outputs: [C.txt]}",
                "D: {outputs: [D.txt]}",
            ],
        ))
        .file("A.py", python_task("A", "(output_dir / 'A.txt').write_text('a')"))
        .file("B.py", python_task("B", "(output_dir / 'B.txt').write_text('b' * 1200)"))
        .file("C.py", python_task("C", "(output_dir / 'C.txt').write_text('c')"))
        .file("D.py", python_task("D", "(output_dir / 'D.txt').write_text('d')"))
}

#[test]
fn a_first_run_then_a_second() {
    let project = project();
    insta::assert_snapshot!(project.kptn(&["run", "-j", "1"]).messages, @r"
    A  ran [TIME] 1 file (A.txt 1 B)
    B  ran [TIME] 1 file (B.txt 1.2 kB)
    C  ran [TIME] 1 file (C.txt 1 B)
    D  ran [TIME] 1 file (D.txt 1 B)
    4 ran in [TIME] · outputs in scratch/main
    ");
    insta::assert_snapshot!(project.kptn(&["run"]).messages, @r"nothing to do, 4 fresh · outputs in scratch/main");
}

#[test]
fn an_edit_its_status_its_reason_and_its_run() {
    let project = project();
    project.kptn(&["run"]).succeeds();
    project.edit("B.py", "'b' * 1200", "'b' * 1300");
    project.edit("kptn.yaml", "SIZE: '3'", "SIZE: '4'");
    insta::assert_snapshot!(project.kptn(&["status"]).data, @r"
    task  status  why
    A     fresh
    B     stale   code changed: script.B; env SIZE: 3 -> 4
    C     maybe   after B
    D     fresh

    4 tasks: 2 fresh, 1 stale, 1 maybe · branch main · outputs in scratch/main
    ");
    insta::assert_snapshot!(project.kptn(&["why", "B"]).data, @r#"
    B is stale
      - code changed: script.B
      - env SIZE: 3 -> 4

    compared with what was made just now on branch main, record [SHORT]

    script.B  B.py:5
      @@ line 6 @@
           with open(os.environ['TRACE'], "a") as trace:
               trace.write('B\n')
      -    (output_dir / 'B.txt').write_text('b' * 1200)
      +    (output_dir / 'B.txt').write_text('b' * 1300)
    "#);
    insta::assert_snapshot!(project.kptn(&["plan"]).data, @r"
    task  would        last took  why
    B     run [TIME] code changed: script.B; env SIZE: 3 -> 4
    C     perhaps run [TIME] after B

    1 to run, 1 perhaps, 2 fresh · at most [TIME] one after the other · branch main · outputs in scratch/main
    ");
    insta::assert_snapshot!(project.kptn(&["run"]).messages, @r"
    B  ran [TIME] 1 file changed (B.txt 1.2 -> 1.3 kB)
    C  ran [TIME] outputs unchanged
    2 ran, 2 fresh in [TIME] · outputs in scratch/main
    ");
    project.kptn(&["log"]).succeeds().prints("2 ran, 2 fresh").prints("4 ran");
}

#[test]
fn a_failure() {
    let project = project();
    project.edit("B.py", "(output_dir / 'B.txt')", "print('reading'); 1 / 0; (output_dir / 'B.txt')");
    insta::assert_snapshot!(project.kptn(&["run", "-j", "1"]).messages, @r#"
    A  ran [TIME] 1 file (A.txt 1 B)
    B  failed [TIME] ZeroDivisionError: division by zero
        | reading
        | Traceback (most recent call last):
        |   File "[ROOT]/B.py", line 8, in B
        |     print('reading'); 1 / 0; (output_dir / 'B.txt').write_text('b' * 1200)
        | ZeroDivisionError: division by zero
        log: .git/kptn/runs/[RUN]/logs/B~9f9524.log
    C  skipped    `B`, on which it depends, failed
    D  skipped    `B` failed
    1 ran, 1 failed, 2 skipped in [TIME] · outputs in scratch/main
    hint: `kptn output B` shows its whole log; `kptn retry` runs again what failed
    "#);
    insta::assert_snapshot!(project.kptn(&["status"]).data, @r"
    task  status  why
    A     fresh
    B     failed  never ran; ZeroDivisionError: division by zero
    C     stale   never ran
    D     stale   never ran

    4 tasks: 1 fresh, 2 stale, 1 failed · branch main · outputs in scratch/main
    ");
}

#[test]
fn a_graph_with_a_fork() {
    insta::assert_snapshot!(project().kptn(&["graph", "--no-status"]).data, @r"
    ●    A
    ├─●  B
    │ ○  C
    ○    D
    ");
}

#[test]
fn in_a_terminal_the_display_is_alive_and_leaves_the_same_lines() {
    let project = project();
    let script = "import os, pty, sys\nchunks = []\n\
                  def read(fd):\n    data = os.read(fd, 65536)\n    chunks.append(data)\n    return data\n\
                  status = pty.spawn(sys.argv[1:], read)\nsys.exit(os.waitstatus_to_exitcode(status))\n";
    let mut command = project.program("python3");
    command.args(["-c", script, env!("CARGO_BIN_EXE_kptn"), "run", "-j", "1"]);
    command.env("TERM", "xterm").env_remove("NO_COLOR");
    let output = project.finish(command, &["(terminal) run -j 1"]).succeeds();
    assert!(output.stdout.contains("\u{1b}["), "no control sequence: {}", output.whole());
    let plain =
        regex::Regex::new("\u{1b}\\[[0-9;?]*[A-Za-z]").expect("a pattern").replace_all(&output.stdout, "");
    for words in ["A  ran", "B  ran", "C  ran", "D  ran", "4 ran in"] {
        assert!(plain.contains(words), "no `{words}` in {plain}");
    }
}

/// Commands whose tables people read in a narrow window.
const TABLES: [&str; 8] = ["status", "status --all", "why B", "plan", "log", "log A", "branch list", "du"];

#[test]
fn tables_fit_a_narrow_terminal() {
    let project = project();
    project.commit("project");
    project.kptn(&["run"]).succeeds();
    project.edit("B.py", "'b' * 1200", "'b' * 1300");
    for words in TABLES.iter().chain(&["log scratch/main/B.txt"]) {
        let words: Vec<&str> = words.split(' ').collect();
        let seen = project.in_terminal(40, &words, &[]).succeeds().stdout;
        for line in seen.lines().map(|line| line.trim_end_matches('\r')) {
            // A word is never cut: one may want to copy it. Code is shown as it is.
            let longest = line.split(' ').map(|word| word.chars().count()).max().unwrap_or(0);
            let code = words[0] == "why" && line.starts_with("  ");
            assert!(line.chars().count() <= 40 || longest > 24 || code, "{words:?}: `{line}` in\n{seen}");
        }
    }
}

#[test]
fn colours_are_for_terminals_and_no_color_takes_them_away() {
    let project = project();
    project.kptn(&["run"]).succeeds();
    project.edit("B.py", "'b' * 1200", "'b' * 1300");
    let script = format!("'{}' status", env!("CARGO_BIN_EXE_kptn"));
    for words in TABLES {
        let words: Vec<&str> = words.split(' ').collect();
        let plain = project.in_terminal(80, &words, &[]).succeeds().stdout;
        assert!(!plain.contains('\u{1b}'), "{words:?}: {plain}");
    }
    let with = |name: &str, value: &str| {
        let mut command = project.program("python3");
        command.env_remove("NO_COLOR").env("TERM", "xterm").env(name, value);
        command.args(["-c", "import pty, sys; pty.spawn(['sh', '-c', sys.argv[1]])", &script]);
        project.finish(command, &["status"]).succeeds().stdout
    };
    assert!(with("X", "").contains("\u{1b}["));
    assert!(with("NO_COLOR", "").contains("\u{1b}["), "an empty value says nothing");
    assert!(!with("NO_COLOR", "1").contains('\u{1b}'));
    assert!(!with("TERM", "dumb").contains('\u{1b}'));
    let mut piped = project.command(&["status"]);
    piped.env_remove("NO_COLOR");
    assert!(!project.finish(piped, &["status"]).succeeds().stdout.contains('\u{1b}'));
}

#[test]
fn ctrl_c_in_a_terminal_keeps_what_finished() {
    let project = project();
    project.edit(
        "C.py",
        "(output_dir / 'C.txt')",
        "print('wait' + 'ing', flush=True); import time; time.sleep(600); (output_dir / 'C.txt')",
    );
    let seen = project.in_terminal(40, &["run", "-v", "-j", "1"], &[("waiting", "\u{3}")]);
    assert_ne!(seen.code, Some(0), "{}", seen.whole());
    assert_ne!(seen.code, Some(99), "{}", seen.whole());
    let not_fresh = project.not_fresh();
    assert!(
        not_fresh.contains("C=stale") && !not_fresh.contains("A=") && !not_fresh.contains("B="),
        "{not_fresh}"
    );
    let mut again = project.command(&["run", "D"]);
    again.env("TERM", "xterm");
    project.finish(again, &["run", "D"]).succeeds();
}
