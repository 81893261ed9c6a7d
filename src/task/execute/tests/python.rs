//! Python functions: how they run and how they end.

use super::*;

#[tokio::test]
async fn a_function_returns_json_and_prints_into_its_log() {
    let bench = Bench::new();
    let done = bench.python("import sys\ndef B():\n  print('out'); print('err', file=sys.stderr)\n  return {'b': [1, 2.5, None], 'a': 'é'}\n").await;
    assert_eq!(done.result.as_deref(), Some(r#"{"a":"é","b":[1,2.5,null]}"#.as_bytes()));
    assert_eq!(done.log_tail, ["out", "err"]);
    assert_eq!(done.imported, [bench.root().join("B.py")]);
    assert!(done.timing.cpu_ms > 5 && done.timing.peak_kib > 5_000, "{:?}", done.timing);
}

#[tokio::test]
async fn a_traceback_shows_the_users_frames_alone() {
    let bench = Bench::new();
    let done = bench.python("def f():\n  raise ValueError('no data')\ndef B():\n  f()\n").await;
    assert_eq!(failure_of(&done), "ValueError: no data");
    assert_eq!(done.log_tail[0], "Traceback (most recent call last):");
    assert!(done.log_tail[1].contains("B.py\", line 4, in B"), "{:?}", done.log_tail);
    assert!(!bench.log().contains("kptn_worker"), "{}", bench.log());
    let done = bench.python("def B(:\n").await;
    assert!(failure_of(&done).starts_with("SyntaxError: invalid syntax"), "{:?}", done.outcome);
    assert!(!bench.log().contains("importlib"), "{}", bench.log());
}

#[tokio::test]
async fn every_way_of_leaving_is_told_apart() {
    let bench = Bench::new();
    for (body, failure) in [
        ("sys.exit(0)", "sys.exit() was called, so nothing was returned"),
        ("sys.exit(4)", "sys.exit(4)"),
        ("sys.exit('no data')", "no data"),
        ("os._exit(3)", "the process ended before the function returned: exit code 3"),
        ("os._exit(0)", "the process ended before the function returned: exit code 0"),
        ("import ctypes; ctypes.string_at(0)", "the process ended before the function returned: SIGSEGV"),
        (
            "os.kill(os.getpid(), 9)",
            "the process ended before the function returned: SIGKILL, perhaps for want of memory",
        ),
        ("os.closerange(3, 100); os._exit(5)", "the process ended before the function returned: exit code 5"),
        ("B()", "RecursionError: maximum recursion depth exceeded"),
        ("raise KeyboardInterrupt", "KeyboardInterrupt"),
        ("yield 1", "`B` has a `yield`: calling it made a generator and ran nothing"),
        (
            "import atexit; atexit.register(os._exit, 7)",
            "the function returned, but the process did not end well: exit code 7",
        ),
    ] {
        let done = bench.python(&format!("import os, sys\ndef B():\n  {body}\n")).await;
        assert_eq!(failure_of(&done), failure, "{body}");
    }
    let mut function = bench.function("B.py", "import sys\ndef B():\n  sys.exit(0)\n");
    function.wants_result = false;
    assert_eq!(bench.workers.run(&bench.python_job(function)).await.outcome, Ok(()));
}

#[tokio::test]
async fn an_orphan_that_holds_every_descriptor_keeps_nobody_waiting() {
    let bench = Bench::new();
    let text = "import os, time\ndef B():\n  if os.fork() == 0:\n    time.sleep(1000)\n  os._exit(3)\n";
    let done = bench.python(text).await;
    assert_eq!(failure_of(&done), "the process ended before the function returned: exit code 3");
    assert_eq!(done.notes, ["background child stopped: it outlived the task"]);
}

#[tokio::test]
async fn threads_are_waited_for_as_a_script_would_and_stopped_where_they_never_end() {
    let bench = Bench::new();
    let text = "import threading, time\ndef slow():\n  time.sleep(0.05); open('late', 'w').close()\ndef B():\n  threading.Thread(target=slow).start()\n";
    let done = bench.python(text).await;
    assert_eq!((done.outcome, done.notes), (Ok(()), vec![]));
    assert!(bench.root().join("late").exists());
    let text = "import threading, time\ndef B():\n  threading.Thread(target=time.sleep, args=(1000,), name='heart').start()\n";
    let done = bench.python(text).await;
    assert_eq!(done.outcome, Ok(()));
    assert_eq!(
        done.notes,
        ["process stopped: still running 0.3 s after the function returned (threads: heart)"]
    );
}

#[tokio::test]
async fn an_async_function_is_awaited() {
    let bench = Bench::new();
    let text = "import asyncio\nasync def B():\n  await asyncio.sleep(0)\n  return 1\n";
    assert_eq!(value(&bench.python(text).await), json!(1));
}

#[tokio::test]
async fn an_error_that_is_no_text_is_told_all_the_same() {
    let bench = Bench::new();
    let done = bench.python("def B():\n  raise ValueError('caf\\udce9')\n").await;
    assert_eq!(failure_of(&done), "ValueError: caf?");
}
