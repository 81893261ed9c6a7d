//! Texts with `${variables}` in them: outputs, `cli_args`, `file`, `logs`.
//!
//! `$$` stands for one dollar sign. A variable nobody supplies is the caller's
//! decision: a wildcard in an output, an error elsewhere.

use std::collections::BTreeMap;
use std::fmt;

use serde::{Deserialize, Serialize};

/// What variables stand for, by name.
pub type Variables = BTreeMap<String, String>;

/// A text with `${variables}`, parsed once.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Template {
    text: String,
    parts: Vec<Part>,
}

#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
enum Part {
    Literal(String),
    Variable(String),
}

/// A `${` without its end, or a name that is none.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{text}`: {problem}")]
pub struct TemplateError {
    /// The whole text.
    pub text: String,
    /// What is wrong with it.
    pub problem: &'static str,
}

impl Template {
    /// Parses `text`; a lone `$` is an ordinary character.
    pub fn parse(text: &str) -> Result<Self, TemplateError> {
        let error = |problem| TemplateError { text: text.to_owned(), problem };
        let mut parts = Vec::new();
        let mut literal = String::new();
        let mut rest = text;
        while let Some(at) = rest.find('$') {
            literal.push_str(&rest[..at]);
            rest = &rest[at + 1..];
            if let Some(after) = rest.strip_prefix('$') {
                literal.push('$');
                rest = after;
            } else if let Some(after) = rest.strip_prefix('{') {
                let (name, after) = after.split_once('}').ok_or_else(|| error("`${` has no `}`"))?;
                let name = name.trim();
                let fine = |c: char| c.is_alphanumeric() || c == '_' || c == '.' || c == '-';
                if name.is_empty() || !name.chars().all(fine) {
                    return Err(error("`${…}` must hold a name of letters, digits and `_`"));
                }
                if !literal.is_empty() {
                    parts.push(Part::Literal(std::mem::take(&mut literal)));
                }
                parts.push(Part::Variable(name.to_owned()));
                rest = after;
            } else {
                literal.push('$');
            }
        }
        literal.push_str(rest);
        if !literal.is_empty() {
            parts.push(Part::Literal(literal));
        }
        Ok(Self { text: text.to_owned(), parts })
    }

    /// Returns the text as it was written.
    pub fn as_str(&self) -> &str {
        &self.text
    }

    /// Returns the names of the variables, in order, each time they occur.
    pub fn variables(&self) -> impl Iterator<Item = &str> {
        self.parts.iter().filter_map(|part| match part {
            Part::Variable(name) => Some(name.as_str()),
            Part::Literal(_) => None,
        })
    }

    /// Returns the text with variables replaced; `missing` says what to put
    /// where `variables` has no such name, or refuses with its own error.
    pub fn expand<E>(
        &self,
        variables: &Variables,
        mut missing: impl FnMut(&str) -> Result<String, E>,
    ) -> Result<String, E> {
        let mut out = String::with_capacity(self.text.len());
        for part in &self.parts {
            match part {
                Part::Literal(text) => out.push_str(text),
                Part::Variable(name) => match variables.get(name) {
                    Some(value) => out.push_str(value),
                    None => out.push_str(&missing(name)?),
                },
            }
        }
        Ok(out)
    }
}

impl TryFrom<String> for Template {
    type Error = TemplateError;

    fn try_from(text: String) -> Result<Self, Self::Error> {
        Self::parse(&text)
    }
}

impl From<Template> for String {
    fn from(template: Template) -> Self {
        template.text
    }
}

impl fmt::Display for Template {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn expand(text: &str) -> Result<String, String> {
        let variables = Variables::from([("US_STATE".to_owned(), "NC".to_owned())]);
        let template = Template::parse(text).map_err(|e| e.to_string())?;
        template.expand(&variables, |name| Err(format!("no {name}")))
    }

    #[test]
    fn replaces_known_variables_and_asks_about_the_rest() {
        assert_eq!(expand("${US_STATE}/a.csv"), Ok("NC/a.csv".into()));
        assert_eq!(expand("cost$$${ US_STATE }$"), Ok("cost$NC$".into()));
        assert_eq!(expand("${YEAR}.csv"), Err("no YEAR".into()));
    }

    #[test]
    fn refuses_a_variable_without_an_end() {
        assert!(Template::parse("${US_STATE").is_err());
        assert!(Template::parse("${}").is_err());
        assert!(Template::parse("${a b}").is_err());
    }
}
