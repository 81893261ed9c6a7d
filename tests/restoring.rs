//! `kptn restore`: files of a state come back, edits are kept, and branches swap a folder that they share.

use std::os::unix::fs::MetadataExt;

use rustix::process::Signal;

use crate::support::{Output, Project, python_task, tasks_yaml, wait_until};

/// `A` writes three files into one folder, `B` one.
fn two_tasks(settings: &str) -> Project {
    let project = Project::new();
    let outputs = ["A: {outputs: [a/]}", "B: {outputs: [b.txt]}"];
    project.write("kptn.yaml", tasks_yaml("A: , B: A", &outputs) + settings);
    project.write(".gitignore", "scratch/\nout/\nflows/\n__pycache__/\n");
    let body = "for n in range(3):\n        (output_dir / 'a' / f'{n}.txt').write_text(f'a{n}')";
    project.write("A.py", python_task("A", body));
    project.write("B.py", python_task("B", "(output_dir / 'b.txt').write_text('b')"));
    project.commit("first");
    project
}

/// As [`two_tasks`], where branches share `out`; on `other` one file of A differs, one is new and one is gone.
fn shared(settings: &str) -> Project {
    let project = two_tasks(&format!("settings: {{outputs_dir: out{settings}}}\n"));
    project.kptn(&["run"]).succeeds();
    git(&project, &["switch", "-qc", "other"]);
    project.edit("A.py", "range(3)", "[0, 1, 7]");
    project.edit("A.py", "f'a{n}'", "f'a{n}' if n != 1 else 'other'");
    project.commit("other");
    project.kptn(&["run"]).succeeds();
    assert_eq!(listed(&project), "a/0.txt=a0 a/1.txt=other a/7.txt=a7 b.txt=b");
    project
}

fn git(project: &Project, words: &[&str]) -> Output {
    let mut command = project.program("git");
    command.args(words);
    project.finish(command, words).succeeds()
}

/// Returns every file in `out` that is not kptn's own, with what is in it.
fn listed(project: &Project) -> String {
    let script = "cd out && find . -type f -not -path './.*' | sort | while read f; do echo \"${f#./}=$(cat \"$f\")\"; done";
    let said = project.program("sh").args(["-c", script]).output().expect("sh");
    String::from_utf8_lossy(&said.stdout).split_whitespace().collect::<Vec<_>>().join(" ")
}

#[test]
fn an_edit_is_moved_aside_and_named_and_the_file_comes_back() {
    let project = two_tasks("");
    project.kptn(&["run"]).succeeds();
    project.write("scratch/main/a/1.txt", "mine");
    project.remove("scratch/main/b.txt");
    let told = project.kptn(&["restore", "-n"]).succeeds();
    told.says("kept a/1.txt: edited by hand, would go to .kept/")
        .says("2 files would be put back, 2 there already");
    assert_eq!(project.read_output("a/1.txt"), "mine", "nothing was done");
    assert!(!project.output("b.txt").exists());

    let report = project.kptn(&["restore", "--json"]).succeeds().json();
    assert_eq!(project.read_output("a/1.txt"), "a1");
    assert_eq!(project.read_output("b.txt"), "b");
    let aside = report["kept"][0]["aside"].as_str().expect("a path").to_owned();
    assert_eq!(project.read_output(&aside), "mine");
    assert_eq!(report["restored"], serde_json::json!(["a/1.txt", "b.txt"]));
    assert_eq!(report["present"], 2);

    // Twice within a second: the first edit is not written over by the second.
    project.write("scratch/main/a/1.txt", "mine too");
    let again = project.kptn(&["restore", "--json"]).succeeds().json();
    let other = again["kept"][0]["aside"].as_str().expect("a path");
    assert_eq!((project.read_output(&aside), project.read_output(other)), ("mine".into(), "mine too".into()));
    assert_eq!(project.not_fresh(), "");
}

#[test]
fn what_git_tracks_is_left_alone() {
    let project = two_tasks("");
    project.kptn(&["run"]).succeeds();
    git(&project, &["add", "-f", "scratch/main/b.txt"]);
    project.write("scratch/main/b.txt", "mine");
    project.kptn(&["restore"]).succeeds().says("kept b.txt: tracked by git, left alone");
    assert_eq!(project.read_output("b.txt"), "mine");
    project.kptn(&["restore", "-n"]).succeeds().says("0 files would be put back");
}

