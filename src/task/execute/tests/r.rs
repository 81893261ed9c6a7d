//! R scripts: where they run, what they get, what they say when they fail.

use super::*;

#[tokio::test]
async fn a_script_runs_in_its_folder_and_prints_into_its_log() {
    let bench = Bench::new();
    let done =
        bench.r("cat(basename(getwd()), '\\n'); message('to stderr'); stopifnot(!interactive())").await;
    assert_eq!(done.outcome, Ok(()));
    assert_eq!(done.log_tail, ["B ", "to stderr"]);
    assert!(done.timing.cpu_ms > 10 && done.timing.peak_kib > 10_000, "{:?}", done.timing);
}

#[tokio::test]
async fn a_plain_stop_is_the_error() {
    let bench = Bench::new();
    assert_eq!(failure_of(&bench.r("stop('no data for NC')").await), "Error: no data for NC");
    let nested = bench.r("f <- function(x) stop('no data')\nf(1)").await;
    assert_eq!(failure_of(&nested), "Error in f(1) : no data");
    let text = "message('Error in f() : no data'); for (i in 1:30) message('Calls: ', i); quit(status = 1)";
    let far_above = bench.r(text).await;
    assert_eq!((failure_of(&far_above).as_str(), far_above.log_tail.len()), ("Error in f() : no data", 20));
    assert_eq!(failure_of(&bench.r("quit(status = 3)").await), "exit code 3");
}

#[tokio::test]
async fn words_before_and_after_reach_the_script() {
    let bench = Bench::new();
    let mut job = bench.r_job("B/run.R", "cat(commandArgs(TRUE), Sys.getenv('X'), sep = '|')");
    let Code::R(script) = &mut job.code else { unreachable!() };
    script.prefix = vec!["/usr/bin/env".into(), "X=a b".into()];
    script.arguments = vec!["--state".into(), "New York".into()];
    let done = bench.workers.run(&job).await;
    assert_eq!(done.log_tail, ["--state|New York|a b"]);
}

#[tokio::test]
async fn values_too_large_for_the_environment_come_in_a_file() {
    let bench = Bench::new();
    let text = "x <- readLines(Sys.getenv('KPTN_INPUTS'), warn = FALSE); cat(nchar(x))";
    let mut job = bench.r_job("B/run.R", text);
    let Code::R(script) = &mut job.code else { unreachable!() };
    script.inputs = Some(json!({"A": "x".repeat(200_000)}).to_string().into_bytes());
    assert_eq!(bench.workers.run(&job).await.log_tail, ["200008"]);
}

#[tokio::test]
async fn the_projects_profile_is_read_in_the_projects_folder_and_the_scripts_too() {
    let bench = Bench::new();
    bench.write(".Rprofile", "source('renv/activate.R'); a <- basename(getwd())");
    bench.write("renv/activate.R", "activated <- TRUE");
    bench.write(".Renviron", "FROM_PROJECT=1\n");
    bench.write("B/.Rprofile", "b <- basename(getwd())");
    bench.write("B/.Renviron", "FROM_SCRIPT=2\n");
    let text = "cat(activated, a, b, basename(getwd()), Sys.getenv(c('FROM_PROJECT', 'FROM_SCRIPT')))";
    assert_eq!(bench.r(text).await.log_tail, ["TRUE project B B 1 2"]);
}

#[tokio::test]
async fn a_missing_script_and_a_missing_interpreter_are_failures_with_a_log() {
    let bench = Bench::new();
    let mut job = bench.r_job("B/run.R", "");
    std::fs::remove_file(bench.root().join("B/run.R")).unwrap();
    assert!(failure_of(&bench.workers.run(&job).await).contains("cannot open file"));
    job.interpreter = "/no/Rscript".into();
    assert!(
        failure_of(&bench.workers.run(&job).await).starts_with("cannot start `/no/Rscript`: No such file")
    );
    assert!(bench.log().contains("[kptn: cannot start"));
}
