//! The parameters of a Python function, as its `def` declares them.
//!
//! kptn passes everything by name, so a signature tells which values of
//! `config` a function takes, and whether something it needs is missing.

use serde::{Deserialize, Serialize};
use tree_sitter::Node;

use crate::fingerprint::syntax::{children, text_of};

/// How a parameter takes its value.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum ParameterKind {
    /// By position alone (before `/`): kptn passes what has its name.
    PositionalOnly,
    /// By position or name.
    Ordinary,
    /// By name alone (after `*`).
    KeywordOnly,
    /// `*args`.
    Positions,
    /// `**kwargs`: any name.
    Names,
}

/// One parameter.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Parameter {
    /// Its name, without stars.
    pub name: String,
    /// How it takes its value.
    pub kind: ParameterKind,
    /// Whether it may be left out.
    pub has_default: bool,
    /// Its annotation as written; absent where it has none.
    pub annotation: Option<String>,
}

/// The parameters of a function, in the order written.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Signature {
    /// In the order written.
    pub parameters: Vec<Parameter>,
    /// Whether decorators stand before it: what it really takes may then be something else.
    pub decorated: bool,
}

impl Signature {
    /// Returns the parameter that takes a value of this name.
    pub fn parameter(&self, name: &str) -> Option<&Parameter> {
        let many = [ParameterKind::Positions, ParameterKind::Names];
        self.parameters.iter().find(|one| one.name == name && !many.contains(&one.kind))
    }

    /// Tells whether it takes any name (`**kwargs`).
    pub fn takes_any_name(&self) -> bool {
        self.parameters.iter().any(|one| one.kind == ParameterKind::Names)
    }

    /// Tells whether it takes a value of this name.
    pub fn takes(&self, name: &str) -> bool {
        self.takes_any_name() || self.parameter(name).is_some()
    }
}

/// Reads the parameters of a `function_definition`.
pub(super) fn of(function: Node<'_>, text: &str, decorated: bool) -> Signature {
    let mut signature = Signature { decorated, ..Signature::default() };
    let Some(list) = function.child_by_field_name("parameters") else { return signature };
    let mut by_name = ParameterKind::Ordinary;
    for (node, _) in children(list) {
        let (name, has_default) = match node.kind() {
            "default_parameter" | "typed_default_parameter" => (node.child_by_field_name("name"), true),
            "typed_parameter" => (node.named_child(0), false),
            "identifier" | "list_splat_pattern" | "dictionary_splat_pattern" => (Some(node), false),
            "keyword_separator" => {
                by_name = ParameterKind::KeywordOnly;
                continue;
            }
            "positional_separator" => {
                for before in &mut signature.parameters {
                    before.kind = ParameterKind::PositionalOnly;
                }
                continue;
            }
            _ => continue,
        };
        let Some(name) = name else { continue };
        let kind = match name.kind() {
            "list_splat_pattern" => ParameterKind::Positions,
            "dictionary_splat_pattern" => ParameterKind::Names,
            _ => by_name,
        };
        if kind == ParameterKind::Positions {
            by_name = ParameterKind::KeywordOnly;
        }
        let annotation =
            node.child_by_field_name("type").map(|annotation| text_of(annotation, text).to_owned());
        let name = text_of(name, text).trim_start_matches('*').trim().to_owned();
        signature.parameters.push(Parameter { name, kind, has_default, annotation });
    }
    signature
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fingerprint::python::facts::Kind;
    use crate::fingerprint::python::facts_of;

    fn signature(source: &str) -> Signature {
        match facts_of(source.as_bytes()).statements.remove(0).kind {
            Kind::Function(function) => function.signature,
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn every_kind_of_parameter_is_told() {
        let signature = signature("def f(a, /, b: Path, c=1, *args: int, d, e: str = 'x', **kw): pass");
        let told: Vec<_> = signature
            .parameters
            .iter()
            .map(|one| (one.name.as_str(), one.kind, one.has_default, one.annotation.as_deref()))
            .collect();
        use ParameterKind as K;
        assert_eq!(
            told,
            [
                ("a", K::PositionalOnly, false, None),
                ("b", K::Ordinary, false, Some("Path")),
                ("c", K::Ordinary, true, None),
                ("args", K::Positions, false, Some("int")),
                ("d", K::KeywordOnly, false, None),
                ("e", K::KeywordOnly, true, Some("str")),
                ("kw", K::Names, false, None),
            ]
        );
        assert!(signature.takes("b") && signature.takes("anything") && signature.parameter("args").is_none());
    }

    #[test]
    fn a_lone_star_begins_the_parameters_by_name() {
        let signature = signature("def f(*, a): pass");
        assert_eq!(signature.parameters[0].kind, ParameterKind::KeywordOnly);
        assert!(!signature.takes("b"));
    }
}
