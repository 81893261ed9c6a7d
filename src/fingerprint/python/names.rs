//! Which names a top-level statement binds, mentions and imports.
//!
//! Follows Python's scopes: what a function assigns or takes as a parameter is
//! its own, unless it says `global`; defaults, decorators and annotations belong
//! outside. Where that is in doubt a name counts as mentioned: one too many
//! costs a run, one too few would be a false fresh.

use std::collections::{BTreeSet, HashSet};

use tree_sitter::Node;
use unicode_normalization::is_nfkc;

use crate::fingerprint::syntax::{Below, Visitor, children, text_of, walk};

use super::dotted::{dotted, head, innermost};
use super::dynamic;
use super::facts::{Import, Load, Place, Role, Run};
use super::imports;
use super::scopes::{Scope, Scopes};

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
    /// Whether Python knows some name by another spelling: it normalises them.
    pub odd: bool,
}

/// Reads the names of one top-level statement.
pub(super) fn read(statement: Node<'_>, text: &str) -> Names {
    let mut reader = Reader {
        text,
        scopes: Scopes::new(),
        bound_at: HashSet::new(),
        scripts: Vec::new(),
        module_next: false,
        names: Names::default(),
    };
    walk(statement, &mut reader);
    let mut names = reader.names;
    names.wide |= reader.scopes.too_deep;
    let (bound, mentions) = reader.scopes.finish();
    names.binds.extend(bound.into_iter().map(Box::from));
    names.mentions.extend(mentions.into_iter().map(Box::from));
    names.wide |= names.mentions.iter().any(|path| dynamic::sees_all_names(path));
    // `exec(open("x.py").read())`, `run([sys.executable, "x.py"])`: files that are named are run somehow.
    for load in reader.scripts {
        if !names.loads.contains(&load) {
            names.loads.push(load);
        }
    }
    if names.binds.iter().chain(&names.mentions).any(|path| head(path) == "__path__") {
        // The package's modules lie elsewhere too.
        names.loads.push(Load::Computed { line: statement.start_position().row as u32 + 1 });
    }
    names.odd = names.binds.iter().chain(&names.mentions).any(|name| !name.is_ascii() && !is_nfkc(name));
    names.runs.sort_by(|a, b| (a.role, &a.path).cmp(&(b.role, &b.path)));
    names.runs.dedup();
    names
}

struct Reader<'s> {
    text: &'s str,
    scopes: Scopes,
    /// Where identifiers stand that are not mentions.
    bound_at: HashSet<usize>,
    /// Python files that texts name, and the module after `"-m"`.
    scripts: Vec<Load>,
    /// Whether the latest text was `-m`.
    module_next: bool,
    names: Names,
}

