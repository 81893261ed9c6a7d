//! What is known to do nothing but hand something back when a module is imported.
//!
//! `X = re.compile(…)` at the top of a module is a definition, `setup()` is an
//! effect. Names outside the project that are not listed here count as effects:
//! that only makes more code count.

use super::facts::Role;

const BUILTINS: [&str; 40] = [
    "ArithmeticError",
    "BaseException",
    "Exception",
    "KeyError",
    "LookupError",
    "NotImplementedError",
    "OSError",
    "RuntimeError",
    "TypeError",
    "ValueError",
    "bool",
    "bytes",
    "classmethod",
    "complex",
    "dict",
    "enumerate",
    "filter",
    "float",
    "frozenset",
    "int",
    "isinstance",
    "len",
    "list",
    "map",
    "max",
    "min",
    "object",
    "property",
    "range",
    "reversed",
    "round",
    "set",
    "slice",
    "sorted",
    "staticmethod",
    "str",
    "sum",
    "super",
    "tuple",
    "zip",
];

const CALLS: [&str; 24] = [
    "re.",
    "pathlib.",
    "typing.",
    "typing_extensions.",
    "collections.",
    "logging.getLogger",
    "os.getenv",
    "os.environ.get",
    "os.path.",
    "datetime.",
    "decimal.",
    "fractions.",
    "functools.",
    "operator.",
    "itertools.",
    "enum.",
    "dataclasses.",
    "string.",
    "math.",
    "numpy.array",
    "numpy.dtype",
    "zoneinfo.",
    "uuid.",
    "textwrap.",
];

const DECORATORS: [&str; 21] = [
    "functools.",
    "dataclasses.",
    "contextlib.",
    "typing.",
    "typing_extensions.",
    "abc.",
    "enum.",
    "numba.",
    "attr.",
    "attrs.",
    "tenacity.",
    "prefect.",
    "dask.",
    "cachetools.",
    "pydantic.",
    "click.",
    "retry.",
    "deprecated.",
    "warnings.",
    "torch.",
    "jax.",
];

const BASES: [&str; 26] = [
    "abc.",
    "typing.",
    "typing_extensions.",
    "enum.",
    "collections.",
    "dataclasses.",
    "pydantic.",
    "torch.",
    "sklearn.",
    "numpy.",
    "pandas.",
    "threading.",
    "unittest.",
    "json.",
    "argparse.",
    "logging.",
    "ast.",
    "string.",
    "html.",
    "http.",
    "io.",
    "contextlib.",
    "attr.",
    "attrs.",
    "datetime.",
    "decimal.",
];

/// Tells whether a name that Python itself supplies does nothing but hand something back.
pub(super) fn is_pure_builtin(path: &str) -> bool {
    let head = path.split('.').next().unwrap_or(path);
    BUILTINS.contains(&head) || head.ends_with("Error") || head.ends_with("Warning")
}

/// Tells whether a name from outside the project, by its full path, does so in this role.
pub(super) fn is_pure_outside(role: Role, path: &str) -> bool {
    let known: &[&str] = match role {
        Role::Call => &CALLS,
        Role::Decorator | Role::CalledDecorator => &DECORATORS,
        Role::Base => &BASES,
        // What libraries make is taken to have operators that change nothing.
        Role::Operand => return true,
    };
    // `from functools import cache` has no attribute: its path is already whole.
    known.iter().any(|start| path.starts_with(start))
}
