//! Patients, things to pay for, keys, and the requests made of them.

use crate::client::{Client, Halt, Reply};
use crate::reading::{Heard, Meaning};
use crate::request_file::{FreshPart, Promises, RequestFile};
use crate::template::Values;
use crate::wire::{Answer, Message, PATIENCE};
use serde_json::Value;
use std::collections::BTreeMap;
use std::sync::atomic::{AtomicI64, AtomicU64, AtomicUsize, Ordering};
use std::time::Duration;
use tokio::time::{Instant, sleep};

/// Signs a token for a user, with a role where one is wanted.
pub type Mint = Box<dyn Fn(i64, Option<&str>) -> String + Send + Sync>;

/// Between two attempts to hear what became of a request, where the service does not say.
const BETWEEN: Duration = Duration::from_millis(200);
/// Users that are made up begin here, so that they meet nobody's.
const FIRST_USER: i64 = 700_000_000;
/// Consultations that are made up begin here.
const FIRST_CONSULTATION: i64 = 1_000_000_000_000;

/// A user who pays.
#[derive(Clone, Debug)]
pub(crate) struct Patient {
    pub id: i64,
    pub token: String,
    /// Which of [[users]] it is.
    listed: Option<usize>,
}

/// How hard each attack goes.
#[derive(Clone, Copy, Debug)]
pub struct Strength {
    /// Rounds of an attack on a race.
    pub rounds: u32,
    /// Requests at once in a storm.
    pub storm: usize,
}

/// Everything an attack needs.
pub(crate) struct Scene {
    pub client: Client,
    pub file: RequestFile,
    pub strength: Strength,
    mint: Option<Mint>,
    run: u64,
    keys: AtomicU64,
    users: AtomicI64,
    consultations: AtomicI64,
    turn: AtomicUsize,
    used: Vec<AtomicI64>,
    base: String,
}

/// A request that makes a payment, before it is sent.
#[derive(Clone, Debug)]
pub(crate) struct Press {
    pub patient: Patient,
    pub consultation: i64,
    pub amount: String,
    /// For placeholders.
    pub key: String,
    /// The header lines that carry a key.
    pub key_lines: Vec<(String, Vec<u8>)>,
    /// The key in the body.
    pub key_in_body: Option<String>,
}

impl Scene {
    /// A scene whose names, numbers and keys are those of the run `run`.
    pub(crate) fn new(
        client: Client,
        base: &str,
        file: RequestFile,
        strength: Strength,
        mint: Option<Mint>,
        run: u64,
    ) -> Self {
        let spread = |first: i64, width: u64| first + i64::try_from(run % width).unwrap_or(0);
        let first = file.fresh.as_ref().and_then(|fresh| fresh.first);
        Self {
            keys: AtomicU64::new(0),
            users: AtomicI64::new(spread(FIRST_USER, 1_000_000_000)),
            consultations: AtomicI64::new(first.unwrap_or_else(|| spread(FIRST_CONSULTATION, 1 << 50))),
            turn: AtomicUsize::new(0),
            used: file.users.iter().map(|_| AtomicI64::new(0)).collect(),
            base: base.to_owned(),
            client,
            file,
            strength,
            mint,
            run,
        }
    }

    pub(crate) fn promises(&self) -> Promises {
        self.file.promises
    }

    /// A key that no other run uses, in the form of a UUID v4, which every service takes.
    pub(crate) fn key(&self) -> String {
        let number = self.keys.fetch_add(1, Ordering::Relaxed);
        let run = self.run;
        format!(
            "{:08x}-{:04x}-4{:03x}-8{:03x}-{number:012x}",
            run >> 32,
            run >> 16 & 0xffff,
            run >> 4 & 0xfff,
            run & 0xf
        )
    }

    /// Somebody who can pay: the next of [[users]], or a new user.
    pub(crate) fn patient(&self) -> Result<Patient, Halt> {
        if self.file.users.is_empty() {
            let id = self.users.fetch_add(1, Ordering::Relaxed);
            return Ok(Patient { id, token: self.token(id, None)?, listed: None });
        }
        let turn = self.turn.fetch_add(1, Ordering::Relaxed) % self.file.users.len();
        self.listed(turn)
    }

