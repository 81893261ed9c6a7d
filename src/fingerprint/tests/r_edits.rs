//! Edits of R code that must be seen, and those that must not.

use super::{Edit, Fixture, Row, check_edits, relative};
use crate::model::{IngredientKind, Input, Severity};

const SEEN: Edit = Edit::Seen;
const UNSEEN: Edit = Edit::Unseen;

const X1: &str = "f <- function() 1\n";
const X2: &str = "f <- function() 2\n";

/// How `x.R`, which lies at `path`, is sourced by `A/run.R`; it is then edited.
fn sourcing(rows: &[(&str, &str)]) {
    for (script, path) in rows {
        check_edits(&[Row {
            what: &format!("{script} ({path})"),
            script: "A/run.R",
            files: &[("A/run.R", script), (path, X1)],
            edit: (path, X2),
            expected: SEEN,
        }]);
    }
}

#[test]
fn sourced_files_count_however_they_are_named() {
    sourcing(&[
        ("source('x.R')", "A/x.R"),
        ("source(\"x.R\", local = TRUE)", "A/x.R"),
        ("source('../x.R')", "x.R"),
        ("source('A/x.R')", "A/x.R"),
        ("source(file.path(\"lib\", \"x.R\"))", "lib/x.R"),
        ("source(file.path(\"..\", \"lib\", \"x.R\"))", "lib/x.R"),
        ("source(here::here(\"a\", \"x.R\"))", "a/x.R"),
        ("library(here)\nsource(here(\"x.R\"))", "x.R"),
        ("source(here::here('x.R'))", "A/x.R"),
        ("sys.source('x.R', envir = new.env())", "A/x.R"),
        ("f <- function() source('x.R')\nf()", "A/x.R"),
        ("for (f in list.files('lib', full.names = TRUE)) source(f)", "A/lib/x.R"),
        ("Rcpp::sourceCpp('x.cpp')", "A/x.cpp"),
        ("setwd('../lib')\nsource('x.R')", "lib/x.R"),
        ("setwd(here::here('lib'))\nsource('x.R')", "lib/x.R"),
        ("withr::with_dir('sub', source('x.R'))", "A/sub/x.R"),
        ("box::use(./sub/x)", "A/sub/x.R"),
        ("eval(parse(file = 'x.R'))", "A/x.R"),
        ("1", ".Rprofile"),
        ("1", "A/.Rprofile"),
    ]);
}

#[test]
fn edits_of_scripts() {
    let row =
        |what, files, edit, expected| check_edits(&[Row { what, script: "A/run.R", files, edit, expected }]);
    row("the script", &[("A/run.R", "x <- 1")], ("A/run.R", "x <- 2"), SEEN);
    row("a comment", &[("A/run.R", "x <- 1")], ("A/run.R", "# one\nx <- 1 # 1\n"), UNSEEN);
    row("blank lines", &[("A/run.R", "x <- 1\ny <- 2")], ("A/run.R", "\nx <- 1\n\n\ny <- 2\n"), UNSEEN);
    row("reformatting", &[("A/run.R", "f(x,'a')")], ("A/run.R", "f(\n  x,\n  \"a\"\n)"), UNSEEN);
    row("line ends", &[("A/run.R", "x <- 1\ny <- 2\n")], ("A/run.R", "x <- 1\r\ny <- 2\r\n"), UNSEEN);
    row("a byte order mark", &[("A/run.R", "x <- 1")], ("A/run.R", "\u{feff}x <- 1"), UNSEEN);
    let files = &[("A/run.R", "source('x.R')"), ("A/x.R", "source('y.R')\nf()"), ("A/y.R", X1)];
    row("what a sourced file sources", files, ("A/y.R", X2), SEEN);
    let files = &[("A/run.R", "source('x.R')"), ("A/x.R", "source('run.R')\nsource('y.R')"), ("A/y.R", X1)];
    row("files that source each other", files, ("A/y.R", X2), SEEN);
    let files = &[("A/run.R", "source('x.R')"), ("A/x.R", X1), ("A/y.R", X1)];
    row("a comment in a sourced file", files, ("A/x.R", "# two\nf <- function() 1"), UNSEEN);
    row("an unrelated file", files, ("A/y.R", X2), UNSEEN);
    row("a new file in the same folder", files, ("A/z.R", X2), UNSEEN);
    let files = &[("A/run.R", "lapply(list.files('lib', full.names = TRUE), source)"), ("A/lib/a.R", X1)];
    row("a new file in a sourced folder", files, ("A/lib/b.R", X1), SEEN);
    let files = &[("A/run.R", "if (file.exists('o.R')) source('o.R')")];
    row("a sourced file appears", files, ("A/o.R", X1), SEEN);
    let files = &[("A/run.R", "x <- readRDS('x.rds')"), ("A/x.rds", "1")];
    row("data", files, ("A/x.rds", "2"), UNSEEN);
    let files = &[(".Rprofile", "source('renv/activate.R')"), ("renv/activate.R", "1"), ("A/run.R", "1")];
    row("how renv starts", files, ("renv/activate.R", "2"), UNSEEN);
}

#[test]
fn a_computed_path_is_said_with_its_line_unless_it_is_declared() {
    let mut fixture =
        Fixture::new("A/run.R", &[("A/run.R", "x <- 1\nsource(commandArgs()[1])"), ("lib/a.R", X1)]);
    let gathered = fixture.gather();
    let [note] = gathered.notes.as_slice() else { panic!("{:?}", gathered.notes) };
    assert_eq!((note.severity, note.location.map(|at| at.line)), (Severity::Note, Some(2)));
    assert_eq!(relative(note.path.as_deref().unwrap(), &fixture.root()), "A/run.R");
    fixture.task.inputs = vec![Input::Files(super::template("lib/*.R"))];
    assert_eq!(fixture.gather().notes, []);
    let before = fixture.fingerprint();
    fixture.write("lib/a.R", X2);
    assert_ne!(fixture.fingerprint(), before);
}

#[test]
fn a_missing_sourced_file_is_a_warning() {
    let fixture = Fixture::new("A/run.R", &[("A/run.R", "source('gone.R')")]);
    let gathered = fixture.gather();
    assert_eq!(gathered.notes[0].severity, Severity::Warning);
    assert_eq!(gathered.uncacheable, [""; 0]);
    assert_eq!(fixture.names(IngredientKind::Code), ["gone.R (absent)", "script"]);
}

#[test]
fn files_are_named_by_their_place_in_the_project() {
    let fixture = Fixture::new("A/run.R", &[("A/run.R", "source('../lib/x.R')"), ("lib/x.R", X1)]);
    assert_eq!(fixture.names(IngredientKind::Code), ["lib/x.R", "script"]);
    let other = Fixture::new("B/go.R", &[("B/go.R", "source('../lib/x.R')"), ("lib/x.R", X1)]);
    assert_eq!(fixture.fingerprint(), other.fingerprint());
}
