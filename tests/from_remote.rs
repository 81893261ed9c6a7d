//! `kptn cat --from` and `kptn path --from`: one result as a remote has it, and nothing else of it.

use std::fs;

use crate::support::{Place, Project, tasks_yaml};

/// What is here of a state: nothing, as no branch was moved.
fn is_untouched(project: &Project) {
    assert_eq!(project.not_fresh(), "A=stale B=stale");
    project.kptn(&["fsck"]).succeeds();
}

#[test]
fn one_file_comes_and_no_branch_is_moved() {
    for place in Place::each() {
        let one = place.project();
        one.kptn(&["run"]).succeeds();
        one.kptn(&["push"]).succeeds();
        let other = place.project();
        if let Place::Bucket(s3) = &place {
            s3.take_calls();
        }
        assert_eq!(other.kptn(&["cat", "B", "--from", "team"]).succeeds().stdout, "oneoneone");
        if let Place::Bucket(s3) = &place {
            let counted = s3.take_calls();
            assert!(
                counted.keys().all(|kind| kind.starts_with("GET") && kind != "GET objects"),
                "{counted:?}"
            );
            assert!(counted.values().sum::<u64>() <= 12, "{counted:?}");
        }
        is_untouched(&other);
        let path = other.kptn(&["path", "B", "--from", "team"]).succeeds();
        assert!(
            path.stdout.contains("/scratch/main-team~") && path.stdout.ends_with("/b.txt\n"),
            "{}",
            path.stdout
        );
        assert_eq!(fs::read_to_string(path.stdout.trim()).expect("the file"), "oneoneone");
        assert!(!other.output("b.txt").exists());
        is_untouched(&other);
        assert_eq!(other.kptn(&["cat", "A", "--from", "team"]).succeeds().stdout.len(), 3_000_000);

        // A branch there is named by `--branch`, whatever is checked out here.
        one.git(&["switch", "-qc", "june"]);
        one.edit("A.py", "'one'", "'two'");
        one.kptn(&["run"]).succeeds();
        one.kptn(&["push"]).succeeds();
        assert_eq!(other.kptn(&["cat", "B", "--from", "team", "-b", "june"]).succeeds().stdout, "twotwotwo");
        let path = other.kptn(&["path", "B", "--from", "team", "-b", "june"]).succeeds();
        assert!(path.stdout.contains("/scratch/june-team~"), "{}", path.stdout);
        is_untouched(&other);
        other.kptn(&["cat", "B", "--from", "team", "-b", "july"]).exits(2).says("july");
        other.kptn(&["cat", "B", "--from", "temm"]).exits(2).says("did you mean `team`");
        other.kptn(&["cat", "X", "--from", "team"]).exits(2).says("`X`");
        other.kptn(&["cat", "B", "c.txt", "--from", "team"]).exits(2).says("left no file `c.txt`");
    }
}

#[test]
fn an_item_a_result_and_what_is_local_only_there() {
    let folder = tempfile::tempdir().expect("a folder");
    let url = format!("file://{}", folder.path().join("team").display());
    let make = || {
        let tasks = [
            "L: {cache_result: true, iterable_item: n}",
            "M: {map_over: n, outputs: ['${n}.txt']}",
            "S: {outputs: [s.txt], local_only: true}",
            "N: {outputs: [n.txt]}",
        ];
        let yaml = tasks_yaml("L: , M: L, S: , N: ", &tasks);
        let project = Project::new()
            .yaml(&format!("{yaml}\nremotes:\n  team: {{url: '{url}'}}\n"))
            .file("L.py", "def L():\n    return ['NC', 'SC']\n")
            .file("M.py", "def M(n, output_dir):\n    (output_dir / f'{n}.txt').write_text(n * 3)\n")
            .file("S.py", "def S(output_dir):\n    (output_dir / 's.txt').write_text('s')\n")
            .file("N.py", "def N(output_dir):\n    (output_dir / 'n.txt').write_text('n')\n");
        project.commit("a list");
        project
    };
    let one = make();
    one.kptn(&["run", "M", "+M", "S"]).succeeds();
    one.kptn(&["push"]).succeeds();
    let other = make();
    assert_eq!(other.kptn(&["cat", "M[SC]", "--from", "team"]).succeeds().stdout, "SCSCSC");
    assert_eq!(other.kptn(&["cat", "L", "--from", "team"]).succeeds().stdout, "[\"NC\",\"SC\"]\n");
    let both = other.kptn(&["path", "M", "--from", "team"]).succeeds();
    assert_eq!(both.stdout.lines().count(), 2);
    other.kptn(&["cat", "S", "--from", "team"]).exits(1).says("neither this machine nor a remote");
    other.kptn(&["path", "S", "--from", "team"]).exits(1);
    other.kptn(&["cat", "N", "--from", "team"]).exits(2).says("has no result of `N`");
    // Where it was made, it is here.
    assert_eq!(one.kptn(&["cat", "S", "--from", "team"]).succeeds().stdout, "s");

    // All branches in one folder: a file there would take the place of one here.
    other.write("kptn.yaml", other.read("kptn.yaml") + "settings: {outputs_dir: scratch}\n");
    other.kptn(&["path", "M", "--from", "team"]).exits(2).says("kptn cat --from");
    assert_eq!(other.kptn(&["cat", "M[NC]", "--from", "team"]).succeeds().stdout, "NCNCNC");
}
