//! The model: code and state of each branch, who has which record, what was done. It knows no kptn.

use std::collections::{BTreeMap, BTreeSet};

use crate::support::Random;

/// `A` comes first, `B` and `C` read what it wrote, `D` reads what those wrote.
pub const TASKS: [(&str, &[&str]); 4] = [("A", &[]), ("B", &["A"]), ("C", &["A"]), ("D", &["B", "C"])];

/// Each process stands on branches of its own: git lets no two worktrees check one out.
pub const BRANCHES: [[&str; 2]; 2] = [["main", "ada"], ["bob", "bea"]];

pub type Task = &'static str;
pub type Branch = &'static str;

/// What a record is known by: the task, its code, and what its dependencies wrote.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Made {
    pub task: Task,
    pub code: u32,
    pub read: Vec<String>,
}

impl Made {
    /// What it wrote: every second edit changes nothing in it.
    pub fn wrote(&self) -> String {
        format!("{}{}({})", self.task, self.code / 2, self.read.join(","))
    }
}

pub type State = BTreeMap<Task, Made>;

/// What is done.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Step {
    /// A script is edited, and committed.
    Edit(Task),
    Run,
    /// `branch clone` onto the branch that is stood on.
    Clone {
        from: Branch,
        force: bool,
    },
    /// Of the operation at this place in [`World::log`].
    Undo(usize),
    /// What nothing holds goes to the trash, and what is there for good.
    Gc,
    Switch(Branch),
    /// Files that equal the record leave the output folder.
    Clean,
    Restore,
}

/// An operation of a branch.
#[derive(Debug, Clone)]
pub struct Operation {
    pub branch: Branch,
    pub number: u64,
    pub before: State,
    pub after: State,
    pub undoes: Option<usize>,
}

/// What a run has to do.
#[derive(Debug, Default)]
pub struct Plan {
    pub after: State,
    /// Tasks that surely run.
    pub must: BTreeSet<Task>,
    /// Tasks whose record may be gone, or be made by the other process meanwhile.
    pub may: BTreeSet<Task>,
}

/// Whether something succeeds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fate {
    Succeeds,
    Fails,
    Either,
}

#[derive(Debug, Default)]
pub struct World {
    /// Which branch each process stands on.
    pub on: [Branch; 2],
    pub code: BTreeMap<Branch, BTreeMap<Task, u32>>,
    pub state: BTreeMap<Branch, State>,
    pub log: Vec<Operation>,
    /// All that was ever made.
    pub made: BTreeSet<Made>,
    /// What a collection may have deleted.
    pub gone: BTreeSet<Made>,
    /// What both processes may have made at the same time: two records that look the same here.
    pub twins: BTreeSet<Made>,
    edits: u32,
}

impl World {
    pub fn new() -> Self {
        let code: BTreeMap<_, _> = TASKS.iter().map(|(task, _)| (*task, 0)).collect();
        let branches = || BRANCHES.iter().flatten().copied();
        Self {
            on: [BRANCHES[0][0], BRANCHES[1][0]],
            code: branches().map(|branch| (branch, code.clone())).collect(),
            state: branches().map(|branch| (branch, State::new())).collect(),
            ..Self::default()
        }
    }

    /// Chooses a step that a process can take, alone or at the same time as the other one.
    pub fn choose(&self, who: usize, at_once: bool, random: &mut Random) -> Step {
        let on = self.on[who];
        let sources: Vec<Branch> = BRANCHES
            .iter()
            .enumerate()
            // What the other process does to its branches meanwhile is not foreseen.
            .filter(|(owner, _)| !at_once || *owner == who)
            .flat_map(|(_, names)| names.iter().copied())
            .filter(|name| *name != on && !self.state[name].is_empty())
            .collect();
        let undoable: Vec<usize> =
            (0..self.log.len()).filter(|at| self.log[*at].branch == on && !self.is_undone(*at)).collect();
        loop {
            let step = match random.below(16) {
                0..5 => Some(Step::Edit(one_of(&TASKS, random).expect("a task").0)),
                5..9 => Some(Step::Run),
                9..11 => one_of(&sources, random)
                    .map(|from| Step::Clone { from, force: at_once || random.below(3) == 0 }),
                11..13 => one_of(&undoable, random).map(Step::Undo),
                13 => Some(Step::Gc),
                14 => one_of(&BRANCHES[who], random).filter(|name| *name != on).map(Step::Switch),
                _ => Some(if random.below(2) == 0 { Step::Clean } else { Step::Restore }),
            };
            if let Some(step) = step {
                return step;
            }
        }
    }

