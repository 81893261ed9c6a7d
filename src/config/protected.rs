//! `settings.protected` alone, from a text that may be long and need not be right.
//!
//! A branch's own commit says what is protected there, whatever else it says;
//! and ten thousand tasks take long to read. So the block of `settings` is cut
//! out and read by itself; where that cannot be done, the whole is read.

use serde::Deserialize;

#[derive(Deserialize)]
struct Whole {
    #[serde(default)]
    settings: Option<Part>,
}

#[derive(Deserialize)]
struct Part {
    #[serde(default)]
    protected: Option<serde_json::Value>,
}

/// Returns the patterns of `settings.protected`; none where there are none, or the text cannot be read.
pub fn protected_in(text: &[u8]) -> Vec<String> {
    let Ok(text) = std::str::from_utf8(text) else { return Vec::new() };
    if !text.contains("protected") {
        return Vec::new();
    }
    let read = |text: &str| serde_yaml::from_str::<Whole>(text).ok();
    let whole = block(text).and_then(|block| read(&block)).or_else(|| read(text));
    let found = whole.and_then(|whole| whole.settings).and_then(|settings| settings.protected);
    match found {
        Some(serde_json::Value::String(one)) => vec![one],
        Some(serde_json::Value::Array(many)) => {
            many.into_iter().filter_map(|one| one.as_str().map(str::to_owned)).collect()
        }
        _ => Vec::new(),
    }
}

/// Returns the patterns of `[tool.kptn] protected` in a `pyproject.toml`, and the `kptn.yaml` that it names.
pub fn protected_in_pyproject(text: &[u8]) -> (Vec<String>, Option<String>) {
    let document: Option<toml::Table> = std::str::from_utf8(text).ok().and_then(|text| text.parse().ok());
    let table = document.as_ref().and_then(|all| all.get("tool")?.get("kptn")?.as_table());
    let Some(table) = table else { return (Vec::new(), None) };
    let word = |value: &toml::Value| value.as_str().map(str::to_owned);
    let patterns = match table.get("protected") {
        Some(toml::Value::Array(many)) => many.iter().filter_map(word).collect(),
        Some(one) => word(one).into_iter().collect(),
        None => Vec::new(),
    };
    (patterns, table.get("tasks_conf_path").and_then(word))
}

/// Returns the lines from `settings:` to the next key; absent where that is no block, or refers to others.
fn block(text: &str) -> Option<String> {
    let mut lines = text.lines().skip_while(|line| !line.starts_with("settings:"));
    let mut block = lines.next()?.to_owned();
    let belongs = |line: &&str| line.is_empty() || line.starts_with([' ', '#', '\t', '\r']);
    for line in lines.take_while(belongs) {
        block.push('\n');
        block.push_str(line);
    }
    (!block.contains(['*', '&']) || !block.contains("<<")).then_some(block)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn patterns_are_found_wherever_settings_stands_and_whatever_else_is_wrong() {
        for text in [
            "settings:\n  protected: [main, 'release/*']\n",
            "graphs: {g: {tasks: {A: }}}\nsettings:\n  python: p\n  # who\n  protected:\n    - main\n    - release/*\ntasks: {}\n",
            "settings: {protected: [main, 'release/*']}\nunknown: 1\n",
            "{settings: {protected: [main, \"release/*\"]}}",
        ] {
            assert_eq!(protected_in(text.as_bytes()), ["main", "release/*"], "{text}");
        }
        assert_eq!(protected_in(b"settings: {protected: main}"), ["main"]);
        let pyproject = "[tool.kptn]\nprotected = ['main']\ntasks_conf_path = 'etl/kptn.yaml'\n";
        let (patterns, named) = protected_in_pyproject(pyproject.as_bytes());
        assert_eq!((patterns, named.as_deref()), (vec!["main".to_owned()], Some("etl/kptn.yaml")));
        assert_eq!(protected_in_pyproject(b"[tool."), (vec![], None));
        for text in ["", "settings: {}", "settings: [", "tasks: {protected: {file: x}}", "# protected"] {
            assert_eq!(protected_in(text.as_bytes()), [""; 0], "{text}");
        }
    }
}
