//! Mapped tasks: which items run, and what becomes of their files.
//!
//! Through the binary there are more in `tests/mapped.rs`.

use super::*;

const MAPPED: &str = "
settings: {outputs_dir: out}
graphs: {g: {tasks: {L: , M: L, S: M}}}
tasks:
  L: {file: t.py, cache_result: true, iterable_item: STATE}
  M: {file: t.py, map_over: STATE, outputs: ['${STATE}.txt'], cache_result: true}
  S: {file: t.py, outputs: [all.txt]}
";

const MAPPED_PY: &str = "
def L():
    return ['NC', 'SC', 'VA']
def M(STATE, output_dir):
    if STATE == 'none':
        raise ValueError('no data')
    (output_dir / f'{STATE}.txt').write_text(STATE.lower())
    return STATE
def S(output_dir, M):
    files = sorted(p.name for p in output_dir.glob('??.txt'))
    (output_dir / 'all.txt').write_text(','.join(M) + ' ' + ','.join(files))
";

#[test]
fn a_mapped_task_runs_each_item_and_only_the_new_ones_again() {
    let place = Place::new(MAPPED, &[("t.py", MAPPED_PY)]);
    let first = place.run();
    assert_eq!(first.tasks(), ["L ran", "M ran", "S ran"], "{:?}", first.events);
    assert_eq!(place.read("all.txt"), "NC,SC,VA NC.txt,SC.txt,VA.txt");
    // Moved and removed items re-run nothing; a removed one's file leaves before the dependent runs.
    place.write("t.py", &MAPPED_PY.replace("['NC', 'SC', 'VA']", "['WV', 'VA', 'NC']"));
    let second = place.run();
    assert_eq!(second.tasks(), ["L ran", "M ran", "S ran"]);
    let items: Vec<_> = second
        .events
        .iter()
        .filter_map(|event| match event {
            Event::TaskStarted { items, .. } => *items,
            _ => None,
        })
        .collect();
    assert_eq!(items, [1]);
    assert_eq!(place.read("all.txt"), "WV,VA,NC NC.txt,VA.txt,WV.txt");
}

#[test]
fn a_failed_item_fails_the_task_and_the_next_run_does_it_alone() {
    let place = Place::new(MAPPED, &[("t.py", &MAPPED_PY.replace("'SC'", "'none'"))]);
    let failed = place.run();
    let error = &failed.tasks()[1];
    assert!(error.starts_with("M failed: 1 of 3 items failed; none: "), "{error}");
    assert_eq!(place.read("NC.txt"), "nc");
    place.write(
        "t.py",
        &MAPPED_PY.replace("'SC'", "'none'").replace("    if STATE", "    if False and STATE"),
    );
    // The function changed, so all run; with the list mended alone, only what is new does.
    place.write("t.py", MAPPED_PY);
    let mended = place.run();
    assert_eq!(mended.tasks(), ["L ran", "M ran", "S ran"]);
    let started = mended.events.iter().find_map(|event| match event {
        Event::TaskStarted { task, items, .. } if task.as_str() == "M" => *items,
        _ => None,
    });
    assert_eq!(started, Some(1));
}

#[test]
fn an_empty_list_is_a_success_with_nothing_to_do() {
    let place = Place::new(MAPPED, &[("t.py", &MAPPED_PY.replace("['NC', 'SC', 'VA']", "[]"))]);
    assert_eq!(place.run().tasks(), ["L ran", "M ran", "S ran"]);
    assert_eq!(place.read("all.txt"), " ");
}

#[test]
fn items_that_would_write_one_path_are_refused_before_any_runs() {
    let place = Place::new(MAPPED, &[("t.py", &MAPPED_PY.replace("'SC', 'VA'", "'a/b', './a//b'"))]);
    let refused = place.run();
    assert_eq!(refused.tasks()[1], "M failed: the items a/b and ./a//b both write `a/b.txt`");
    assert!(!place.root().join("out/NC.txt").exists());
}

#[test]
fn a_pattern_of_the_whole_task_leaves_items_their_files() {
    let yaml = MAPPED.replace("outputs: ['${STATE}.txt']", "outputs: ['${STATE}.txt', '*.txt']");
    let place = Place::new(&yaml, &[("t.py", MAPPED_PY)]);
    assert_eq!(place.run().tasks(), ["L ran", "M ran", "S ran"]);
    let (own, all) = place.known(|known| {
        let record = known.current(&task("M")).unwrap();
        (record.outputs.len(), known.files(record).len())
    });
    assert_eq!((own, all), (0, 3));
}

/// The shards of M's table that are files of their own.
fn shards(place: &Place) -> Vec<PathBuf> {
    let record = place.known(|known| known.current(&task("M"))).unwrap();
    let store = Store::open(&place.store_root()).unwrap();
    let list = load_shard_list(&store, &record.items.unwrap()).unwrap();
    let files = list.shards.iter().map(|shard| store.layout().object(shard));
    files.filter(|file| file.exists()).collect()
}

#[test]
fn a_shard_that_is_gone_or_damaged_makes_the_task_stale_and_is_made_anew() {
    let many = "[f'{n:02}' for n in range(90)]";
    let place = Place::new(MAPPED, &[("t.py", &MAPPED_PY.replace("['NC', 'SC', 'VA']", many))]);
    place.run();
    let all = place.read("all.txt");
    let damages: [fn(&PathBuf); 3] = [
        |shard| fs::remove_file(shard).unwrap(),
        |shard| fs::write(shard, "{}").unwrap(),
        |shard| fs::write(shard, &fs::read(shard).unwrap()[1..]).unwrap(),
    ];
    for damage in damages {
        let found = shards(&place);
        let mut permissions = fs::metadata(&found[0]).unwrap().permissions();
        #[expect(clippy::permissions_set_readonly_false, reason = "a folder of this test's own")]
        permissions.set_readonly(false);
        fs::set_permissions(&found[0], permissions).unwrap();
        damage(&found[0]);
        let again = place.run();
        assert!(again.tasks().contains(&"M ran".to_owned()), "{:?}", again.tasks());
        assert_eq!(place.read("all.txt"), all);
        let record = place.known(|known| known.current(&task("M"))).unwrap();
        assert_eq!(place.known(|known| known.items(&record).map(|table| table.items().len())), Some(90));
        assert!(place.run().tasks().iter().all(|task| !task.ends_with(" ran")));
    }
}