#[test]
fn branches_swap_a_folder_that_they_share_and_only_what_differs_is_touched() {
    let project = shared("");
    let inode = |path: &str| std::fs::metadata(project.path(path)).map(|found| found.ino()).expect(path);
    let untouched = [inode("out/a/0.txt"), inode("out/b.txt")];
    project.write("out/notes.txt", "mine");
    project.write("out/a/7.txt", "edited");
    git(&project, &["switch", "-q", "main"]);
    project.kptn(&["restore"]).succeeds().says("2 files put back, 2 there already");
    let here = "a/0.txt=a0 a/1.txt=a1 a/2.txt=a2 a/7.txt=edited b.txt=b notes.txt=mine";
    assert_eq!(listed(&project), here, "what no store holds stays");
    assert_eq!([inode("out/a/0.txt"), inode("out/b.txt")], untouched);
    project.remove("out/a/7.txt");

    git(&project, &["switch", "-q", "other"]);
    project.kptn(&["restore", "-n"]).succeeds().says("removed a/2.txt: another branch's");
    assert!(project.exists("out/a/2.txt"));
    project.kptn(&["restore"]).succeeds().says("2 files put back, 1 removed, 2 there already");
    assert_eq!(listed(&project), "a/0.txt=a0 a/1.txt=other a/7.txt=a7 b.txt=b notes.txt=mine");
    assert_eq!([inode("out/a/0.txt"), inode("out/b.txt")], untouched);
    assert_eq!(project.not_fresh(), "");
    // One task's files come back without taking those of others away.
    git(&project, &["switch", "-q", "main"]);
    project.kptn(&["restore", "B"]).succeeds();
    assert_eq!(listed(&project), "a/0.txt=a0 a/1.txt=other a/7.txt=a7 b.txt=b notes.txt=mine");
}

#[test]
fn a_checkout_offers_the_swap_or_does_it() {
    let project = shared("");
    project.kptn(&["hooks", "install"]).succeeds();
    let said = git(&project, &["switch", "main"]);
    said.says("kptn: main: 1 task has other files here than on other, and the output folder is shared: `kptn restore` swaps them");
    assert_eq!(listed(&project), "a/0.txt=a0 a/1.txt=other a/7.txt=a7 b.txt=b");
    git(&project, &["switch", "-c", "same"]).says("cloned from main").never_says("swaps");
    git(&project, &["checkout", "B.py"]).never_says("kptn");

    let project = shared(", restore_on_checkout: true");
    project.kptn(&["hooks", "install"]).succeeds();
    git(&project, &["switch", "main"]).says("kptn: main: 2 files put back, 1 removed");
    assert_eq!(listed(&project), "a/0.txt=a0 a/1.txt=a1 a/2.txt=a2 b.txt=b");
    project.write("out/a/1.txt", "mine");
    git(&project, &["switch", "other"]).says("your a/1.txt is now .kept/");
    assert_eq!(listed(&project), "a/0.txt=a0 a/1.txt=other a/7.txt=a7 b.txt=b");
    git(&project, &["switch", "-c", "same"]).says("cloned from other").never_says("put back");
}

#[test]
fn a_run_that_goes_on_keeps_its_folder() {
    let project = two_tasks("settings: {outputs_dir: out, restore_on_checkout: true}\n");
    project.write("B.py", crate::support::gated_task("B", "(output_dir / 'b.txt').write_text('b')"));
    project.commit("gated");
    project.kptn(&["hooks", "install"]).succeeds();
    git(&project, &["branch", "-q", "other"]);
    let run = project.start(&["run"]);
    project.wait_for("B");
    git(&project, &["switch", "other"]);
    project.kptn(&["restore"]).exits(3).says("kptn run");
    project.open_gate("B");
    assert_eq!(run.wait().0, Some(0));
    project.kptn(&["restore"]).succeeds();
}

