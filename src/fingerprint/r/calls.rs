//! Calls in R code that read other code, and packages it uses.

use tree_sitter::Node;

use crate::fingerprint::syntax::{Below, Visitor, text_of, walk};

use super::facts::{Content, Facts, Sourced, Written};
use super::paths::{self, Argument, Variables, argument, arguments, bare, function_name, literal};

/// Functions that call a function for each element of their first argument.
const APPLY: [&str; 12] = [
    "lapply",
    "sapply",
    "vapply",
    "walk",
    "map",
    "Map",
    "mapply",
    "future_walk",
    "future_map",
    "map_chr",
    "llply",
    "l_ply",
];

const SOURCE: [&str; 3] = ["source", "sys.source", "sourceUTF8"];
const ATTACH: [&str; 6] =
    ["library", "require", "requireNamespace", "loadNamespace", "attachNamespace", "use_package"];

/// Reads everything but the digest.
pub(super) fn read(root: Node<'_>, text: &str) -> Facts {
    let mut reader =
        Reader { text, variables: Variables::default(), facts: Facts::default(), calls: Vec::new() };
    walk(root, &mut reader);
    // A variable may be set after the function that uses it is written: calls are looked at last.
    for (call, piped) in std::mem::take(&mut reader.calls) {
        reader.call(call, piped);
    }
    let mut facts = reader.facts;
    facts.packages.sort();
    facts.packages.dedup();
    facts
}

struct Reader<'t> {
    text: &'t str,
    variables: Variables<'t>,
    facts: Facts,
    /// Calls, each with what a pipe gives it as its first argument.
    calls: Vec<(Node<'t>, Option<Node<'t>>)>,
}

