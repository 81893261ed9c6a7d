//! What kind of file system a folder is on, as far as it matters for a store.

use std::path::{Path, PathBuf};

/// A file system, looked at.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FileSystem {
    /// Its name, such as `ext4`; absent where that cannot be told.
    pub kind: Option<&'static str>,
    /// Whether other machines may write there at the same time.
    pub network: bool,
    /// Whether copies can share their bytes; absent where it could not be tried.
    pub reflinks: Option<bool>,
    /// The service that keeps the folder in step with other machines, by the folder's name.
    pub synced_by: Option<&'static str>,
}

impl FileSystem {
    /// Looks at the nearest folder at or above `path` that exists.
    pub fn of(path: &Path) -> Self {
        let folder = existing(path);
        let kind = kind_of(&folder);
        let network = ["nfs", "cifs", "smb", "9p", "lustre", "gpfs", "ceph", "beegfs", "fuse", "afs"];
        Self {
            network: kind.is_some_and(|kind| network.contains(&kind)),
            kind,
            reflinks: try_reflink(&folder),
            synced_by: synced_by(&folder),
        }
    }
}

/// Returns the nearest folder at or above a path that exists.
pub fn existing(path: &Path) -> PathBuf {
    path.ancestors().find(|path| path.is_dir()).unwrap_or(Path::new("/")).to_owned()
}

/// Folders' names by which services that copy files behind our back are known.
fn synced_by(folder: &Path) -> Option<&'static str> {
    let services = [
        ("dropbox", "Dropbox"),
        ("onedrive", "OneDrive"),
        ("google drive", "Google Drive"),
        ("googledrive", "Google Drive"),
        ("mobile documents", "iCloud Drive"),
        ("icloud", "iCloud Drive"),
        ("nextcloud", "Nextcloud"),
        ("box sync", "Box"),
        ("syncthing", "Syncthing"),
    ];
    let named =
        |part: &str| services.iter().find(|(name, _)| part.starts_with(name)).map(|(_, service)| *service);
    let parts = folder.components().map(|part| part.as_os_str().to_string_lossy().to_lowercase());
    let by_name = parts.into_iter().find_map(|part| named(&part));
    by_name
        .or_else(|| folder.ancestors().any(|above| above.join(".stfolder").exists()).then_some("Syncthing"))
}

fn try_reflink(folder: &Path) -> Option<bool> {
    let within = tempfile::Builder::new().prefix(".kptn-").tempdir_in(folder).ok()?;
    let (one, other) = (within.path().join("1"), within.path().join("2"));
    std::fs::write(&one, [0; 4096]).ok()?;
    Some(reflink_copy::reflink(&one, &other).is_ok())
}

#[cfg(target_os = "linux")]
fn kind_of(folder: &Path) -> Option<&'static str> {
    let kinds = [
        (0xef53, "ext4"),
        (0x9123_683e, "btrfs"),
        (0x5846_5342, "xfs"),
        (0x0102_1994, "tmpfs"),
        (0x794c_7630, "overlay"),
        (0x2fc1_2fc1, "zfs"),
        (0xf2f5_2010, "f2fs"),
        (0xca45_1a4e, "bcachefs"),
        (0x6969, "nfs"),
        (0xff53_4d42, "cifs"),
        (0xfe53_4d42, "smb"),
        (0x517b, "smb"),
        (0x0102_1997, "9p"),
        (0x0bd0_0bd0, "lustre"),
        (0x4750_4653, "gpfs"),
        (0x00c3_6400, "ceph"),
        (0x1983_0326, "beegfs"),
        (0x6573_5546, "fuse"),
        (0x5346_414f, "afs"),
        (0x5346_544e, "ntfs"),
        (0x4d44, "fat"),
        (0x2011_bab0, "exfat"),
    ];
    // The field is signed on some machines; all numbers fit 32 bits.
    let found = rustix::fs::statfs(folder).ok()?.f_type as u32;
    kinds.iter().find(|(number, _)| *number == found).map(|(_, name)| *name)
}

#[cfg(not(target_os = "linux"))]
fn kind_of(_: &Path) -> Option<&'static str> {
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_folder_that_a_service_copies_is_known_by_its_name() {
        for (path, service) in [
            ("/home/ada/Dropbox/work", Some("Dropbox")),
            ("/Users/ada/OneDrive - Uni/x", Some("OneDrive")),
            ("/home/ada/work", None),
            ("/home/ada/my-dropbox", None),
        ] {
            assert_eq!(synced_by(Path::new(path)), service, "{path}");
        }
    }

    #[test]
    fn what_is_not_there_yet_is_looked_at_where_it_would_be() {
        let root = tempfile::tempdir().unwrap();
        let found = FileSystem::of(&root.path().join("not/there"));
        assert_eq!(found, FileSystem::of(root.path()));
        assert!(found.reflinks.is_some());
        assert_eq!(std::fs::read_dir(root.path()).unwrap().count(), 0, "nothing is left");
    }
}
