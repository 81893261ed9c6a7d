//! Broken files: each gets an error with its place and something to do.

use super::*;

#[test]
fn a_file_that_says_nothing() {
    for text in ["", "# nothing\n\n", "---\n", "~"] {
        insta::allow_duplicates! { insta::assert_snapshot!(refused(text), @"
        error: the file is empty; it needs `graphs:` and `tasks:`
            run `kptn init` in an empty folder to see a small working project
        "); }
    }
    insta::assert_snapshot!(refused("hello"), @"1:1+5 error: `graphs:` and `tasks:` are needed, not the text `hello`");
    insta::assert_snapshot!(refused("tasks: {}"), @"
    error: there are no graphs
        write `graphs: {NAME: {tasks: {TASK: []}}}`, or run `kptn init` in an empty folder
    ");
}

#[test]
fn a_tab() {
    insta::assert_snapshot!(refused("graphs:\n\tg:\n"), @"
    2:1+1 error: a tab in the indentation
        YAML is indented with spaces; replace the tab
    ");
    insta::assert_snapshot!(refused("graphs:\n  g:\n    tasks:\n    \tA:\n"), @"
    4:5+1 error: a tab in the indentation
        YAML is indented with spaces; replace the tab
    ");
}

#[test]
fn text_that_is_not_utf_8() {
    insta::assert_snapshot!(refused(b"tasks:\n  caf\xe9: {}\n"), @"
    2:6+1 error: byte 13 (0xe9) is not UTF-8
        save the file as UTF-8, perhaps with `iconv -f latin1 -t utf-8`
    ");
    insta::assert_snapshot!(refused(b"\xff\xfeg\0r\0"), @"
    1:1+1 error: byte 1 (0xff) is not UTF-8
        save the file as UTF-8, perhaps with `iconv -f utf-16 -t utf-8`
    ");
    insta::assert_snapshot!(refused(b"graphs: \0"), @r"1:9+0 error: this is no valid YAML: unexpected character: `\u{0}'");
}

#[test]
fn broken_yaml() {
    let mut all = String::new();
    for text in [
        project("A:", "A:\n  file: a: b: c"),
        "graphs:\n  g:\n      A:\n    B:\n".to_owned(),
        "graphs: 'abc\n".to_owned(),
        "graphs: @x\n".to_owned(),
        "graphs: [a, b\ntasks: x\n".to_owned(),
        "a: 1\n---\nb: 2\n".to_owned(),
        "a: *b\n".to_owned(),
        "a: &a [*a]\n".to_owned(),
        "a: !include b.yaml\n".to_owned(),
        "[a, b]: c\n".to_owned(),
        "<<: 3\n".to_owned(),
    ] {
        all.push_str(&format!("--- {}\n{}\n", text.trim().replace('\n', "\\n"), refused(&text)));
    }
    insta::assert_snapshot!(all, @r"
    --- graphs:\n  g:\n    tasks:\n      A:\ntasks:\n  A:\n    file: a: b: c
    7:12+0 error: this is no valid YAML: mapping values are not allowed in this context
        a text that holds `: ` or ` #`, or begins with a sign such as `%` or `@`, needs quotes
    --- graphs:\n  g:\n      A:\n    B:
    4:5+0 error: this line is not indented like those it belongs to
        entries of one mapping or list begin in the same column
    --- graphs: 'abc
    1:9+0 error: a quote without its end
    --- graphs: @x
    1:9+0 error: this is no valid YAML: unexpected character: `@'
        a text that holds `: ` or ` #`, or begins with a sign such as `%` or `@`, needs quotes
    --- graphs: [a, b\ntasks: x
    2:6+0 error: a `:` where a list or a text goes on
        a `[`, a `{` or a quote above it may have no end
    --- a: 1\n---\nb: 2
    2:1+3 error: a second document begins here
        a file holds one document; remove the `---`
    --- a: *b
    1:4+0 error: an alias (`*name`) without its anchor (`&name`) before it
    --- a: &a [*a]
    1:8+2 error: an alias that stands inside its own anchor
    --- a: !include b.yaml
    1:1+1 error: unknown field `a` in kptn.yaml
        the fields of kptn.yaml are graphs, tasks, config, settings, remotes
    1:13+6 error: the tag `!include` has no meaning here
        remove it, or put the text in quotes
    error: there are no graphs
        write `graphs: {NAME: {tasks: {TASK: []}}}`, or run `kptn init` in an empty folder
    --- [a, b]: c
    1:1+1 error: a name is needed before `:`, not a list
    --- <<: 3
    1:5+1 error: `<<` takes a mapping, not the number 3
    error: there are no graphs
        write `graphs: {NAME: {tasks: {TASK: []}}}`, or run `kptn init` in an empty folder
    ");
}

#[test]
fn what_would_take_for_ever() {
    let mut bomb = String::from("a: &a [x, x, x, x, x, x, x, x, x]\n");
    for (this, next) in ('a'..='y').zip('b'..='z') {
        bomb += &format!("{next}: &{next} [{}]\n", [format!("*{this}").as_str(); 9].join(","));
    }
    insta::assert_snapshot!(refused(&bomb), @"6:23+2 error: anchors and aliases that stand for more than 500000 values");
    for open in ["[", "{a: ", "- "] {
        let said = refused(open.repeat(100_000));
        assert!(said.contains("nested more than 64 deep"), "{said}");
    }
    // A hundred thousand unknown names: counted, not listed, and no near name is looked for.
    let names: String = (0..100_000).map(|at| format!("x{at}: y{at}\n")).collect();
    let said = refused(project(&names, "A: {file: a.R}"));
    assert!(said.ends_with("more findings are not listed") && said.lines().count() < 250, "{said}");
}

#[test]
fn keys_that_are_given_twice() {
    let text = "graphs:\n  g: {tasks: {A: }}\n  g: {tasks: {A: , A: }}\ntasks: {A: {file: A.R, file: B.R}}\n";
    insta::assert_snapshot!(refused(text), @"
    3:3+1 error: duplicate key `g`
        it is given in line 2 too; keep one
    3:20+1 error: duplicate key `A`
        it is given in line 3 too; keep one
    4:24+4 error: duplicate key `file`
        it is given in line 4 too; keep one
    ");
    let many: String = (0..20).map(|at| format!("{}: {{file: a.R}}\n", at % 19)).collect();
    insta::assert_snapshot!(refused(project("0:", &many)), @"
    25:3+1 error: duplicate key `0`
        it is given in line 6 too; keep one
    ");
}

#[test]
fn values_of_the_wrong_kind() {
    let task = "A: {file: A.R, outputs: {a: b}, cache_result: yes, retries: many, bundle_size: 0, group_size: -1, \
                timeout: 5y, refresh: sometimes, map_deps: itm, compute: {cpu: lots, memory: 1 TB}, args: [1], \
                env: {A: [1], KPTN_X: 1}, cwd: [x], tags: [a, ]}";
    insta::assert_snapshot!(refused(project("A: {deps: {x: 1}}\nB: 3.5", task)), @"
    4:17+1 error: text is needed, not a mapping
    5:7+1 error: task `B` is not defined
        add `B:` with a `file:` under `tasks:`
    5:10+3 error: `B` depends on `3.5`, which is not in this graph
        add `3.5:` to the graph's tasks
    7:27+1 error: text is needed, not a mapping
    7:49+3 error: `true` or `false` is needed, not the text `yes`
        write `true` or `false`; in YAML 1.2 `yes`, `no`, `on` and `off` are texts
    7:63+4 error: a whole number is needed, not the text `many`
    7:82+1 error: a whole number from 1 is needed, not the number 0
    7:82+1 warning: `bundle_size` has no effect without `map_over`
    7:97+2 error: a whole number from 1 is needed, not the number -1
    7:97+2 warning: `group_size` has no effect without `map_over`
    7:110+2 error: `5y` is no length of time; write `30s`, `10m`, `24h` or `7d`
    7:123+9 error: `sometimes` is none of `always`, `never` or an age such as `24h`
    7:144+3 error: `all` or `item` is needed, not `itm`
        did you mean `item`?
    7:144+3 warning: `map_deps` has no effect without `map_over`
    7:164+4 error: `lots` is no cpu; use a number of 1/1024 cores or a text such as `1 vCPU`
    7:178+4 error: `1 TB` is no memory; use a number of MiB or a text such as `2 GB`
    7:191+1 error: a mapping of names is needed, not a list
    7:205+1 error: text is needed, not a list
    7:210+6 error: `KPTN_X`: names that begin with `KPTN_` are kptn's own
    7:227+1 error: `script`, `project` or `outputs` is needed, not a list
    ");
    insta::assert_snapshot!(refused("graphs: []\ntasks: 3\nsettings: x\nconfig: [1]\n"), @"
    1:9+1 error: a mapping of names is needed, not a list
    2:8+1 error: a mapping of names is needed, not the number 3
    3:11+1 error: a mapping of settings is needed, not the text `x`
    4:9+1 error: `config` is a mapping of names, not a list
    ");
}

#[test]
fn fields_that_there_are_not() {
    let text =
        project("A:", "A: {file: A.R, outptus: [a], wrapper: x, duckdb_checkpoint: true, r_script: a.R}")
            + "settngs: {}\nprofiles: {}\nsettings: {tasks_conf_path: x, flow_type: vanila}\n";
    insta::assert_snapshot!(refused(text), @"
    6:18+7 error: unknown field `outptus` in a task
        did you mean `outputs`?
    6:32+7 error: `wrapper` is not supported
        put what it does into the task's script, or before `Rscript` with `prefix_args`
    6:44+17 error: `duckdb_checkpoint` is not supported
        let the task write its database as an output, or set `keep: true` on a task that updates one in place
    6:69+8 error: `r_script` is now `file`
        write `file: path/to/script.R`
    7:1+7 error: unknown field `settngs` in kptn.yaml
        did you mean `settings`?
    8:1+8 error: `profiles` belongs to kptn 0.2, whose files this version does not read
        give each profile a graph with `extends` and its own `config`
    9:29+1 error: `tasks_conf_path` belongs to `[tool.kptn]` in `pyproject.toml`
    9:43+6 error: `python`, `vanilla`, `prefect`, `slurm` or `stepfunctions` is needed, not `vanila`
        did you mean `vanilla`?
    ");
}

#[test]
fn tasks_and_dependencies_that_there_are_not() {
    insta::assert_snapshot!(refused(project("load: fetch\nclean: [loda, load, load]\nmodle:", "load: {file: a.R}\nclean: {file: b.R}\nmodel: {file: c.R}")), @"
    4:13+5 error: `load` depends on `fetch`, which is not in this graph
        add `fetch:` to the graph's tasks
    5:15+4 error: `clean` depends on `loda`, which is not in this graph
        did you mean `load`?
    5:27+4 warning: `load` is listed twice
    6:7+5 error: task `modle` is not defined
        did you mean `model`?
    ");
    insta::assert_snapshot!(refused(project("a/b:\n+c:", "a/b: {file: x.R}\n+c: {file: x.R}")), @r#"
    4:7+3 error: task name `a/b` holds one of / \ [ ] { } : * ? " < > | , or a quote
    5:7+2 error: task name `+c` begins with `-`, `+`, `@` or `.`
    7:3+3 error: task name `a/b` holds one of / \ [ ] { } : * ? " < > | , or a quote
    8:3+2 error: task name `+c` begins with `-`, `+`, `@` or `.`
    "#);
}

#[test]
fn graphs_that_extend_what_they_cannot() {
    let text = "graphs:\n  a: {extends: b}\n  b: {extends: c}\n  c: {extends: a}\n  d: {extends: [basse, {graph: base, arg: {}}, {}]}\n  \
                base: {tasks: {A: }}\n  e: {}\n  f: {extends: {graph: base, args: {B: {x: 1}}}}\ntasks: {A: {file: a.R}}\n";
    insta::assert_snapshot!(refused(text), @"
    4:16+1 error: graphs extend each other in a circle: a -> b -> c -> a
    5:17+5 error: there is no graph `basse`
        did you mean `base`?
    5:38+3 error: unknown field `arg` in extends
        did you mean `args`?
    5:48+1 error: `extends` without a `graph`
        write `extends: NAME` or `extends: {graph: NAME, args: {TASK: {…}}}`
    7:3+1 error: graph `e` has no tasks
        list them under `tasks:`, or take over a graph with `extends:`
    8:37+1 error: graph `base` has no task `B`
    ");
}

#[test]
fn scripts_that_are_none() {
    let tasks = "A:\nB: {file: a.sql}\nC: {file: b.sh}\nD: {file: c.R:f}\nE: {file: [a]}\nF: {file: '${X}.R'}\nG: {file: false}\nH: {outputs: [x]}\nI: {file: '${'}";
    insta::assert_snapshot!(refused(project("A:\nB:", tasks)), @"
    7:3+1 error: task `A` has no `file`
        write `file: A/run.R`, `file: A.py` or `file: true`
    8:13+5 error: SQL tasks such as `a.sql` are not supported
        run the statements from a Python function or an R script
    9:13+4 error: `b.sh` is neither an R script (`.R`) nor Python (`.py`)
        write `file: path/to/script.R`, `file: path/to/script.py` or `file: true`
    10:13+5 error: an R task runs a whole script, but `c.R` is followed by a function
        write `file: c.R`
    11:13+1 error: a path such as `clean/run.R`, or `true` is needed, not a list
    12:13+8 error: nothing supplies `${X}` in `file`
        only a task with `map_over` has variables; write `$$` for a dollar sign
    13:13+5 error: a path such as `clean/run.R`, or `true` is needed, not `false`
    14:3+1 error: task `H` has no `file`
        write `file: H/run.R`, `file: H.py` or `file: true`
    15:13+4 error: `${`: `${` has no `}`
    ");
}

#[test]
fn outputs_that_leave_their_folder_or_have_two_owners() {
    let tasks = "A: {file: a.R, outputs: [../x, /x, 'C:/x', 'a\\b', ., '', 'duckdb://x', 's3://a/b', ~/x, .kept/x, x.csv, d/, ./y.csv, '${']}\n\
                 B: {file: b.R, outputs: [x.csv, d/x.csv, y.csv, ok.csv, ok.csv]}";
    insta::assert_snapshot!(refused(project("A:\nB:", tasks)), @r"
    7:28+4 error: the output `../x` leaves the output folder
        paths are relative to the output folder: write `table.csv` or `plots/map.png`
    7:34+2 error: the output `/x` leaves the output folder
        paths are relative to the output folder: write `table.csv` or `plots/map.png`
    7:38+6 error: the output `C:/x` leaves the output folder
        paths are relative to the output folder: write `table.csv` or `plots/map.png`
    7:46+5 error: the output `a\b` has a backslash
        write `/` between folders, on every system
    7:53+1 error: the output `.` is the whole output folder
        name a file, a folder in it, or a glob such as `*.csv`
    7:56+2 error: an empty output
    7:60+12 error: the output `duckdb://x` is a table, and tables as outputs are not supported
        list the database's file as the output; tasks that update one in place say `keep: true`
    7:74+10 error: the output `s3://a/b` is not below the output folder
        outputs are local files; a probe in `inputs` can watch what is elsewhere
    7:86+3 error: the output `~/x` leaves the output folder
        paths are relative to the output folder: write `table.csv` or `plots/map.png`
    7:91+7 error: the output `.kept/x` is a name that kptn uses itself
        choose another
    7:120+4 error: `${`: `${` has no `}`
        write `$$` for a dollar sign
    8:28+5 error: `A` and `B` both write `x.csv`
        every path has one owner; rename one of the outputs
    8:35+7 error: `B` writes `d/x.csv` into the output `d` of `A`
        every path has one owner; choose another folder
    8:44+5 error: `A` and `B` both write `y.csv`
        every path has one owner; rename one of the outputs
    8:59+6 warning: the output `ok.csv` is listed twice
    ");
}

#[test]
fn mappings_that_nothing_provides() {
    let tasks = "A: {file: true, cache_result: true, iterable_item: US_STATE}\n\
                 A2: {file: true, cache_result: true, iterable_item: US_STATE}\n\
                 B: {file: b.R, map_over: US_STATES, outputs: ['${US_STATES}.csv']}\n\
                 C: {file: b.R, map_over: US_STATE, outputs: ['${US_STAT}.csv', '${YEAR}.csv'], cli_args: '${YEAR}'}\n\
                 D: {file: d.R, cache_result: true, iterable_item: X}\n\
                 E: {file: e.py, iterable_item: 'PATH, a-b', cli_args: --x, prefix_args: nice}\n\
                 F: {file: f.R, map_over: US_STATE, cli_args: \"'x\"}";
    insta::assert_snapshot!(refused(project("A:\nA2:\nB: A\nC: [A, A2]\nD: A\nE:\nF:", tasks)), @"
    14:28+9 error: no dependency of `B` provides `US_STATES`
        its dependencies provide `US_STATE` (of `A`)
    15:28+8 error: both `A` and `A2` provide `US_STATE` to `C`
        give one of them another `iterable_item`
    15:48+16 error: the item of `C` has no `US_STAT`
        did you mean `${US_STATE}`?
    15:66+13 warning: the item has no `YEAR`, so `${YEAR}` in `${YEAR}.csv` stands for anything
        write `*`, or one of US_STATE
    15:92+9 error: nothing supplies `${YEAR}` in `cli_args`
        known here: US_STATE
    16:32+4 error: `cache_result` keeps a Python function's return value; an R task has none
        let the script write a file and list it in `outputs`
    17:34+11 error: `a-b` cannot name an item
        an item's name becomes a parameter or an environment variable: letters, digits and `_`
    17:34+11 error: `iterable_item` needs `cache_result: true`
        add `cache_result: true`, so that the returned list is kept
    17:34+11 error: an item called `PATH` would replace `PATH` of the environment
    17:57+3 error: `cli_args` belongs to R tasks; a Python task is a function
        use `args: {name: value}`
    17:75+4 error: `prefix_args` belongs to R tasks; a Python task is a function
        use `args: {name: value}`
    18:28+8 error: no dependency of `F` provides `US_STATE`
        `A` provides it; add it to the deps of `F`
    18:48+4 error: `cli_args` has a quote without its end
    ");
}

#[test]
fn what_is_wrong_in_each_graph_is_said_once() {
    let text = "graphs:\n  a: {tasks: {L: , T: L}}\n  b: {extends: a}\n  c: {extends: b}\ntasks:\n  L: {file: true}\n  T: {file: t.R, map_over: X}\n";
    insta::assert_snapshot!(refused(text), @"
    7:28+1 error: no dependency of `T` provides `X`
        give a dependency `cache_result: true` and `iterable_item: X`
    ");
}

#[test]
fn references_to_results_that_are_not_kept() {
    let tasks = "A: {file: true}\nB: {file: true}";
    insta::assert_snapshot!(refused(project("A:\nB: {deps: [A], args: {x: {ref: C}, y: {ref: A}, z: {ref: ''}}}", tasks)), @"
    5:32+1 error: `B` takes the result of `C`, which it does not depend on
        add `C` to its deps
    5:45+1 error: `B` takes the result of `A`, which keeps none
        add `cache_result: true` to `A`
    5:58+1 error: task name `` is empty
    ");
}
