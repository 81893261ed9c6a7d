//! serde's errors in kptn's words: what is needed, what was found, what was probably meant.

use std::fmt;

use serde::de::{self, Unexpected};

use super::node::shortened;
use super::report::Report;
use crate::model::{Location, nearest_name};

/// A value that is not what was asked for.
#[derive(Debug)]
pub(super) struct Misfit {
    message: String,
    hint: Option<String>,
    place: Option<Location>,
}

impl Misfit {
    /// Reports it where it was, else at `fallback`.
    pub fn tell(self, fallback: Location, report: &mut Report) {
        report.error(Some(self.place.unwrap_or(fallback)), self.message).hint = self.hint;
    }

    /// Gives it a place unless it has one: the innermost place counts.
    pub fn or_at(mut self, place: Location) -> Self {
        self.place.get_or_insert(place);
        self
    }
}

impl fmt::Display for Misfit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)
    }
}

impl std::error::Error for Misfit {}

impl de::Error for Misfit {
    fn custom<T: fmt::Display>(message: T) -> Self {
        Self { message: message.to_string(), hint: None, place: None }
    }

    fn invalid_type(found: Unexpected<'_>, expected: &dyn de::Expected) -> Self {
        let expected = match expected.to_string().as_str() {
            "a boolean" => "`true` or `false`".to_owned(),
            "a string" => "text".to_owned(),
            "u8" | "u16" | "u32" | "u64" | "usize" => "a whole number".to_owned(),
            "a nonzero u32" => "a whole number from 1".to_owned(),
            other => other.to_owned(),
        };
        let found = match found {
            Unexpected::Seq => "a list".to_owned(),
            Unexpected::Map => "a mapping".to_owned(),
            Unexpected::Unit | Unexpected::Option => "nothing".to_owned(),
            Unexpected::Str(text) => format!("the text `{}`", shortened(text)),
            Unexpected::Bool(value) => format!("`{value}`"),
            Unexpected::Signed(value) => format!("the number {value}"),
            Unexpected::Unsigned(value) => format!("the number {value}"),
            Unexpected::Float(value) => format!("the number {value}"),
            other => other.to_string(),
        };
        let mut misfit = Self::custom(format!("{expected} is needed, not {found}"));
        let yes = ["yes", "no", "on", "off", "y", "n"];
        if expected == "`true` or `false`"
            && yes.iter().any(|word| found.to_lowercase().contains(&format!("`{word}`")))
        {
            misfit.hint =
                Some("write `true` or `false`; in YAML 1.2 `yes`, `no`, `on` and `off` are texts".into());
        }
        misfit
    }

    fn invalid_value(found: Unexpected<'_>, expected: &dyn de::Expected) -> Self {
        Self::invalid_type(found, expected)
    }

    fn unknown_variant(variant: &str, expected: &'static [&'static str]) -> Self {
        let mut misfit =
            Self::custom(format!("{} is needed, not `{}`", either(expected), shortened(variant)));
        misfit.hint =
            nearest_name(variant, expected.iter().copied()).map(|near| format!("did you mean `{near}`?"));
        misfit
    }
}

/// Returns `a`, `b` or `c`.
pub(super) fn either(names: &[&str]) -> String {
    let list = names.iter().map(|name| format!("`{name}`")).collect::<Vec<_>>();
    match list.as_slice() {
        [rest @ .., last] if !rest.is_empty() => format!("{} or {last}", rest.join(", ")),
        _ => list.concat(),
    }
}
