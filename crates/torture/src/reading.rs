//! What an answer means, by the request file.

use crate::client::Reply;
use crate::request_file::AnswersPart;
use crate::wire::Answer;
use serde_json::Value;

/// What an answer means.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Meaning {
    /// It names a payment, as a new one or as the one there is.
    Payment { id: String, new: bool },
    /// The same key is still being worked on.
    InFlight,
    /// The same key came with another request.
    KeyReused,
    /// Too many requests; not worked on.
    Limited,
    /// Another refusal, 4xx.
    Refused,
    /// 5xx, or success that names no payment.
    Failed,
    /// No answer.
    Silent(String),
}

/// An answer's status and meaning.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Heard {
    pub status: u16,
    pub meaning: Meaning,
}

impl Heard {
    pub(crate) fn read(reply: &Reply, spec: &AnswersPart) -> Self {
        match reply {
            Reply::None(why) => Self { status: 0, meaning: Meaning::Silent(why.clone()) },
            Reply::Answer(answer) => Self { status: answer.status, meaning: meaning(answer, spec) },
        }
    }

    /// The payment it names.
    pub(crate) fn payment(&self) -> Option<&str> {
        match &self.meaning {
            Meaning::Payment { id, .. } => Some(id),
            _ => None,
        }
    }

    /// Whether it says that a payment was made just now.
    pub(crate) fn is_new(&self) -> bool {
        matches!(self.meaning, Meaning::Payment { new: true, .. })
    }

    /// Whether the request was refused for good: asked again, it would be refused again.
    pub(crate) fn is_refusal(&self) -> bool {
        matches!(self.meaning, Meaning::Refused | Meaning::KeyReused)
            || (self.meaning == Meaning::InFlight && (400..500).contains(&self.status))
    }

    /// In a few words.
    pub(crate) fn shown(&self) -> String {
        match &self.meaning {
            Meaning::Payment { id, .. } => format!("{} payment {id}", self.status),
            Meaning::InFlight => format!("{} in flight", self.status),
            Meaning::Silent(why) => format!("no answer ({why})"),
            _ => self.status.to_string(),
        }
    }
}

fn meaning(answer: &Answer, spec: &AnswersPart) -> Meaning {
    let (status, id) = (answer.status, payment_id(answer, spec));
    match id {
        Some(id) if spec.created.contains(&status) => Meaning::Payment { id, new: true },
        Some(id) if spec.duplicate.contains(&status) => Meaning::Payment { id, new: false },
        _ if spec.in_flight.contains(&status) => Meaning::InFlight,
        _ if spec.key_reused.contains(&status) => Meaning::KeyReused,
        _ if status == 429 => Meaning::Limited,
        _ if (400..500).contains(&status) => Meaning::Refused,
        _ => Meaning::Failed,
    }
}

fn payment_id(answer: &Answer, spec: &AnswersPart) -> Option<String> {
    let body = answer.json();
    spec.payment_id.iter().find_map(|pointer| match body.pointer(pointer)? {
        Value::String(text) => Some(text.clone()),
        Value::Number(number) => Some(number.to_string()),
        _ => None,
    })
}

/// How often each answer came, the most frequent first: "1 × 201 payment 7, 99 × 409 payment 7".
pub(crate) fn tally(heard: &[Heard]) -> String {
    let mut counts: Vec<(String, usize)> = Vec::new();
    for shown in heard.iter().map(Heard::shown) {
        match counts.iter_mut().find(|(text, _)| *text == shown) {
            Some((_, count)) => *count += 1,
            None => counts.push((shown, 1)),
        }
    }
    let shown = counts.iter().take(MOST_SHOWN).map(|(text, count)| match count {
        1 if heard.len() == 1 => text.clone(),
        _ => format!("{count} × {text}"),
    });
    let more = counts.len().saturating_sub(MOST_SHOWN);
    let more = (more > 0).then(|| format!("and {more} other answers"));
    shown.chain(more).collect::<Vec<_>>().join(", ")
}

/// Different answers shown of one attack.
const MOST_SHOWN: usize = 6;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::request_file::{RequestFile, SEKALI};

    fn heard(status: u16, body: &str) -> Heard {
        let answer = Answer { status, headers: Vec::new(), body: body.to_owned() };
        Heard::read(&Reply::Answer(answer), &RequestFile::parse(SEKALI).unwrap().answers)
    }

    #[test]
    fn a_status_means_what_the_file_says() {
        let body = r#"{"data":{"payment_id":7}}"#;
        assert_eq!(heard(201, body).meaning, Meaning::Payment { id: "7".into(), new: true });
        assert_eq!(heard(409, body).meaning, Meaning::Payment { id: "7".into(), new: false });
        assert_eq!(heard(409, "{}").meaning, Meaning::InFlight);
        assert_eq!(heard(422, "{}").meaning, Meaning::KeyReused);
        assert_eq!(heard(429, body).meaning, Meaning::Limited);
        assert_eq!(heard(400, body).meaning, Meaning::Refused);
        assert_eq!(heard(503, body).meaning, Meaning::Failed);
        assert_eq!(heard(201, "not JSON").meaning, Meaning::Failed);
    }

    #[test]
    fn answers_are_tallied() {
        let (first, second) = (r#"{"data":{"payment_id":7}}"#, r#"{"data":{"payment_id":"8"}}"#);
        let all = [heard(201, first), heard(409, first), heard(409, first), heard(201, second)];
        assert_eq!(tally(&all), "1 × 201 payment 7, 2 × 409 payment 7, 1 × 201 payment 8");
        assert_eq!(tally(&all[..1]), "201 payment 7");
    }
}
