//! What this machine, or the part of it that we were given, offers.
//!
//! Cores: the affinity mask and the cgroup's quota (both by the standard
//! library), and a Slurm allocation. Memory: what is installed, the cgroup's
//! limit, and Slurm's. Where memory cannot be told (not Linux), no task waits
//! for any: its claim is then only compared with other claims.

use std::fs;
use std::path::Path;

/// What may be claimed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Machine {
    /// Whole cores.
    pub cores: u32,
    /// In MiB.
    pub memory_mib: u64,
}

/// Stands for memory that cannot be told: 1 PiB.
const UNKNOWN_MIB: u64 = 1 << 30;

impl Machine {
    /// Looks at this machine.
    pub fn here() -> Self {
        let cores = std::thread::available_parallelism().map_or(1, |cores| cores.get() as u32);
        let number = |name: &str| std::env::var(name).ok()?.trim().parse::<u64>().ok();
        let slurm_cores = number("SLURM_CPUS_PER_TASK").or_else(|| number("SLURM_CPUS_ON_NODE"));
        let slurm_memory = number("SLURM_MEM_PER_NODE")
            .or_else(|| Some(number("SLURM_MEM_PER_CPU")? * slurm_cores.unwrap_or(1)));
        let limits = [slurm_memory, installed_mib(), cgroup_mib(Path::new("/sys/fs/cgroup"))];
        Self {
            cores: slurm_cores.map_or(cores, |given| cores.min(given.max(1) as u32)),
            memory_mib: limits.into_iter().flatten().filter(|mib| *mib > 0).min().unwrap_or(UNKNOWN_MIB),
        }
    }
}

/// `MemTotal` of Linux.
fn installed_mib() -> Option<u64> {
    let text = fs::read_to_string("/proc/meminfo").ok()?;
    let line = text.lines().find_map(|line| line.strip_prefix("MemTotal:"))?;
    Some(line.split_whitespace().next()?.parse::<u64>().ok()? / 1024)
}

/// The smallest limit of our cgroup and those above it.
fn cgroup_mib(root: &Path) -> Option<u64> {
    let own = fs::read_to_string("/proc/self/cgroup").ok()?;
    let inside = own.lines().find_map(|line| line.strip_prefix("0::/")).unwrap_or_default();
    let own_folder = root.join(inside);
    let unified = own_folder.ancestors().take_while(|folder| folder.starts_with(root));
    let files =
        unified.map(|folder| folder.join("memory.max")).chain([root.join("memory/memory.limit_in_bytes")]);
    // `max`, or a number beyond all memory, is no limit.
    let limit = |file| fs::read_to_string(file).ok()?.trim().parse::<u64>().ok();
    files.filter_map(limit).map(|bytes| bytes / (1024 * 1024)).min()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn this_machine_has_a_core_and_some_memory() {
        let machine = Machine::here();
        assert!(machine.cores >= 1 && machine.memory_mib >= 1, "{machine:?}");
    }
}
