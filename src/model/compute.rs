//! What a task asks of the machine: cores and memory.
//!
//! The values are what AWS Fargate takes for a task definition (cpu in units
//! of 1/1024 core or as `'.25 vCPU'`; memory in MiB or as `'1 GB'`), see
//! "Task size" in the Amazon ECS developer guide.

use serde::{Deserialize, Serialize};

/// Cores and memory that a task claims while it runs.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Compute {
    /// In 1/1024 of a core; 1024 where nothing is said.
    pub cpu_units: u32,
    /// In MiB; absent means that no memory is claimed.
    pub memory_mib: Option<u64>,
}

impl Default for Compute {
    fn default() -> Self {
        Self { cpu_units: 1024, memory_mib: None }
    }
}

/// A cpu or memory value that Fargate would not take either.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{text}` is no {what}; use a number of {unit} or a text such as `{example}`")]
pub struct ComputeError {
    /// `cpu` or `memory`.
    pub what: &'static str,
    /// The value as it was given.
    pub text: String,
    /// The unit that a bare number counts.
    pub unit: &'static str,
    /// A value that is understood.
    pub example: &'static str,
}

impl Compute {
    /// Parses a cpu value: `256`, `1024`, `'.25 vCPU'`, `'2 vcpu'`. Returns 1/1024 cores.
    pub fn parse_cpu(text: &str) -> Result<u32, ComputeError> {
        let error =
            || ComputeError { what: "cpu", text: text.to_owned(), unit: "1/1024 cores", example: "1 vCPU" };
        let lower = text.trim().to_ascii_lowercase();
        let units = match lower.strip_suffix("vcpu") {
            Some(cores) => cores.trim().parse::<f64>().map_err(|_| error())? * 1024.0,
            None => lower.parse::<u32>().map_err(|_| error())?.into(),
        };
        if !(1.0..=1024.0 * 4096.0).contains(&units) {
            return Err(error());
        }
        Ok(units.round() as u32)
    }

    /// Parses a memory value: `512`, `'1 GB'`, `'500 MB'`. Returns MiB.
    pub fn parse_memory(text: &str) -> Result<u64, ComputeError> {
        let error = || ComputeError { what: "memory", text: text.to_owned(), unit: "MiB", example: "2 GB" };
        let lower = text.trim().to_ascii_lowercase();
        let (number, factor) = [("gib", 1024.0), ("gb", 1024.0), ("mib", 1.0), ("mb", 1.0)]
            .into_iter()
            .find_map(|(unit, factor)| lower.strip_suffix(unit).map(|n| (n.trim(), factor)))
            .unwrap_or((&lower, 1.0));
        let mib = number.parse::<f64>().map_err(|_| error())? * factor;
        if !(1.0..=1e9).contains(&mib) {
            return Err(error());
        }
        Ok(mib.round() as u64)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_what_fargate_reads() {
        assert_eq!(Compute::parse_cpu("256"), Ok(256));
        assert_eq!(Compute::parse_cpu(".25 vCPU"), Ok(256));
        assert_eq!(Compute::parse_memory("512"), Ok(512));
        assert_eq!(Compute::parse_memory("1 GB"), Ok(1024));
        for bad in ["", "-1", "many", "nan", "inf"] {
            assert!(Compute::parse_cpu(bad).is_err(), "{bad}");
            assert!(Compute::parse_memory(bad).is_err(), "{bad}");
        }
    }
}
