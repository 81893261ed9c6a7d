//! Paths in R code, as far as they are written out.
//!
//! Understands texts, `file.path`, `here::here`, `paste0`, `c`, `list.files`
//! and variables that are set once, so `for (f in list.files("R")) source(f)`
//! is followed. One expression may stand for several paths. Whatever else it
//! meets makes a path computed.

use std::collections::HashMap;

use tree_sitter::Node;

use crate::fingerprint::syntax::{children, text_of};

use super::facts::Written;

/// Deeper nesting is nothing a person writes.
const DEEPEST: u32 = 20;

/// More paths than this are not followed one by one.
const MOST: usize = 200;

/// What each variable of a source is set to: once, or nothing that can be told.
#[derive(Default)]
pub(super) struct Variables<'t> {
    values: HashMap<&'t str, Option<Node<'t>>>,
}

impl<'t> Variables<'t> {
    /// A variable is set to a value, or to each element of one.
    pub(super) fn set(&mut self, name: &'t str, value: Node<'t>) {
        self.values.entry(name).and_modify(|known| *known = None).or_insert(Some(value));
    }

    /// Tells whether a variable of this name is set anywhere.
    pub(super) fn has(&self, name: &str) -> bool {
        self.values.contains_key(name)
    }

    /// A variable holds what cannot be told.
    pub(super) fn hide(&mut self, name: &'t str) {
        self.values.insert(name, None);
    }
}

/// One argument of a call.
pub(super) struct Argument<'t> {
    pub name: Option<&'t str>,
    pub value: Node<'t>,
}

/// Returns the arguments of a call that have a value.
pub(super) fn arguments<'t>(call: Node<'t>, text: &'t str) -> Vec<Argument<'t>> {
    let Some(list) = call.child_by_field_name("arguments") else { return Vec::new() };
    let arguments = children(list).into_iter().filter(|(child, _)| child.kind() == "argument");
    arguments
        .filter_map(|(argument, _)| {
            let name = argument.child_by_field_name("name").map(|name| bare(text_of(name, text)));
            Some(Argument { name, value: argument.child_by_field_name("value")? })
        })
        .collect()
}

/// Returns the argument of one of these names, else the first without a name.
pub(super) fn argument<'t>(arguments: &[Argument<'t>], names: &[&str]) -> Option<Node<'t>> {
    let named = arguments.iter().find(|one| one.name.is_some_and(|name| names.contains(&name)));
    named.or_else(|| arguments.iter().find(|one| one.name.is_none())).map(|one| one.value)
}

/// Returns the name of the function that a call calls: `source` for `base::source(…)`.
pub(super) fn function_name<'t>(call: Node<'t>, text: &'t str) -> Option<&'t str> {
    let function = call.child_by_field_name("function")?;
    let name = match function.kind() {
        "namespace_operator" => function.child_by_field_name("rhs")?,
        "identifier" | "string" => function,
        _ => return None,
    };
    Some(bare(text_of(name, text)))
}

/// Returns a name without the quotes that may stand around it.
pub(super) fn bare(name: &str) -> &str {
    name.trim_matches(['`', '"', '\''])
}

/// Returns the text of a string that has no escapes.
pub(super) fn literal<'t>(node: Node<'t>, text: &'t str) -> Option<&'t str> {
    if node.kind() != "string" {
        return None;
    }
    let content = node.child_by_field_name("content").map_or("", |content| text_of(content, text));
    let raw = node.child(0).is_some_and(|open| text_of(open, text).starts_with(['r', 'R']));
    (raw || !content.contains('\\')).then_some(content)
}

/// Returns every path that an expression may stand for; `None` where it is computed.
pub(super) fn read<'t>(node: Node<'t>, text: &'t str, variables: &Variables<'t>) -> Option<Vec<Written>> {
    let reader = Reader { text, variables };
    reader.paths(node, 0).filter(|paths| paths.len() <= MOST && !paths.is_empty())
}

struct Reader<'v, 't> {
    text: &'t str,
    variables: &'v Variables<'t>,
}

