//! Python's scopes: to which one a name belongs.
//!
//! A stack that follows a walk through a statement. When a scope ends, the
//! names that it mentions and does not bind itself are mentioned by the scope
//! around it; what reaches the bottom belongs to the module.

use std::collections::HashSet;

use super::dotted::head;

/// Deeper nesting of scopes is nothing a person writes; it is no longer kept apart.
const DEEPEST: usize = 200;

/// One kind of scope.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) enum Scope {
    #[default]
    Module,
    Class,
    Function,
    Comprehension,
    /// Defaults and annotations of the function below it, the first iterable of the comprehension below it.
    Outside,
}

#[derive(Debug, Default)]
struct Frame {
    scope: Scope,
    /// How deep the node is that it ends with.
    depth: usize,
    /// Whether it runs later than the import of the module.
    deferred: bool,
    bound: HashSet<String>,
    globals: HashSet<String>,
    nonlocals: HashSet<String>,
    mentions: HashSet<String>,
    /// Whether a comprehension's first `for` was met.
    has_clause: bool,
}

/// The scopes around a place in a statement.
#[derive(Debug)]
pub(super) struct Scopes {
    frames: Vec<Frame>,
    /// Names of the module that functions bind, by `global`.
    bound_globally: HashSet<String>,
    /// Whether scopes were too deep to be kept apart: names may have been lost.
    pub too_deep: bool,
}

impl Scopes {
    /// Begins with the module's own scope.
    pub(super) fn new() -> Self {
        let module = Frame { depth: usize::MAX, ..Frame::default() };
        Self { frames: vec![module], bound_globally: HashSet::new(), too_deep: false }
    }

    /// Returns the names of the module that are bound, and those that are mentioned.
    pub(super) fn finish(mut self) -> (HashSet<String>, HashSet<String>) {
        while self.frames.len() > 1 {
            self.pop();
        }
        let module = self.frames.pop().unwrap_or_default();
        let mut bound = module.bound;
        bound.extend(self.bound_globally);
        (bound, module.mentions)
    }

    /// Tells whether code here runs later than the import of the module.
    pub(super) fn deferred(&self) -> bool {
        self.frames.last().is_some_and(|frame| frame.deferred)
    }

    /// Tells whether code here stands in a class.
    pub(super) fn in_class(&self) -> bool {
        self.frames.iter().any(|frame| frame.scope == Scope::Class)
    }

    /// A scope begins with a node at this depth.
    pub(super) fn push(&mut self, scope: Scope, depth: usize) {
        if self.frames.len() >= DEEPEST {
            self.too_deep = true;
            return;
        }
        let deferred = match scope {
            Scope::Function => true,
            Scope::Outside => self.frames.iter().rev().nth(1).is_some_and(|frame| frame.deferred),
            _ => self.deferred(),
        };
        self.frames.push(Frame { scope, depth, deferred, ..Frame::default() });
    }

    /// The node at this depth ends, and the scopes that began with it.
    pub(super) fn end(&mut self, depth: usize) {
        while self.frames.len() > 1 && self.frames.last().is_some_and(|frame| frame.depth == depth) {
            self.pop();
        }
    }

    fn pop(&mut self) {
        let Some(frame) = self.frames.pop() else { return };
        let last = self.frames.len().saturating_sub(1);
        let above = if frame.scope == Scope::Outside { last.saturating_sub(1) } else { last };
        for path in frame.mentions {
            let head = head(&path);
            let own = frame.bound.contains(head) && !frame.nonlocals.contains(head);
            let to = if frame.globals.contains(head) {
                0
            } else if frame.scope == Scope::Class || !own {
                above
            } else {
                continue;
            };
            if let Some(frame) = self.frames.get_mut(to) {
                frame.mentions.insert(path);
            }
        }
    }

    /// Code here mentions a name, perhaps with attributes.
    pub(super) fn mention(&mut self, path: &str) {
        if let Some(frame) = self.frames.last_mut() {
            frame.mentions.insert(path.to_owned());
        }
    }

    /// Code here binds a name, as an assignment does.
    pub(super) fn bind(&mut self, name: &str) {
        let inner = |frame: &&mut Frame| !matches!(frame.scope, Scope::Comprehension | Scope::Outside);
        let Some(frame) = self.frames.iter_mut().rev().find(inner) else { return };
        if frame.globals.contains(name) {
            self.bound_globally.insert(name.to_owned());
        } else {
            frame.bound.insert(name.to_owned());
        }
    }

    /// Code here binds a name, as a `for` does: in a comprehension it stays there.
    pub(super) fn bind_target(&mut self, name: &str) {
        match self.frames.last_mut() {
            Some(frame) if frame.scope == Scope::Comprehension => {
                frame.bound.insert(name.to_owned());
            }
            _ => self.bind(name),
        }
    }

    /// The function here says `global`.
    pub(super) fn global(&mut self, names: Vec<String>) {
        if let Some(frame) = self.frames.last_mut().filter(|frame| frame.scope == Scope::Function) {
            frame.globals.extend(names);
        }
    }

    /// The function here says `nonlocal`.
    pub(super) fn nonlocal(&mut self, names: Vec<String>) {
        if let Some(frame) = self.frames.last_mut() {
            frame.nonlocals.extend(names);
        }
    }

    /// A `for` of a comprehension begins; tells whether it is the first, whose iterable belongs outside.
    pub(super) fn is_first_clause(&mut self) -> bool {
        match self.frames.last_mut() {
            Some(frame) if frame.scope == Scope::Comprehension => {
                !std::mem::replace(&mut frame.has_clause, true)
            }
            _ => false,
        }
    }
}
