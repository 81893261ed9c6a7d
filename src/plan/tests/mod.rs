//! The plan, tried in a world made of plain values.

mod laws;
mod mapped;
mod world;
