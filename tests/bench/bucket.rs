//! The tests' S3 server as a program of its own, for `make bench`: kptn and its peers push to it.
//!
//! ```text
//! bucket serve [IP] prints its address, of this machine alone unless one is named; then answers each line that it reads with one line of JSON
//!   calls           how many requests came since the last time, by method
//!   stored          how many keys there are, and bytes
//!   empty           the same, before all of it is removed
//! ```
//! It keeps everything in memory and goes when its input ends.

use std::collections::BTreeMap;
use std::io::{BufRead, Write};
use std::net::Ipv4Addr;

#[expect(dead_code, reason = "a support of tests, which need more of it")]
#[path = "../support/dynamo.rs"]
mod dynamo;
#[path = "../support/random.rs"]
mod random;
#[expect(dead_code, clippy::expect_used, reason = "a support of tests, which need more of it")]
#[path = "../support/s3/mod.rs"]
mod s3;

use s3::S3;

fn main() -> std::io::Result<()> {
    // `cargo bench` alone starts it without a word; `make bench` is the way.
    if !std::env::args().any(|argument| argument == "serve") {
        return Ok(());
    }
    let named = std::env::args().next_back().and_then(|argument| argument.parse().ok());
    // As many keys as S3 lists.
    let s3 = S3::at(named.unwrap_or(Ipv4Addr::LOCALHOST), 1000);
    let mut out = std::io::stdout().lock();
    writeln!(out, "{}", s3.endpoint())?;
    for line in std::io::stdin().lock().lines() {
        match line?.as_str() {
            "calls" => writeln!(out, "{}", calls(&s3))?,
            "stored" => writeln!(out, "{}", stored(&s3))?,
            "empty" => {
                writeln!(out, "{}", stored(&s3))?;
                s3.objects().keys().for_each(|key| s3.remove(key));
            }
            other => writeln!(out, "{{\"problem\":\"{other}\"}}")?,
        }
        out.flush()?;
    }
    Ok(())
}

fn calls(s3: &S3) -> serde_json::Value {
    let mut by_method: BTreeMap<String, u64> = BTreeMap::new();
    for (call, count) in s3.take_calls() {
        let method = call.split(' ').next().unwrap_or_default();
        *by_method.entry(method.to_owned()).or_default() += count;
    }
    serde_json::json!(by_method)
}

fn stored(s3: &S3) -> serde_json::Value {
    let objects = s3.objects();
    let bytes: usize = objects.values().map(hyper::body::Bytes::len).sum();
    serde_json::json!({"keys": objects.len(), "bytes": bytes})
}