#[test]
fn a_restore_that_is_killed_leaves_whole_files_and_the_next_one_goes_on() {
    let project = two_tasks("");
    let count = 400;
    project.edit("A.py", "range(3)", &format!("range({count})"));
    project.edit("A.py", "f'a{n}'", "f'a{n}' * 2000");
    project.kptn(&["run"]).succeeds();
    for _ in 0..3 {
        project.remove("scratch/main");
        let restore = project.start(&["restore"]);
        // They are made in a folder beside theirs, or are all there already.
        wait_until("files come back", || made_so_far(&project) > 20);
        restore.signal(Signal::KILL);
        restore.wait();
        assert!([0, count].contains(&whole_files(&project)));
        project.kptn(&["restore"]).succeeds();
        assert_eq!(whole_files(&project), count);
        assert_eq!(project.not_fresh(), "");
    }
}

/// Counts files in the folders of the output folder, whatever those are called.
fn made_so_far(project: &Project) -> usize {
    let folders = std::fs::read_dir(project.path("scratch/main")).into_iter().flatten().flatten();
    folders.filter_map(|folder| std::fs::read_dir(folder.path()).ok()).map(Iterator::count).max().unwrap_or(0)
}

/// Counts A's files, each of which must be whole; what the killed one was about to put in place is none of them.
fn whole_files(project: &Project) -> usize {
    let mut count = 0;
    for file in std::fs::read_dir(project.output("a")).into_iter().flatten().filter_map(Result::ok) {
        let name = file.file_name().to_string_lossy().into_owned();
        let Some(n) = name.strip_suffix(".txt") else {
            assert!(name.starts_with(".kptn-tmp-"), "{name}");
            continue;
        };
        assert_eq!(std::fs::read_to_string(file.path()).expect(&name), format!("a{n}").repeat(2000));
        count += 1;
    }
    count
}

#[test]
fn a_swap_takes_away_what_only_another_branch_knows_in_whichever_version_lies_there() {
    let project = two_tasks("settings: {outputs_dir: out}\n");
    project.kptn(&["run"]).succeeds();
    for branch in ["one", "two", "three"] {
        git(&project, &["switch", "-q", "main"]);
        git(&project, &["switch", "-qc", branch]);
        project.edit("kptn.yaml", "B: A", "B: A, X: ");
        project.edit("kptn.yaml", "tasks:\n  A:", "tasks:\n  X: {file: X.py, outputs: [x.txt]}\n  A:");
        project.write("X.py", python_task("X", &format!("(output_dir / 'x.txt').write_text('{branch}')")));
        project.commit(branch);
        project.kptn(&["run"]).succeeds();
    }
    for branch in ["one", "two", "three"] {
        git(&project, &["switch", "-q", branch]);
        project.kptn(&["restore"]).succeeds();
        assert_eq!(project.read("out/x.txt"), branch);
        git(&project, &["switch", "-q", "main"]);
        project.kptn(&["restore"]).succeeds().says("removed x.txt: another branch's");
        assert!(!project.exists("out/x.txt"), "{branch}");
    }
    // A branch of which nothing is known takes nothing away.
    git(&project, &["switch", "-qc", "new"]);
    project.kptn(&["restore"]).succeeds().says("0 files put back, 0 there already");
    assert!(project.exists("out/b.txt"));
}