impl<'t> Visitor<'t> for Reader<'t> {
    fn enter(&mut self, node: Node<'t>, field: Option<&'t str>, parents: &[Node<'t>]) -> Below {
        match node.kind() {
            "call" => {
                let pipe =
                    parents.last().filter(|parent| is_pipe(**parent, self.text) && field == Some("rhs"));
                self.calls.push((node, pipe.and_then(|pipe| pipe.child_by_field_name("lhs"))));
            }
            "binary_operator" => self.assignment(node),
            "for_statement" => {
                let name = node.child_by_field_name("variable");
                if let (Some(name), Some(sequence)) = (name, node.child_by_field_name("sequence")) {
                    self.variables.set(bare(text_of(name, self.text)), sequence);
                }
            }
            "parameter" => self.parameter(node, parents),
            "namespace_operator" => {
                if let Some(package) = node.child_by_field_name("lhs") {
                    self.facts.packages.push(bare(text_of(package, self.text)).into());
                }
            }
            _ => {}
        }
        Below::Enter
    }

    fn leave(&mut self, _node: Node<'t>, _depth: usize) {}
}

fn is_first(parameter: Node<'_>, parameters: Node<'_>) -> bool {
    parameters.named_child(0).is_some_and(|first| first.id() == parameter.id())
}

fn is_pipe(node: Node<'_>, text: &str) -> bool {
    let operator = node.child_by_field_name("operator").map(|operator| text_of(operator, text));
    matches!(operator, Some("|>" | "%>%"))
}

impl<'t> Reader<'t> {
    fn assignment(&mut self, node: Node<'t>) {
        let operator = node.child_by_field_name("operator").map(|operator| text_of(operator, self.text));
        let (to, value) = match operator {
            Some("<-" | "<<-" | "=") => ("lhs", "rhs"),
            Some("->" | "->>") => ("rhs", "lhs"),
            _ => return,
        };
        let (Some(to), Some(value)) = (node.child_by_field_name(to), node.child_by_field_name(value)) else {
            return;
        };
        match to.kind() {
            "identifier" => self.variables.set(bare(text_of(to, self.text)), value),
            // `x[2] <- …` changes a part of what `x` is.
            "subset" | "subset2" | "extract_operator" => {
                let changed = to.child(0).filter(|changed| changed.kind() == "identifier");
                if let Some(changed) = changed {
                    self.variables.hide(bare(text_of(changed, self.text)));
                }
            }
            _ => {}
        }
    }

    /// `lapply(files, function(f) source(f))`: the parameter is each of the files.
    fn parameter(&mut self, node: Node<'t>, parents: &[Node<'t>]) {
        let Some(name) = node.child_by_field_name("name").map(|name| bare(text_of(name, self.text))) else {
            return;
        };
        let around: Vec<Node<'t>> = parents.iter().rev().take(5).copied().collect();
        let applied = match around.as_slice() {
            [parameters, function, argument, _, call]
                if argument.kind() == "argument" && call.kind() == "call" && is_first(node, *parameters) =>
            {
                let is_apply = function_name(*call, self.text).is_some_and(|name| APPLY.contains(&name));
                let each = arguments(*call, self.text).into_iter().next().map(|one| one.value);
                each.filter(|each| is_apply && each.id() != function.id())
            }
            _ => None,
        };
        match applied {
            Some(each) => self.variables.set(name, each),
            None => self.variables.hide(name),
        }
    }

    fn call(&mut self, call: Node<'t>, piped: Option<Node<'t>>) {
        let Some(name) = function_name(call, self.text) else { return };
        let mut given = arguments(call, self.text);
        given.splice(0..0, piped.map(|value| Argument { name: None, value }));
        let line = call.start_position().row as u32 + 1;
        if SOURCE.contains(&name) {
            self.source(argument(&given, &["file", "fileName"]), line, Content::R);
        } else if APPLY.contains(&name) {
            self.apply(&given, line);
        } else if ATTACH.contains(&name) {
            self.attach(&given);
        } else {
            self.other(name, &given, line);
        }
    }

    fn source(&mut self, path: Option<Node<'t>>, line: u32, content: Content) {
        let Some(path) = path else { return };
        let paths = paths::read(path, self.text, &self.variables).unwrap_or_default();
        self.facts.sources.push(Sourced { line, paths, content });
    }

    fn apply(&mut self, given: &[Argument<'t>], line: u32) {
        let is_function = |one: &Argument<'t>, names: &[&str]| {
            let name = match one.value.kind() {
                "identifier" => Some(one.value),
                "namespace_operator" => one.value.child_by_field_name("rhs"),
                _ => None,
            };
            name.is_some_and(|name| names.contains(&text_of(name, self.text)))
        };
        let each = given.iter().find(|one| !is_function(one, &SOURCE) && !is_function(one, &ATTACH));
        if given.iter().any(|one| is_function(one, &SOURCE)) {
            self.source(each.map(|one| one.value), line, Content::R);
        }
        if given.iter().any(|one| is_function(one, &ATTACH)) {
            match each.and_then(|one| paths::read(one.value, self.text, &self.variables)) {
                Some(names) => self.facts.packages.extend(names.into_iter().map(|name| name.text)),
                None => self.facts.more_packages = true,
            }
        }
    }

    fn attach(&mut self, given: &[Argument<'t>]) {
        let by_value =
            given.iter().any(|one| one.name == Some("character.only") && !self.is_false(one.value));
        match argument(given, &["package"]) {
            Some(name) if name.kind() == "string" => {
                self.facts.packages.extend(literal(name, self.text).map(Box::from));
            }
            Some(name) if by_value => match paths::read(name, self.text, &self.variables) {
                Some(names) => self.facts.packages.extend(names.into_iter().map(|name| name.text)),
                None => self.facts.more_packages = true,
            },
            Some(name) if name.kind() == "identifier" => {
                self.facts.packages.push(bare(text_of(name, self.text)).into());
            }
            Some(_) => self.facts.more_packages = true,
            None => {}
        }
    }

    fn is_false(&self, value: Node<'t>) -> bool {
        matches!(text_of(value, self.text), "FALSE" | "F")
    }

    fn other(&mut self, name: &str, given: &[Argument<'t>], line: u32) {
        match name {
            "p_load" => {
                let names = given.iter().filter(|one| one.name.is_none());
                let names = names.map(|one| bare(text_of(one.value, self.text)).into());
                self.facts.packages.extend(names.collect::<Vec<Box<str>>>());
            }
            "load_all" => {
                let folder = argument(given, &["path"]);
                let folders = match folder {
                    Some(folder) => paths::read(folder, self.text, &self.variables),
                    None => Some(vec![Written { here: false, text: ".".into(), glob: false }]),
                };
                self.folders(folders, "R/*.[Rr]", line);
                // What the package's DESCRIPTION imports is attached too.
                self.facts.more_packages = true;
            }
            "sourceDirectory" | "tar_source" | "source_dir" => {
                let folder = argument(given, &["path", "files", "directory"]);
                let folders = match folder {
                    Some(folder) => paths::read(folder, self.text, &self.variables),
                    None => Some(vec![Written { here: false, text: "R".into(), glob: false }]),
                };
                self.folders(folders, "**/*.[Rr]", line);
            }
            "setwd" | "with_dir" | "local_dir" => {
                let folder = argument(given, &["dir", "new", ".new"]);
                let folders = folder.and_then(|folder| paths::read(folder, self.text, &self.variables));
                self.facts.folders.extend(folders.unwrap_or_default());
            }
            // `eval(parse("x.R"))`; texts that are parsed are given as `text`.
            "parse" => self.code_file(argument(given, &["file"]), line),
            "sourceCpp" | "source_python" | "cpp_source" | "render" | "quarto_render" | "knit"
            | "py_run_file" | "read_chunk" => {
                let file = argument(given, &["file", "input"]);
                // Texts given to these may be code instead of a path.
                if let Some(paths) = file.and_then(|file| paths::read(file, self.text, &self.variables)) {
                    self.facts.sources.push(Sourced { line, paths, content: Content::Other });
                }
            }
            "use" if given.iter().any(|one| one.value.kind() != "string") => self.modules(given, line),
            "from" | "use" => {
                let package = argument(given, &[".from", "package"]);
                self.code_file(package, line);
                self.facts.packages.extend(package.map(|name| bare(text_of(name, self.text)).into()));
            }
            _ => {}
        }
    }

    /// A file of R code, if it is called like one.
    fn code_file(&mut self, file: Option<Node<'t>>, line: u32) {
        let name = file.and_then(|file| literal(file, self.text));
        if name.is_some_and(|name| name.ends_with(".R") || name.ends_with(".r")) {
            self.source(file, line, Content::R);
        }
    }

    /// `box::use(./a/b[f], dplyr)`
    fn modules(&mut self, given: &[Argument<'t>], line: u32) {
        for one in given {
            let name: String =
                text_of(one.value, self.text).split(['[', ' ', '\n']).next().unwrap_or("").into();
            if !name.starts_with('.') {
                self.facts.packages.push(bare(&name).into());
                continue;
            }
            let written =
                |end: &str| Written { here: false, text: format!("{name}{end}").into(), glob: true };
            let paths = vec![written(".[Rr]"), written("/__init__.[Rr]")];
            self.facts.sources.push(Sourced { line, paths, content: Content::R });
        }
    }

    fn folders(&mut self, folders: Option<Vec<Written>>, below: &str, line: u32) {
        let paths = folders.unwrap_or_default().into_iter().map(|folder| Written {
            text: format!("{}/{below}", folder.text).into(),
            glob: true,
            here: folder.here,
        });
        self.facts.sources.push(Sourced { line, paths: paths.collect(), content: Content::R });
    }
}

#[cfg(test)]
mod tests {
    use crate::fingerprint::r::facts_of;

    fn sources(text: &str) -> Vec<String> {
        let written =
            |path: &super::Written| format!("{}{}", if path.here { "here/" } else { "" }, path.text);
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
            ("devtools::load_all()", "./R/*.[Rr]"),
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
}
