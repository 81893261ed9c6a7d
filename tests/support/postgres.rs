//! A PostgreSQL server of the test's own: its data and its socket are in a temporary folder, and it ends with its value.

use std::fs;
use std::os::unix::fs::chown;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

use rustix::process::{Pid, Signal, geteuid, kill_process};

/// The user `nobody`, who takes the place of root: the server refuses that one.
const NOBODY: u32 = 65534;

/// The server, and how to reach it.
pub struct Postgres {
    folder: tempfile::TempDir,
    server: Child,
}

impl Postgres {
    /// What it wants to hear from whoever connects.
    pub const PASSWORD: &'static str = "correct-horse-battery";

    /// Makes a server with an empty database, and waits until it answers.
    pub fn start() -> Self {
        let folder = tempfile::tempdir().expect("a folder for the server");
        let (data, password) = (folder.path().join("data"), folder.path().join("password"));
        fs::write(&password, Self::PASSWORD).expect("the password");
        if geteuid().is_root() {
            for path in [folder.path(), &password] {
                chown(path, Some(NOBODY), Some(NOBODY)).expect("the folder's owner");
            }
        }
        let mut init = server_program("initdb", folder.path());
        init.args(["--username=kptn", "--auth=scram-sha-256", "--no-sync", "--pwfile"]).arg(&password);
        let made = init.arg("--pgdata").arg(&data).output().expect("initdb");
        assert!(made.status.success(), "initdb: {}", String::from_utf8_lossy(&made.stderr));
        let mut server = server_program("postgres", folder.path());
        server.arg("-D").arg(&data).arg("-k").arg(folder.path()).args(["-c", "listen_addresses=", "-F"]);
        let server = server.stdout(Stdio::null()).stderr(Stdio::null()).spawn().expect("postgres");
        let postgres = Self { folder, server };
        super::wait_until("PostgreSQL answers", || postgres.psql("select 1").is_some());
        postgres
    }

    /// Returns the variables by which `psql` finds it.
    pub fn environment(&self) -> [(&'static str, &str); 4] {
        let host = self.folder.path().to_str().expect("a path");
        [("PGHOST", host), ("PGUSER", "kptn"), ("PGDATABASE", "postgres"), ("PGPASSWORD", Self::PASSWORD)]
    }

    /// Runs a statement; absent where that fails.
    pub fn psql(&self, statement: &str) -> Option<String> {
        let mut psql = Command::new("psql");
        psql.args(["-XAtqc", statement]).envs(self.environment()).stderr(Stdio::null());
        let said = psql.output().expect("psql");
        said.status.success().then(|| String::from_utf8_lossy(&said.stdout).trim().to_owned())
    }
}

impl Drop for Postgres {
    fn drop(&mut self) {
        // SIGINT: it ends its own children at once.
        if let Some(pid) = i32::try_from(self.server.id()).ok().and_then(Pid::from_raw) {
            let _ = kill_process(pid, Signal::INT);
        }
        let _ = self.server.wait();
    }
}

/// A program of the server, from PATH or where Debian keeps those of each version.
fn server_program(name: &str, folder: &Path) -> Command {
    let versions = fs::read_dir("/usr/lib/postgresql").into_iter().flatten().flatten();
    let program = versions.map(|version| version.path().join("bin").join(name)).find(|path| path.exists());
    let mut command = Command::new(program.unwrap_or_else(|| PathBuf::from(name)));
    command.current_dir(folder).env_remove("PGHOST").env_remove("PGDATA");
    if geteuid().is_root() {
        command.uid(NOBODY).gid(NOBODY);
    }
    command
}
