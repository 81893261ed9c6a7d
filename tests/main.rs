//! The integration tests: the real binary, in real git repositories.
//!
//! One binary, so that everything links once. Each module is one area of behaviour; `support` has the
//! builder that all of them use. What one function can get wrong is tested beside that function instead.

mod layers;
mod support;
