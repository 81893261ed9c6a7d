//! `import` statements, as written.

use tree_sitter::Node;

use crate::fingerprint::syntax::{children, text_of};

use super::facts::{Import, Place, What};

/// Reads an `import_statement` or `import_from_statement`.
pub(super) fn read(node: Node<'_>, text: &str, place: Place) -> Vec<Import> {
    let from = node.child_by_field_name("module_name").map(|module| from_module(module, text));
    let mut found = Vec::new();
    for (child, field) in children(node) {
        if child.kind() == "wildcard_import" {
            found.extend(one(from.clone(), What::Star, "", place));
        }
        if field != Some("name") {
            continue;
        }
        let (name, alias) = match child.kind() {
            "aliased_import" => (child.child_by_field_name("name"), child.child_by_field_name("alias")),
            _ => (Some(child), None),
        };
        let Some(name) = name.map(|name| dotted(name, text)) else { continue };
        let alias = alias.map(|alias| text_of(alias, text));
        found.extend(match (&from, alias) {
            (Some(_), alias) => {
                one(from.clone(), What::Name(name.as_str().into()), alias.unwrap_or(&name), place)
            }
            (None, Some(alias)) => one(Some((0, name.clone())), What::Module, alias, place),
            (None, None) => {
                let top = name.split('.').next().unwrap_or(&name).to_owned();
                one(Some((0, name.clone())), What::Top, &top, place)
            }
        });
    }
    found
}

/// Returns the files that an import may mean, relative to where modules are looked for.
pub(super) fn files(import: &Import) -> Vec<String> {
    let up = "../".repeat(usize::from(import.level).saturating_sub(1).min(20));
    let module = import.module.replace('.', "/");
    let mut modules = vec![module.clone()];
    if let What::Name(name) = &import.what {
        modules.push(if module.is_empty() { name.to_string() } else { format!("{module}/{name}") });
    }
    modules.retain(|module| !module.is_empty());
    modules
        .iter()
        .flat_map(|module| [format!("{up}{module}.py"), format!("{up}{module}/__init__.py")])
        .collect()
}

fn one(from: Option<(u16, String)>, what: What, bound: &str, place: Place) -> Option<Import> {
    let (level, module) = from?;
    Some(Import { level, module: module.into(), what, bound: bound.into(), place })
}

/// Returns the dots and the name of `..a.b`.
fn from_module(module: Node<'_>, text: &str) -> (u16, String) {
    let written = dotted(module, text);
    let name = written.trim_start_matches('.');
    (u16::try_from(written.len() - name.len()).unwrap_or(u16::MAX), name.to_owned())
}

/// Returns a dotted name; white space between its parts is allowed in Python.
fn dotted(node: Node<'_>, text: &str) -> String {
    text_of(node, text).split_whitespace().collect()
}

#[cfg(test)]
mod tests {
    use crate::fingerprint::python::facts_of;

    fn imports(source: &str) -> Vec<String> {
        let facts = facts_of(source.as_bytes());
        let all = facts.statements.iter().flat_map(|statement| &statement.imports);
        all.map(|one| format!("{} {:?} {:?} {}", one.level, one.module, one.what, one.bound)).collect()
    }

    #[test]
    fn every_form_of_import_is_read() {
        assert_eq!(
            imports(
                "import a.b, c as d\nfrom . import x as y, z\nfrom ..p.q import (u,\n v)\nfrom . p import *"
            ),
            [
                r#"0 "a.b" Top a"#,
                r#"0 "c" Module d"#,
                r#"1 "" Name("x") y"#,
                r#"1 "" Name("z") z"#,
                r#"2 "p.q" Name("u") u"#,
                r#"2 "p.q" Name("v") v"#,
                r#"1 "p" Star "#,
            ]
        );
    }
}
