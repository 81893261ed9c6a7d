//! What the stack reads from the bucket: texts of machines, and a template that is too large to be sent.

use std::path::PathBuf;

use super::{Deployment, ImagePlan};
use crate::aws::{Stack, Template};
use crate::ops::OpsError;
use crate::ops::image_code::{ImageCode, bucket_of_stack};
use crate::remote::{Bucket, block_on};

/// A machine's text, and where it goes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MachineText {
    /// Its key in the bucket, with a digest of the text.
    pub key: String,
    /// Its file.
    pub path: PathBuf,
    /// The text.
    pub text: String,
}

impl Deployment<'_> {
    /// Returns the bucket that the stack will have; absent where it will make one.
    pub fn bucket(&self, stack: Option<&Stack>) -> Option<String> {
        self.spot(stack).bucket
    }

    /// Returns the machines whose text the bucket has not, or has otherwise: somebody may have written there.
    pub fn missing(&self, bucket: &str) -> Result<Vec<&MachineText>, OpsError> {
        let there = self.opened(bucket)?;
        let mut missing = Vec::new();
        for machine in &self.machines {
            let found = block_on(there.read(&machine.key))?;
            if found.is_none_or(|found| found != machine.text.as_bytes()) {
                missing.push(machine);
            }
        }
        Ok(missing)
    }

    /// Puts texts of machines into the bucket.
    pub fn upload(&self, bucket: &str, machines: &[&MachineText]) -> Result<(), OpsError> {
        let there = self.opened(bucket)?;
        for machine in machines {
            block_on(there.write(&machine.key, machine.text.clone().into_bytes()))?;
            self.point("deploy.uploaded")?;
        }
        Ok(())
    }

    /// Has the template in the bucket for as long as it is read from there.
    pub(super) fn lend_template<T>(
        &self,
        bucket: &str,
        read: impl FnOnce(&Template) -> Result<T, OpsError>,
    ) -> Result<T, OpsError> {
        // One of its own: another deployment takes its own away.
        let (there, key) = (self.opened(bucket)?, format!("kptn-machines/template-{}.yaml", self.change));
        block_on(there.write(&key, self.text.clone().into_bytes()))?;
        let end = if self.identity.arn.starts_with("arn:aws-cn:") { ".cn" } else { "" };
        let address = format!("https://{bucket}.s3.{}.amazonaws.com{end}/{key}", self.aws.region());
        let done = read(&Template::Object(address));
        // Who may not delete it leaves it: nobody reads it again.
        drop(block_on(there.remove(&key)));
        done
    }

    /// Says beside them what the tasks in an image are made of, where that is not said.
    pub fn say_code(&self, bucket: &str, image: &ImagePlan) -> Result<(), OpsError> {
        let (there, Some(code)) = (self.opened(bucket)?, &image.code) else { return Ok(()) };
        match ImageCode::read(&there, &image.tag)? {
            Some(said) if said == *code => Ok(()),
            _ => code.write(&there, &image.tag),
        }
    }

    fn opened(&self, bucket: &str) -> Result<Bucket, OpsError> {
        bucket_of_stack(&self.aws, self.profile.as_deref(), bucket)
    }
}
