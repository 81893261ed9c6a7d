//! The real thing: two worktrees of one repository, the binary, and what it says afterwards.

use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;
use std::process::Command;

use super::world::{BRANCHES, Branch, Fate, Plan, Step, TASKS, Task, World};
use crate::support::{Output, Project, python_task, tasks_yaml};

pub struct Real {
    project: Project,
}

impl Real {
    /// All branches are there, with the same code and no state.
    pub fn new() -> Self {
        let project = Project::new();
        let outputs = TASKS.map(|(task, _)| format!("{task}: {{outputs: [{task}.txt]}}"));
        let graph = TASKS.map(|(task, deps)| format!("{task}: [{}]", deps.join(", "))).join(", ");
        project.write("kptn.yaml", tasks_yaml(&graph, &outputs.each_ref().map(String::as_str)));
        project.write(".gitignore", "scratch/\nflows/\n__pycache__/\n");
        for (task, _) in TASKS {
            project.write(&format!("{task}.py"), script(task, 0));
        }
        project.commit("all");
        for branch in BRANCHES.iter().flatten().filter(|branch| **branch != "main") {
            project.git(&["branch", branch]);
        }
        let there = project.outside("bob");
        project.git(&["worktree", "add", "-q", there.to_str().expect("UTF-8"), BRANCHES[1][0]]);
        Self { project }
    }

    fn root(&self, who: usize) -> PathBuf {
        if who == 0 { self.project.path("") } else { self.project.outside("bob") }
    }

    fn trace(&self, who: usize) -> PathBuf {
        self.project.outside(&format!("trace-{who}"))
    }

    fn command(&self, who: usize, words: &[&str]) -> Command {
        let mut command = self.project.command(words);
        command.current_dir(self.root(who)).env("TRACE", self.trace(who));
        command
    }

    fn kptn(&self, who: usize, words: &[&str]) -> Output {
        self.project.finish(self.command(who, words), words)
    }

    fn git(&self, who: usize, words: &[&str]) {
        let mut command = self.project.program("git");
        command.args(words).current_dir(self.root(who));
        self.project.finish(command, words).succeeds();
    }

    /// Takes one step, or two at the same time, here and in the model.
    pub fn step(&self, world: &mut World, pair: &[(usize, Step)]) {
        let with_gc = pair.len() == 2 && pair.iter().any(|(_, step)| *step == Step::Gc);
        let mut plans: Vec<Plan> = pair.iter().map(|(who, _)| world.plan(world.on[*who])).collect();
        if with_gc {
            // What is to be taken from elsewhere may go before it is taken.
            for (plan, (who, _)) in plans.iter_mut().zip(pair) {
                let held = &world.state[world.on[*who]];
                let taken = plan.after.iter().filter(|(task, made)| held.get(*task) != Some(made));
                let taken: Vec<Task> =
                    taken.map(|(task, _)| *task).filter(|task| !plan.must.contains(task)).collect();
                plan.may.extend(taken);
            }
        }
        if let [one, other] = &mut plans[..]
            && pair.iter().all(|(_, step)| *step == Step::Run)
        {
            for (task, _) in TASKS {
                // Whoever comes second may find what the first one made.
                if one.after[task] == other.after[task]
                    && one.must.contains(task)
                    && other.must.contains(task)
                {
                    world.twins.insert(one.after[task].clone());
                    for plan in [&mut *one, &mut *other] {
                        plan.must.remove(task);
                        plan.may.insert(task);
                    }
                }
            }
        }
        let words: Vec<Option<Vec<String>>> =
            pair.iter().map(|(who, step)| self.begin(world, *who, step)).collect();
        let outputs: Vec<Option<Output>> = std::thread::scope(|scope| {
            let started: Vec<_> = pair
                .iter()
                .zip(&words)
                .map(|((who, _), words)| {
                    words.as_ref().map(|words| {
                        scope.spawn(|| self.kptn(*who, &words.iter().map(String::as_str).collect::<Vec<_>>()))
                    })
                })
                .collect();
            started.into_iter().map(|one| one.map(|one| one.join().expect("a thread"))).collect()
        });
        // A collection that goes on meanwhile may see what was held before, or what is held after.
        if with_gc {
            world.collect();
        }
        for (((who, step), plan), output) in pair.iter().zip(plans).zip(outputs) {
            if let Some(output) = output {
                self.end(world, *who, step, plan, output, with_gc);
            }
        }
        if pair.iter().any(|(_, step)| *step == Step::Gc) {
            world.collect();
        }
    }

