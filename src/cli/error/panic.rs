//! A panic is a bug in kptn: said in two lines, and left with the exit code of a bug.

use std::sync::atomic::{AtomicBool, Ordering};

static PANICKED: AtomicBool = AtomicBool::new(false);

/// Makes every panic a short text that says it is a bug in kptn.
pub fn install_panic_hook() {
    std::panic::set_hook(Box::new(|info| {
        PANICKED.store(true, Ordering::Relaxed);
        let place = info.location().map(|at| format!(" at {}:{}", at.file(), at.line())).unwrap_or_default();
        let what = panic_text(info.payload());
        let version = env!("CARGO_PKG_VERSION");
        // Not through the printer: it may be what panicked.
        let _ = std::io::Write::write_all(
            &mut std::io::stderr(),
            format!(
                "error: kptn {version} has a bug{place}: {what}\n\
                 hint: please report it with what you ran; finished tasks are recorded, so running again goes on from there\n"
            )
            .as_bytes(),
        );
    }));
}

/// Tells whether any thread panicked since the hook was installed.
pub fn panicked() -> bool {
    PANICKED.load(Ordering::Relaxed)
}

fn panic_text(payload: &dyn std::any::Any) -> &str {
    let text = payload.downcast_ref::<&str>().copied();
    text.or_else(|| payload.downcast_ref::<String>().map(String::as_str)).unwrap_or("unknown reason")
}
