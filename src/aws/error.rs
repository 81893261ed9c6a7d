//! Why a service of AWS did not do what was asked of it.

use std::path::PathBuf;

/// Why a service of AWS did not do what was asked of it.
#[derive(Debug, thiserror::Error)]
pub enum AwsError {
    /// The cargo feature is off.
    #[error("this kptn was built without AWS")]
    NotBuilt,
    /// The service said no.
    #[error("AWS did not {action}: {problem}")]
    Refused {
        /// After "did not", such as "start `m`".
        action: String,
        /// AWS's own name for it, such as `AccessDeniedException`; empty where it gave none.
        code: String,
        /// What it said.
        problem: String,
        /// Whose credentials were used; absent for those of the environment.
        profile: Option<String>,
    },
    /// Nothing says which region.
    #[error("no region of AWS is said")]
    NoRegion,
    /// A profile that AWS's own files do not have.
    #[error("there is no profile `{profile}` in {}", or(.files))]
    NoProfile {
        /// Its name.
        profile: String,
        /// The files that were read.
        files: Vec<PathBuf>,
    },
    /// Nobody could be found to ask as.
    #[error("{} of AWS: {problem}", whose(.profile.as_deref()))]
    NoCredentials {
        /// Whose were looked for; absent: those of the environment, and whatever AWS's own files say.
        profile: Option<String>,
        /// Why.
        problem: String,
    },
    /// No answer came, or the request could not be made.
    #[error("AWS in {region} could not be asked to {action}: {problem}")]
    Unasked {
        /// After "asked to".
        action: String,
        /// Where.
        region: String,
        /// Why.
        problem: String,
    },
    /// The system refused what every process gets.
    #[error("cannot begin to speak with AWS")]
    System {
        /// Why.
        source: std::io::Error,
    },
}

impl AwsError {
    /// Returns AWS's own name for what is wrong; empty where it gave none.
    pub fn code(&self) -> &str {
        match self {
            Self::Refused { code, .. } => code,
            _ => "",
        }
    }
}

fn or(files: &[PathBuf]) -> String {
    files.iter().map(|file| format!("`{}`", file.display())).collect::<Vec<_>>().join(" or ")
}

fn whose(profile: Option<&str>) -> String {
    match profile {
        Some(profile) => format!("the profile `{profile}` gives no credentials"),
        None => "no credentials".to_owned(),
    }
}
