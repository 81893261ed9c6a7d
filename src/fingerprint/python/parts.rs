//! A closure as parts of code: what is digested, shown by `why`, and kept for the next comparison.
//!
//! One part a statement, named `module.name`; what importing a module does is
//! one part, `module (top level)`. Of a module of which very much is reached
//! there is one part, or records would outgrow the results they are about. The
//! task's own script is always called `script`, wherever it lies.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

use crate::fingerprint::files::name_of;
use crate::fingerprint::surroundings::Surroundings;
use crate::model::{CodePart, Digest, TaggedHasher};

use super::closure::Closure;
use super::facts::{Kind, Parsed};
use super::look::Source;
use super::space::{ModuleId, Node, Space};

/// Of a module of which more is reached, there is one part.
const NAMED_PARTS: usize = 32;

/// Parts that were made before, by what of a module is reached and whether it is the script.
pub(super) type Parts = HashMap<(ModuleId, bool, Vec<u32>), Arc<[CodePart]>>;

impl Space {
    /// Returns the parts of a closure, sorted by name. `script` is the task's own module.
    pub(super) fn parts(&mut self, closure: &Closure, script: ModuleId, s: &Surroundings) -> Vec<CodePart> {
        let mut reached: BTreeMap<ModuleId, Vec<u32>> = BTreeMap::new();
        for node in &closure.nodes {
            match node {
                Node::Statement(id, statement) => reached.entry(*id).or_default().push(*statement),
                Node::Whole(id) if self.module(*id).source.facts.parsed != Parsed::Yes => {
                    reached.entry(*id).or_default();
                }
                Node::Whole(_) | Node::Executed(_) => {}
            }
        }
        let mut parts = Vec::new();
        for (id, statements) in reached {
            let key = (id, id == script, statements);
            if !self.parts.contains_key(&key) {
                let made = self.parts_of_module(id, id == script, &key.2, s);
                self.parts.insert(key.clone(), made.into());
            }
            parts.extend(self.parts.get(&key).into_iter().flat_map(|parts| parts.iter().cloned()));
        }
        parts.sort_by(|a, b| a.name.cmp(&b.name));
        parts
    }

    fn parts_of_module(
        &mut self,
        id: ModuleId,
        script: bool,
        reached: &[u32],
        s: &Surroundings,
    ) -> Vec<CodePart> {
        let source = self.module(id).source.clone();
        let file = name_of(&self.module(id).path, &s.project.root);
        let name = if script { "script".to_owned() } else { self.module(id).name.clone() };
        let mut labels: BTreeMap<String, Vec<u32>> = BTreeMap::new();
        for at in reached {
            labels.entry(label(&name, &source, *at)).or_default().push(*at);
        }
        let mut parts = Vec::new();
        for (label, statements) in labels {
            let mut digests = self.digests(id, &statements, s);
            if label.ends_with(TOP_LEVEL) {
                digests.extend(order(&source, reached));
            }
            parts.push(CodePart {
                line: source.facts.statements[statements[0] as usize].line,
                digest: together(&digests),
                file: file.clone(),
                ..part(label, &texts(&source, &statements))
            });
        }
        let understood = source.facts.parsed == Parsed::Yes;
        if understood && parts.len() <= NAMED_PARTS {
            return parts;
        }
        let mut digests: Vec<(String, Digest)> =
            parts.iter().map(|part| (part.name.clone(), part.digest)).collect();
        let mut text: Arc<str> = texts(&source, reached).into();
        if !understood {
            // What was recognised of it is followed; it counts by its bytes.
            digests.push(("bytes".to_owned(), source.facts.bytes));
            text = source.text.clone();
        }
        vec![CodePart { line: 1, digest: together(&digests), file, ..part(name, &text) }]
    }

    fn digests(&mut self, id: ModuleId, statements: &[u32], s: &Surroundings) -> Vec<(String, Digest)> {
        let edges = |at: &u32| ("statement".to_owned(), self.edges(Node::Statement(id, *at), s).digest);
        statements.iter().map(edges).collect()
    }
}

const TOP_LEVEL: &str = " (top level)";

fn label(module: &str, source: &Source, at: u32) -> String {
    match source.facts.statements[at as usize].binds.first() {
        Some(name) => format!("{module}.{name}"),
        None => format!("{module}{TOP_LEVEL}"),
    }
}

/// Returns in which order things are done when a module is imported: an effect sees what is before it.
fn order(source: &Source, reached: &[u32]) -> Vec<(String, Digest)> {
    let statements = reached.iter().map(|at| &source.facts.statements[*at as usize]);
    let done = statements.filter(|statement| statement.kind == Kind::Other);
    done.map(|statement| {
        let name = statement.binds.first().map_or("", |name| name.as_ref());
        ("order".to_owned(), Digest::of(name.as_bytes()))
    })
    .collect()
}

fn together(digests: &[(String, Digest)]) -> Digest {
    let mut hasher = TaggedHasher::new("kptn python part 1");
    for (name, digest) in digests {
        hasher.field(name, digest.as_bytes());
    }
    hasher.finish()
}

fn texts(source: &Source, statements: &[u32]) -> String {
    let texts = statements.iter().map(|at| {
        let statement = &source.facts.statements[*at as usize];
        source.text.get(statement.start as usize..statement.end as usize).unwrap_or_default()
    });
    texts.collect::<Vec<_>>().join("\n")
}

fn part(name: String, text: &str) -> CodePart {
    let digest = Digest::of(text.as_bytes());
    CodePart { name, file: String::new(), line: 1, digest, text: text.into(), source: digest }
}
