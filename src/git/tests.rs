//! Real repositories, made by the `git` program, read by both ways.
//!
//! Each answer is asked of libgit2 and of the program, and must be the same.
//! What this machine's user has configured does not count.

use std::fs;
use std::time::Duration;

use super::*;
use crate::process::{Launch, run_captured};

/// Runs git as nobody in particular, whatever this machine's user has configured.
fn git(folder: &Path, words: &[&str]) {
    let launch = Launch::new("git")
        .arguments(["-c", "user.name=t", "-c", "user.email=t@t", "-c", "init.defaultBranch=main"])
        .arguments(words)
        .folder(folder)
        .variable("GIT_CONFIG_GLOBAL", "/dev/null")
        .variable("GIT_CONFIG_NOSYSTEM", "1");
    let said = run_captured(&launch, Duration::from_secs(60)).unwrap();
    assert!(said.ended.is_success(), "{words:?}: {}", said.complaint());
}

fn committed(folder: &Path, init: &[&str]) {
    git(folder, init);
    fs::write(folder.join("a.txt"), "a").unwrap();
    fs::write(folder.join(".gitignore"), "*.log\n").unwrap();
    git(folder, &["add", "."]);
    git(folder, &["commit", "-q", "-m", "first"]);
}

fn temporary() -> (tempfile::TempDir, PathBuf) {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().canonicalize().unwrap();
    (folder, path)
}

fn found(path: &Path) -> Repository {
    Repository::discover(path).unwrap().unwrap()
}

/// The same repository, asked through the program.
fn by_program(path: &Path) -> Repository {
    Repository::from_program(program::places(path, program::Lookup::Folder).unwrap().unwrap())
}

#[test]
fn without_git_there_is_none() {
    let (_keep, path) = temporary();
    assert!(Repository::discover(&path).unwrap().is_none());
}

#[test]
fn both_ways_give_the_same_answers() {
    let (_keep, path) = temporary();
    git(&path, &["init", "-q"]);
    let both = || [found(&path), by_program(&path)];
    for repository in both() {
        let head = repository.head().unwrap();
        assert_eq!((head.branch.as_str(), head.commit), ("main", None));
        fs::write(path.join("a.txt"), "a").unwrap();
        assert!(repository.is_dirty(&[path.join("a.txt")]).unwrap());
    }
    committed(&path, &["init", "-q"]);
    git(&path, &["switch", "-q", "-c", "feature/x"]);
    fs::create_dir_all(path.join("sub dir")).unwrap();
    for repository in both() {
        let head = repository.head().unwrap();
        assert_eq!(head.branch.as_str(), "feature/x");
        assert_eq!(head.commit.map(|commit| commit.len()), Some(40));
        assert_eq!(repository.root(), path);
        assert_eq!(repository.common_folder(), path.join(".git"));
        assert_eq!(repository.project_id(&path).as_str(), "/");
        assert_eq!(repository.project_id(&path.join("sub dir")).as_str(), "sub dir");
    }
    git(&path, &["switch", "-q", "--detach"]);
    for repository in both() {
        let head = repository.head().unwrap();
        assert_eq!(head.branch.as_str(), format!("detached/{}", &head.commit.unwrap()[..12]));
    }
}

#[test]
fn dirty_is_whatever_the_commit_does_not_have_and_only_that() {
    let (_keep, path) = temporary();
    committed(&path, &["init", "-q"]);
    fs::write(path.join("new.txt"), "").unwrap();
    fs::write(path.join("x.log"), "").unwrap();
    for repository in [found(&path), by_program(&path)] {
        let dirty = |name: &str| repository.is_dirty(&[path.join(name)]).unwrap();
        assert!(!dirty("a.txt"));
        assert!(dirty("new.txt"), "untracked");
        assert!(dirty("x.log"), "ignored");
        assert!(!dirty("*.txt"), "no pattern");
        assert!(!dirty("/dev/null"), "outside");
        fs::write(path.join("a.txt"), "b").unwrap();
        assert!(dirty("a.txt"));
        fs::write(path.join("a.txt"), "a").unwrap();
    }
}