    /// An undo that was undone takes nothing back.
    fn is_undone(&self, at: usize) -> bool {
        (at + 1..self.log.len()).any(|later| self.log[later].undoes == Some(at) && !self.is_undone(later))
    }

    /// Edits a script; returns the number that its code has now.
    pub fn edit(&mut self, branch: Branch, task: Task) -> u32 {
        self.edits += 1;
        let code = self.code.get_mut(branch).and_then(|code| code.get_mut(task)).expect("a task");
        // Mostly the next number, so that branches meet at the same code; now and then one that nobody has.
        *code = if self.edits.is_multiple_of(5) { self.edits * 10 } else { *code + 1 };
        *code
    }

    /// Returns what a run on a branch would do.
    pub fn plan(&self, branch: Branch) -> Plan {
        let mut plan = Plan::default();
        for (task, deps) in TASKS {
            let read = deps.iter().map(|dep| plan.after[dep].wrote()).collect();
            let made = Made { task, code: self.code[branch][task], read };
            if self.state[branch].get(task) != Some(&made) {
                if self.gone.contains(&made) {
                    plan.may.insert(task);
                } else if !self.made.contains(&made) {
                    plan.must.insert(task);
                }
            }
            plan.after.insert(task, made);
        }
        plan
    }

    /// Has a branch hold another state; an operation where that is one.
    pub fn hold(&mut self, branch: Branch, after: State, undoes: Option<usize>) -> bool {
        let before = self.state.insert(branch, after.clone()).unwrap_or_default();
        for made in after.values() {
            self.gone.remove(made);
            self.made.insert(made.clone());
        }
        let moved = before != after;
        if moved || undoes.is_some() {
            self.log.push(Operation { branch, number: 0, before, after, undoes });
        }
        moved
    }

    /// Tells whether a clone onto a branch goes through without `--force`.
    pub fn clone_is_free(&self, from: Branch, to: Branch) -> Fate {
        let kept = |made: &&Made| {
            self.state.iter().any(|(branch, state)| *branch != to && state.get(made.task) == Some(made))
        };
        let (mine, source) = (&self.state[to], &self.state[from]);
        if mine == source && !mine.values().any(|made| self.twins.contains(made)) {
            return Fate::Succeeds;
        }
        let lost: Vec<&Made> = mine.values().filter(|made| !kept(made)).collect();
        if !lost.is_empty() {
            Fate::Fails
        } else if mine.values().any(|made| self.twins.contains(made)) {
            Fate::Either
        } else {
            Fate::Succeeds
        }
    }

    /// Returns what an undo leaves, and whether it goes through.
    pub fn undone(&self, at: usize) -> (State, Fate) {
        let Operation { branch, before, after, .. } = &self.log[at];
        let now = &self.state[branch];
        let mut left = now.clone();
        let mut fate = Fate::Succeeds;
        let unsure = |made: &Made| self.twins.contains(made) || self.gone.contains(made);
        if before.values().chain(after.values()).any(unsure) {
            fate = Fate::Either;
        }
        for (task, _) in TASKS {
            if before.get(task) == after.get(task) {
                continue;
            }
            if now.get(task) != after.get(task) {
                return (now.clone(), if fate == Fate::Either { fate } else { Fate::Fails });
            }
            match before.get(task) {
                Some(made) => left.insert(task, made.clone()),
                None => left.remove(task),
            };
        }
        (left, fate)
    }

    /// What no branch holds may be gone from now on.
    pub fn collect(&mut self) {
        let held: BTreeSet<Made> = self.state.values().flat_map(|state| state.values().cloned()).collect();
        self.gone = self.made.difference(&held).cloned().collect();
    }
}

/// Returns one of several; absent where there is none.
fn one_of<T: Clone>(all: &[T], random: &mut Random) -> Option<T> {
    if all.is_empty() {
        return None;
    }
    let at = usize::try_from(random.below(all.len() as u64)).expect("a place");
    Some(all[at].clone())
}
