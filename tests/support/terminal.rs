//! A real terminal for the binary: Python's `pty` drives it, waiting for texts and typing answers.

use super::{Output, Project};

/// Waits for each text in turn, types what belongs to it, then shows all that was on the screen.
const DRIVER: &str = r#"
import fcntl, json, os, pty, select, struct, subprocess, sys, termios, time
columns, steps, words = int(sys.argv[1]), json.loads(sys.argv[2]), sys.argv[3:]
pid, screen = pty.fork()
if pid == 0:
    fcntl.ioctl(0, termios.TIOCSWINSZ, struct.pack("HHHH", 24, columns, 0, 0))
    os.execvp(words[0], words)
deadline, seen, at = time.time() + 50, b"", 0
def read():
    global seen
    ready, _, _ = select.select([screen], [], [], max(0, deadline - time.time()))
    try:
        more = os.read(screen, 65536) if ready else b""
    except OSError:
        more = b""
    seen += more
    return bool(more)
def leave(why):
    sys.stdout.buffer.write(seen + why.encode())
    sys.stdout.flush()
    os.kill(pid, 9)
    sys.exit(99)
for text, answer in steps:
    while text.encode() not in seen[at:]:
        if not read():
            leave("\n[never seen: %s]\n" % text)
    at += seen[at:].index(text.encode()) + len(text.encode())
    if answer.startswith("!"):
        subprocess.run(answer[1:], shell=True, check=True)
    else:
        os.write(screen, answer.encode())
while read():
    pass
if time.time() > deadline:
    leave("\n[it did not end]\n")
sys.stdout.buffer.write(seen)
sys.stdout.flush()
_, status = os.waitpid(pid, 0)
sys.exit(os.waitstatus_to_exitcode(status))
"#;

impl Project {
    /// Runs the binary in a terminal of so many columns; `steps` are texts to wait for and what to type then, or
    /// after a `!` a command to run beside it.
    pub fn in_terminal(&self, columns: u32, words: &[&str], steps: &[(&str, &str)]) -> Output {
        let mut driver = self.program("python3");
        let steps = serde_json::to_string(steps).expect("JSON");
        driver.env("TERM", "xterm").args(["-c", DRIVER, &columns.to_string(), &steps]);
        driver.arg(env!("CARGO_BIN_EXE_kptn")).args(words);
        self.finish(driver, words)
    }
}