#[test]
fn linked_worktrees_share_the_common_folder_and_have_heads_of_their_own() {
    let (_keep, path) = temporary();
    let main = path.join("main");
    fs::create_dir(&main).unwrap();
    committed(&main, &["init", "-q"]);
    git(&main, &["worktree", "add", "-q", "../other", "-b", "other"]);
    for repository in [found(&path.join("other")), by_program(&path.join("other"))] {
        assert_eq!(repository.root(), path.join("other"));
        assert_eq!(repository.common_folder(), main.join(".git"));
        assert_eq!(repository.head().unwrap().branch.as_str(), "other");
        assert_eq!(repository.project_id(repository.root()).as_str(), "/");
    }
}

#[test]
fn what_libgit2_cannot_open_is_read_by_the_program() {
    for format in [["--ref-format=reftable"], ["--object-format=sha256"]] {
        let (_keep, path) = temporary();
        let mut init = vec!["init", "-q"];
        init.extend(format);
        committed(&path, &init);
        let repository = found(&path);
        assert!(matches!(repository.backend, Backend::Program(_)), "{format:?}");
        assert_eq!(repository.head().unwrap().branch.as_str(), "main");
        assert!(!repository.is_dirty(&[path.join("a.txt")]).unwrap());
    }
}

#[test]
fn a_name_that_git_allows_and_kptn_does_not_gets_one_of_its_own() {
    let name = |text: &str| named(text, "/", BranchName::parse).as_str().to_owned();
    assert_eq!(name("feature/x"), "feature/x");
    assert_ne!(name("+x"), name("x"));
    assert_ne!(name("a|b"), name("a<b"));
    assert!(BranchName::parse(&name(&"x".repeat(300))).is_ok());
}

#[test]
fn tracked_files_are_found_both_ways_and_only_below_the_folder() {
    let folder = tempfile::tempdir().unwrap();
    let root = folder.path().canonicalize().unwrap();
    committed(&root, &["init", "-q"]);
    fs::create_dir_all(root.join("out")).unwrap();
    for name in ["out/kept.csv", "out/free.csv", "outside.csv"] {
        fs::write(root.join(name), "x").unwrap();
    }
    git(&root, &["add", "out/kept.csv", "outside.csv"]);
    let expected = std::collections::BTreeSet::from([root.join("out/kept.csv")]);
    for repository in [found(&root), by_program(&root)] {
        assert_eq!(repository.tracked_below(&root.join("out")).unwrap(), expected);
        assert!(repository.tracked_below(Path::new("/elsewhere")).unwrap().is_empty());
    }
}

/// Not a test of its own: started by the one below, as a hook would start it.
#[test]
fn another_process() {
    let Some(start) = std::env::var_os("KPTN_TEST_GIT_START") else { return };
    let repository = found(Path::new(&start));
    println!("on {} of {}", repository.head().unwrap().branch, repository.root().display());
}

#[test]
fn inside_a_hook_the_environment_says_which_repository_it_is() {
    for format in [&["init", "-q"][..], &["init", "-q", "--ref-format=reftable"]] {
        let (_keep, path) = temporary();
        let main = path.join("main");
        fs::create_dir(&main).unwrap();
        committed(&main, format);
        git(&main, &["worktree", "add", "-q", "../other", "-b", "other"]);
        let hook = Launch::new(std::env::current_exe().unwrap())
            .arguments(["--exact", "git::tests::another_process", "--nocapture"])
            .folder(path.join("other"))
            .variable("GIT_DIR", main.join(".git/worktrees/other"))
            .variable("KPTN_TEST_GIT_START", path.join("other"));
        let said = run_captured(&hook, Duration::from_secs(60)).unwrap();
        let expected = format!("on other of {}", path.join("other").display());
        assert!(said.text().contains(&expected), "{format:?}: {} {}", said.text(), said.complaint());
    }
}
