//! Code files that a text only names: `do.call(source, list("x.R"))`, `system("bash x.sh")`,
//! a chunk of an R Markdown document, an `#include`.
//!
//! How a file is put to use can be hidden in many ways; its name rarely is. So
//! a file that exists where the script would look for it counts wherever its
//! name is written. One too many costs a run, one too few would be a false fresh.

use crate::fingerprint::python;

use super::facts::{Content, Written};

/// Endings of files that hold code; others are data, which counts where it is declared.
const CODE: [&str; 19] = [
    "r", "rmd", "rnw", "qmd", "py", "pyw", "sh", "c", "cc", "cpp", "h", "hpp", "f", "f90", "so", "dll", "jl",
    "stan", "q",
];

/// Returns the code files that a text names, as a whole or by one of its words.
pub(super) fn named_in(text: &str) -> impl Iterator<Item = Written> {
    let is_part = |c: char| c.is_alphanumeric() || matches!(c, '_' | '-' | '.' | '/' | '~' | '+');
    let words = text.split(move |c: char| !is_part(c));
    let whole = Some(text).filter(|text| text.len() <= 1000 && !text.contains('\n'));
    words.chain(whole).filter(|word| is_code(word)).map(|word| Written {
        here: false,
        text: word.into(),
        glob: false,
    })
}

/// Returns what is in a file of this name.
pub(super) fn content_of(name: &str) -> Content {
    if ending(name).is_some_and(|ending| ending.eq_ignore_ascii_case("r")) {
        Content::R
    } else {
        Content::Other
    }
}

/// Returns the files that Python code may mean by what it imports.
pub(super) fn imported_by_python(bytes: &[u8]) -> Vec<Written> {
    python::imported_files(bytes)
        .into_iter()
        .map(|path| Written { here: false, text: path.into(), glob: false })
        .collect()
}

/// Returns the files that a Python module may be, from where it is looked for.
pub(super) fn python_module(name: &str, folder: &str) -> Vec<Written> {
    let at = format!("{folder}/{}", name.replace('.', "/"));
    let files = [format!("{at}.py"), format!("{at}/__init__.py")];
    files.into_iter().map(|path| Written { here: false, text: path.into(), glob: false }).collect()
}

fn is_code(name: &str) -> bool {
    // It starts renv; what that does is in the lock file.
    let starts_renv = name.ends_with("renv/activate.R");
    !starts_renv
        && ending(name).is_some_and(|ending| CODE.iter().any(|code| ending.eq_ignore_ascii_case(code)))
}

fn ending(name: &str) -> Option<&str> {
    let (before, ending) = name.rsplit_once('.')?;
    (!before.is_empty()).then_some(ending)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn files_of_code_are_named_whole_or_by_a_word() {
        for (text, expected) in [
            ("x.R", &["x.R", "x.R"][..]),
            ("Rscript --vanilla lib/x.R a.csv", &["lib/x.R"]),
            ("my script.R", &["script.R", "my script.R"]),
            ("```{r, child='c.Rmd'}\nsource(\"y.r\")", &["c.Rmd", "y.r"]),
            ("#include \"b.h\"\n", &["b.h"]),
            ("data.csv and .R and R", &[]),
            ("renv/activate.R", &[]),
        ] {
            let found: Vec<String> = named_in(text).map(|one| one.text.into()).collect();
            assert_eq!(found, expected, "{text}");
        }
    }
}
