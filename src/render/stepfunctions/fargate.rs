//! The sizes that AWS Fargate has, and the one for what a task claims.
//!
//! The table is "Task size" of the Amazon ECS developer guide.

use crate::model::Compute;

/// A size that Fargate has.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Size {
    /// In 1/1024 of a core.
    pub cpu_units: u32,
    /// In MiB.
    pub memory_mib: u64,
}

/// Cores in 1/1024; the least and the most memory with them, and the step between, in MiB.
const SIZES: [(u32, u64, u64, u64); 7] = [
    (256, 512, 2_048, 512),
    (512, 1_024, 4_096, 1_024),
    (1_024, 2_048, 8_192, 1_024),
    (2_048, 4_096, 16_384, 1_024),
    (4_096, 8_192, 30_720, 1_024),
    (8_192, 16_384, 61_440, 4_096),
    (16_384, 32_768, 122_880, 8_192),
];

impl Size {
    /// Returns the smallest size that has what is claimed; the largest where none has.
    pub fn of(compute: &Compute) -> Self {
        let wanted = compute.memory_mib.unwrap_or(0);
        let fits = SIZES.iter().filter(|(cores, ..)| *cores >= compute.cpu_units);
        for (cpu_units, least, most, step) in fits {
            let mut memory_mib = *least;
            while memory_mib < wanted {
                // A quarter of a core has 0.5, 1 and 2 GB.
                memory_mib += if *cpu_units == 256 { memory_mib } else { *step };
            }
            if memory_mib <= *most {
                return Self { cpu_units: *cpu_units, memory_mib };
            }
        }
        Self { cpu_units: 16_384, memory_mib: 122_880 }
    }

    /// Returns what a person is told where this is not what was claimed; memory that was not claimed is not missed.
    pub fn note(&self, compute: &Compute) -> Option<String> {
        let memory = compute.memory_mib.unwrap_or(self.memory_mib);
        if (self.cpu_units, self.memory_mib) == (compute.cpu_units, memory) {
            return None;
        }
        let short = self.cpu_units < compute.cpu_units || self.memory_mib < memory;
        let asked = match compute.memory_mib {
            Some(memory) => format!("{} and {}", cores(compute.cpu_units), gigabytes(memory)),
            None => cores(compute.cpu_units),
        };
        let given = format!("{} and {}", cores(self.cpu_units), gigabytes(self.memory_mib));
        Some(if short {
            format!("asks for {asked}, more than Fargate has: it gets {given}")
        } else {
            format!("asks for {asked}: Fargate has {given} for that")
        })
    }

    /// Returns the cores as Batch wants them: `0.25`, `1`.
    pub fn vcpu(&self) -> String {
        (f64::from(self.cpu_units) / 1024.0).to_string()
    }
}

fn cores(units: u32) -> String {
    format!("{} vCPU", rounded(f64::from(units) / 1024.0))
}

fn gigabytes(mib: u64) -> String {
    format!("{} GB", rounded(mib as f64 / 1024.0))
}

fn rounded(number: f64) -> f64 {
    (number * 100.0).round() / 100.0
}

#[cfg(test)]
mod tests {
    use super::*;

    fn size(cpu_units: u32, memory_mib: Option<u64>) -> (String, u64, Option<String>) {
        let compute = Compute { cpu_units, memory_mib };
        let size = Size::of(&compute);
        (size.vcpu(), size.memory_mib, size.note(&compute))
    }

    #[test]
    fn a_claim_becomes_the_smallest_size_that_has_it() {
        assert_eq!(size(1024, None), ("1".into(), 2048, None));
        assert_eq!(size(256, Some(512)), ("0.25".into(), 512, None));
        assert_eq!(size(256, Some(2048)), ("0.25".into(), 2048, None));
        assert_eq!(size(8192, Some(20_480)), ("8".into(), 20_480, None));
        let said = |text: &str| Some(text.to_owned());
        assert_eq!(
            size(300, Some(700)),
            (
                "0.5".into(),
                1024,
                said("asks for 0.29 vCPU and 0.68 GB: Fargate has 0.5 vCPU and 1 GB for that")
            )
        );
        assert_eq!(
            size(256, Some(1_500)),
            (
                "0.25".into(),
                2048,
                said("asks for 0.25 vCPU and 1.46 GB: Fargate has 0.25 vCPU and 2 GB for that")
            )
        );
        assert_eq!(
            size(256, Some(8_192)),
            ("1".into(), 8192, said("asks for 0.25 vCPU and 8 GB: Fargate has 1 vCPU and 8 GB for that"))
        );
        assert_eq!(
            size(3_072, None),
            ("4".into(), 8192, said("asks for 3 vCPU: Fargate has 4 vCPU and 8 GB for that"))
        );
        assert_eq!(
            size(1_024, Some(200_000)),
            (
                "16".into(),
                122_880,
                said("asks for 1 vCPU and 195.31 GB, more than Fargate has: it gets 16 vCPU and 120 GB")
            )
        );
    }
}
