//! Objects on this machine.
