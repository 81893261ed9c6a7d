//! What `check` says about a task's code.

use serde_json::json;

use super::{Fixture, name, task};
use crate::fingerprint::{check_task, gather};
use crate::model::*;

/// Returns `message; hint` of each finding.
fn findings(fixture: &Fixture, graph: &Graph) -> Vec<String> {
    let task = &graph.tasks["T"];
    let mut task = task.clone();
    let script = fixture.root().join(task.script.file.as_str());
    task.script.path = script.is_file().then_some(script);
    fixture.look(|_, s| {
        let gathered = gather(&task, s);
        let found = check_task(s.project, graph, &task, &gathered);
        found.into_iter().map(|one| format!("{}; {}", one.message, one.hint.unwrap_or_default())).collect()
    })
}

fn of(script: &str, change: impl FnOnce(&mut Fixture)) -> Vec<String> {
    let mut fixture = Fixture::new("T.py", &[("T.py", script)]);
    change(&mut fixture);
    let graph = fixture.graph();
    findings(&fixture, &graph)
}

#[test]
fn missing_scripts_and_functions_are_said_with_the_near_name() {
    let missing = of("def t_(): pass\nfrom m import other", |_| ());
    assert_eq!(
        missing,
        [
            "`T.py` has no function `T`, which task `T` calls; define it, or name another: `file: T.py:FUNCTION`"
        ]
    );
    let near =
        of("def clean_data(): pass", |fixture| fixture.task.script.function = Some("clean_dat".into()));
    assert!(near[0].ends_with("did you mean `clean_data`? Say `file: T.py:clean_data`"), "{near:?}");
    let gone = of("", |fixture| fixture.task = task("gone.py"));
    assert!(gone[0].starts_with("the script `gone.py` of task `T` was not found"), "{gone:?}");
}

#[test]
fn what_can_not_be_told_is_no_finding() {
    for script in [
        "from lib import T",
        "from lib import *",
        "T = make()",
        "globals()['T'] = 1\ndef __getattr__(name): pass",
        "if x:\n  def T(): pass",
        "@decorated\ndef T(needed): pass",
        "class T:\n  def __init__(self, needed): pass",
        "def T(*args, **kw): pass",
    ] {
        assert_eq!(of(script, |_| ()), [""; 0], "{script}");
    }
}

#[test]
fn parameters_need_something_that_supplies_them() {
    let script = "def T(a, b, c=1, *, d, pipeline_config, scratch_dir, output_dir, DATA_YEAR, idx, runtime_config): pass";
    let found = of(script, |fixture| {
        fixture.task.args.insert("a".into(), Argument::Value(json!(1)));
        fixture.config.insert("bb".into(), json!(1));
    });
    let messages: Vec<&str> = found.iter().map(|one| one.split(';').next().unwrap()).collect();
    assert_eq!(
        messages,
        [
            "nothing supplies the parameter `b` of `T`, which task `T` calls",
            "nothing supplies the parameter `d` of `T`, which task `T` calls",
        ]
    );
}

#[test]
fn dependencies_and_items_supply_parameters_by_name() {
    let mut fixture = Fixture::new("T.py", &[("T.py", "def T(STATE, model, renamed): pass")]);
    let mut dep = |dep: &str, result: bool, item: Option<&str>| {
        let mut one = task("other.py");
        one.name = name(dep);
        one.cache_result = result;
        one.iterable_item = item.into_iter().map(str::to_owned).collect();
        fixture.task.deps.push(name(dep));
        (name(dep), one)
    };
    let deps = [dep("states", true, Some("STATE")), dep("model", true, None), dep("r", true, None)];
    fixture.task.map_over = vec!["STATE".into()];
    fixture.task.args.insert("renamed".into(), Argument::Ref(name("r")));
    let mut graph = fixture.graph();
    graph.tasks.extend(deps);
    assert_eq!(findings(&fixture, &graph), [""; 0]);
    graph.tasks.get_mut("model").unwrap().cache_result = false;
    assert!(findings(&fixture, &graph)[0].starts_with("nothing supplies the parameter `model`"));
}

#[test]
fn an_argument_that_the_function_does_not_take_is_said() {
    let found = of("def T(threshold=1): pass", |fixture| {
        fixture.task.args.insert("treshold".into(), Argument::Value(json!(1)));
    });
    assert_eq!(
        found,
        [
            "`T`, which task `T` calls, does not take `treshold`, which `args` names; did you mean `threshold`?"
        ]
    );
}
