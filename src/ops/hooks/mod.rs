//! Git hooks: putting them in place, and what they do.
//!
//! ```text
//! install.rs    kptn hooks install | uninstall | status: scripts of the folder `hooks/` beside `src/`
//! managers.rs   pre-commit, husky, lefthook: whose files are left alone
//! fire.rs       kptn hook NAME: every project of the repository is told
//! checkout.rs   post-checkout: a new branch gets its parent's state
//! files.rs      post-checkout: a shared output folder gets the branch's files
//! outlook.rs    post-merge, post-rewrite, pre-push: what is stale, what will be reused
//! attest.rs     post-commit: records that ran just what was committed
//! ```
//! A hook never makes git fail but where `hooks.pre_push: block` says so, never
//! touches the network, and says nothing where there is nothing to say.

mod attest;
mod checkout;
mod files;
mod fire;
mod install;
mod managers;
mod outlook;

pub use fire::{Call, Said, fire};
pub use install::{HookState, HooksReport, Installed, install, status, uninstall};
pub use managers::Manager;
pub use outlook::{Outlook, StaleTask};

/// A hook that kptn has something to do in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Hook {
    /// As git calls it.
    pub name: &'static str,
    /// The script that is put in place.
    script: &'static str,
}

macro_rules! hook {
    ($name:literal) => {
        Hook { name: $name, script: include_str!(concat!("../../../hooks/", $name)) }
    };
}

/// All of them.
pub const HOOKS: [Hook; 5] = [
    hook!("post-checkout"),
    hook!("post-commit"),
    hook!("post-merge"),
    hook!("post-rewrite"),
    hook!("pre-push"),
];
