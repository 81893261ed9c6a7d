//! The DAG of a graph, and selections of its tasks.
