//! The parameters of a Python function, as its `def` declares them.
//!
//! kptn passes everything by name, so a signature tells which values of
//! `config` a function takes, and whether something it needs is missing.

use serde::{Deserialize, Serialize};

/// How a parameter takes its value.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum ParameterKind {
    /// By position alone (before `/`): kptn cannot pass it by name.
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
}

impl Signature {
    /// Returns the parameter of this name that can be passed by name.
    pub fn parameter(&self, name: &str) -> Option<&Parameter> {
        let by_name = [ParameterKind::Ordinary, ParameterKind::KeywordOnly];
        self.parameters.iter().find(|one| one.name == name && by_name.contains(&one.kind))
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
