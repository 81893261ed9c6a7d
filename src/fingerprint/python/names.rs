//! Which names a top-level statement binds, mentions and imports.
//!
//! Follows Python's scopes: what a function assigns or takes as a parameter is
//! its own, unless it says `global`; defaults, decorators and annotations belong
//! outside. Where that is in doubt a name counts as mentioned: one too many
//! costs a run, one too few would be a false fresh.

use std::collections::{BTreeSet, HashSet};

use tree_sitter::Node;

use crate::fingerprint::syntax::{Below, Visitor, children, text_of, walk};

use super::dynamic;
use super::facts::{Import, Load, Place, Role, Run};
use super::imports;

/// Longer chains of attributes are cut: what they begin with is what counts.
const LONGEST_PATH: usize = 64;

/// What a statement does with names.
#[derive(Debug, Default)]
pub(super) struct Names {
    pub binds: BTreeSet<Box<str>>,
    pub mentions: BTreeSet<Box<str>>,
    pub imports: Vec<Import>,
    pub effect: bool,
    pub runs: Vec<Run>,
    pub wide: bool,
    pub loads: Vec<Load>,
    pub hooks: bool,
}

/// Reads the names of one top-level statement.
pub(super) fn read(statement: Node<'_>, text: &str) -> Names {
    let module = Frame { scope: Scope::Module, depth: usize::MAX, ..Frame::default() };
    let mut reader = Reader { text, frames: vec![module], bound_at: HashSet::new(), names: Names::default() };
    walk(statement, &mut reader);
    let module = reader.frames.into_iter().next().unwrap_or_default();
    let mut names = reader.names;
    names.binds.extend(module.bound.into_iter().map(Box::from));
    names.mentions.extend(module.mentions.into_iter().map(Box::from));
    names.wide |= names.mentions.iter().any(|path| dynamic::sees_all_names(path));
    names.runs.sort_by(|a, b| (a.role, &a.path).cmp(&(b.role, &b.path)));
    names.runs.dedup();
    names
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
enum Scope {
    #[default]
    Module,
    Class,
    Function,
    Comprehension,
    /// Defaults and annotations of the function below it, the first iterable of the comprehension below it.
    Outside,
}

#[derive(Debug, Default)]
struct Frame {
    scope: Scope,
    /// How deep the node is that it ends with.
    depth: usize,
    /// Whether it runs later than the import of the module.
    deferred: bool,
    bound: HashSet<String>,
    globals: HashSet<String>,
    nonlocals: HashSet<String>,
    mentions: HashSet<String>,
}

struct Reader<'s> {
    text: &'s str,
    frames: Vec<Frame>,
    /// Where identifiers stand that are not mentions.
    bound_at: HashSet<usize>,
    names: Names,
}

