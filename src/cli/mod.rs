//! Words, flags, tables, progress and exit codes: the only layer that prints.
