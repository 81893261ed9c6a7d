//! Functions of the project that compute values of `config`.
//!
//! `config` may say `engine: {function: "db:connect"}`: the task is handed what
//! `connect` returns, so that function counts with all it reaches. It may take
//! values of `config` itself, which then count as well.

use std::collections::BTreeSet;

use serde_json::Value;

use crate::config::computed_by;
use crate::fingerprint::surroundings::Surroundings;
use crate::fingerprint::values::takes_config;

use super::closure::node_of;
use super::resolve::Found;
use super::signature::Signature;
use super::signature_of;
use super::space::{ModuleId, Node, Space};

/// What the values of `config` that a function takes reach.
#[derive(Debug, Default)]
pub(super) struct Reach {
    /// The functions that compute them.
    pub starts: Vec<Node>,
    /// Names of further values that those functions take.
    pub names: BTreeSet<String>,
    /// What could not be found.
    pub missing: Vec<String>,
}

/// Returns what the `config` values of a function with this signature reach.
pub(super) fn reach(
    space: &mut Space,
    script: ModuleId,
    signature: Option<&Signature>,
    s: &Surroundings,
) -> Reach {
    let config = &s.graph.config;
    let mut reach = Reach::default();
    let mut open: Vec<&String> = config.keys().filter(|name| takes_config(signature, name)).collect();
    let mut seen = BTreeSet::new();
    while let Some(name) = open.pop() {
        if !seen.insert(name) {
            continue;
        }
        for computed in config.get(name).map(functions_in).unwrap_or_default() {
            let found = find(space, script, computed, s);
            if found.is_empty() {
                reach.missing.push(format!("function `{computed}`, which computes `{name}`, was not found"));
            }
            reach.starts.extend(found.iter().filter_map(node_of));
            let taken = signature_of(space, &found);
            let further: Vec<&String> =
                config.keys().filter(|name| takes_config(taken.as_ref(), name)).collect();
            reach.names.extend(further.iter().map(|name| (*name).clone()));
            open.extend(further);
        }
    }
    reach
}

/// Returns every `module:function` in a value, however deep.
fn functions_in(value: &Value) -> Vec<&str> {
    let mut open = vec![value];
    let mut found = Vec::new();
    while let Some(value) = open.pop() {
        match (computed_by(value), value) {
            (Some(function), _) => found.push(function),
            (None, Value::Array(values)) => open.extend(values),
            (None, Value::Object(values)) => open.extend(values.values()),
            _ => {}
        }
    }
    found
}

fn find(space: &mut Space, script: ModuleId, computed: &str, s: &Surroundings) -> Vec<Found> {
    let Some((module, function)) = computed.split_once(':') else { return Vec::new() };
    let first = function.split('.').next().unwrap_or(function);
    space.find(script, module, first, s)
}