    fn listed(&self, index: usize) -> Result<Patient, Halt> {
        let user = &self.file.users[index];
        let token = match &user.token {
            Some(token) => token.clone(),
            None => self.token(user.id, None)?,
        };
        Ok(Patient { id: user.id, token, listed: Some(index) })
    }

    /// Somebody else, if there is anybody.
    pub(crate) fn stranger_to(&self, patient: &Patient) -> Result<Option<Patient>, Halt> {
        match patient.listed {
            None => self.patient().map(Some),
            Some(_) if self.file.users.len() < 2 => Ok(None),
            Some(index) => self.listed((index + 1) % self.file.users.len()).map(Some),
        }
    }

    fn token(&self, user: i64, role: Option<&str>) -> Result<String, Halt> {
        match &self.mint {
            Some(mint) => Ok(mint(user, role)),
            None if self.wants_tokens() => Err(Halt::SetUp(
                "there are no tokens: give SEKALI_JWT_SECRET (or --jwt-secret) to sign them, or each user's in \
                 [[users]] of the request file"
                    .into(),
            )),
            None => Ok(String::new()),
        }
    }

    fn wants_tokens(&self) -> bool {
        self.file.request.headers.values().any(|value| value.contains("{token}"))
    }

    /// A consultation of `patient` that nobody has paid yet.
    pub(crate) async fn consultation(&self, patient: &Patient) -> Result<i64, Halt> {
        let id = self.number(patient)?;
        if let Some(fresh) = &self.file.fresh {
            self.make(fresh, patient, id).await?;
        }
        Ok(id)
    }

    /// A consultation's number, without the consultation.
    pub(crate) fn number(&self, patient: &Patient) -> Result<i64, Halt> {
        let listed = patient.listed.and_then(|index| Some((index, self.file.users[index].consultations?)));
        let Some((index, [first, last])) = listed.filter(|_| self.file.fresh.is_none()) else {
            return Ok(self.consultations.fetch_add(1, Ordering::Relaxed));
        };
        let id = first + self.used[index].fetch_add(1, Ordering::Relaxed);
        if id > last {
            let what = format!("all consultations of user {} in [[users]] were paid: give more", patient.id);
            return Err(Halt::SetUp(what));
        }
        Ok(id)
    }

    /// Makes the consultation `id`.
    pub(crate) async fn make(&self, fresh: &FreshPart, patient: &Patient, id: i64) -> Result<(), Halt> {
        let token = match &fresh.token {
            Some(token) => token.clone(),
            // Each under the patient's own number, so that no single caller reaches a rate limit.
            None => self.token(patient.id, fresh.role.as_deref())?,
        };
        let values = Values {
            consultation: id,
            amount: &self.file.request.amount,
            user: patient.id,
            token: &token,
            key: "",
        };
        let message = Message {
            method: fresh.method.clone(),
            path: self.path(&values, &fresh.path),
            headers: headers(&values, &fresh.headers),
            body: fresh.body.as_ref().map(|body| values.fill_json(body).into_bytes()),
        };
        match self.client.send(&message).await? {
            Reply::Answer(answer) if (200..300).contains(&answer.status) => Ok(()),
            Reply::Answer(answer) => Err(Halt::SetUp(format!(
                "no consultation could be made to pay for: {} {} was answered {}",
                message.method, message.path, answer.status
            ))),
            Reply::None(why) => Err(Halt::SetUp(format!("no consultation could be made to pay for: {why}"))),
        }
    }

    /// The usual request, with the key in all its places.
    pub(crate) fn press(&self, patient: &Patient, consultation: i64, key: &str) -> Press {
        let line = self.file.key.header.as_ref().map(|name| (name.clone(), key.as_bytes().to_vec()));
        Press {
            patient: patient.clone(),
            consultation,
            amount: self.file.request.amount.clone(),
            key: key.to_owned(),
            key_lines: line.into_iter().collect(),
            key_in_body: self.file.key.body.as_ref().map(|_| key.to_owned()),
        }
    }

    /// As it goes over the wire.
    pub(crate) fn message(&self, press: &Press) -> Message {
        let values = Values {
            consultation: press.consultation,
            amount: &press.amount,
            user: press.patient.id,
            token: &press.patient.token,
            key: &press.key,
        };
        let mut lines = headers(&values, &self.file.request.headers);
        lines.extend(press.key_lines.iter().cloned());
        let body = values.fill_json(&self.file.request.body);
        let body = match (&self.file.key.body, &press.key_in_body) {
            (Some(pointer), Some(key)) => with_field(&body, pointer, key),
            _ => body,
        };
        Message {
            method: self.file.request.method.clone(),
            path: self.path(&values, &self.file.request.path),
            headers: lines,
            body: Some(body.into_bytes()),
        }
    }

