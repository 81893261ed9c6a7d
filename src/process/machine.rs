//! Who and where we are, for records and locks.

/// Returns this machine's name; empty where it has none.
pub fn host_name() -> String {
    #[cfg(unix)]
    let name = rustix::system::uname().nodename().to_string_lossy().into_owned();
    #[cfg(not(unix))]
    let name = std::env::var("COMPUTERNAME").unwrap_or_default();
    name
}

/// Returns the user's name as the environment has it; where it has none, `user` and the number.
pub fn user_name() -> String {
    let said = |name| std::env::var(name).ok().filter(|name: &String| !name.is_empty());
    ["USER", "LOGNAME", "USERNAME"].into_iter().find_map(said).unwrap_or_else(by_number)
}

#[cfg(unix)]
fn by_number() -> String {
    match rustix::process::getuid().as_raw() {
        0 => "root".to_owned(),
        number => format!("user {number}"),
    }
}

#[cfg(not(unix))]
fn by_number() -> String {
    String::new()
}
