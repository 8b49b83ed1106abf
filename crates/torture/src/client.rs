//! Sends requests, within the bounds of the run: so many in all, until a deadline, and no faster than
//! the service allows.

use crate::target::Target;
use crate::wire::{Answer, Connection, Farewell, Message};
use futures_util::future::join_all;
use std::io;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;
use thiserror::Error;
use tokio::time::{Instant, sleep};

/// A service that says 429 so often is not asked again.
const MOST_REPEATS: u32 = 3;
/// What a 429 without `Retry-After` costs.
const USUAL_PAUSE: Duration = Duration::from_secs(1);
/// More than any limit by the minute needs.
const LONGEST_PAUSE: Duration = Duration::from_secs(65);
/// What Stripe's live mode leaves in answers.
const LIVE_MARKS: [&str; 5] = ["cs_live_", "sk_live_", "rk_live_", "pk_live_", "\"livemode\":true"];

/// Why a run ends before its end; each is one sentence.
#[derive(Clone, Debug, Error, PartialEq, Eq)]
pub enum Halt {
    /// `--limit` requests were sent.
    #[error("all {0} requests of --limit were used up")]
    Limit(u64),
    /// `--time` is over.
    #[error("the time of --time ({0:?}) is over")]
    Time(Duration),
    /// An answer came from Stripe's live mode.
    #[error("an answer holds {0}…: this service takes real money, and nothing more was sent")]
    Live(&'static str),
    /// The set-up failed: no service, no token, no consultation.
    #[error("{0}")]
    SetUp(String),
}

/// What came back for one request.
#[derive(Clone, Debug)]
pub(crate) enum Reply {
    /// An answer.
    Answer(Answer),
    /// None: refused, reset, closed or too late.
    None(String),
}

impl Reply {
    fn of(result: io::Result<Answer>) -> Self {
        match result {
            Ok(answer) => Self::Answer(answer),
            Err(error) => Self::None(error.to_string()),
        }
    }

    /// The answer, if there is one.
    pub(crate) fn answer(&self) -> Option<&Answer> {
        match self {
            Self::Answer(answer) => Some(answer),
            Self::None(_) => None,
        }
    }
}

/// The bounds of a run.
#[derive(Clone, Copy, Debug)]
pub struct Bounds {
    /// Requests in all.
    pub requests: u64,
    /// From the first to the last.
    pub time: Duration,
}

/// Sends requests to one target.
pub(crate) struct Client {
    target: Target,
    bounds: Bounds,
    begun: Instant,
    sent: AtomicU64,
}

impl Client {
    /// A client whose time begins now.
    pub(crate) fn new(target: Target, bounds: Bounds) -> Self {
        Self { target, bounds, begun: Instant::now(), sent: AtomicU64::new(0) }
    }

    /// Requests so far.
    pub(crate) fn sent(&self) -> u64 {
        self.sent.load(Ordering::Relaxed)
    }

    /// Since the start.
    pub(crate) fn elapsed(&self) -> Duration {
        self.begun.elapsed()
    }

    /// When the time is over.
    pub(crate) fn deadline(&self) -> Instant {
        self.begun + self.bounds.time
    }

    /// The halt that a run past its deadline ends with.
    pub(crate) fn out_of_time(&self) -> Halt {
        Halt::Time(self.bounds.time)
    }

    /// Sends one request on a connection of its own and waits for the answer. A 429 was not worked on:
    /// after the pause it asks for, the request goes out again.
    pub(crate) async fn send(&self, message: &Message) -> Result<Reply, Halt> {
        for _ in 0..MOST_REPEATS {
            let reply = self.send_once(message, Duration::ZERO).await?;
            if !self.pause_after(std::slice::from_ref(&reply)).await {
                return Ok(reply);
            }
        }
        self.send_once(message, Duration::ZERO).await
    }

    /// Sends requests `gap` apart without waiting for answers; with no gap, all at once: the
    /// connections are open before the first byte goes out. A 429 stays one.
    pub(crate) async fn send_apart(&self, messages: &[Message], gap: Duration) -> Result<Vec<Reply>, Halt> {
        self.take(messages.len())?;
        let opened = messages.iter().map(|_| self.open(Farewell::Close));
        let connections = join_all(opened).await;
        let sends = messages.iter().zip(connections).zip(0_u32..).map(|((message, connection), index)| {
            let bytes = message.bytes(self.target.host());
            async move {
                let mut connection = match connection {
                    Ok(connection) => connection,
                    Err(error) => return Reply::of(Err(error)),
                };
                sleep(gap * index).await;
                Reply::of(exchange(&mut connection, &bytes).await)
            }
        });
        let replies = join_all(sends).await;
        replies.iter().try_for_each(refuse_live)?;
        self.pause_after(&replies).await;
        Ok(replies)
    }