    /// Does what git does; returns the words for kptn, where it has something to do.
    fn begin(&self, world: &mut World, who: usize, step: &Step) -> Option<Vec<String>> {
        let on = world.on[who];
        let words: &[&str] = match step {
            Step::Edit(task) => {
                let code = world.edit(on, task);
                std::fs::write(self.root(who).join(format!("{task}.py")), script(task, code))
                    .expect("a script");
                self.git(who, &["commit", "-q", "-a", "-m", "an edit"]);
                return None;
            }
            Step::Switch(branch) => {
                self.git(who, &["switch", "-q", branch]);
                world.on[who] = branch;
                return None;
            }
            Step::Run => &["run"],
            Step::Clone { from, force: false } => &["branch", "clone", from],
            Step::Clone { from, force: true } => &["branch", "clone", from, "--force"],
            Step::Undo(at) => &["undo", &world.log[*at].number.to_string()],
            Step::Gc => &["gc", "--yes", "--keep", "0d", "--grace", "0d"],
            Step::Clean => &["clean"],
            Step::Restore => &["restore"],
        };
        Some(words.iter().map(|word| (*word).to_owned()).collect())
    }

    /// Compares what a command did with what the model does, and has the model do it.
    fn end(&self, world: &mut World, who: usize, step: &Step, plan: Plan, output: Output, unsure: bool) {
        let on = world.on[who];
        let logged = |world: &mut World, after, undoes| {
            if world.hold(on, after, undoes) || undoes.is_some() {
                let number = self.latest(who);
                world.log.last_mut().expect("an operation").number = number;
            }
        };
        match step {
            Step::Run => {
                output.succeeds();
                let ran = self.ran(who);
                let fits = ran.is_superset(&plan.must.iter().map(|task| (*task).to_owned()).collect())
                    && ran
                        .iter()
                        .all(|task| plan.must.contains(task.as_str()) || plan.may.contains(task.as_str()));
                assert!(fits, "{ran:?} ran, but {:?} must and {:?} may", plan.must, plan.may);
                logged(world, plan.after, None);
            }
            Step::Clone { from, force } => {
                let fate = if *force { Fate::Succeeds } else { world.clone_is_free(from, on) };
                if holds(fate, output) {
                    let after = world.state[from].clone();
                    logged(world, after, None);
                }
            }
            Step::Undo(at) => {
                let (after, fate) = world.undone(*at);
                if holds(if unsure { Fate::Either } else { fate }, output) {
                    logged(world, after, Some(*at));
                }
            }
            Step::Restore => {
                output.succeeds();
                for made in world.state[on].values() {
                    let path = self.root(who).join(format!("scratch/{on}/{}.txt", made.task));
                    assert_eq!(std::fs::read_to_string(path).expect("a file is back"), made.wrote());
                }
            }
            Step::Clean => {
                output.succeeds();
                let left = std::fs::read_dir(self.root(who).join("scratch").join(on));
                let left = left.into_iter().flatten().flatten().map(|entry| entry.file_name());
                let texts = left.filter(|name| name.to_string_lossy().ends_with(".txt"));
                // What a state before this one left is in no record of it.
                let recorded = |name: &std::ffi::OsString| {
                    let task = name.to_string_lossy().trim_end_matches(".txt").to_owned();
                    world.state[on].contains_key(task.as_str())
                };
                let still: Vec<_> = texts.filter(recorded).collect();
                let same = |name: &std::ffi::OsString| {
                    let path = self.root(who).join("scratch").join(on).join(name);
                    let task = name.to_string_lossy().trim_end_matches(".txt").to_owned();
                    std::fs::read_to_string(path)
                        .is_ok_and(|text| text == world.state[on][task.as_str()].wrote())
                };
                assert!(!still.iter().any(same), "{still:?} were to leave");
            }
            Step::Gc => drop(output.succeeds()),
            Step::Edit(_) | Step::Switch(_) => {}
        }
    }

