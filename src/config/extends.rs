//! What a graph takes over from those that it extends.

use std::collections::{BTreeMap, HashMap};
use std::rc::Rc;

use indexmap::IndexMap;

use super::report::Report;
use crate::model::{Argument, GraphName, Location, TaskName};

/// How long a chain of `extends` may be.
const LONGEST_CHAIN: usize = 64;

/// What one graph says about one task.
#[derive(Debug, Clone, Default)]
pub(super) struct Plan {
    pub deps: Vec<(TaskName, Option<Location>)>,
    pub args: BTreeMap<String, Argument>,
    pub places: BTreeMap<String, Location>,
}

pub(super) type Plans = Rc<IndexMap<TaskName, Rc<Plan>>>;

/// A graph's own words, parsed.
pub(super) struct Own {
    pub place: Location,
    /// Whether it says nothing at all.
    pub empty: bool,
    pub plans: IndexMap<TaskName, Rc<Plan>>,
    pub extends: Vec<Parent>,
}

pub(super) struct Parent {
    pub graph: String,
    pub place: Option<Location>,
    pub args: Vec<(TaskName, Plan)>,
}

/// Resolves `extends`, each graph once.
pub(super) struct Resolver<'a> {
    own: &'a IndexMap<String, (GraphName, Own)>,
    done: HashMap<&'a str, Plans>,
    chain: Vec<&'a str>,
}

impl<'a> Resolver<'a> {
    pub fn new(own: &'a IndexMap<String, (GraphName, Own)>) -> Self {
        Self { own, done: HashMap::new(), chain: Vec::new() }
    }

    /// Returns the tasks of a graph: those of its parents first, the first parent winning over the
    /// next, and its own entries over all, in the place that the parent gave them.
    pub fn plans(&mut self, name: &'a str, report: &mut Report) -> Plans {
        if let Some(done) = self.done.get(name) {
            return done.clone();
        }
        let Some((_, own)) = self.own.get(name) else { return Plans::default() };
        self.chain.push(name);
        let mut plans = IndexMap::new();
        for parent in &own.extends {
            self.take_over(parent, &mut plans, report);
        }
        for (task, plan) in &own.plans {
            plans.insert(task.clone(), plan.clone());
        }
        self.chain.pop();
        let plans = Rc::new(plans);
        self.done.insert(name, plans.clone());
        plans
    }

    fn take_over(
        &mut self,
        parent: &'a Parent,
        plans: &mut IndexMap<TaskName, Rc<Plan>>,
        report: &mut Report,
    ) {
        let Some((name, _)) = self.own.get_key_value(parent.graph.as_str()) else {
            let guess = report.guess(&parent.graph, self.own.keys().map(String::as_str));
            report.error(parent.place, format!("there is no graph `{}`", parent.graph)).hint = guess;
            return;
        };
        if let Some(first) = self.chain.iter().position(|above| above == name) {
            let path = self.chain[first..].iter().chain([&name.as_str()]).copied().collect::<Vec<_>>();
            report
                .error(parent.place, format!("graphs extend each other in a circle: {}", path.join(" -> ")));
            return;
        }
        if self.chain.len() >= LONGEST_CHAIN {
            report.error(
                parent.place,
                format!("a chain of more than {LONGEST_CHAIN} graphs that extend each other"),
            );
            return;
        }
        let inherited = self.plans(name, report);
        for (task, plan) in inherited.iter() {
            plans.entry(task.clone()).or_insert_with(|| plan.clone());
        }
        for (task, changes) in &parent.args {
            match plans.get_mut(task).filter(|_| inherited.contains_key(task)) {
                Some(plan) => {
                    let plan = Rc::make_mut(plan);
                    plan.args.extend(changes.args.clone());
                    plan.places.extend(
                        changes
                            .places
                            .iter()
                            .filter(|(field, _)| *field != "entry")
                            .map(|(f, p)| (f.clone(), *p)),
                    );
                }
                None => {
                    let guess = report.guess(task.as_str(), inherited.keys().map(TaskName::as_str));
                    let message = format!("graph `{name}` has no task `{task}`");
                    report.error(changes.places.get("entry").copied(), message).hint = guess;
                }
            }
        }
    }
}
