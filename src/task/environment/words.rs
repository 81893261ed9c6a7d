//! `prefix_args`, `cli_args`, `file` and `logs`: texts that become words.
//!
//! A text is split as a shell would, and only then are its `${variables}`
//! filled in, so a value with spaces or quotes stays one word.

use super::EnvironmentError;
use crate::model::{Template, Variables};

/// Returns a text with its variables filled in; one that nothing supplies is an error.
pub fn expand(
    field: &'static str,
    template: &Template,
    variables: &Variables,
) -> Result<String, EnvironmentError> {
    template.expand(variables, |name| Err(EnvironmentError::UnknownVariable { field, name: name.to_owned() }))
}

/// `prefix_args`, taken apart.
#[derive(Debug, PartialEq, Eq)]
pub struct Prefix {
    /// `FOO=1` at its head: environment values.
    pub environment: Vec<(String, String)>,
    /// The words after them, which come before `Rscript`.
    pub words: Vec<String>,
}

/// Takes `prefix_args` apart.
pub fn prefix(text: Option<&str>) -> Result<Prefix, EnvironmentError> {
    let mut words = split("prefix_args", text.unwrap_or_default())?.into_iter().peekable();
    let mut environment = Vec::new();
    while let Some((name, value)) = words.peek().and_then(|word| assignment(word)) {
        environment.push((name.to_owned(), value.to_owned()));
        words.next();
    }
    Ok(Prefix { environment, words: words.collect() })
}

/// Returns the words of `cli_args`.
pub fn arguments(
    template: Option<&Template>,
    variables: &Variables,
) -> Result<Vec<String>, EnvironmentError> {
    let field = "cli_args";
    let words = split(field, template.map(Template::as_str).unwrap_or_default())?;
    let expanded = words.iter().map(|word| match Template::parse(word) {
        Ok(template) => expand(field, &template, variables),
        // A quote within `${…}`: it is not a variable then.
        Err(_) => Ok(word.clone()),
    });
    expanded.collect()
}

fn split(field: &'static str, text: &str) -> Result<Vec<String>, EnvironmentError> {
    shlex::split(text).ok_or_else(|| EnvironmentError::OpenQuote { field, text: text.to_owned() })
}

fn assignment(word: &str) -> Option<(&str, &str)> {
    let (name, value) = word.split_once('=')?;
    let fine = |c: char| c.is_ascii_alphanumeric() || c == '_';
    let is_name = name.chars().all(fine) && !name.starts_with(|c: char| c.is_ascii_digit());
    (is_name && !name.is_empty()).then_some((name, value))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_cannot_be_split_or_filled_in_is_said() {
        let words = |text: &str| arguments(Template::parse(text).ok().as_ref(), &Variables::new());
        assert_eq!(words(""), Ok(Vec::new()));
        assert_eq!(words("-x 'a b' $$HOME"), Ok(vec!["-x".into(), "a b".into(), "$HOME".into()]));
        assert_eq!(
            words("--x \"open").unwrap_err().to_string(),
            "`cli_args` cannot be split into words: a quote is not closed in `--x \"open`"
        );
        assert_eq!(
            words("${NO}").unwrap_err().to_string(),
            "`cli_args` uses `${NO}`, which nothing supplies"
        );
    }

    #[test]
    fn only_the_head_of_prefix_args_is_environment() {
        let taken = prefix(Some("A=1 _b='x y' env C=2")).unwrap();
        assert_eq!(taken.environment, [("A".into(), "1".into()), ("_b".into(), "x y".into())]);
        assert_eq!(taken.words, ["env", "C=2"]);
        assert_eq!(prefix(Some("--a=b")).unwrap().words, ["--a=b"]);
    }
}
