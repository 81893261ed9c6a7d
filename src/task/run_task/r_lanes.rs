//! Lanes of R items, side by side on the thread of all tasks.
//!
//! An R item costs milliseconds whatever kptn does, and what runs it
//! ([`crate::task::execute::Workers::run`]) waits for several things at once: so
//! these lanes are futures. What they hand over, keep and tell is as in
//! `python_lanes.rs`.

use futures_util::StreamExt;
use futures_util::stream::FuturesUnordered;

use super::items::Mapped;
use super::{Bench, item};
use crate::task::Lanes;

/// Runs lanes of R items side by side until nothing is left to start.
pub async fn run<'e>(mapped: &Mapped<'_, 'e>, bench: &Bench<'_, 'e>, lanes: &Lanes<'_>) {
    let mut running = FuturesUnordered::new();
    // Numbers of lanes, and of their log files, are used again.
    let (mut idle, mut next_lane) = (Vec::new(), 0);
    let wanted = mapped.most_lanes();
    if wanted > 1 {
        lanes.ask(wanted - 1);
    }
    loop {
        while (running.len() as u32) < lanes.granted().min(wanted) && !mapped.is_over() {
            let lane = idle.pop().unwrap_or(next_lane);
            next_lane = next_lane.max(lane + 1);
            running.push(run_lane(mapped, bench, lanes, lane));
        }
        tokio::select! {
            ended = running.next() => match ended {
                Some(lane) => idle.push(lane),
                None => break,
            },
            () = lanes.changed() => {
                // Lent when there was nothing left to do with it.
                while mapped.is_over() && lanes.granted() as usize > running.len().max(1) && lanes.release() {}
            }
        }
    }
}

/// Takes one bundle after another; returns its number.
async fn run_lane<'e>(mapped: &Mapped<'_, 'e>, bench: &Bench<'_, 'e>, lanes: &Lanes<'_>, lane: u32) -> u32 {
    loop {
        let bundle = mapped.next_bundle();
        if bundle.is_empty() {
            lanes.release();
            return lane;
        }
        for stale in bundle {
            if mapped.is_stopped() {
                return lane;
            }
            item::run(mapped, bench, stale, lane).await;
        }
        if !mapped.is_over() && lanes.give_back_if_owed() {
            return lane;
        }
    }
}
