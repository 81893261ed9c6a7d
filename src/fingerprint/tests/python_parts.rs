//! How Python code is named, what is said about it, and values of `config` that it computes.

use super::Fixture;
use crate::model::IngredientKind;

const F1: &str = "def f(): return 1\ndef g(): return 1\n";

#[test]
fn the_same_body_with_another_closure_differs() {
    let one = Fixture::new("T.py", &[("T.py", "from m import f\ndef T(): return f()"), ("m.py", F1)]);
    let other = Fixture::new("T.py", &[("T.py", "from n import f\ndef T(): return f()"), ("n.py", F1)]);
    assert_ne!(one.fingerprint(), other.fingerprint());
}

#[test]
fn moving_the_script_changes_nothing() {
    let files = [("lib/m.py", F1), ("lib/__init__.py", "")];
    let script = "from lib.m import f\nX = 1\ndef h(): return X\ndef T(): return f() + h()";
    let one = Fixture::new("a/T.py", &[&files[..], &[("a/T.py", script)]].concat());
    let other = Fixture::new("b/c/T.py", &[&files[..], &[("b/c/T.py", script)]].concat());
    assert_eq!(one.fingerprint(), other.fingerprint());
}

#[test]
fn code_is_named_by_modules_and_names() {
    let files = [
        ("T.py", "import pkg.m\nX = 1\nprint(X)\ndef T(): return pkg.m.f()"),
        ("pkg/__init__.py", "print(1)"),
        ("pkg/m.py", "class A: pass\ndef f(): return A()"),
    ];
    let fixture = Fixture::new("T.py", &files);
    assert_eq!(
        fixture.names(IngredientKind::Code),
        ["pkg (top level)", "pkg.m.A", "pkg.m.f", "script (top level)", "script.T", "script.X"]
    );
    let gathered = fixture.gather();
    let part = gathered.code.iter().find(|part| part.name == "pkg.m.f").unwrap();
    assert_eq!((part.file.as_str(), part.line, part.text.as_ref()), ("pkg/m.py", 2, "def f(): return A()"));
}

#[test]
fn much_of_one_module_is_one_part() {
    let functions: String = (0..100).map(|n| format!("def f{n}(): return {n}\n")).collect();
    let calls: String = (0..100).map(|n| format!("f{n}(),")).collect();
    let script = format!("from m import *\ndef T(): return [{calls}]");
    let fixture = Fixture::new("T.py", &[("T.py", &script), ("m.py", &functions)]);
    assert_eq!(fixture.names(IngredientKind::Code), ["m", "script.T"]);
    let before = fixture.fingerprint();
    fixture.write("m.py", functions.replace("return 77", "return 78"));
    assert_ne!(fixture.fingerprint(), before);
}

#[test]
fn a_missing_function_makes_the_task_uncacheable() {
    let gathered = Fixture::new("T.py", &[("T.py", "def other(): pass")]).gather();
    assert!(
        gathered.uncacheable[0].starts_with("function `T` was not found in"),
        "{:?}",
        gathered.uncacheable
    );
}

#[test]
fn a_computed_import_is_said_unless_it_is_declared() {
    let script = "import importlib\ndef T(k):\n  return importlib.import_module(k)";
    let mut fixture = Fixture::new("T.py", &[("T.py", script), ("plug/a.py", "")]);
    let notes = fixture.gather().notes;
    assert_eq!(notes.len(), 1);
    assert_eq!(notes[0].location.map(|location| location.line), Some(3));
    fixture.task.inputs = vec![crate::model::Input::Files(super::template("plug/*.py"))];
    assert_eq!(fixture.gather().notes, []);
}

#[test]
fn files_that_were_read_are_listed() {
    let files = [("T.py", "from m import f\ndef T(): return f()"), ("m.py", F1), ("n.py", F1)];
    let fixture = Fixture::new("T.py", &files);
    let gathered = fixture.gather();
    let names: Vec<String> =
        gathered.files.iter().map(|path| super::relative(path, &fixture.root())).collect();
    assert_eq!(names, ["T.py", "m.py"]);
}

#[test]
fn functions_that_compute_config_values_count_where_the_value_is_taken() {
    let files = [
        ("T.py", "def T(engine): return engine"),
        ("db.py", "def connect(url): return url\ndef other(): return 1"),
    ];
    let mut fixture = Fixture::new("T.py", &files);
    fixture.config.insert("engine".into(), serde_json::json!({"$function": "db:connect"}));
    fixture.config.insert("url".into(), "a".into());
    fixture.config.insert("unused".into(), "a".into());
    let before = fixture.fingerprint();
    assert_eq!(fixture.names(IngredientKind::Config), ["engine", "url"]);
    fixture.config.insert("unused".into(), "b".into());
    fixture.write("db.py", "def connect(url): return url\ndef other(): return 2");
    assert_eq!(fixture.fingerprint(), before);
    fixture.write("db.py", "def connect(url): return url + url\ndef other(): return 2");
    assert_ne!(fixture.fingerprint(), before);
    fixture.config.insert("engine".into(), serde_json::json!({"$function": "db:disconnect"}));
    assert_eq!(
        fixture.gather().uncacheable,
        ["function `db:disconnect`, which computes `engine`, was not found"]
    );
}
