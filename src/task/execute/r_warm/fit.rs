//! Whether a fork would be the same as `Rscript script`, and what its parent is started with.
//!
//! Pure: values in, values out. What R reads once, as it starts, must be the
//! same for all items: start-up files that look at an item's variables, and
//! variables such as `LANG`, are not; then each item has an R of its own.

use std::ffi::{OsStr, OsString};

use super::super::RScript;
use crate::process::Environment;

/// Packages that must not be loaded before a fork: they start threads or other programs, or hold connections.
pub(super) const DENIED: [&str; 38] = [
    "adbcdrivermanager",
    "arrow",
    "aws.s3",
    "bigrquery",
    "callr",
    "DatabaseConnector",
    "duckdb",
    "future.callr",
    "h2o",
    "httpuv",
    "JuliaCall",
    "keras",
    "keras3",
    "later",
    "lightgbm",
    "nanonext",
    "mirai",
    "odbc",
    "pbdMPI",
    "polars",
    "processx",
    "promises",
    "RcppParallel",
    "reticulate",
    "rJava",
    "RJDBC",
    "RMariaDB",
    "Rmpi",
    "RMySQL",
    "ROracle",
    "RPostgres",
    "RPostgreSQL",
    "rstan",
    "RSQLite",
    "sparklyr",
    "tensorflow",
    "torch",
    "V8",
];

/// How many threads libraries start, which some of them read only as they are loaded.
const THREADS: [&str; 8] = [
    "OMP_NUM_THREADS",
    "OPENBLAS_NUM_THREADS",
    "GOTO_NUM_THREADS",
    "MKL_NUM_THREADS",
    "BLIS_NUM_THREADS",
    "VECLIB_MAXIMUM_THREADS",
    "RCPP_PARALLEL_NUM_THREADS",
    "R_DATATABLE_NUM_THREADS",
];

/// What R, or the system's linker, reads once, as R starts.
const READ_AT_START: [&str; 8] = ["HOME", "LANG", "LANGUAGE", "LC_", "LD_", "OMP_", "R_", "TZ"];

/// Names of an item's own values besides its variables: what start-up files must not look at.
const OF_ITEMS: [&str; 3] = ["KPTN_SEED", "KPTN_INPUTS", "commandArgs"];

/// Why items run as plain `Rscript`.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(super) enum Unfit {
    #[error("`prefix_args` has words before it")]
    Prefix,
    #[error("the script begins with a byte order mark")]
    ByteOrderMark,
    #[error("`{file}`, which R reads as it starts, mentions `{name}`, which each item has its own of")]
    StartFile { file: String, name: String },
    #[error("`{name}` differs between items, and R or a library reads it once, as it starts")]
    Start { name: String },
    #[error("items start in different folders")]
    Folder,
    #[error("a warm R could not be started: {said}")]
    NotStarted { said: String },
    #[error("a warm R that has loaded their packages {what}; `settings.r_preload` chooses what is loaded")]
    Loaded { what: String },
    #[error("a warm R did not fork: {said}")]
    NotForked { said: String },
    #[error("too many forks of a warm R died")]
    Deaths,
    #[error("the system does not hand orphaned processes to kptn")]
    System,
    /// The script or its folder cannot be read.
    #[error("the script cannot be read")]
    Unreadable,
    /// The run was stopped meanwhile.
    #[error("stopped")]
    Stopped,
}

/// Returns which packages a warm session loads: those that `settings.r_preload` lists, else those that
/// the code names and that are safe to fork.
pub fn packages_to_load<S: AsRef<str>>(named: &[S], preload: Option<&[String]>) -> Vec<String> {
    if let Some(chosen) = preload {
        return chosen.to_vec();
    }
    let named = named.iter().map(AsRef::as_ref);
    named.filter(|name| !DENIED.contains(name)).map(str::to_owned).collect()
}

/// Looks at what the script says itself.
pub(super) fn check(script: &RScript, text: &[u8]) -> Result<(), Unfit> {
    if !script.prefix.is_empty() {
        return Err(Unfit::Prefix);
    }
    // R skips it at the start of its file, which for a fork is not where its script starts.
    if text.starts_with(b"\xef\xbb\xbf") {
        return Err(Unfit::ByteOrderMark);
    }
    Ok(())
}

/// Returns what a session is started with: libraries at one thread, where the user says nothing about it.
pub(super) fn at_one_thread(environment: &Environment) -> Environment {
    let mut environment = environment.clone();
    if !THREADS.iter().any(|name| environment.contains_key(OsStr::new(name))) {
        environment.extend(THREADS.map(|name| (OsString::from(name), OsString::from("1"))));
    }
    environment
}

/// What a fork has to change of its parent's environment.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Changes<'a> {
    pub unset: Vec<&'a OsStr>,
    pub set: Vec<(&'a OsStr, &'a OsStr)>,
}