    /// Sends one request byte by byte from `from` on, with a pause between two bytes.
    pub(crate) async fn send_slowly(&self, message: &Message, pause: Duration) -> Result<Reply, Halt> {
        self.take(1)?;
        let bytes = message.bytes(self.target.host());
        let body = message.body.as_ref().map_or(0, Vec::len);
        let (head, slow) = bytes.split_at(bytes.len() - body);
        let result = async {
            let mut connection = self.open(Farewell::Close).await?;
            connection.write(head).await?;
            for byte in slow {
                connection.write(std::slice::from_ref(byte)).await?;
                sleep(pause).await;
            }
            connection.answer().await
        };
        let reply = Reply::of(result.await);
        refuse_live(&reply)?;
        Ok(reply)
    }

    /// Sends all requests on one connection, one behind the other, before the first answer is read.
    pub(crate) async fn send_pipelined(&self, messages: &[Message]) -> Result<Vec<Reply>, Halt> {
        self.take(messages.len())?;
        let bytes: Vec<u8> = messages.iter().flat_map(|message| message.bytes(self.target.host())).collect();
        let mut replies = Vec::new();
        match self.open(Farewell::Close).await {
            Err(error) => replies.push(Reply::of(Err(error))),
            Ok(mut connection) => {
                let mut result = connection.write(&bytes).await;
                for _ in messages {
                    let answer = match result {
                        Ok(()) => connection.answer().await,
                        Err(error) => Err(error),
                    };
                    result = Ok(());
                    let last = answer.is_err();
                    replies.push(Reply::of(answer));
                    if last {
                        break;
                    }
                }
            }
        }
        replies.iter().try_for_each(refuse_live)?;
        self.pause_after(&replies).await;
        Ok(replies)
    }

    /// Sends a request, all of it or without its last byte, and cuts the connection `after` that
    /// without reading a word.
    pub(crate) async fn send_and_cut(
        &self,
        message: &Message,
        whole: bool,
        after: Duration,
    ) -> Result<(), Halt> {
        self.take(1)?;
        let mut bytes = message.bytes(self.target.host());
        if !whole {
            bytes.pop();
        }
        // Whether it arrived is what the client cannot know.
        if let Ok(mut connection) = self.open(Farewell::Reset).await {
            let _ = connection.write(&bytes).await;
            sleep(after).await;
        }
        Ok(())
    }

    async fn send_once(&self, message: &Message, wait: Duration) -> Result<Reply, Halt> {
        self.take(1)?;
        sleep(wait).await;
        let bytes = message.bytes(self.target.host());
        let result = async {
            let mut connection = self.open(Farewell::Close).await?;
            exchange(&mut connection, &bytes).await
        };
        let reply = Reply::of(result.await);
        refuse_live(&reply)?;
        Ok(reply)
    }

    async fn open(&self, farewell: Farewell) -> io::Result<Connection> {
        Connection::open(&self.target, farewell).await
    }

    /// Counts before it sends: the bound holds whatever becomes of the requests.
    fn take(&self, count: usize) -> Result<(), Halt> {
        if Instant::now() >= self.deadline() {
            return Err(self.out_of_time());
        }
        let count = u64::try_from(count).unwrap_or(u64::MAX);
        let limit = self.bounds.requests;
        let taken = self.sent.fetch_update(Ordering::Relaxed, Ordering::Relaxed, |sent| {
            sent.checked_add(count).filter(|sum| *sum <= limit)
        });
        taken.map(drop).map_err(|_| Halt::Limit(limit))
    }

    /// Waits as long as the 429 among the replies want; says whether there were any.
    async fn pause_after(&self, replies: &[Reply]) -> bool {
        let limited = replies.iter().filter_map(Reply::answer).filter(|answer| answer.status == 429);
        let pause = limited.map(|answer| answer.retry_after().unwrap_or(USUAL_PAUSE)).max();
        if let Some(pause) = pause {
            sleep(pause.min(LONGEST_PAUSE)).await;
        }
        pause.is_some()
    }
}

async fn exchange(connection: &mut Connection, bytes: &[u8]) -> io::Result<Answer> {
    // A service may answer and close before it has read everything; what it said counts.
    let written = connection.write(bytes).await;
    connection.answer().await.map_err(|error| written.err().unwrap_or(error))
}

fn refuse_live(reply: &Reply) -> Result<(), Halt> {
    let Some(answer) = reply.answer() else { return Ok(()) };
    match LIVE_MARKS.iter().find(|mark| answer.body.contains(**mark)) {
        None => Ok(()),
        Some(mark) => Err(Halt::Live(mark)),
    }
}
