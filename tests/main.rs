//! The integration tests: the real binary, in real git repositories.
//!
//! One binary, so that everything links once. Each module is one area of behaviour; `support` has the
//! builder that all of them use. What one function can get wrong is tested beside that function instead.

#![expect(clippy::expect_used, clippy::panic, reason = "a test that cannot go on may panic")]

mod accepting;
mod affected;
mod agreeing;
mod branches;
mod buckets;
mod bundles;
mod change_detection;
mod collection;
mod commands;
mod config_errors;
mod data_frames;
mod defer;
mod deploying;
mod deploying_aws;
mod display;
mod docs;
mod earlier;
mod engine_runs;
mod examples;
mod faults;
mod file_log;
mod followed;
mod from_remote;
mod git_hooks;
mod git_states;
mod hostile_remote;
mod invalidating;
mod item_faults;
mod items_shown;
mod layers;
mod lazy;
mod living;
mod local_only;
mod mapped;
mod mapped_r;
mod model;
mod old_runs;
mod pages;
mod promoting;
mod protected;
mod pull_items;
mod reading;
mod remote_add;
mod remote_deltas;
mod remote_ends;
mod remote_faults;
mod remote_fsck;
mod remote_gc;
mod remote_gc_races;
mod remote_gc_runs;
mod remote_repair;
mod remotes;
mod remotes_s3;
mod renaming;
mod rendering;
mod repair;
mod restoring;
mod room;
mod run;
mod runner;
mod seeds;
mod shared_items;
mod shared_lost;
mod shared_runs;
mod shoes;
mod sparing;
mod subsets;
mod support;
mod surroundings;
mod tables;
