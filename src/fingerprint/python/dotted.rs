//! Names with attributes, `a.b.c`, as the tree has them.

use tree_sitter::Node;

use crate::fingerprint::syntax::text_of;

/// Longer chains are not looked through: what they begin with can't be told.
const LONGEST: usize = 64;

/// Returns what a path begins with.
pub(super) fn head(path: &str) -> &str {
    path.split('.').next().unwrap_or(path)
}

/// Returns `a.b.c` for a name with attributes; absent where it begins with anything but a name.
pub(super) fn dotted(node: Node<'_>, text: &str) -> Option<String> {
    let mut parts = Vec::new();
    let mut node = node;
    for _ in 0..LONGEST {
        match node.kind() {
            "identifier" => {
                parts.push(text_of(node, text));
                parts.reverse();
                return Some(parts.join("."));
            }
            "attribute" => {
                parts.push(text_of(node.child_by_field_name("attribute")?, text));
                node = node.child_by_field_name("object")?;
            }
            _ => return None,
        }
    }
    None
}

/// Returns the path that a chain of calls begins with: `Path(x).resolve().parent` -> `Path`.
pub(super) fn innermost(node: Node<'_>, text: &str) -> Option<String> {
    let mut node = node;
    for _ in 0..LONGEST {
        if let Some(path) = dotted(node, text) {
            return Some(path);
        }
        node = match node.kind() {
            "attribute" => node.child_by_field_name("object")?,
            "call" => node.child_by_field_name("function")?,
            _ => return None,
        };
    }
    None
}
