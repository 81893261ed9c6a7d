//! What a bucket says in its errors, where there is something to do about it.
//!
//! The client keeps S3's answers as text. The codes are S3's own, of
//! <https://docs.aws.amazon.com/AmazonS3/latest/API/ErrorResponses.html>; what
//! speaks S3 uses the same.

use std::error::Error;

/// What was said.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Said {
    /// There is no such bucket.
    NoBucket,
    /// The credentials were good once.
    Expired,
    /// The bucket is in another region: this one, where it was named.
    OtherRegion(Option<String>),
    /// This machine's clock is wrong.
    Clock,
}

/// Returns what an error says; absent where it is nothing of that.
pub(super) fn said(error: &object_store::Error) -> Option<Said> {
    let mut text = error.to_string();
    let mut source = error.source();
    while let Some(error) = source {
        text.push_str(&error.to_string());
        source = error.source();
    }
    read(&text)
}

/// Returns what the system said, where that is why a request failed; absent where a key is not there.
pub(super) fn system(error: &object_store::Error) -> Option<std::io::Error> {
    if matches!(error, object_store::Error::NotFound { .. }) {
        return None;
    }
    let first: Option<&(dyn Error + 'static)> = Some(error);
    let mut all = std::iter::successors(first, |error| (*error).source());
    let code = all.find_map(|error| error.downcast_ref::<std::io::Error>()?.raw_os_error())?;
    Some(std::io::Error::from_raw_os_error(code))
}

fn read(text: &str) -> Option<Said> {
    let has = |code: &str| text.contains(code);
    if has("NoSuchBucket") {
        return Some(Said::NoBucket);
    }
    if has("ExpiredToken") || has("TokenRefreshRequired") || has("RequestExpired") {
        return Some(Said::Expired);
    }
    if has("RequestTimeTooSkewed") {
        return Some(Said::Clock);
    }
    let elsewhere = has("AuthorizationHeaderMalformed") && has("region");
    if elsewhere || has("PermanentRedirect") || has("IncorrectEndpoint") {
        return Some(Said::OtherRegion(region(text)));
    }
    None
}

/// Returns the region that S3 expects, as `<Region>eu-west-1</Region>` or `expecting 'eu-west-1'`.
fn region(text: &str) -> Option<String> {
    let between = |before: &str, after: char| {
        let rest = text.split_once(before)?.1;
        let name = &rest[..rest.find(after)?];
        let is_name = !name.is_empty() && name.chars().all(|c| c.is_ascii_alphanumeric() || c == '-');
        is_name.then(|| name.to_owned())
    };
    between("<Region>", '<').or_else(|| between("expecting '", '\''))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_the_system_said_is_found_however_deep() {
        let of = |code| {
            let source = std::io::Error::from_raw_os_error(code);
            object_store::Error::Generic { store: "LocalFileSystem", source: Box::new(source) }
        };
        assert_eq!(system(&of(28)).and_then(|error| error.raw_os_error()), Some(28));
        let path = "a".to_owned();
        let source = Box::new(std::io::Error::from_raw_os_error(2));
        assert!(system(&object_store::Error::NotFound { path, source }).is_none());
    }

    #[test]
    fn what_can_be_mended_is_told_apart() {
        let in_region = "<Error><Code>AuthorizationHeaderMalformed</Code><Message>The authorization header is \
            malformed; the region 'us-east-1' is wrong; expecting 'eu-west-1'</Message></Error>";
        for (text, found) in [
            ("<Code>NoSuchBucket</Code>", Some(Said::NoBucket)),
            ("<Code>NoSuchKey</Code>", None),
            ("<Code>ExpiredToken</Code>", Some(Said::Expired)),
            ("<Code>RequestTimeTooSkewed</Code>", Some(Said::Clock)),
            (in_region, Some(Said::OtherRegion(Some("eu-west-1".to_owned())))),
            ("<Code>PermanentRedirect</Code>", Some(Said::OtherRegion(None))),
        ] {
            assert_eq!(read(text), found, "{text}");
        }
    }
}