    /// Compares a branch's status and records with the model's.
    pub fn compare(&self, world: &World, who: usize) {
        let on: Branch = world.on[who];
        let report = self.kptn(who, &["status", "--json"]).succeeds().json();
        let rows = report["rows"].as_array().expect("rows");
        let said: BTreeMap<&str, &str> =
            rows.iter().filter_map(|row| Some((row["task"].as_str()?, row["status"].as_str()?))).collect();
        let plan = world.plan(on);
        let (mut unsure, mut stale) = (BTreeSet::new(), BTreeSet::new());
        for (task, deps) in TASKS {
            if plan.may.contains(task) || deps.iter().any(|dep| unsure.contains(dep)) {
                unsure.insert(task);
                continue;
            }
            let not_fresh = plan.must.contains(task) || deps.iter().any(|dep| stale.contains(dep));
            if not_fresh {
                stale.insert(task);
            }
            assert_eq!(said[task] != "fresh", not_fresh, "{task} on {on} is {}", said[task]);
        }
        for (task, _) in TASKS {
            let output = self.kptn(who, &["cat", task]);
            match world.state[on].get(task) {
                Some(made) => assert_eq!(output.succeeds().stdout, made.wrote(), "{task} on {on}"),
                // What the next run would take from elsewhere can be read already.
                None if stale.contains(task) => {
                    assert_ne!(output.code, Some(0), "{task} on {on} has no record")
                }
                None if unsure.contains(task) => {}
                None => assert_eq!(output.succeeds().stdout, plan.after[task].wrote(), "{task} on {on}"),
            }
        }
        self.kptn(who, &["fsck"]).succeeds();
    }

    /// Returns the number of the latest operation of the branch, but for collections.
    fn latest(&self, who: usize) -> u64 {
        let log = self.kptn(who, &["log", "--json"]).succeeds().json();
        let entries = log["entries"].as_array().expect("entries");
        let moved = entries.iter().find(|entry| entry["verb"] != "gc" && entry["operation"].is_u64());
        moved.and_then(|entry| entry["operation"].as_u64()).expect("an operation")
    }

    fn ran(&self, who: usize) -> BTreeSet<String> {
        let text = std::fs::read_to_string(self.trace(who)).unwrap_or_default();
        let _ = std::fs::remove_file(self.trace(who));
        text.lines().map(str::to_owned).collect()
    }
}

/// Compares whether a command went through with what the model says; returns whether it did.
fn holds(fate: Fate, output: Output) -> bool {
    match fate {
        Fate::Succeeds => drop(output.succeeds()),
        Fate::Fails => assert_ne!(output.code, Some(0), "{}", output.whole()),
        Fate::Either => return output.code == Some(0),
    }
    fate == Fate::Succeeds
}

fn script(task: Task, code: u32) -> String {
    let deps = TASKS.iter().find(|(name, _)| *name == task).expect("a task").1;
    let read: Vec<String> =
        deps.iter().map(|dep| format!("(output_dir / '{dep}.txt').read_text()")).collect();
    let body = format!(
        "text = '{task}' + str({code} // 2) + '(' + ','.join([{}]) + ')'\n    (output_dir / '{task}.txt').write_text(text)",
        read.join(", ")
    );
    python_task(task, &body)
}
