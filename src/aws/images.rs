//! Who asks (STS), and images of containers (ECR).

use aws_sdk_ecr::types::ImageIdentifier;
use base64::Engine;

use super::client::ask;
use super::{Aws, AwsError, Identity, Login};

impl Aws {
    /// Says who asks.
    pub fn identity(&self) -> Result<Identity, AwsError> {
        let asked = aws_sdk_sts::Client::new(&self.config).get_caller_identity();
        let found = ask(asked.send())?.map_err(|error| self.failed("say who you are", error))?;
        Ok(Identity { account: found.account.unwrap_or_default(), arn: found.arn.unwrap_or_default() })
    }

    /// Returns what lets a client push to this account's repositories, for some hours.
    pub fn image_login(&self) -> Result<Login, AwsError> {
        let action = "let the image be pushed";
        let asked = aws_sdk_ecr::Client::new(&self.config).get_authorization_token();
        let found = ask(asked.send())?.map_err(|error| self.failed(action, error))?;
        let token =
            found.authorization_data.unwrap_or_default().into_iter().find_map(|one| one.authorization_token);
        let decode = |token: String| {
            let text = base64::engine::general_purpose::STANDARD.decode(token).ok()?;
            let text = String::from_utf8(text).ok()?;
            let (user, password) = text.split_once(':')?;
            Some(Login { user: user.to_owned(), password: password.to_owned() })
        };
        token.and_then(decode).ok_or_else(|| self.odd(action, "it gave no token".to_owned()))
    }

    /// Tells whether a repository has an image of that tag.
    pub fn has_image(&self, repository: &str, tag: &str) -> Result<bool, AwsError> {
        let asked = aws_sdk_ecr::Client::new(&self.config)
            .describe_images()
            .repository_name(repository)
            .image_ids(ImageIdentifier::builder().image_tag(tag).build());
        match ask(asked.send())?.map_err(|error| self.failed(format!("look for the image `{tag}`"), error)) {
            Ok(found) => Ok(!found.image_details.unwrap_or_default().is_empty()),
            Err(error) if error.code() == "ImageNotFoundException" => Ok(false),
            Err(error) => Err(error),
        }
    }
}
