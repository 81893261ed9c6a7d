//! Why a service of AWS did not do what was asked of it.

use std::error::Error;

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
    },
    /// No answer came, or the request could not be made: no network, no region, no credentials.
    #[error("AWS could not be asked to {action}")]
    Unasked {
        /// After "asked to".
        action: String,
        /// Why.
        source: Box<dyn Error + Send + Sync>,
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
