//! Any bytes as a `kptn.yaml`: read or refused, never a panic, a hang or a stack that runs out.

#![no_main]

use kptn::config::parse_text;
use kptn::graph::Dag;

libfuzzer_sys::fuzz_target!(|text: &[u8]| {
    if let Ok(loaded) = parse_text(text) {
        for graph in loaded.project.graphs.values() {
            let _ = Dag::new(graph);
        }
    }
});
