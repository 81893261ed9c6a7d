//! Everything that can change what a task makes, named and digested.
