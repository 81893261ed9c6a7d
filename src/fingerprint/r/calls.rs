//! Calls in R code that read other code, and packages it uses.

use tree_sitter::Node;

use crate::fingerprint::syntax::{Below, Visitor, text_of, walk};

use super::facts::{Content, Facts, Sourced, Written};
use super::functions::{APPLY, ATTACH, HAND_ON, SOURCE};
use super::mentions;
use super::paths::{self, Argument, Variables, argument, arguments, bare, function_name, literal};

/// Reads everything but the digest.
pub(super) fn read(root: Node<'_>, text: &str) -> Facts {
    let mut reader = Reader {
        text,
        variables: Variables::default(),
        facts: Facts::default(),
        calls: Vec::new(),
        renamed: Vec::new(),
    };
    walk(root, &mut reader);
    reader.renamed();
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
    /// Values that are set to a function that reads code: `load <- source`.
    renamed: Vec<Node<'t>>,
}

impl<'t> Visitor<'t> for Reader<'t> {
    fn enter(&mut self, node: Node<'t>, field: Option<&'t str>, parents: &[Node<'t>]) -> Below {
        match node.kind() {
            "call" => {
                let pipe =
                    parents.last().filter(|parent| is_pipe(**parent, self.text) && field == Some("rhs"));
                self.calls.push((node, pipe.and_then(|pipe| pipe.child_by_field_name("lhs"))));
            }
            "binary_operator" => {
                self.assignment(node);
                self.pipe(node);
            }
            "string" => {
                let content = node.child_by_field_name("content").map(|content| text_of(content, self.text));
                self.facts.mentioned.extend(content.into_iter().flat_map(mentions::named_in));
            }
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
        if self.is_source(value) {
            self.renamed.push(value);
        }
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

    /// `"x.R" %>% source`
    fn pipe(&mut self, node: Node<'t>) {
        let (Some(left), Some(right)) = (node.child_by_field_name("lhs"), node.child_by_field_name("rhs"))
        else {
            return;
        };
        if is_pipe(node, self.text) && self.is_source(right) {
            self.source(Some(left), node.start_position().row as u32 + 1, Content::R);
        }
    }

    /// Tells whether a value is a function that reads code, by its own name.
    fn is_source(&self, value: Node<'t>) -> bool {
        let name = match value.kind() {
            "identifier" => Some(value),
            "namespace_operator" => value.child_by_field_name("rhs"),
            _ => None,
        };
        name.is_some_and(|name| SOURCE.contains(&bare(text_of(name, self.text))))
    }

    /// What is called by another name can't be followed, unless `source` is a variable of the script.
    fn renamed(&mut self) {
        for value in std::mem::take(&mut self.renamed) {
            if !self.variables.has(bare(text_of(value, self.text))) {
                let line = value.start_position().row as u32 + 1;
                self.facts.sources.push(Sourced { line, paths: Vec::new(), content: Content::R });
            }
        }
    }

    /// `do.call(source, list("x.R"))`: files that are named count as such; others can't be told.
    fn hand_on(&mut self, call: Node<'t>, given: &[Argument<'t>], line: u32) {
        let by_text =
            |one: &Argument<'t>| literal(one.value, self.text).is_some_and(|name| SOURCE.contains(&name));
        let hands_on = given.iter().any(|one| self.is_source(one.value) || by_text(one));
        if hands_on && mentions::named_in(text_of(call, self.text)).next().is_none() {
            self.facts.sources.push(Sourced { line, paths: Vec::new(), content: Content::R });
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
        } else if HAND_ON.contains(&name) {
            self.hand_on(call, &given, line);
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
                let folders = folders.unwrap_or_default();
                self.folders(&folders, "R/*.[Rr]", Content::R, line);
                // The rest of the package: what R makes of it when it is loaded. As patterns, for not all have to be there.
                for below in
                    ["R/*", "DESCRIPTIO[N]", "NAMESPAC[E]", "data/*", "src/*.[cChHfF]*", "src/Makevars*"]
                {
                    self.folders(&folders, below, Content::Other, line);
                }
                // What the package's DESCRIPTION imports is attached too.
                self.facts.more_packages = true;
            }
            "sourceDirectory" | "tar_source" | "source_dir" => {
                let folder = argument(given, &["path", "files", "directory"]);
                let folders = match folder {
                    Some(folder) => paths::read(folder, self.text, &self.variables),
                    None => Some(vec![Written { here: false, text: "R".into(), glob: false }]),
                };
                self.folders(&folders.unwrap_or_default(), "**/*.[Rr]", Content::R, line);
            }
            "setwd" | "with_dir" | "local_dir" => {
                let folder = argument(given, &["dir", "new", ".new"]);
                let folders = folder.and_then(|folder| paths::read(folder, self.text, &self.variables));
                self.facts.folders.extend(folders.unwrap_or_default());
            }
            "options" => {
                let path = given.iter().find(|one| one.name == Some("box.path")).map(|one| one.value);
                let folders = path.and_then(|path| paths::read(path, self.text, &self.variables));
                self.facts.folders.extend(folders.unwrap_or_default());
            }
            // reticulate's; those of other packages take no name that is also one of a file here.
            "import" | "import_from_path" => {
                let module = argument(given, &["module"]).and_then(|module| literal(module, self.text));
                let folder = given.iter().rfind(|one| one.name != Some("module"));
                let folder = folder.and_then(|one| literal(one.value, self.text)).unwrap_or(".");
                let in_folder = module.into_iter().flat_map(|module| mentions::python_module(module, folder));
                self.facts.mentioned.extend(in_folder);
                self.facts
                    .mentioned
                    .extend(module.into_iter().flat_map(|module| mentions::python_module(module, ".")));
            }
            "py_run_string" => {
                let code =
                    argument(given, &["code"]).and_then(|code| literal(code, self.text)).unwrap_or_default();
                self.facts.mentioned.extend(mentions::imported_by_python(code.as_bytes()));
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
            if !name.contains('/') {
                self.facts.packages.push(bare(&name).into());
                continue;
            }
            let written =
                |end: &str| Written { here: false, text: format!("{name}{end}").into(), glob: true };
            let paths = vec![written(".[Rr]"), written("/__init__.[Rr]")];
            self.facts.sources.push(Sourced { line, paths, content: Content::R });
        }
    }

    fn folders(&mut self, folders: &[Written], below: &str, content: Content, line: u32) {
        if folders.is_empty() && content == Content::Other {
            return;
        }
        let paths = folders.iter().map(|folder| Written {
            text: format!("{}/{below}", folder.text).into(),
            glob: true,
            here: folder.here,
        });
        self.facts.sources.push(Sourced { line, paths: paths.collect(), content });
    }
}

#[cfg(test)]
mod tests;
