//! Python code: what a function reaches, and what it takes.

mod signature;

pub use signature::{Parameter, ParameterKind, Signature};
