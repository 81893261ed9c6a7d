//! Which calls are read as reading code, and which packages they use.

use crate::fingerprint::r::facts_of;

fn sources(text: &str) -> Vec<String> {
    let written = |path: &super::Written| format!("{}{}", if path.here { "here/" } else { "" }, path.text);
    let sources = facts_of(text.as_bytes()).sources;
    sources
        .iter()
        .map(|one| match one.paths.is_empty() {
            true => format!("computed at {}", one.line),
            false => one.paths.iter().map(written).collect::<Vec<_>>().join(" "),
        })
        .collect()
}

#[test]
fn paths_that_are_written_out_are_read() {
    for (text, expected) in [
        ("source('x.R')", "x.R"),
        ("source(\"x.R\", local = TRUE)", "x.R"),
        ("source(local = TRUE, file = \"x.R\")", "x.R"),
        ("base::source(r\"(x.R)\")", "x.R"),
        ("sys.source('x.R', envir = e)", "x.R"),
        ("source(file.path(\"lib\", 'x.R'))", "lib/x.R"),
        ("source(here::here(\"a\", \"x.R\"))", "here/a/x.R"),
        ("source(here('a/x.R'))$value", "here/a/x.R"),
        ("source(file.path(here::here(), 'a', 'x.R'))", "here/a/x.R"),
        ("source(normalizePath(file.path('..', 'x.R')))", "../x.R"),
        ("source(paste0('lib/', 'x', '.R'))", "lib/x.R"),
        ("f <- function() {\n  if (a) source('x.R')\n}", "x.R"),
        ("lib <- 'lib'\nsource(file.path(lib, 'x.R'))", "lib/x.R"),
        ("lapply(c('a.R', 'b.R'), source)", "a.R b.R"),
        ("purrr::walk(list.files('R', full.names = TRUE), source)", "R/*.[Rr]"),
        ("list.files('R', full.names = TRUE) |> walk(source)", "R/*.[Rr]"),
        ("for (f in list.files('R')) source(file.path('R', f))", "R/*.[Rr]"),
        ("sapply(list.files(here('R'), full.names=TRUE), function(f) source(f))", "here/R/*.[Rr]"),
        ("targets::tar_source('R')", "R/**/*.[Rr]"),
        ("Rcpp::sourceCpp('x.cpp')", "x.cpp"),
        ("eval(parse('x.R'))", "x.R"),
        ("import::from('x.R', f)", "x.R"),
        ("box::use(./a/x[f])", "./a/x.[Rr] ./a/x/__init__.[Rr]"),
        ("source(x)", "computed at 1"),
        ("x <- 'a.R'\nx <- 'b.R'\nsource(x)", "computed at 3"),
        ("f <- function(p) source(p)\np <- 'a.R'", "computed at 1"),
        ("source(paste0(name, '.R'))", "computed at 1"),
        ("x <- 'a.R'\nx[2] <- 'b.R'\nlapply(x, source)", "computed at 3"),
        ("lapply(c('a.R'), function(f, d) source(file.path(d, f)), d = 'x')", "computed at 1"),
    ] {
        assert_eq!(sources(text), [expected], "{text}");
    }
    for none in [
        "readRDS('x.rds')",
        "read.csv('x.csv')",
        "parse(text = 'x.R')",
        "# source('x.R')",
        "x <- \"source('x.R')\"",
        "x$source",
    ] {
        assert_eq!(sources(none), [""; 0], "{none}");
    }
}

#[test]
fn a_package_that_is_loaded_counts_with_all_that_r_makes_of_it() {
    let patterns = sources("devtools::load_all('p')");
    assert_eq!(patterns[..4], ["p/R/*.[Rr]", "p/R/*", "p/DESCRIPTIO[N]", "p/NAMESPAC[E]"]);
    assert_eq!(sources("load_all(path)"), ["computed at 1"]);
}

#[test]
fn packages_are_found_however_they_are_attached() {
    for (text, expected, more) in [
        ("library(dplyr)", &["dplyr"][..], false),
        ("suppressMessages(library('dplyr'))", &["dplyr"], false),
        ("if (!requireNamespace(\"jsonlite\", quietly = TRUE)) stop()", &["jsonlite"], false),
        ("readr::read_csv('x')", &["readr"], false),
        ("a:::b()", &["a"], false),
        ("pacman::p_load(dplyr, 'tidyr')", &["dplyr", "pacman", "tidyr"], false),
        ("lapply(c('a', 'b'), library, character.only = TRUE)", &["a", "b"], false),
        ("p <- c('a', 'b')\nfor (x in p) library(x, character.only = TRUE)", &["a", "b"], false),
        ("box::use(dplyr[filter], readr)", &["box", "dplyr", "readr"], false),
        ("library(x, character.only = TRUE)", &[], true),
        ("sapply(pkgs, require, character.only = TRUE)", &[], true),
    ] {
        let facts = facts_of(text.as_bytes());
        let packages: Vec<&str> = facts.packages.iter().map(|name| name.as_ref()).collect();
        assert_eq!((packages.as_slice(), facts.more_packages), (expected, more), "{text}");
    }
}
