//! A remote of a test, in a folder or in a bucket: projects that know it, and its keys behind everyone's back.

use std::collections::BTreeMap;
use std::path::Path;

use super::s3::S3;
use super::{Project, python_task, tasks_yaml};

/// Where a remote is.
pub enum Place {
    Folder(tempfile::TempDir),
    Bucket(S3),
}

impl Place {
    /// Returns one of each kind.
    pub fn each() -> [Self; 2] {
        [Self::Folder(tempfile::tempdir().expect("a folder")), Self::Bucket(S3::start())]
    }

    /// Returns a project that knows it as `team`: A writes its word a million times, B nine letters of that,
    /// both are named in the branch's state.
    pub fn project(&self) -> Project {
        self.project_with("")
    }

    /// The same, and `more` is said of the remote.
    pub fn project_with(&self, more: &str) -> Project {
        let yaml = tasks_yaml("A: , B: A", &["A: {outputs: [a.txt]}", "B: {outputs: [b.txt]}"]);
        let url = match self {
            Self::Folder(folder) => format!("file://{}", folder.path().join("team").display()),
            Self::Bucket(_) => "s3://bucket/team".to_owned(),
        };
        let mut project = Project::new()
            .yaml(&format!("{yaml}\nremotes:\n  team: {{url: '{url}', region: us-east-1{more}}}\n"))
            .file(".gitignore", "scratch/\nflows/\n__pycache__/\n")
            .file("A.py", python_task("A", "(output_dir / 'a.txt').write_text('one' * 1000000)"))
            .file(
                "B.py",
                python_task("B", "(output_dir / 'b.txt').write_text((output_dir / 'a.txt').read_text()[:9])"),
            );
        if let Self::Bucket(s3) = self {
            for (name, value) in s3.environment() {
                project = project.with_env(name, &value);
            }
        }
        project.commit("first");
        project
    }

    /// Returns all keys and their bytes, without the folder's locks.
    pub fn keys(&self) -> BTreeMap<String, Vec<u8>> {
        let mut keys = BTreeMap::new();
        match self {
            Self::Folder(folder) => read_below(&folder.path().join("team"), "", &mut keys),
            Self::Bucket(s3) => {
                let of = |(key, bytes): (String, hyper::body::Bytes)| {
                    (key.replacen("team/", "", 1), bytes.to_vec())
                };
                keys.extend(s3.objects().into_iter().map(of));
            }
        }
        keys.retain(|key, _| !key.starts_with("locks/"));
        keys
    }

    /// Returns the keys of one kind.
    pub fn kind(&self, kind: &str) -> Vec<String> {
        self.keys().into_keys().filter(|key| key.starts_with(&format!("{kind}/"))).collect()
    }

    /// Puts a key there, or changes it.
    pub fn put(&self, key: &str, bytes: &[u8]) {
        match self {
            Self::Folder(folder) => {
                let path = folder.path().join("team").join(key);
                std::fs::create_dir_all(path.parent().expect("a folder")).expect("its folder");
                std::fs::write(path, bytes).expect("a key");
            }
            Self::Bucket(s3) => s3.put(&format!("team/{key}"), bytes.to_vec()),
        }
    }

    /// Removes a key.
    pub fn remove(&self, key: &str) {
        match self {
            Self::Folder(folder) => {
                std::fs::remove_file(folder.path().join("team").join(key)).expect("a key")
            }
            Self::Bucket(s3) => s3.remove(&format!("team/{key}")),
        }
    }
}

fn read_below(folder: &Path, before: &str, keys: &mut BTreeMap<String, Vec<u8>>) {
    for entry in std::fs::read_dir(folder).into_iter().flatten().flatten() {
        let name = format!("{before}{}", entry.file_name().display());
        match entry.path() {
            path if path.is_dir() => read_below(&path, &format!("{name}/"), keys),
            path => drop(keys.insert(name, std::fs::read(path).expect("a key"))),
        }
    }
}
