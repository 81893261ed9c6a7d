//! What every integration test stands on: a project in a temporary folder, and the binary under test.
//!
//! Nothing of the machine leaks in: HOME, git's settings and the environment are the test's own, git's author
//! is fixed, and the interpreters are looked up once. Nothing leaks out: the folder goes with the `Project`.

pub mod dynamo;
mod interpreters;
mod library;
mod machine;
mod masks;
mod output;
mod place;
mod postgres;
mod project;
mod random;
mod running;
pub mod s3;
mod tasks;
mod terminal;

pub use interpreters::{packages_python, python, search_path};
pub use library::Library;
pub use machine::Machine;
pub use output::Output;
pub use place::Place;
pub use postgres::Postgres;
pub use project::Project;
pub use random::Random;
pub use running::{Running, wait_until};
pub use tasks::{gated_task, python_task, tasks_yaml};
