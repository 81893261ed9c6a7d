//! Items of one task in the process of a lane: each finds it as new, and a bad one harms itself alone.

use super::*;
use crate::model::Item;

/// A lane, and the items that it is to run.
struct Items<'b> {
    bench: &'b Bench,
    lane: Lane,
    job: Arc<Job>,
}

impl Bench {
    fn items(&self, text: &str, change: impl FnOnce(&mut PythonFunction)) -> Items<'_> {
        let mut function = self.function("B.py", text);
        function.warm = true;
        change(&mut function);
        let mut job = self.python_job(function);
        job.environment.insert("KPTN_SEED".into(), "0".into());
        job.item = Some("first".to_owned());
        Items { bench: self, lane: self.workers.lane(), job: Arc::new(job) }
    }
}

impl Items<'_> {
    fn ask(&mut self, state: &str) {
        let item = Item { values: [("STATE".to_owned(), json!(state))].into() };
        let seed = Some(format!("seed of {state}"));
        self.lane.ask(Call { job: Arc::clone(&self.job), item: Some(item), seed, log: None, lines: None });
    }

    fn one(&mut self, state: &str) -> Attempted {
        self.ask(state);
        self.lane.answer().unwrap()
    }

    fn bundle(&mut self, states: &[&str]) -> Vec<Attempted> {
        states.iter().for_each(|state| self.ask(state));
        std::iter::from_fn(|| self.lane.answer()).collect()
    }

    fn printed(&self, done: &Attempted) -> String {
        let (from, length) = done.log_range;
        self.bench.log()[from as usize..(from + length) as usize].to_owned()
    }
}

const RUDE: &str = "
import os, random, signal, subprocess, sys, threading, time
def B(STATE, A):
  before = [os.environ.get('LEFT'), os.environ['KPTN_SEED'], os.path.basename(os.getcwd()), sys.argv[1:], len(A)]
  print(STATE)
  drawn = random.random()
  os.environ['LEFT'] = 'x'; del os.environ['PATH']; os.environ = {}
  os.chdir('/'); sys.argv.append('x'); A.append(1); random.seed(1); sys.stdout = sys.stderr = None
  os.dup2(os.open(os.devnull, os.O_WRONLY), 1)
  if STATE == 'exit': os._exit(1)
  if STATE == 'segfault': os.kill(os.getpid(), signal.SIGSEGV)
  if STATE == 'raise': raise ValueError('no data')
  if STATE == 'orphan': subprocess.Popen(['/bin/sleep', '1000'])
  if STATE == 'thread': threading.Thread(target=time.sleep, args=(0.05,), name='heart').start()
  return [os.getpid(), before, drawn]
";

fn given_a(function: &mut PythonFunction) {
    function.given.insert("A".into(), "[]".into());
}

#[test]
fn each_item_finds_the_process_as_new_alone_and_in_a_bundle() {
    let bench = Bench::new();
    let mut items = bench.items(RUDE, given_a);
    let mut done: Vec<_> = ["NC", "SC"].map(|state| items.one(state)).into();
    done.extend(items.bundle(&["VA", "GA", "WV"]));
    let values: Vec<Value> = done.iter().map(value).collect();
    for (at, state) in ["NC", "SC", "VA", "GA", "WV"].into_iter().enumerate() {
        assert_eq!(values[at][1], json!([null, format!("seed of {state}"), "project", [], 0]), "{state}");
        assert_eq!(values[at][0], values[0][0], "{state} has the first one's process");
        assert_eq!(items.printed(&done[at]), format!("{state}\n"));
    }
    let drawn: std::collections::BTreeSet<_> = values.iter().map(|value| value[2].to_string()).collect();
    assert_eq!(drawn.len(), 5, "each draws its own random numbers");
    assert_eq!(
        (done[0].imported.clone(), done[1].imported.clone()),
        (vec![bench.root().join("B.py")], vec![])
    );
    items.lane.leave();
}

#[test]
fn a_bad_item_of_a_bundle_fails_alone_and_the_rest_has_a_new_process() {
    let bench = Bench::new();
    for (bad, failure) in [
        ("exit", "the process ended before the function returned: exit code 1"),
        ("segfault", "the process ended before the function returned: SIGSEGV"),
        ("raise", "ValueError: no data"),
    ] {
        let mut items = bench.items(RUDE, given_a);
        let done = items.bundle(&["NC", bad, "VA", "GA"]);
        assert_eq!(done.len(), 4);
        assert_eq!(failure_of(&done[1]), failure);
        assert_eq!(done[1].log_tail[0], bad);
        let pid = |at: usize| value(&done[at])[0].clone();
        assert_eq!(pid(2), pid(3));
        assert_eq!(pid(0) == pid(2), bad == "raise", "{bad}");
        items.lane.leave();
    }
}

#[test]
fn what_an_item_leaves_running_is_noticed_and_its_process_not_used_again() {
    let bench = Bench::new();
    let mut items = bench.items(RUDE, given_a);
    let done = items.bundle(&["NC", "orphan", "VA", "thread", "GA"]);
    let pid = |at: usize| value(&done[at])[0].clone();
    assert_eq!(done[1].notes, ["background child stopped: it outlived the task"]);
    assert_eq!(done[3].notes, Vec::<String>::new(), "a thread that ends is waited for");
    assert_eq!((pid(0), pid(2)), (pid(1), pid(3)));
    assert!(pid(1) != pid(2) && pid(3) != pid(4));
    items.lane.leave();
}