/// Compares with what the parent was started with; what was read at the start must not differ.
pub(super) fn changes<'a>(start: &'a Environment, now: &'a Environment) -> Result<Changes<'a>, Unfit> {
    let unset = start.keys().filter(|name| !now.contains_key(*name)).map(OsString::as_os_str);
    let set = now.iter().filter(|(name, value)| start.get(*name) != Some(*value));
    let changes = Changes {
        unset: unset.collect(),
        set: set.map(|(name, value)| (name.as_os_str(), value.as_os_str())).collect(),
    };
    let names = changes.unset.iter().chain(changes.set.iter().map(|(name, _)| name));
    for name in names {
        let name = name.to_string_lossy();
        let is_ours = THREADS.contains(&name.as_ref()) && !now.contains_key(OsStr::new(name.as_ref()));
        let is_read = READ_AT_START.iter().any(|read| match read.ends_with('_') {
            true => name.starts_with(read),
            false => name == *read,
        });
        if is_read && !is_ours {
            return Err(Unfit::Start { name: name.into_owned() });
        }
    }
    Ok(changes)
}

/// Looks for a word that each item has its own value of in a start-up file.
pub(super) fn mentions<'a>(text: &str, variables: &'a [String]) -> Option<&'a str> {
    let is_part = |c: char| c.is_alphanumeric() || c == '_' || c == '.';
    let has = |name: &str| {
        text.match_indices(name).any(|(at, _)| {
            let before = text[..at].chars().next_back().is_some_and(is_part);
            let after = text[at + name.len()..].chars().next().is_some_and(is_part);
            !before && !after
        })
    };
    variables.iter().map(String::as_str).chain(OF_ITEMS).find(|name| has(name))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn environment(pairs: &[(&str, &str)]) -> Environment {
        pairs.iter().map(|(name, value)| (OsString::from(name), OsString::from(value))).collect()
    }

    #[test]
    fn what_is_denied_is_not_loaded_unless_it_is_chosen() {
        assert_eq!(packages_to_load(&["arrow", "data.table"], None), ["data.table"]);
        assert_eq!(packages_to_load(&["a"], Some(&["arrow".to_owned()])), ["arrow"]);
        assert_eq!(packages_to_load(&["a"], Some(&[])), [""; 0]);
    }

    #[test]
    fn words_before_it_and_a_byte_order_mark_need_an_r_of_its_own() {
        let mut script = RScript {
            script: "/a.R".into(),
            prefix: Vec::new(),
            arguments: Vec::new(),
            inputs: None,
            warm: None,
        };
        assert_eq!(check(&script, b"1"), Ok(()));
        assert_eq!(check(&script, b"\xef\xbb\xbf1"), Err(Unfit::ByteOrderMark));
        script.prefix = vec!["nice".into()];
        assert_eq!(check(&script, b"1"), Err(Unfit::Prefix));
    }

    #[test]
    fn a_fork_gets_its_own_environment_back() {
        let own = environment(&[("A", "1"), ("B", "1")]);
        let start = at_one_thread(&own);
        let now = environment(&[("A", "2"), ("C", "3")]);
        let found = changes(&start, &now).unwrap();
        let mut expected: Vec<&OsStr> = THREADS.iter().map(OsStr::new).collect();
        expected.push(OsStr::new("B"));
        expected.sort();
        assert_eq!(found.unset, expected);
        let pairs = [("A", "2"), ("C", "3")].map(|(name, value)| (OsStr::new(name), OsStr::new(value)));
        assert_eq!(found.set, pairs);
    }

    #[test]
    fn what_the_user_says_about_threads_stays() {
        let own = environment(&[("OMP_NUM_THREADS", "4")]);
        assert_eq!(at_one_thread(&own), own);
    }

    #[test]
    fn what_r_reads_at_its_start_must_not_differ() {
        for name in ["LANG", "LC_ALL", "R_LIBS", "TZ", "OMP_NUM_THREADS"] {
            let start = environment(&[(name, "1")]);
            for now in [environment(&[(name, "2")]), environment(&[])] {
                let allowed = name == "OMP_NUM_THREADS" && now.is_empty();
                assert_eq!(changes(&start, &now).is_ok(), allowed, "{name}");
            }
        }
        assert!(changes(&environment(&[]), &environment(&[("LANGUAGES", "x"), ("TZ2", "y")])).is_ok());
    }

    #[test]
    fn an_items_variable_is_found_as_a_word() {
        let variables = ["STATE".to_owned()];
        assert_eq!(mentions("x <- Sys.getenv('STATE')", &variables), Some("STATE"));
        assert_eq!(mentions("US_STATE; STATES; my.STATE", &variables), None);
        assert_eq!(mentions("a STATES STATE", &variables), Some("STATE"));
        assert_eq!(mentions("commandArgs(TRUE)", &variables), Some("commandArgs"));
    }
}
