//! The projects in `docs/examples` run as their pages say: the new one, the older kptn's two README examples,
//! and a project as written for kptn 0.1.

use crate::support::Project;

#[test]
fn the_states_example_runs_and_is_fresh_then() {
    let project = Project::example("states");
    project.kptn(&["check"]).succeeds().never_says("warning");
    project.kptn(&["run"]).succeeds().says("9 ran");
    assert_eq!(project.not_fresh(), "");
    assert!(project.read_output("report.txt").starts_with("50 states, 50 profiles, 4 regional models"));
    assert!(project.read_output("profiles/NC.json").contains("North Carolina"));
    project.kptn(&["run"]).succeeds().never_says("9 ran");

    project.edit("py/profiles.py", "median(values)", "max(values)");
    assert_eq!(project.not_fresh(), "profile=stale report=maybe");
    project.kptn(&["run"]).succeeds().says("2 ran");
    assert_eq!(project.git(&["status", "--short"]), " M py/profiles.py\n?? flows/\n");
}

#[test]
fn the_basic_example_of_the_older_readme_runs() {
    let project = Project::example("readme-basic");
    project.kptn(&["run", "example"]).succeeds().says("3 ran");
    assert_eq!(
        project.read_output("C.csv"),
        "rows,2\n\"state\",\"people\",\"share\"\n\"NC\",5441,0.659\n\"SC\",2816,0.341\n"
    );
    assert_eq!(project.not_fresh(), "");
}

#[test]
fn the_mapped_example_of_the_older_readme_runs() {
    let project = Project::example("readme-mapped");
    project.kptn(&["run"]).succeeds().says("2 ran");
    assert_eq!(project.read_output("NC.csv"), "\"state\"\n\"NC\"\n");
    assert_eq!(project.read_output("SC.csv"), "\"state\"\n\"SC\"\n");
    project.edit("py_tasks/A.py", "\"SC\"", "\"SC\", \"VA\"");
    project.kptn(&["run"]).succeeds();
    assert_eq!(project.read_output("VA.csv"), "\"state\"\n\"VA\"\n");
}

#[test]
fn a_project_of_kptn_0_1_runs_unmodified_from_any_folder() {
    let project = Project::example("older-project");
    project.kptn(&["check"]).succeeds().says("db").says("logging");
    project.kptn_in("r_src/merge", &["run", "yearly"]).succeeds().says("5 ran");
    let crimes = project.read_output("crimes.csv");
    assert!(crimes.contains("\"Alabama\",26.4,\"2022\""), "{crimes}");
    assert!(project.read_output("per_year/2021.txt").starts_with("crimes 2021\n\"Alabama\""));
    assert_eq!(project.read_output("merged.txt").lines().count(), 3);
    assert!(project.read_output("merged.txt").contains("crimes 2020;\"Alabama\""));
    let summary: serde_json::Value =
        serde_json::from_str(&project.read_output("summary.json")).expect("JSON");
    assert_eq!(
        summary,
        serde_json::json!({"label": "yearly", "years": [2020, 2021, 2022], "lines": 3, "data_year": "2022", "unused": "left alone"})
    );
    assert!(project.exists("py_src/flows/yearly.py"));

    project.edit("py_src/util/text.py", "{label} {year}", "{label} of {year}");
    project.edit("r_src/shared.R", "row.names = FALSE", "row.names = FALSE, quote = FALSE");
    let stale = project.kptn(&["status", "-g", "yearly"]).succeeds();
    stale.prints("crimes").prints("per_year");
}
