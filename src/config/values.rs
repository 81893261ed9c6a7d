//! `config`: the values that tasks take by name.
//!
//! Plain values stay what they are. `include` brings values from JSON and YAML
//! files; an own value wins over an included one. `{value: …, alias: name}`
//! gives a value a second name. `package.module:function`, where that module
//! is one of the project's, and `{function: …}` stand for what the function
//! returns; they become `{"$function": "package.module:function"}`.

use std::collections::HashMap;
use std::io;
use std::path::{Path, PathBuf};

use serde_json::{Map, Value};

use super::find::{Found, join};
use super::node::{Kind, Node};
use super::project::Disk;
use super::report::Report;
use super::yaml;
use crate::model::Settings;

/// The one key of an object that stands for what a function returns.
pub const FUNCTION_KEY: &str = "$function";

/// How deep files may include files.
const DEEPEST_INCLUDE: usize = 16;

/// Returns the `module:function` that computes `value`; absent for a plain value.
pub fn computed_by(value: &Value) -> Option<&str> {
    let map = value.as_object().filter(|map| map.len() == 1)?;
    map.get(FUNCTION_KEY)?.as_str()
}

/// Resolves `config` blocks, and remembers what was looked at.
pub(super) struct Values<'a> {
    folders: Vec<PathBuf>,
    module_folders: Vec<PathBuf>,
    modules: HashMap<String, bool>,
    disk: &'a Disk,
    depth: usize,
    /// Files that were included.
    pub files: Vec<PathBuf>,
    /// Places where nothing was.
    pub absent: Vec<PathBuf>,
    /// What was found in included files.
    pub reports: Vec<Report>,
}

impl<'a> Values<'a> {
    pub fn new(found: &Found, settings: &Settings, disk: &'a Disk) -> Self {
        let mut folders = vec![found.folder().to_owned()];
        folders.extend((found.root != folders[0]).then(|| found.root.clone()));
        let mut module_folders = folders.clone();
        for tasks in &settings.py_tasks_dirs {
            module_folders.push(tasks.clone());
            module_folders.extend(tasks.parent().map(Path::to_owned));
        }
        let mut seen = std::collections::HashSet::new();
        module_folders.retain(|folder| seen.insert(folder.clone()));
        Self {
            folders,
            module_folders,
            modules: HashMap::new(),
            disk,
            depth: 0,
            files: Vec::new(),
            absent: Vec::new(),
            reports: Vec::new(),
        }
    }

    /// Returns the values of one `config` block.
    pub fn resolve(&mut self, node: &Node, report: &mut Report) -> Map<String, Value> {
        match &node.kind {
            Kind::Map(_) => self.mapping(node, report),
            Kind::Null => Map::new(),
            _ => {
                report.error(
                    Some(node.place),
                    format!("`config` is a mapping of names, not {}", node.described()),
                );
                Map::new()
            }
        }
    }

    fn mapping(&mut self, node: &Node, report: &mut Report) -> Map<String, Value> {
        let mut included = Map::new();
        let mut own = Map::new();
        let mut aliases = Vec::new();
        for (key, node) in node.entries() {
            if key.text == "include" {
                included = self.includes(node, report);
                continue;
            }
            let value = self.value(node, &mut aliases, report);
            own.insert(key.text.clone(), value);
        }
        let mut merged = merge(included, own);
        merged.extend(aliases);
        merged
    }

    fn value(&mut self, node: &Node, aliases: &mut Vec<(String, Value)>, report: &mut Report) -> Value {
        match &node.kind {
            Kind::Map(_) if is_entry(node) => self.entry(node, aliases, report),
            Kind::Map(_) => Value::Object(self.mapping(node, report)),
            Kind::List(items) => items.iter().map(|item| self.value(item, aliases, report)).collect(),
            Kind::Scalar { text, .. } => match split_function(text) {
                Some((module, _)) if self.is_module(module) => function(text),
                _ => node.to_json(),
            },
            Kind::Null => Value::Null,
        }
    }

    /// Reads `{value: …}` or `{function: …}`, perhaps with a second name.
    fn entry(&mut self, node: &Node, aliases: &mut Vec<(String, Value)>, report: &mut Report) -> Value {
        let known = ["value", "function", "alias", "parameter_name"];
        for (key, _) in node.entries().iter().filter(|(key, _)| !known.contains(&key.text.as_str())) {
            let guess = report.guess(&key.text, known);
            report.error(Some(key.place), format!("unknown field `{}` beside `function`", key.text)).hint =
                guess;
        }
        if node.get("value").is_some() && node.get("function").is_some() {
            report.error(Some(node.place), "`value` and `function` exclude each other");
        }
        let value = match (node.get("function"), node.get("value")) {
            (Some(named), _) => {
                match named.text().map(str::trim).filter(|text| split_function(text).is_some()) {
                    Some(text) => function(text),
                    None => {
                        let message =
                            format!("`package.module:function` is needed, not {}", named.described());
                        report.error(Some(named.place), message);
                        Value::Null
                    }
                }
            }
            (None, Some(value)) => self.value(value, aliases, report),
            (None, None) => Value::Null,
        };
        for name in [node.get("alias"), node.get("parameter_name")].into_iter().flatten() {
            match name.text().map(str::trim).filter(|text| is_identifier(text)) {
                Some(text) => aliases.push((text.to_owned(), value.clone())),
                None => {
                    let message = format!("a parameter's name is needed, not {}", name.described());
                    report.error(Some(name.place), message);
                }
            }
        }
        value
    }

