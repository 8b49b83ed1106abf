//! HTTP/1.1 over a socket of our own: half-sent requests, cut connections, a header that stands there
//! twice and requests one behind the other are what a library for clients rightly makes impossible.

use crate::target::Target;
use std::io::{Error, ErrorKind, Result};
use std::time::Duration;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::time::timeout;

/// No answer is waited for longer than this.
pub(crate) const PATIENCE: Duration = Duration::from_secs(30);
/// An answer to a payment is small; more than this is not read.
const LARGEST_ANSWER: usize = 1024 * 1024;

/// A request, as it goes over the wire.
#[derive(Clone, Debug)]
pub(crate) struct Message {
    /// The method.
    pub(crate) method: String,
    /// Path and query.
    pub(crate) path: String,
    /// Name and value of each header line, in order; values may hold any bytes.
    pub(crate) headers: Vec<(String, Vec<u8>)>,
    /// The body, and with it a `Content-Length`.
    pub(crate) body: Option<Vec<u8>>,
}

impl Message {
    /// Its bytes, for `host`.
    pub(crate) fn bytes(&self, host: &str) -> Vec<u8> {
        let mut bytes = format!("{} {} HTTP/1.1\r\nHost: {host}\r\n", self.method, self.path).into_bytes();
        for (name, value) in &self.headers {
            bytes.extend_from_slice(name.as_bytes());
            bytes.extend_from_slice(b": ");
            bytes.extend_from_slice(value);
            bytes.extend_from_slice(b"\r\n");
        }
        if let Some(body) = &self.body {
            bytes.extend_from_slice(format!("Content-Length: {}\r\n", body.len()).as_bytes());
        }
        bytes.extend_from_slice(b"\r\n");
        bytes.extend_from_slice(self.body.as_deref().unwrap_or_default());
        bytes
    }
}

/// An answer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Answer {
    /// The status code.
    pub(crate) status: u16,
    /// Names in small letters, and values.
    pub(crate) headers: Vec<(String, String)>,
    /// The body, as text.
    pub(crate) body: String,
}

impl Answer {
    /// A header's first value; `name` in small letters.
    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(key, _)| key == name).map(|(_, value)| value.as_str())
    }

    /// The body, read as JSON; `null` if it is none.
    pub(crate) fn json(&self) -> serde_json::Value {
        serde_json::from_str(&self.body).unwrap_or(serde_json::Value::Null)
    }

    /// `Retry-After` in seconds. Its other form, a date, is not read.
    pub(crate) fn retry_after(&self) -> Option<Duration> {
        self.header("retry-after")?.trim().parse().ok().map(Duration::from_secs)
    }
}

trait Stream: AsyncRead + AsyncWrite + Send + Unpin {}
impl<T: AsyncRead + AsyncWrite + Send + Unpin> Stream for T {}

/// How a connection ends when it is let go.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Farewell {
    /// As TCP wants it.
    Close,
    /// At once, as when a telephone changes its network: the other side sees a reset.
    Reset,
}

/// A connection, with what was read beyond the last answer.
pub(crate) struct Connection {
    stream: Box<dyn Stream>,
    unread: Vec<u8>,
}

impl Connection {
    /// Connects to the pinned address of `target`.
    pub(crate) async fn open(target: &Target, farewell: Farewell) -> Result<Self> {
        let stream = within(TcpStream::connect(target.address())).await?;
        stream.set_nodelay(true)?;
        if farewell == Farewell::Reset {
            stream.set_zero_linger()?;
        }
        let stream: Box<dyn Stream> = match target.tls() {
            None => Box::new(stream),
            Some((connector, name)) => Box::new(within(connector.connect(name, stream)).await?),
        };
        Ok(Self { stream, unread: Vec::new() })
    }

    /// Sends these bytes, whatever they are.
    pub(crate) async fn write(&mut self, bytes: &[u8]) -> Result<()> {
        self.stream.write_all(bytes).await?;
        self.stream.flush().await
    }

    /// Waits for the next answer.
    pub(crate) async fn answer(&mut self) -> Result<Answer> {
        within(self.read_answer()).await
    }