    fn path(&self, values: &Values<'_>, template: &str) -> String {
        format!("{}{}", self.base, values.fill(template))
    }

    pub(crate) fn read(&self, reply: &Reply) -> Heard {
        Heard::read(reply, &self.file.answers)
    }

    /// Sends a request and reads the answer.
    pub(crate) async fn call(&self, press: &Press) -> Result<Heard, Halt> {
        Ok(self.read(&self.client.send(&self.message(press)).await?))
    }

    /// What a patient's browser does after a lost answer: the same request again, until it names a
    /// payment or is refused for good, as long as somebody would wait.
    pub(crate) async fn settle(&self, press: &Press) -> Result<Heard, Halt> {
        let begun = Instant::now();
        loop {
            let reply = self.client.send(&self.message(press)).await?;
            let heard = self.read(&reply);
            let decided =
                matches!(heard.meaning, Meaning::Payment { .. } | Meaning::Refused | Meaning::KeyReused);
            if decided || begun.elapsed() >= PATIENCE {
                return Ok(heard);
            }
            let wait = reply.answer().and_then(Answer::retry_after).unwrap_or(BETWEEN);
            sleep(wait.clamp(BETWEEN, Duration::from_secs(5))).await;
        }
    }

    /// How many payments `patient` has for `consultation`, if the file says how to ask.
    pub(crate) async fn count(&self, patient: &Patient, consultation: i64) -> Result<Option<u64>, Halt> {
        let Some(part) = &self.file.count else { return Ok(None) };
        let reply = self.client.send(&self.count_message(patient, consultation)).await?;
        let found = reply.answer().filter(|answer| answer.status == 200).and_then(|answer| {
            match answer.json().pointer(&part.items)? {
                Value::Array(items) => u64::try_from(items.len()).ok(),
                other => other.as_u64().or_else(|| other.as_str()?.parse().ok()),
            }
        });
        let shown = reply.answer().map_or_else(|| "not".to_owned(), |answer| answer.status.to_string());
        found.map(Some).ok_or_else(|| {
            Halt::SetUp(format!(
                "the payments cannot be counted: {} was answered {shown}, without {}",
                part.path, part.items
            ))
        })
    }

    /// The request that counts; there has to be a way to count.
    pub(crate) fn count_message(&self, patient: &Patient, consultation: i64) -> Message {
        let values = Values {
            consultation,
            amount: &self.file.request.amount,
            user: patient.id,
            token: &patient.token,
            key: "",
        };
        let part = self.file.count.as_ref();
        Message {
            method: "GET".into(),
            path: self.path(&values, part.map_or("/", |part| &part.path)),
            headers: part.map(|part| headers(&values, &part.headers)).unwrap_or_default(),
            body: None,
        }
    }
}

fn headers(values: &Values<'_>, templates: &BTreeMap<String, String>) -> Vec<(String, Vec<u8>)> {
    templates.iter().map(|(name, value)| (name.clone(), values.fill(value).into_bytes())).collect()
}

/// The body with the key in it. Inserted into the text, not into parsed JSON: numbers stay as written.
fn with_field(body: &str, pointer: &str, key: &str) -> String {
    let Some(name) = pointer.strip_prefix('/').filter(|name| !name.contains('/')) else {
        return body.to_owned();
    };
    let field = format!("{}: {}", Value::from(name), Value::from(key));
    match body.trim_end().strip_suffix('}') {
        Some(rest) if rest.trim_end().ends_with('{') => format!("{rest}{field}}}"),
        Some(rest) => format!("{rest}, {field}}}"),
        None => body.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_key_goes_into_the_body_and_numbers_stay_as_written() {
        assert_eq!(with_field(r#"{"a": 5000.00}"#, "/k", "x\"y"), r#"{"a": 5000.00, "k": "x\"y"}"#);
        assert_eq!(with_field("{}\n", "/k", "x"), r#"{"k": "x"}"#);
    }
}