impl<'s> Reader<'s> {
    fn text(&self, node: Node<'_>) -> &'s str {
        text_of(node, self.text)
    }

    fn deferred(&self) -> bool {
        self.scopes.deferred()
    }

    /// Binds every name of a pattern: `(a, *b), c.d` binds `a` and `b`.
    fn bind_pattern(&mut self, pattern: Node<'_>) {
        let mut open = vec![pattern];
        while let Some(node) = open.pop() {
            match node.kind() {
                "identifier" => {
                    self.bound_at.insert(node.start_byte());
                    self.scopes.bind_target(self.text(node));
                }
                "attribute" | "subscript" => self.names.effect |= !self.deferred(),
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
        match what.and_then(|node| innermost(node, self.text)) {
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
        let place = if self.deferred() {
            Place::Function
        } else if self.scopes.in_class() {
            Place::Class
        } else {
            Place::Module
        };
        self.names.imports.extend(imports::read(node, self.text, place));
    }

    /// What a text mentions, and which code it names.
    fn text_content(&mut self, content: &str, parents: &[Node<'_>]) {
        for name in dynamic::names_in_text(content) {
            self.scopes.mention(name);
        }
        // `x: "Row"`, and `Rows = list["Row"]` where a library reads it.
        let around = |kind: &str| parents.iter().rev().take(20).any(|parent| parent.kind() == kind);
        if around("type") || !self.deferred() && around("subscript") {
            dynamic::paths_in_text(content).for_each(|path| self.scopes.mention(path));
        }
        if std::mem::replace(&mut self.module_next, content == "-m") {
            self.scripts.push(Load::Module(content.into()));
        }
        let files = content.split_whitespace().filter(|word| word.ends_with(".py"));
        self.scripts.extend(files.map(|word| Load::File(word.into())));
        if content.ends_with(".py") && content.contains(' ') {
            self.scripts.push(Load::File(content.into()));
        }
    }

    /// What operators, subscripts and attributes do is up to what they are applied to.
    fn operand(&mut self, operand: Option<Node<'_>>) {
        if self.deferred() {
            return;
        }
        if let Some(path) = operand.and_then(|operand| innermost(operand, self.text)) {
            self.names.runs.push(Run { role: Role::Operand, path: path.into() });
        }
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

impl Reader<'_> {
    /// Tells whether a node belongs to the scope around the function or comprehension it stands in.
    fn is_outside(&mut self, field: Option<&str>, parent: &str) -> bool {
        match (field, parent) {
            (Some("value" | "type"), "default_parameter" | "typed_default_parameter" | "typed_parameter") => {
                true
            }
            (Some("return_type"), "function_definition") => true,
            (Some("right"), "for_in_clause") => self.scopes.is_first_clause(),
            _ => false,
        }
    }
}

impl<'t> Visitor<'t> for Reader<'_> {
    fn enter(&mut self, node: Node<'t>, field: Option<&'t str>, parents: &[Node<'t>]) -> Below {
        let parent = parents.last().map_or("", |parent| parent.kind());
        let depth = parents.len();
        if self.is_outside(field, parent) {
            self.scopes.push(Scope::Outside, depth);
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
                match node.kind() {
                    "global_statement" => self.scopes.global(names),
                    _ => self.scopes.nonlocal(names),
                }
                return Below::Skip;
            }
            "function_definition" => {
                if let Some(name) = node.child_by_field_name("name") {
                    self.names.hooks |= self.text(name) == "__init_subclass__" && !self.deferred();
                    self.bind_pattern(name);
                }
                self.scopes.push(Scope::Function, depth);
                if let Some(parameters) = node.child_by_field_name("parameters") {
                    self.bind_parameters(parameters);
                }
            }
            "lambda" => {
                self.scopes.push(Scope::Function, depth);
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
                self.scopes.push(Scope::Class, depth);
            }
            "list_comprehension"
            | "set_comprehension"
            | "dictionary_comprehension"
            | "generator_expression" => {
                self.scopes.push(Scope::Comprehension, depth);
            }
            "for_in_clause" | "for_statement" | "assignment" | "type_alias_statement" => {
                if let Some(left) = node.child_by_field_name("left") {
                    self.bind_pattern(left);
                }
            }
            "augmented_assignment" => {
                // Also a mention: it reads what it changes, which may be imported.
                if let Some(left) = node.child_by_field_name("left").filter(|n| n.kind() == "identifier") {
                    self.scopes.bind(self.text(left));
                    let name = self.text(left);
                    self.scopes.mention(name);
                }
                self.names.effect |= !self.deferred();
            }
            "named_expression" => {
                if let Some(name) = node.child_by_field_name("name") {
                    self.bound_at.insert(name.start_byte());
                    self.scopes.bind(self.text(name));
                }
            }
            "as_pattern_target" => self.bind_pattern(node),
            "with_statement" | "delete_statement" | "assert_statement" | "raise_statement"
            | "print_statement" | "exec_statement" => self.names.effect |= !self.deferred(),
            "expression_statement" => self.expression_statement(node),
            "decorator" if !self.deferred() => self.decorator(node),
            "call" => self.call(node),
            "binary_operator" | "comparison_operator" | "unary_operator" | "not_operator" => {
                for (operand, _) in children(node) {
                    self.operand(Some(operand));
                }
            }
            "subscript" => {
                let value = node.child_by_field_name("value");
                self.operand(value);
                if value.and_then(|value| dotted(value, self.text)).is_some_and(|path| path == "sys.modules")
                {
                    self.names.loads.extend(dynamic::of_subscript(node, self.text));
                }
            }
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
                self.text_content(self.text(node), parents);
            }
            "dotted_name" => {
                let path = self.text(node).split_whitespace().collect::<String>();
                self.scopes.mention(&path);
                // A pattern at the top level binds names of the module.
                if parent == "case_pattern" && !self.deferred() && !path.contains('.') {
                    self.scopes.bind(&path);
                }
                self.scopes.end(depth);
                return Below::Skip;
            }
            "attribute" => {
                if let Some(name) = node.child_by_field_name("attribute") {
                    self.bound_at.insert(name.start_byte());
                    self.names.wide |= dynamic::attribute_sees_all_names(self.text(name));
                }
                self.operand(node.child_by_field_name("object"));
                if let Some(path) = dotted(node, self.text) {
                    self.scopes.mention(&path);
                    self.names.wide |= path.split('.').any(dynamic::attribute_sees_all_names);
                    self.scopes.end(depth);
                    return Below::Skip;
                }
            }
            "identifier" if parent == "attribute" && field == Some("attribute") => {}
            "identifier" if matches!(parent, "splat_pattern" | "as_pattern") && !self.deferred() => {
                self.scopes.bind(self.text(node));
            }
            "identifier" if !self.bound_at.contains(&node.start_byte()) => {
                let name = self.text(node);
                self.scopes.mention(name);
            }
            _ => {}
        }
        if node.child_count() == 0 {
            self.scopes.end(depth);
            return Below::Skip;
        }
        Below::Enter
    }

    fn leave(&mut self, _node: Node<'t>, depth: usize) {
        self.scopes.end(depth);
    }
}
