//! Functions of R and its packages that read code, or call what they are given.
//!
//! By their names alone: a script that gives one of these names to a function of
//! its own makes one file too many count, which does no harm.

/// Functions that call a function for each element of their first argument.
pub(super) const APPLY: [&str; 24] = [
    "lapply",
    "mclapply",
    "parLapply",
    "rapply",
    "apply",
    "eapply",
    "Filter",
    "future_lapply",
    "future_sapply",
    "walk2",
    "iwalk",
    "imap",
    "pwalk",
    "sapply",
    "vapply",
    "walk",
    "map",
    "Map",
    "mapply",
    "future_walk",
    "future_map",
    "map_chr",
    "llply",
    "l_ply",
];

/// Functions that give back a function that they are given, or call it with what they are given.
pub(super) const HAND_ON: [&str; 11] = [
    "do.call",
    "match.fun",
    "get",
    "compose",
    "partial",
    "possibly",
    "safely",
    "quietly",
    "Vectorize",
    "memoise",
    "Reduce",
];

/// Functions that read a file of R code and run it.
pub(super) const SOURCE: [&str; 4] = ["source", "sys.source", "sourceUTF8", "debugSource"];
/// Functions that use a package, by its name.
pub(super) const ATTACH: [&str; 6] =
    ["library", "require", "requireNamespace", "loadNamespace", "attachNamespace", "use_package"];
