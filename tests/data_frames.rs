//! Values of numpy, pandas and polars: as lists and their items, and their random numbers in a shared process.

use crate::support::{Project, packages_python, tasks_yaml};

fn with_packages(project: Project) -> Project {
    let python = packages_python();
    let yaml = project.read("kptn.yaml");
    project.file("kptn.yaml", format!("settings:\n  python: '{}'\n{yaml}", python.display()))
}

#[test]
fn their_columns_scalars_and_arrays_are_lists_with_json_types() {
    let cases = [
        ("numpy.arange(3)", "[0,1,2]"),
        ("numpy.array([[1, 2], [3, 4]], dtype='uint8')", "[[1,2],[3,4]]"),
        ("[numpy.float32(0.5), numpy.int64(7), numpy.bool_(True), numpy.str_('é')]", "[0.5,7,true,\"é\"]"),
        (
            "numpy.array(['2024-02-29', '2024-03-01'], dtype='datetime64[D]')",
            "[\"2024-02-29\",\"2024-03-01\"]",
        ),
        ("pandas.Series(['NC', 'SC'])", "[\"NC\",\"SC\"]"),
        ("pandas.Series([1, None], dtype='Int64')", "[1,null]"),
        ("pandas.Series(['b', 'a'], dtype='category')", "[\"b\",\"a\"]"),
        ("pandas.Index([3, 4])", "[3,4]"),
        ("[pandas.Timestamp('2024-02-29T01:02:03')]", "[\"2024-02-29T01:02:03\"]"),
        ("list(pandas.DataFrame({'a': [1, 2]}).itertuples(index=False, name=None))", "[[1],[2]]"),
        ("polars.Series(['NC', 'SC'])", "[\"NC\",\"SC\"]"),
        ("polars.DataFrame({'a': [1, 2]})['a']", "[1,2]"),
        ("polars.DataFrame({'a': [1, 2]}).to_dicts()", "[{\"a\":1},{\"a\":2}]"),
    ];
    let returned: Vec<&str> = cases.iter().map(|(returned, _)| *returned).collect();
    let kept: Vec<serde_json::Value> =
        cases.iter().map(|(_, kept)| serde_json::from_str(kept).unwrap()).collect();
    let project = with_packages(
        Project::new().yaml(&tasks_yaml("states:", &["states: {cache_result: true}"])),
    )
    .file(
        "states.py",
        format!("import numpy, pandas, polars\n\n\ndef states():\n    return [{}]\n", returned.join(", ")),
    );
    project.kptn(&["run"]).succeeds();
    assert_eq!(project.kptn(&["cat", "states"]).succeeds().json(), serde_json::Value::Array(kept));
}

#[test]
fn a_frame_and_what_is_no_number_are_refused_by_name() {
    for (returned, refused) in [
        ("pandas.DataFrame({'a': [1]})", "pandas.core.frame.DataFrame"),
        ("polars.DataFrame({'a': [1]})", "polars.dataframe.frame.DataFrame"),
        ("numpy.array([1.0, float('nan')])", "[1]: float nan"),
        ("[numpy.timedelta64(1, 'D')]", "numpy.timedelta64"),
    ] {
        let project =
            with_packages(Project::new().yaml(&tasks_yaml("states:", &["states: {cache_result: true}"])))
                .file(
                    "states.py",
                    format!("import numpy, pandas, polars\n\n\ndef states():\n    return {returned}\n"),
                );
        project.kptn(&["run"]).exits(1).says("cannot be kept as JSON").says(refused);
    }
}

#[test]
fn items_of_one_process_draw_as_if_each_had_its_own() {
    let project = with_packages(Project::new().yaml(&tasks_yaml(
        "sites: , each: sites",
        &[
            "sites: {cache_result: true, iterable_item: SITE}",
            "each: {map_over: SITE, outputs: ['${SITE}.txt']}",
        ],
    )))
    .file("sites.py", "import numpy\n\n\ndef sites():\n    return numpy.arange(4)\n")
    .file(
        "each.py",
        "import numpy\n\nseeded = numpy.random.default_rng(1)\n\n\ndef each(SITE, output_dir):\n    \
         assert type(SITE) is int\n    \
         (output_dir / f'{SITE}.txt').write_text(f'{seeded.random()} {numpy.random.random()}')\n",
    );
    project.kptn(&["run", "-j1"]).succeeds();
    let drawn: Vec<String> = (0..4).map(|site| project.read_output(&format!("{site}.txt"))).collect();
    let columns = |at: usize| -> std::collections::BTreeSet<&str> {
        drawn.iter().map(|line| line.split(' ').nth(at).unwrap()).collect()
    };
    assert_eq!(columns(0), ["0.5118216247002567"].into(), "a seeded generator of the module begins anew");
    assert_eq!(columns(1).len(), 4, "what nobody seeded differs");
}
