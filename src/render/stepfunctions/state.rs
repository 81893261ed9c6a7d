//! States of a machine in the Amazon States Language, and pieces of it that hold states.

use serde::Serialize;
use serde_json::{Value, json};

/// Whatever went wrong.
const ALL: &str = "States.ALL";

/// One state; a field that is absent is not written.
#[derive(Debug, Clone, PartialEq, Default, Serialize)]
#[serde(rename_all = "PascalCase")]
pub struct State {
    #[serde(rename = "Type")]
    pub kind: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub comment: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub resource: Option<&'static str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub parameters: Option<Value>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub timeout_seconds: Option<u64>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub choices: Vec<Value>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub default: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub items_path: Option<&'static str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub item_reader: Option<Value>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub item_selector: Option<Value>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub max_concurrency: Option<u32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub tolerated_failure_percentage: Option<f64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub item_processor: Option<Processor>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub input_path: Option<&'static str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub result: Option<Value>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub result_selector: Option<Value>,
    /// `Value::Null` throws the result away.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub result_path: Option<Value>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub error: Option<&'static str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub cause: Option<String>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub retry: Vec<Value>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub catch: Vec<Value>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub next: Option<String>,
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub end: bool,
    /// Whether only a failure leads to it, which ends its branch.
    #[serde(skip)]
    pub after_failure: bool,
    /// How many gates a Map opens.
    #[serde(skip)]
    pub gates: usize,
    /// Written on lines of their own.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub branches: Vec<Piece>,
}

/// States that lead to one another: a machine, a branch of a Parallel.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(rename_all = "PascalCase")]
pub struct Piece {
    pub start_at: String,
    #[serde(serialize_with = "as_object")]
    pub states: Vec<(String, State)>,
}

/// What a Map does with each element.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(rename_all = "PascalCase")]
pub struct Processor {
    pub processor_config: Value,
    #[serde(flatten)]
    pub piece: Piece,
}

fn as_object<S: serde::Serializer>(states: &[(String, State)], serializer: S) -> Result<S::Ok, S::Error> {
    serializer.collect_map(states.iter().map(|(name, state)| (name, state)))
}

impl State {
    fn of(kind: &'static str) -> Self {
        Self { kind, ..Self::default() }
    }

    /// A call of a service.
    pub fn task(resource: &'static str, parameters: Value) -> Self {
        Self { resource: Some(resource), parameters: Some(parameters), ..Self::of("Task") }
    }

    /// Branches side by side.
    pub fn parallel(branches: Vec<Piece>) -> Self {
        Self { branches, ..Self::of("Parallel") }
    }

    /// The same for each element.
    pub fn map(processor: Processor) -> Self {
        Self { item_processor: Some(processor), ..Self::of("Map") }
    }

    /// Goes to `then` where `variable` is what `test` says, else to `default`.
    pub fn choice(variable: &str, test: &str, value: bool, then: &str, default: &str) -> Self {
        let choice = json!({"Variable": variable, test: value, "Next": then});
        Self { choices: vec![choice], default: Some(default.to_owned()), ..Self::of("Choice") }
    }

    /// Puts a value into the state's data.
    pub fn pass(result: Value, path: &str) -> Self {
        Self { result: Some(result), result_path: Some(path.into()), ..Self::of("Pass") }
    }

    /// Makes the state's data anew from what is there.
    pub fn shape(parameters: Value) -> Self {
        Self { parameters: Some(parameters), ..Self::of("Pass") }
    }

    /// Goes on with a part of the state's data.
    pub fn take(path: &'static str) -> Self {
        Self { input_path: Some(path), ..Self::of("Pass") }
    }

    /// Ends well.
    pub fn succeed() -> Self {
        Self::of("Succeed")
    }

    /// Ends the execution.
    pub fn fail(error: &'static str, cause: String) -> Self {
        Self { error: Some(error), cause: Some(cause), ..Self::of("Fail") }
    }

    /// Says what comes next.
    pub fn then(self, next: &str) -> Self {
        Self { next: Some(next.to_owned()), ..self }
    }

    /// Says that nothing comes next.
    pub fn ends(self) -> Self {
        Self { end: true, ..self }
    }

    /// Says where the result goes; nowhere with `Value::Null`.
    pub fn to(self, path: impl Into<Value>) -> Self {
        Self { result_path: Some(path.into()), ..self }
    }

    /// Says what of the result is kept, and where.
    pub fn select(self, selector: Value, path: &str) -> Self {
        Self { result_selector: Some(selector), ..self.to(path) }
    }

    /// Says where any other error leads.
    pub fn catch(mut self, path: impl Into<Value>, next: &str) -> Self {
        let path: Value = path.into();
        self.catch.push(json!({"ErrorEquals": [ALL], "ResultPath": path, "Next": next}));
        self
    }
}
