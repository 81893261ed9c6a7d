//! What goes wrong between a client and a bucket, by a seed: the same seed, the same faults.

use http_body_util::BodyExt;
use hyper::Response;
use hyper::http::request::Parts;

use super::super::random::Random;

/// One thing that goes wrong.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fault {
    /// Nothing is done, and this is said.
    Refused { status: u16, code: &'static str },
    /// Nothing is done, and nothing is said.
    Dropped,
    /// All is done, and nothing is said.
    LostAnswer,
    /// All is done twice, and the second answer comes.
    Twice,
    /// The answer takes its time.
    Late,
    /// The answer's bytes end too early.
    Cut,
    /// A bit of the answer's bytes is another one.
    Flipped,
}

/// Which request meets which fault.
#[derive(Debug, Default)]
pub struct Faults {
    random: Option<Random>,
    /// One request in so many meets one.
    one_in: u64,
    /// At most so many.
    left: u64,
    /// Requests until everyone is refused; absent means for ever.
    until_expiry: Option<u64>,
}

impl Faults {
    /// One request in `one_in` goes wrong, at most `most` of them.
    pub fn seeded(seed: u64, one_in: u64, most: u64) -> Self {
        Self { random: Some(Random::new(seed)), one_in, left: most, until_expiry: None }
    }

    pub(super) fn expire_after(&mut self, requests: u64) {
        self.until_expiry = Some(requests);
    }

    /// Decides what happens to a request.
    pub(super) fn next(&mut self, parts: &Parts, body: usize) -> Option<Fault> {
        if let Some(until) = &mut self.until_expiry {
            if *until == 0 {
                return Some(Fault::Refused { status: 400, code: "ExpiredToken" });
            }
            *until -= 1;
        }
        let random = self.random.as_mut().filter(|_| self.left > 0)?;
        if random.below(self.one_in) != 0 {
            return None;
        }
        self.left -= 1;
        let conditional =
            parts.headers.contains_key("if-match") || parts.headers.contains_key("if-none-match");
        let reads = parts.method == hyper::Method::GET && body == 0;
        Some(match random.below(10) {
            0 | 1 => Fault::Refused { status: 503, code: "SlowDown" },
            2 => Fault::Dropped,
            3 | 4 => Fault::LostAnswer,
            5 => Fault::Twice,
            6 if conditional => Fault::Refused { status: 409, code: "ConditionalRequestConflict" },
            7 if conditional => Fault::Refused { status: 412, code: "PreconditionFailed" },
            6 | 7 if reads => Fault::Flipped,
            8 if reads => Fault::Cut,
            _ => Fault::Late,
        })
    }
}

/// Returns an error as S3 writes it.
pub(super) fn refusal(status: u16, code: &str) -> Response<s3s::Body> {
    let text = format!(
        "<?xml version=\"1.0\" encoding=\"UTF-8\"?><Error><Code>{code}</Code><Message>{code}</Message></Error>"
    );
    let answer = Response::builder().status(status).header("content-type", "application/xml");
    answer.body(s3s::Body::from(text)).expect("an answer")
}

/// Returns an answer whose bytes are not those that were sent; one without bytes stays as it is.
pub(super) async fn damaged(
    answer: Response<s3s::Body>,
    damage: Fault,
) -> Result<Response<s3s::Body>, Box<dyn std::error::Error + Send + Sync>> {
    let (mut parts, body) = answer.into_parts();
    let mut bytes = body.collect().await.map_err(|error| format!("{error:?}"))?.to_bytes().to_vec();
    if !parts.status.is_success() || bytes.is_empty() {
        return Ok(Response::from_parts(parts, s3s::Body::from(bytes)));
    }
    match damage {
        Fault::Flipped => {
            let at = bytes.len() / 2;
            bytes[at] ^= 1;
        }
        // As a server does that knows no better: it says how much it sends.
        _ => {
            bytes.truncate(bytes.len() / 2);
            parts.headers.insert("content-length", bytes.len().into());
        }
    }
    Ok(Response::from_parts(parts, s3s::Body::from(bytes)))
}
