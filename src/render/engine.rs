//! Templates and what they may call: kptn's own and the user's go the same way.
//!
//! Filters spell values for the language that is written: `python`, `json`,
//! `sh`, `make`. A name that the context does not have is an error, so that a
//! typo does not become an empty word in a file that runs.

use minijinja::value::Serde;
use minijinja::{AutoEscape, Environment, Error, ErrorKind, UndefinedBehavior};
use serde::Serialize;
use serde_json::Value as Json;

use super::header;

/// Parts that any template may include, and whole runners; the latter's names cannot be typed.
const OWN: [(&str, &str); 9] = [
    ("kptn/find_program.py", include_str!("templates/find_program.py.jinja")),
    ("kptn/call.py", include_str!("templates/call.py.jinja")),
    ("kptn/runner.py", include_str!("templates/runner.py.jinja")),
    ("kptn/prefect.py", include_str!("templates/prefect.py.jinja")),
    ("kptn/aws.yaml", include_str!("templates/aws.yaml.jinja")),
    ("kptn/slurm.sh", include_str!("templates/slurm.sh.jinja")),
    ("kptn/Dockerfile", include_str!("templates/Dockerfile.jinja")),
    ("kptn/dockerignore", include_str!("templates/dockerignore.jinja")),
    ("kptn/prefect.yaml", include_str!("templates/prefect.yaml.jinja")),
];

/// A shell's word for the program: the one that rendered last, as it noted beside the store, else that on PATH.
const PROGRAM: &str = "\"${KPTN_BIN:-$(cat \"${KPTN_STORE:-$(git rev-parse --git-common-dir 2>/dev/null)/kptn}/program\" 2>/dev/null || echo kptn)}\"";

/// A template of the user's.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Template {
    /// The name of its file without `.jinja`.
    pub name: String,
    /// What it says.
    pub text: String,
}

/// Renders one of kptn's own, or of `others`.
pub(super) fn render<C: Serialize>(name: &str, others: &[Template], context: &C) -> Result<String, Error> {
    let mut environment = Environment::new();
    environment.set_auto_escape_callback(|_| AutoEscape::None);
    environment.set_undefined_behavior(UndefinedBehavior::Strict);
    environment.add_filter("python", |value: Serde<Json>| literal(&value.0));
    environment.add_filter("json", |value: Serde<Json>| value.0.to_string());
    environment.add_filter("sh", |value: Serde<Json>| shell(&value.0));
    environment.add_filter("make", |text: String| text.replace('$', "$$"));
    environment.add_filter("docstring", |text: String| text.replace('\\', "\\\\").replace('"', "\\\""));
    environment.add_global("header", header::PLACE);
    environment.add_global("kptn", PROGRAM);
    for (name, text) in OWN {
        environment.add_template(name, text.trim_end())?;
    }
    for other in others {
        environment.add_template(&other.name, &other.text)?;
    }
    let mut text = environment.get_template(name)?.render(Serde(context))?;
    if !text.ends_with('\n') {
        text.push('\n');
    }
    Ok(text)
}

/// Returns a value as a Python literal. A text is spelt alike in JSON and Python.
fn literal(value: &Json) -> String {
    match value {
        Json::Null => "None".to_owned(),
        Json::Bool(true) => "True".to_owned(),
        Json::Bool(false) => "False".to_owned(),
        Json::Array(list) => format!("[{}]", list.iter().map(literal).collect::<Vec<_>>().join(", ")),
        Json::Object(fields) => {
            let pairs: Vec<_> = fields
                .iter()
                .map(|(name, value)| format!("{}: {}", Json::from(name.as_str()), literal(value)))
                .collect();
            format!("{{{}}}", pairs.join(", "))
        }
        other => other.to_string(),
    }
}

/// Returns a text as one word of a shell, or a list as words.
fn shell(value: &Json) -> Result<String, Error> {
    let word = |value: &Json| {
        let text = value.as_str().map_or_else(|| value.to_string(), str::to_owned);
        let quoted = shlex::try_quote(&text).map(|quoted| quoted.into_owned());
        quoted.map_err(|_| Error::new(ErrorKind::InvalidOperation, "a shell's word cannot hold a NUL"))
    };
    match value {
        Json::Array(list) => Ok(list.iter().map(word).collect::<Result<Vec<_>, _>>()?.join(" ")),
        one => word(one),
    }
}