impl<'s> Reader<'s> {
    fn text(&self, node: Node<'_>) -> &'s str {
        text_of(node, self.text)
    }

    fn deferred(&self) -> bool {
        self.frames.last().is_some_and(|frame| frame.deferred)
    }

    fn push(&mut self, scope: Scope, depth: usize) {
        let deferred = match scope {
            Scope::Function => true,
            Scope::Outside => self.frames.iter().rev().nth(1).is_some_and(|frame| frame.deferred),
            _ => self.deferred(),
        };
        self.frames.push(Frame { scope, depth, deferred, ..Frame::default() });
    }

    fn pop(&mut self) {
        if self.frames.len() < 2 {
            return;
        }
        let Some(frame) = self.frames.pop() else { return };
        let last = self.frames.len() - 1;
        let above = if frame.scope == Scope::Outside { last.saturating_sub(1) } else { last };
        for path in frame.mentions {
            let head = head(&path);
            if frame.globals.contains(head) {
                self.frames[0].mentions.insert(path);
            } else if frame.scope == Scope::Class
                || !frame.bound.contains(head)
                || frame.nonlocals.contains(head)
            {
                self.frames[above].mentions.insert(path);
            }
        }
    }

    fn mention(&mut self, path: &str) {
        if let Some(frame) = self.frames.last_mut() {
            frame.mentions.insert(path.to_owned());
        }
    }

    /// Binds a name in the scope that an assignment here would bind it in.
    fn bind(&mut self, name: &str) {
        let inner = |frame: &&mut Frame| !matches!(frame.scope, Scope::Comprehension | Scope::Outside);
        let Some(frame) = self.frames.iter_mut().rev().find(inner) else { return };
        if frame.globals.contains(name) {
            self.names.binds.insert(name.into());
        } else {
            frame.bound.insert(name.to_owned());
        }
    }

    /// Binds every name of a pattern: `(a, *b), c.d` binds `a` and `b`.
    fn bind_pattern(&mut self, pattern: Node<'_>) {
        let mut open = vec![pattern];
        while let Some(node) = open.pop() {
            match node.kind() {
                "identifier" => {
                    self.bound_at.insert(node.start_byte());
                    let name = self.text(node);
                    match self.frames.last_mut() {
                        Some(frame) if frame.scope == Scope::Comprehension => {
                            frame.bound.insert(name.to_owned());
                        }
                        _ => self.bind(name),
                    }
                }
                "attribute" | "subscript" => {
                    if !self.deferred() {
                        self.names.effect = true;
                    }
                }
                _ => open.extend(children(node).into_iter().map(|(child, _)| child)),
            }
        }
    }

    fn bind_parameters(&mut self, parameters: Node<'_>) {
        for (parameter, _) in children(parameters) {
            let name = match parameter.kind() {
                "default_parameter" | "typed_default_parameter" => parameter.child_by_field_name("name"),
                "typed_parameter" => parameter.named_child(0),
                "identifier" | "list_splat_pattern" | "dictionary_splat_pattern" | "tuple_pattern" => {
                    Some(parameter)
                }
                _ => None,
            };
            if let Some(name) = name {
                self.bind_pattern(name);
            }
        }
    }

    fn names_of(&self, statement: Node<'_>) -> Vec<String> {
        let named = children(statement).into_iter().filter(|(child, _)| child.kind() == "identifier");
        named.map(|(child, _)| self.text(child).to_owned()).collect()
    }

    fn run(&mut self, role: Role, what: Option<Node<'_>>) {
        match what.and_then(|node| innermost_path(node, self.text)) {
            Some(path) => self.names.runs.push(Run { role, path: path.into() }),
            None => self.names.effect = true,
        }
    }

    fn decorator(&mut self, node: Node<'_>) {
        match node.named_child(0) {
            Some(call) if call.kind() == "call" => {
                self.run(Role::CalledDecorator, call.child_by_field_name("function"));
            }
            other => self.run(Role::Decorator, other),
        }
    }

    fn class(&mut self, node: Node<'_>) {
        let Some(bases) = node.child_by_field_name("superclasses") else { return };
        for (base, _) in children(bases) {
            match base.kind() {
                "keyword_argument" => {
                    self.names.hooks |= !self.text(base).ends_with("ABCMeta");
                    self.run(Role::Base, base.child_by_field_name("value"));
                }
                "identifier" | "attribute" => self.run(Role::Base, Some(base)),
                "subscript" => self.run(Role::Base, base.child_by_field_name("value")),
                // A call is seen as a call; punctuation and comments are nothing.
                _ => {}
            }
        }
    }

    fn call(&mut self, node: Node<'_>) {
        let function = node.child_by_field_name("function");
        if !self.deferred() {
            self.run(Role::Call, function);
        }
        let path = function.and_then(|function| dotted(function, self.text)).unwrap_or_default();
        let seen = dynamic::of_call(&path, node, self.text, self.deferred());
        self.names.wide |= seen.wide;
        self.names.loads.extend(seen.load);
    }

    fn import(&mut self, node: Node<'_>) {
        let scopes = || self.frames.iter().map(|frame| frame.scope);
        let place = if self.deferred() {
            Place::Function
        } else if scopes().any(|scope| scope == Scope::Class) {
            Place::Class
        } else {
            Place::Module
        };
        self.names.imports.extend(imports::read(node, self.text, place));
    }

    fn expression_statement(&mut self, node: Node<'_>) {
        let Some(expression) = node.named_child(0) else { return };
        let binds = matches!(expression.kind(), "assignment" | "augmented_assignment");
        if !self.deferred() && !binds && self.text(expression).contains(['(', '[']) {
            let is_text = matches!(expression.kind(), "string" | "concatenated_string");
            self.names.effect |= !is_text;
        }
    }
}

impl<'t> Visitor<'t> for Reader<'_> {
    fn enter(&mut self, node: Node<'t>, field: Option<&'t str>, parents: &[Node<'t>]) -> Below {
        let parent = parents.last().map_or("", |parent| parent.kind());
        let depth = parents.len();
        if is_outside(field, parents) {
            self.push(Scope::Outside, depth);
        }
        match node.kind() {
            "comment" => return Below::Skip,
            "import_statement" | "import_from_statement" => {
                self.import(node);
                return Below::Skip;
            }
            "future_import_statement" => {
                // It changes what the compiler makes of the whole file.
                self.names.effect = true;
                return Below::Skip;
            }
            "global_statement" | "nonlocal_statement" => {
                let names = self.names_of(node);
                if let Some(frame) = self.frames.last_mut().filter(|frame| frame.scope == Scope::Function) {
                    let to = if node.kind() == "global_statement" {
                        &mut frame.globals
                    } else {
                        &mut frame.nonlocals
                    };
                    to.extend(names);
                }
                return Below::Skip;
            }
            "function_definition" => {
                if let Some(name) = node.child_by_field_name("name") {
                    self.names.hooks |= self.text(name) == "__init_subclass__" && !self.deferred();
                    self.bind_pattern(name);
                }
                self.push(Scope::Function, depth);
                if let Some(parameters) = node.child_by_field_name("parameters") {
                    self.bind_parameters(parameters);
                }
            }
            "lambda" => {
                self.push(Scope::Function, depth);
                if let Some(parameters) = node.child_by_field_name("parameters") {
                    self.bind_parameters(parameters);
                }
            }
            "class_definition" => {
                if let Some(name) = node.child_by_field_name("name") {
                    self.bind_pattern(name);
                }
                if !self.deferred() {
                    self.class(node);
                }
                self.push(Scope::Class, depth);
            }
            "list_comprehension"
            | "set_comprehension"
            | "dictionary_comprehension"
            | "generator_expression" => {
                self.push(Scope::Comprehension, depth);
            }
            "for_in_clause" | "for_statement" | "assignment" | "type_alias_statement" => {
                if let Some(left) = node.child_by_field_name("left") {
                    self.bind_pattern(left);
                }
            }
            "augmented_assignment" => {
                // Also a mention: it reads what it changes, which may be imported.
                if let Some(left) = node.child_by_field_name("left").filter(|n| n.kind() == "identifier") {
                    self.bind(self.text(left));
                    let name = self.text(left);
                    self.mention(name);
                }
                self.names.effect |= !self.deferred();
            }
            "named_expression" => {
                if let Some(name) = node.child_by_field_name("name") {
                    self.bound_at.insert(name.start_byte());
                    self.bind(self.text(name));
                }
            }
            "as_pattern_target" => self.bind_pattern(node),
            "with_statement" | "delete_statement" | "assert_statement" | "raise_statement"
            | "print_statement" | "exec_statement" => self.names.effect |= !self.deferred(),
            "expression_statement" => self.expression_statement(node),
            "decorator" if !self.deferred() => self.decorator(node),
            "call" => self.call(node),
            "keyword_argument" => {
                if let Some(name) = node.child_by_field_name("name") {
                    self.bound_at.insert(name.start_byte());
                }
            }
            "keyword_pattern" => {
                if let Some(name) = node.named_child(0) {
                    self.bound_at.insert(name.start_byte());
                }
            }
            "string_content" => {
                for name in dynamic::names_in_text(self.text(node)) {
                    self.mention(name);
                }
            }
            "dotted_name" => {
                let path = self.text(node).split_whitespace().collect::<String>();
                self.mention(&path);
                self.end(depth);
                return Below::Skip;
            }
            "attribute" => {
                if let Some(name) = node.child_by_field_name("attribute") {
                    self.bound_at.insert(name.start_byte());
                    self.names.wide |= dynamic::attribute_sees_all_names(self.text(name));
                }
                if let Some(path) = dotted(node, self.text) {
                    self.mention(&path);
                    self.names.wide |= path.split('.').any(dynamic::attribute_sees_all_names);
                    self.end(depth);
                    return Below::Skip;
                }
            }
            "identifier" if parent == "attribute" && field == Some("attribute") => {}
            "identifier" if !self.bound_at.contains(&node.start_byte()) => {
                let name = self.text(node);
                self.mention(name);
            }
            _ => {}
        }
        if node.child_count() == 0 {
            self.end(depth);
            return Below::Skip;
        }
        Below::Enter
    }

    fn leave(&mut self, _node: Node<'t>, depth: usize) {
        self.end(depth);
    }
}

impl Reader<'_> {
    /// Ends the scopes that began with this node.
    fn end(&mut self, depth: usize) {
        while self.frames.len() > 1 && self.frames.last().is_some_and(|frame| frame.depth == depth) {
            self.pop();
        }
    }
}

