//! What containers printed, as CloudWatch keeps it.

use aws_sdk_cloudwatchlogs::Client;

use super::client::ask;
use super::{Aws, AwsError};

impl Aws {
    /// Returns the last lines of a stream, at most so many; none where it is not there yet.
    pub fn last_lines(&self, group: &str, stream: &str, most: i32) -> Result<Vec<String>, AwsError> {
        let asked = Client::new(&self.config)
            .get_log_events()
            .log_group_name(group)
            .log_stream_name(stream)
            .start_from_head(false)
            .limit(most);
        match ask(asked.send())? {
            Ok(found) => {
                let events = found.events.unwrap_or_default().into_iter();
                Ok(events.filter_map(|event| event.message).collect())
            }
            Err(error) => match self.failed(format!("read the log `{stream}`"), error) {
                error if error.code() == "ResourceNotFoundException" => Ok(Vec::new()),
                error => Err(error),
            },
        }
    }
}