    fn includes(&mut self, node: &Node, report: &mut Report) -> Map<String, Value> {
        let nodes = match &node.kind {
            Kind::List(items) => items.iter().collect(),
            _ => vec![node],
        };
        let mut merged = Map::new();
        for node in nodes {
            let Some(name) = node.text() else {
                report.error(
                    Some(node.place),
                    format!("a file or a list of files is needed, not {}", node.described()),
                );
                continue;
            };
            let values = self.include(name, node, report);
            if let Some(twice) =
                values.keys().find(|key| merged.get(*key).is_some_and(|v: &Value| !v.is_object()))
            {
                report.warning(
                    Some(node.place),
                    format!("`{twice}` of `{name}` replaces the one of a file before it"),
                );
            }
            merged = merge(merged, values);
        }
        merged
    }

    fn include(&mut self, name: &str, node: &Node, report: &mut Report) -> Map<String, Value> {
        let ending = name.rsplit_once('.').map(|(_, ending)| ending.to_ascii_lowercase());
        if !matches!(ending.as_deref(), Some("json" | "yaml" | "yml")) {
            report.error(Some(node.place), format!("`{name}` is neither JSON (`.json`) nor YAML (`.yaml`)"));
            return Map::new();
        }
        if self.depth >= DEEPEST_INCLUDE {
            let message = format!(
                "files include files more than {DEEPEST_INCLUDE} deep; does `{name}` include itself?"
            );
            report.error(Some(node.place), message);
            return Map::new();
        }
        let Some((path, bytes)) = self.read(name, node, report) else { return Map::new() };
        let mut inner = Report::new(&path);
        self.files.push(path);
        self.depth += 1;
        let values = match yaml::parse(&bytes, &mut inner) {
            Some(root) => self.resolve(&root, &mut inner),
            None => Map::new(),
        };
        self.depth -= 1;
        self.reports.push(inner);
        values
    }

    fn read(&mut self, name: &str, node: &Node, report: &mut Report) -> Option<(PathBuf, Vec<u8>)> {
        let mut tried = Vec::new();
        for folder in &self.folders {
            let path = join(folder, name);
            match (self.disk.read)(&path) {
                Ok(bytes) => return Some((path, bytes)),
                Err(error) if error.kind() == io::ErrorKind::NotFound => {
                    tried.push(format!("`{}`", path.display()));
                    self.absent.push(path);
                }
                Err(error) => {
                    report.error(Some(node.place), format!("cannot read `{}`: {error}", path.display()));
                    return None;
                }
            }
        }
        report.error(Some(node.place), format!("there is no `{name}` to include")).hint =
            Some(format!("looked for {}", tried.join(", ")));
        None
    }

    /// Tells whether a dotted module name is one of the project's own files.
    fn is_module(&mut self, module: &str) -> bool {
        if let Some(known) = self.modules.get(module) {
            return *known;
        }
        let relative: PathBuf = module.split('.').collect();
        let candidates = self.module_folders.iter().flat_map(|folder| {
            [folder.join(&relative).with_extension("py"), folder.join(&relative).join("__init__.py")]
        });
        let mut found = false;
        for candidate in candidates {
            found = (self.disk.is_file)(&candidate);
            if found {
                break;
            }
            self.absent.push(candidate);
        }
        self.modules.insert(module.to_owned(), found);
        found
    }
}

fn function(text: &str) -> Value {
    Value::Object(Map::from_iter([(FUNCTION_KEY.to_owned(), text.trim().into())]))
}

/// Tells `{function: …}` and `{value: …, alias: …}` from a mapping that happens to have such a key.
fn is_entry(node: &Node) -> bool {
    let only = |known: &[&str]| node.entries().iter().all(|(key, _)| known.contains(&key.text.as_str()));
    node.get("function").is_some()
        || (node.get("value").is_some() && only(&["value", "alias", "parameter_name"]))
}

/// Splits `package.module:function`; absent for any other text.
fn split_function(text: &str) -> Option<(&str, &str)> {
    let (module, attribute) = text.trim().split_once(':')?;
    let dotted = |text: &str| text.split('.').all(is_identifier);
    (dotted(module) && dotted(attribute)).then_some((module, attribute))
}

/// Tells whether Python could have a parameter of this name.
pub(super) fn is_identifier(text: &str) -> bool {
    let mut letters = text.chars();
    letters.next().is_some_and(|c| c.is_alphabetic() || c == '_')
        && letters.all(|c| c.is_alphanumeric() || c == '_')
}

/// Returns `under` with `over` laid on it: mappings are merged, anything else is replaced.
pub(super) fn merge(mut under: Map<String, Value>, over: Map<String, Value>) -> Map<String, Value> {
    for (key, value) in over {
        let merged = match (under.remove(&key), value) {
            (Some(Value::Object(below)), Value::Object(above))
                if !below.contains_key(FUNCTION_KEY) && !above.contains_key(FUNCTION_KEY) =>
            {
                Value::Object(merge(below, above))
            }
            (_, value) => value,
        };
        under.insert(key, merged);
    }
    under
}
