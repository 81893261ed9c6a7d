//! The JSON Schema that editors use.

use super::*;

#[test]
fn the_committed_schema_is_the_one_that_the_types_give() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/reference/kptn.schema.json");
    let committed = std::fs::read_to_string(&path).unwrap_or_default();
    let current = serde_json::to_string_pretty(&json_schema()).unwrap() + "\n";
    assert!(committed == current, "run `kptn config schema > docs/reference/kptn.schema.json`");
}

#[test]
fn every_field_has_a_description() {
    fn walk(value: &serde_json::Value, path: &str, bare: &mut Vec<String>) {
        let Some(object) = value.as_object() else { return };
        for (name, field) in object.get("properties").and_then(|p| p.as_object()).into_iter().flatten() {
            if field.get("description").is_none() {
                bare.push(format!("{path}.{name}"));
            }
        }
        for (name, inner) in object {
            walk(inner, &format!("{path}.{name}"), bare);
        }
    }
    let mut bare = Vec::new();
    walk(&json_schema(), "", &mut bare);
    assert_eq!(bare, [""; 0]);
}
