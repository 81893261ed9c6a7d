//! R packages of a test's own.

use std::fs;
use std::path::PathBuf;

/// A library of packages that consist of what they do when they are loaded.
pub struct Library(tempfile::TempDir);

impl Library {
    /// Installs packages, each with its `.onLoad`, into a folder of their own.
    pub fn with(packages: &[(&str, &str)]) -> Self {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let source = folder.path().join("source");
        for (name, on_load) in packages {
            let package = source.join(name);
            fs::create_dir_all(package.join("R")).expect("a folder");
            let description = format!(
                "Package: {name}\nVersion: 1.0\nTitle: T\nDescription: D.\nLicense: MIT\nAuthor: A\nMaintainer: A <a@b.c>\n"
            );
            fs::write(package.join("DESCRIPTION"), description).expect("a file");
            fs::write(package.join("NAMESPACE"), "export(where)\n").expect("a file");
            let code = format!(
                ".onLoad <- {on_load}\nwhere <- function() dirname(getNamespaceInfo('{name}', 'path'))\n"
            );
            fs::write(package.join("R/code.R"), code).expect("a file");
        }
        let library = folder.path().join("library");
        fs::create_dir(&library).expect("a folder");
        let installed = std::process::Command::new("R")
            .args(["CMD", "INSTALL", "--no-docs", "--no-test-load", "--no-byte-compile", "-l"])
            .arg(&library)
            .args(packages.iter().map(|(name, _)| source.join(name)))
            .output()
            .expect("R");
        assert!(installed.status.success(), "{}", String::from_utf8_lossy(&installed.stderr));
        Self(folder)
    }

    /// Returns the folder that R looks for them in.
    pub fn path(&self) -> PathBuf {
        self.0.path().join("library")
    }
}