#[test]
fn a_process_that_grew_past_its_memory_takes_no_further_item() {
    let bench = Bench::new();
    let text = "import os\nclass Held:\n  pass\nheld = Held()\ndef B(STATE):\n  if STATE == 'grow': held.kept = b'x' * 80_000_000\n  return os.getpid()\n";
    let mut items = bench.items(text, |function| function.memory_kib = Some(60_000));
    let pids: Vec<_> = items.bundle(&["NC", "grow", "VA"]).iter().map(value).collect();
    assert_eq!(pids[0], pids[1]);
    assert_ne!(pids[1], pids[2]);
    items.lane.leave();
}

#[test]
fn a_fresh_worker_is_for_one_item() {
    let bench = Bench::new();
    let mut items =
        bench.items("import os\ndef B(STATE):\n  return os.getpid()\n", |function| function.warm = false);
    let pids: Vec<_> = items.bundle(&["NC", "SC"]).iter().map(value).collect();
    assert_ne!(pids[0], pids[1]);
    items.lane.leave();
}

#[test]
fn a_stop_and_a_timeout_end_a_call_that_would_not() {
    let bench = Bench::new();
    let text = "import time\ndef B(STATE):\n  while STATE != 'quick': time.sleep(1)\n";
    let mut items = bench.items(text, |_| ());
    Arc::get_mut(&mut items.job).unwrap().timeout = Some(Duration::from_millis(100));
    assert_eq!(failure_of(&items.one("slow")), "stopped after 0.1 s (`timeout`)");
    Arc::get_mut(&mut items.job).unwrap().timeout = None;
    assert_eq!(items.one("quick").outcome, Ok(()));
    bench.workers.stop();
    let done = items.bundle(&["slow", "quick"]);
    assert!(done.iter().all(|one| one.outcome == Err(Failure::Stopped)));
    items.lane.leave();
}

/// What a task's modules may hold, and all that an item may do to it.
const HELD: &str = "
import os, helper
from helper import TABLE
COUNT, SEEN, NESTED, NAMES = 0, [], {'a': [1]}, {'x'}
class Tally:
  count = 0
  names = []
def B(STATE):
  global COUNT, NEW
  import late
  late.register('B')
  before = [COUNT, SEEN, NESTED, sorted(NAMES), Tally.count, Tally.names, helper.total, TABLE, 'NEW' in globals(), sorted(late.FOUND), late.calls]
  before = repr(before)
  COUNT += 1; SEEN.append(STATE); NESTED['a'].append(2); NESTED['b'] = 1; NAMES.add(STATE); NEW = 1
  Tally.count += 1; Tally.names.append(STATE); helper.total += 1; TABLE[STATE] = 1; late.calls += 1
  return [os.getpid(), before]
";

#[test]
fn what_an_item_changes_in_the_projects_modules_is_put_back() {
    let bench = Bench::new();
    bench.write("helper.py", "total = 0\nTABLE = {}\nFOUND = {}\n");
    // Imported by the first item alone; what its import does stays, as it would in each process of its own.
    bench.write(
        "late.py",
        "import helper\nfrom helper import FOUND\nFOUND['late'] = True\nhelper.TABLE['seen'] = 0\ncalls = 0\n\
         def register(name):\n  FOUND[name] = True\n",
    );
    let mut items = bench.items(HELD, |_| ());
    let warm: Vec<_> = items.bundle(&["NC", "SC", "VA"]).iter().map(value).collect();
    items.lane.leave();
    let mut items = bench.items(HELD, |function| function.warm = false);
    let fresh: Vec<_> = items.bundle(&["NC", "SC", "VA"]).iter().map(value).collect();
    items.lane.leave();
    assert_eq!(
        warm.iter().map(|value| &value[1]).collect::<Vec<_>>(),
        fresh.iter().map(|value| &value[1]).collect::<Vec<_>>()
    );
    assert!(warm.iter().all(|value| value[0] == warm[0][0]), "one process ran all three");
    assert_eq!(
        fresh[0][1],
        json!("[0, [], {'a': [1]}, ['x'], 0, [], 0, {'seen': 0}, False, ['B', 'late'], 0]")
    );
}

#[test]
fn a_process_whose_modules_cannot_be_put_back_takes_no_further_item() {
    let bench = Bench::new();
    let text = "import os, random\nstream = random.Random(1)\nlarge = list(range(20_000))\ndef B(STATE):\n  \
                if STATE == 'draw': stream.random()\n  if STATE == 'grow': large.append(1)\n  return os.getpid()\n";
    let mut items = bench.items(text, |_| ());
    let pids: Vec<_> = items.bundle(&["NC", "draw", "VA", "grow", "GA"]).iter().map(value).collect();
    assert_eq!((&pids[0], &pids[2]), (&pids[1], &pids[3]));
    assert!(pids[1] != pids[2] && pids[3] != pids[4]);
    items.lane.leave();
}

#[test]
fn a_process_takes_a_limited_number_of_items() {
    let bench = Bench::new();
    let mut items = bench.items("import os\ndef B(STATE):\n  return os.getpid()\n", |_| ());
    let names: Vec<String> = (0..5_001).map(|at| at.to_string()).collect();
    let mut pids = Vec::new();
    for bundle in names.chunks(500) {
        pids.extend(items.bundle(&bundle.iter().map(String::as_str).collect::<Vec<_>>()).iter().map(value));
    }
    assert_eq!(pids.iter().filter(|pid| **pid == pids[0]).count(), 5_000);
    assert_eq!(pids.len(), 5_001);
    items.lane.leave();
}