#[test]
fn what_is_in_a_files_way_is_named_and_all_other_files_come() {
    let project = two_tasks("");
    project.edit(
        "kptn.yaml",
        "B: {file: B.py, outputs: [b.txt]}",
        "B: {file: B.py, outputs: [b.txt, c/x.txt, d/x.txt]}",
    );
    let body = "for name in ['c', 'd']:\n        (output_dir / name).mkdir(exist_ok=True)\n        \
                (output_dir / name / 'x.txt').write_text(name)\n    (output_dir / 'b.txt').write_text('b')";
    project.write("B.py", python_task("B", body));
    project.kptn(&["run"]).succeeds();
    project.remove("scratch/main");
    project.write("scratch/main/b.txt/mine", "a folder");
    project.write("scratch/main/c", "a file");
    project.write("elsewhere/x.txt", "mine");
    std::os::unix::fs::symlink(project.path("elsewhere"), project.path("scratch/main/d")).expect("a link");
    for words in [&["restore", "-n", "--json"][..], &["restore", "--json"]] {
        let report = project.kptn(words).exits(1).json();
        assert_eq!(report["in_the_way"], serde_json::json!(["b.txt", "c/x.txt", "d/x.txt"]), "{words:?}");
        assert_eq!(report["restored"], serde_json::json!(["a/0.txt", "a/1.txt", "a/2.txt"]), "{words:?}");
    }
    project.kptn(&["restore"]).exits(1).says("blocked b.txt").says("move that away");
    assert_eq!(project.read("elsewhere/x.txt"), "mine");
    assert_eq!(project.read("scratch/main/c"), "a file");
    for path in ["b.txt", "c", "d"] {
        project.remove(&format!("scratch/main/{path}"));
    }
    project.kptn(&["restore"]).succeeds().says("3 files put back, 3 there already");
    assert_eq!(project.not_fresh(), "");
}

#[cfg(feature = "failpoints")]
#[test]
fn an_edit_stays_where_it_is_when_the_file_cannot_come() {
    let project = two_tasks("");
    project.kptn(&["run"]).succeeds();
    project.write("scratch/main/b.txt", "mine");
    let trigger = [("KPTN_FAILPOINT", "store.give.written=error")];
    assert_ne!(project.kptn_with(&trigger, &["restore"]).code, Some(0));
    assert_eq!(project.read_output("b.txt"), "mine");
}

#[test]
fn a_clone_whose_files_cannot_come_is_told_all_the_same() {
    let project = two_tasks("");
    project.kptn(&["run"]).succeeds();
    git(&project, &["switch", "-qc", "other"]);
    std::fs::create_dir_all(project.path("scratch/other/b.txt/in-the-way")).expect("a folder");
    let said = project.kptn(&["branch", "clone", "main", "--restore"]).exits(1);
    said.says("blocked b.txt: a folder is in its place").says("3 files put back");
    assert_eq!(project.not_fresh(), "B=stale", "A came along, and what is in B's place counts as an edit");
}

#[test]
fn a_folder_of_many_files_comes_whole_whatever_is_in_it_or_in_its_way() {
    let project = two_tasks("");
    let body = "for n in range(40):\n        (output_dir / 'a' / f'{n}.sh').write_text(f'a{n}')\n        \
                (output_dir / 'a' / f'{n}.sh').chmod(0o755 if n % 2 else 0o644)\n    \
                (output_dir / 'a' / 'deep').mkdir(exist_ok=True)\n    \
                for n in range(40):\n        (output_dir / 'a' / 'deep' / f'{n}.txt').write_text('x' * n * 1000)";
    project.write("A.py", python_task("A", body));
    project.kptn(&["run"]).succeeds();
    let listed = || {
        let script =
            "cd scratch/main && find . -type f -not -path './.*' -exec stat -c '%n %a %s' {} + | sort";
        let said = project.program("sh").args(["-c", script]).output().expect("sh");
        String::from_utf8_lossy(&said.stdout).into_owned()
    };
    let all = listed();
    assert_eq!(all.lines().count(), 81);
    project.remove("scratch/main");
    project.kptn(&["restore"]).succeeds().says("81 files put back");
    assert_eq!(listed(), all);
    project.remove("scratch/main/a/deep");
    project.kptn(&["restore"]).succeeds().says("40 files put back");
    assert_eq!(listed(), all);
    // A file where the folder has to be.
    project.remove("scratch/main/a/deep");
    project.write("scratch/main/a/deep", "mine");
    project.kptn(&["restore"]).exits(1).says("blocked a/deep/0.txt");
    assert_eq!(project.read_output("a/deep"), "mine");
    project.remove("scratch/main/a/deep");
    project.kptn(&["restore"]).succeeds();
    assert_eq!((listed(), project.not_fresh()), (all, String::new()));
    let left = std::fs::read_dir(project.output("a")).expect("a").flatten();
    assert!(!left.into_iter().any(|entry| entry.file_name().to_string_lossy().starts_with(".kptn-tmp-")));
}