impl<'t> Reader<'_, 't> {
    fn paths(&self, node: Node<'t>, depth: u32) -> Option<Vec<Written>> {
        if depth > DEEPEST {
            return None;
        }
        match node.kind() {
            "string" => Some(vec![plain(literal(node, self.text)?)]),
            "identifier" => {
                let value = self.variables.values.get(bare(text_of(node, self.text)))?;
                self.paths((*value)?, depth + 1)
            }
            "parenthesized_expression" => self.paths(node.child_by_field_name("body")?, depth + 1),
            "call" => self.call(node, depth + 1),
            _ => None,
        }
    }

    fn call(&self, call: Node<'t>, depth: u32) -> Option<Vec<Written>> {
        let arguments = arguments(call, self.text);
        let unnamed = || arguments.iter().filter(|one| one.name.is_none()).map(|one| one.value);
        let first = || argument(&arguments, &["path", "x", "dir", "directory"]);
        match function_name(call, self.text)? {
            "file.path" | "path" | "path_join" | "path_wd" => self.joined(unnamed(), "/", depth),
            "here" | "find_rstudio_root_file" | "find_package_root_file" => {
                let mut below = self.joined(unnamed(), "/", depth)?;
                below.iter_mut().for_each(|path| path.here = true);
                Some(below)
            }
            "paste0" => self.joined(unnamed(), "", depth),
            "paste" => {
                let separator = arguments.iter().find(|one| one.name == Some("sep"));
                let separator = separator.map_or(Some(" "), |one| literal(one.value, self.text))?;
                self.joined(unnamed(), separator, depth)
            }
            "c" | "list" => {
                let mut all = Vec::new();
                for argument in &arguments {
                    all.extend(self.paths(argument.value, depth)?);
                }
                Some(all)
            }
            "normalizePath"
            | "path.expand"
            | "path_expand"
            | "path_abs"
            | "path_real"
            | "unlist"
            | "sort"
            | "as.character"
            | "file_path_as_absolute" => self.paths(first()?, depth),
            "getwd" => Some(vec![plain(".")]),
            "list.files" | "dir" | "dir_ls" => {
                let full = function_name(call, self.text) == Some("dir_ls")
                    || self.says(&arguments, &["full.names"]);
                let deep = self.says(&arguments, &["recursive", "recurse"]);
                let names = plain(if deep { "**/*.[Rr]" } else { "*.[Rr]" });
                let names = Written { glob: true, ..names };
                if !full {
                    return Some(vec![names]);
                }
                let folders = match first() {
                    Some(folder) => self.paths(folder, depth)?,
                    None => vec![plain(".")],
                };
                Some(folders.iter().map(|folder| join(folder, "/", &names)).collect())
            }
            _ => None,
        }
    }

    fn says(&self, arguments: &[Argument<'t>], names: &[&str]) -> bool {
        let argument = arguments.iter().find(|one| one.name.is_some_and(|name| names.contains(&name)));
        argument.is_some_and(|one| matches!(text_of(one.value, self.text), "TRUE" | "T"))
    }

    /// Every way to join one path of each expression.
    fn joined(
        &self,
        parts: impl Iterator<Item = Node<'t>>,
        separator: &str,
        depth: u32,
    ) -> Option<Vec<Written>> {
        let mut all: Option<Vec<Written>> = None;
        for part in parts {
            let next = self.paths(part, depth)?;
            all = Some(match all {
                None => next,
                Some(before) => {
                    if before.len() * next.len() > MOST {
                        return None;
                    }
                    let pairs = before.iter().flat_map(|left| next.iter().map(move |right| (left, right)));
                    pairs.map(|(left, right)| join(left, separator, right)).collect()
                }
            });
        }
        Some(all.unwrap_or_else(|| vec![plain("")]))
    }
}

fn plain(text: &str) -> Written {
    Written { here: false, text: text.into(), glob: false }
}

fn join(left: &Written, separator: &str, right: &Written) -> Written {
    let glob = left.glob || right.glob;
    let text = match (right.here, left.text.is_empty()) {
        // `file.path(x, here("a"))` is `here("a")`.
        (true, _) => right.text.clone(),
        (false, true) => right.text.clone(),
        (false, false) => format!("{}{separator}{}", left.text, right.text).into(),
    };
    Written { here: left.here || right.here, text, glob }
}