/// Tells whether a node belongs to the scope around the function or comprehension it stands in.
fn is_outside(field: Option<&str>, parents: &[Node<'_>]) -> bool {
    let Some(parent) = parents.last() else { return false };
    match (field, parent.kind()) {
        (Some("value" | "type"), "default_parameter" | "typed_default_parameter" | "typed_parameter") => true,
        (Some("return_type"), "function_definition") => true,
        (Some("right"), "for_in_clause") => {
            let first = parents.iter().rev().nth(1).and_then(|comprehension| {
                children(*comprehension).into_iter().find(|(child, _)| child.kind() == "for_in_clause")
            });
            first.is_some_and(|(clause, _)| clause.id() == parent.id())
        }
        _ => false,
    }
}

/// Returns what a path begins with.
pub(super) fn head(path: &str) -> &str {
    path.split('.').next().unwrap_or(path)
}

/// Returns `a.b.c` for a name with attributes; absent where it begins with anything but a name.
pub(super) fn dotted(node: Node<'_>, text: &str) -> Option<String> {
    let mut parts = Vec::new();
    let mut node = node;
    for _ in 0..LONGEST_PATH {
        match node.kind() {
            "identifier" => {
                parts.push(text_of(node, text));
                parts.reverse();
                return Some(parts.join("."));
            }
            "attribute" => {
                parts.push(text_of(node.child_by_field_name("attribute")?, text));
                node = node.child_by_field_name("object")?;
            }
            _ => return None,
        }
    }
    None
}

/// Returns the path that a chain of calls begins with: `Path(x).resolve().parent` -> `Path`.
fn innermost_path(node: Node<'_>, text: &str) -> Option<String> {
    let mut node = node;
    for _ in 0..LONGEST_PATH {
        if let Some(path) = dotted(node, text) {
            return Some(path);
        }
        node = match node.kind() {
            "attribute" => node.child_by_field_name("object")?,
            "call" => node.child_by_field_name("function")?,
            _ => return None,
        };
    }
    None
}
