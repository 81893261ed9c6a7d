//! Which of a task's files a text means: a path, a folder, or the end of a path.

use super::ReadingError;
use crate::model::{OutputFile, nearest_name};

/// What was meant.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Chosen<'a> {
    /// The files; one unless a folder was meant.
    pub files: Vec<&'a OutputFile>,
    /// The folder that was meant.
    pub folder: Option<String>,
}

/// Finds what a text means: the whole path first, then a folder, then the end of one path.
pub fn choose<'a>(task: &str, files: &'a [OutputFile], text: &str) -> Result<Chosen<'a>, ReadingError> {
    let typed = text.trim_start_matches("./").trim_end_matches('/');
    if let Some(file) = files.iter().find(|file| file.path == typed) {
        return Ok(Chosen { files: vec![file], folder: None });
    }
    let inside = format!("{typed}/");
    let below: Vec<_> = files.iter().filter(|file| file.path.starts_with(&inside)).collect();
    if !below.is_empty() && !typed.is_empty() {
        return Ok(Chosen { files: below, folder: Some(typed.to_owned()) });
    }
    let end = format!("/{typed}");
    let ending: Vec<_> = files.iter().filter(|file| file.path.ends_with(&end)).collect();
    match ending.as_slice() {
        [_] => Ok(Chosen { files: ending, folder: None }),
        [] => {
            let known: Vec<String> = files.iter().map(|file| file.path.clone()).collect();
            let near = nearest_name(typed, known.iter().map(String::as_str)).map(str::to_owned);
            Err(ReadingError::NoFile { task: task.to_owned(), file: text.to_owned(), known, near })
        }
        several => {
            let files = several.iter().map(|file| file.path.clone()).collect();
            Err(ReadingError::WhichFile { task: task.to_owned(), files })
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::Digest;

    #[test]
    fn a_path_a_folder_and_an_end_of_a_path_are_understood() {
        let file = |path: &str| OutputFile {
            path: path.to_owned(),
            digest: Digest::of(path.as_bytes()),
            size: 1,
            executable: false,
        };
        let files: Vec<_> = ["a.csv", "x/a.csv", "x/b.csv", "y/b.csv", "y/c"].map(file).into();
        let chosen = |text: &str| {
            choose("T", &files, text).map(|chosen| {
                let paths = chosen.files.iter().map(|file| file.path.as_str()).collect::<Vec<_>>().join(" ");
                (paths, chosen.folder.unwrap_or_default())
            })
        };
        let found = |paths: &str, folder: &str| (paths.to_owned(), folder.to_owned());
        assert_eq!(chosen("a.csv").unwrap(), found("a.csv", ""), "the whole path goes first");
        assert_eq!(chosen("./x/a.csv").unwrap(), found("x/a.csv", ""));
        assert_eq!(chosen("x/").unwrap(), found("x/a.csv x/b.csv", "x"));
        assert_eq!(chosen("c").unwrap(), found("y/c", ""));
        assert!(matches!(chosen("b.csv"), Err(ReadingError::WhichFile { files, .. }) if files.len() == 2));
        assert!(
            matches!(chosen("a.cvs"), Err(ReadingError::NoFile { near: Some(near), .. }) if near == "a.csv")
        );
        assert!(matches!(chosen(""), Err(ReadingError::NoFile { .. })));
    }
}
