//! Which paths an output may have: inside the output folder, and each once.
//!
//! What a task declares goes through here, and what a record from elsewhere says.

use std::collections::BTreeSet;

/// Where edits are kept; nobody's output.
pub const KEPT: &str = ".kept";

/// Returns a path in its one spelling, or why it cannot be an output's.
pub fn output_path(text: &str) -> Result<String, &'static str> {
    if text.starts_with('/') || std::path::Path::new(text).is_absolute() {
        return Err("is absolute");
    }
    if text.contains('\0') {
        return Err("holds a zero byte");
    }
    let parts: Vec<_> = text.split('/').filter(|part| !part.is_empty() && *part != ".").collect();
    match parts.as_slice() {
        [] => Err("names no file"),
        parts if parts.contains(&"..") => Err("holds `..`"),
        [KEPT, ..] | [".gitignore"] => Err("is kptn's own"),
        parts => Ok(parts.join("/")),
    }
}

/// The paths of one record that somebody else wrote.
#[derive(Debug, Default)]
pub struct OutputPaths(BTreeSet<String>);

impl OutputPaths {
    /// Adds one, or says why no task can have left it beside the others.
    pub fn add(&mut self, text: &str) -> Result<(), &'static str> {
        let path = output_path(text)?;
        if path != text {
            return Err("is not in its one spelling");
        }
        let below = format!("{path}/");
        let is_folder = self.0.range(below.clone()..).next().is_some_and(|other| other.starts_with(&below));
        let is_below_file = path.match_indices('/').any(|(at, _)| self.0.contains(&path[..at]));
        if is_folder || is_below_file {
            return Err("is a file and a folder");
        }
        if self.0.insert(path) { Ok(()) } else { Err("is there twice") }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn paths_that_fit_together_can_all_be_made(paths in proptest::collection::vec("[ab]{1,2}(/[ab]{1,2}){0,2}", 0..8)) {
            let mut known = OutputPaths::default();
            let folder = tempfile::tempdir().unwrap();
            for path in paths {
                let place = folder.path().join(&path);
                let fits = known.add(&path).is_ok();
                let can = std::fs::create_dir_all(place.parent().unwrap())
                    .and_then(|()| std::fs::File::create_new(&place));
                prop_assert_eq!(fits, can.is_ok(), "{}", path);
            }
        }
    }
}