    async fn read_answer(&mut self) -> Result<Answer> {
        loop {
            let head = self.read_past(b"\r\n\r\n").await?;
            let (status, headers) = read_head(&String::from_utf8_lossy(&head))?;
            // 100 Continue and its kind are no answer yet.
            if status >= 200 {
                let body = self.read_body(status, &headers).await?;
                return Ok(Answer { status, headers, body: String::from_utf8_lossy(&body).into_owned() });
            }
        }
    }

    async fn read_body(&mut self, status: u16, headers: &[(String, String)]) -> Result<Vec<u8>> {
        let value = |name: &str| headers.iter().find(|(key, _)| key == name).map(|(_, value)| value.as_str());
        if status == 204 || status == 304 {
            return Ok(Vec::new());
        }
        if value("transfer-encoding").is_some_and(|text| text.to_ascii_lowercase().contains("chunked")) {
            return self.read_chunks().await;
        }
        match value("content-length") {
            Some(text) => self.read_exactly(text.parse().map_err(|_| malformed("content length"))?).await,
            None => self.read_to_end().await,
        }
    }

    async fn read_chunks(&mut self) -> Result<Vec<u8>> {
        let mut body = Vec::new();
        loop {
            let line = self.read_past(b"\r\n").await?;
            let text = String::from_utf8_lossy(&line);
            let size = text.trim().split(';').next().unwrap_or_default();
            let size = usize::from_str_radix(size, 16).map_err(|_| malformed("chunk"))?;
            if body.len() + size > LARGEST_ANSWER {
                return Err(malformed("size"));
            }
            body.extend(self.read_exactly(size).await?);
            self.read_past(b"\r\n").await?;
            if size == 0 {
                return Ok(body);
            }
        }
    }

    /// Everything up to and with `mark`.
    async fn read_past(&mut self, mark: &[u8]) -> Result<Vec<u8>> {
        loop {
            if let Some(at) = self.unread.windows(mark.len()).position(|window| window == mark) {
                return Ok(self.take(at + mark.len()));
            }
            self.read_some().await?;
        }
    }

    async fn read_exactly(&mut self, length: usize) -> Result<Vec<u8>> {
        if length > LARGEST_ANSWER {
            return Err(malformed("size"));
        }
        while self.unread.len() < length {
            self.read_some().await?;
        }
        Ok(self.take(length))
    }

    async fn read_to_end(&mut self) -> Result<Vec<u8>> {
        loop {
            match self.read_some().await {
                Err(error) if error.kind() == ErrorKind::UnexpectedEof => {
                    return Ok(std::mem::take(&mut self.unread));
                }
                other => other?,
            }
        }
    }

    fn take(&mut self, length: usize) -> Vec<u8> {
        let rest = self.unread.split_off(length);
        std::mem::replace(&mut self.unread, rest)
    }

    async fn read_some(&mut self) -> Result<()> {
        if self.unread.len() > LARGEST_ANSWER {
            return Err(malformed("size"));
        }
        match self.stream.read_buf(&mut self.unread).await? {
            0 => Err(ErrorKind::UnexpectedEof.into()),
            _ => Ok(()),
        }
    }
}

async fn within<T>(work: impl Future<Output = Result<T>>) -> Result<T> {
    timeout(PATIENCE, work).await.map_err(|_| Error::from(ErrorKind::TimedOut))?
}

fn read_head(head: &str) -> Result<(u16, Vec<(String, String)>)> {
    let mut lines = head.split("\r\n").filter(|line| !line.is_empty());
    let status = lines.next().and_then(|line| line.strip_prefix("HTTP/1."));
    let status = status.and_then(|rest| rest.get(2..5)?.parse().ok());
    let status = status.ok_or_else(|| malformed("status line"))?;
    let headers = lines.map(|line| {
        let (name, value) = line.split_once(':').ok_or_else(|| malformed("header"))?;
        Ok((name.to_ascii_lowercase(), value.trim().to_owned()))
    });
    Ok((status, headers.collect::<Result<_>>()?))
}

fn malformed(what: &str) -> Error {
    Error::new(ErrorKind::InvalidData, format!("the answer's {what} is not understood"))
}
