//! HTTP/1.1 on one connection that stays open: no more between the test and the wire than its moments
//! and its breaks need.

use serde_json::Value;
use std::fmt::Write as _;
use std::io::{Error, ErrorKind, Result};
use std::net::SocketAddr;
use std::time::Duration;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::time::timeout;

/// No answer of the service may take longer: its own limits end well before.
const PATIENCE: Duration = Duration::from_secs(40);

/// A request.
#[derive(Clone, Debug)]
pub struct Request {
    method: &'static str,
    path: String,
    headers: Vec<(&'static str, String)>,
    body: Option<String>,
}

impl Request {
    /// A request without a body.
    pub fn get(path: impl Into<String>) -> Self {
        Self { method: "GET", path: path.into(), headers: Vec::new(), body: None }
    }

    /// A request with a body whose type a header has to tell.
    pub fn with_text(method: &'static str, path: impl Into<String>, body: String) -> Self {
        Self { method, path: path.into(), headers: Vec::new(), body: Some(body) }
    }

    /// A request with a JSON body.
    pub fn with_json(method: &'static str, path: impl Into<String>, body: &Value) -> Self {
        let headers = vec![("content-type", "application/json".to_owned())];
        Self { method, path: path.into(), headers, body: Some(body.to_string()) }
    }

    /// The same with another header.
    #[must_use]
    pub fn header(mut self, name: &'static str, value: impl Into<String>) -> Self {
        self.headers.push((name, value.into()));
        self
    }

    /// The same with a token.
    #[must_use]
    pub fn bearer(self, token: &str) -> Self {
        self.header("authorization", format!("Bearer {token}"))
    }

    /// As it goes over the wire.
    pub fn bytes(&self) -> Vec<u8> {
        let mut text = format!("{} {} HTTP/1.1\r\nhost: sekali.test\r\n", self.method, self.path);
        for (name, value) in &self.headers {
            // Writing to a String cannot fail.
            let _ = write!(text, "{name}: {value}\r\n");
        }
        if let Some(body) = &self.body {
            let _ = write!(text, "content-length: {}\r\n", body.len());
        }
        text.push_str("\r\n");
        text.push_str(self.body.as_deref().unwrap_or_default());
        text.into_bytes()
    }
}

/// An answer.
#[derive(Clone, Debug)]
pub struct Answer {
    /// The status code.
    pub status: u16,
    headers: Vec<(String, String)>,
    /// The body, as text.
    pub body: String,
}

impl Answer {
    /// An answer without headers.
    pub fn of(status: u16, body: String) -> Self {
        Self { status, headers: Vec::new(), body }
    }

    /// A header's value.
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(key, _)| key == name).map(|(_, value)| value.as_str())
    }

    /// The body, read as JSON; `null` if it is none.
    pub fn json(&self) -> Value {
        serde_json::from_str(&self.body).unwrap_or(Value::Null)
    }
}

/// A connection.
pub struct Connection {
    address: SocketAddr,
    stream: Option<TcpStream>,
}

impl Connection {
    /// A connection to `address`, opened when it is first needed.
    pub fn to(address: SocketAddr) -> Self {
        Self { address, stream: None }
    }

    /// Sends a request and waits for its answer. After an error the connection is closed, and the next
    /// call opens another; nothing is ever sent twice.
    pub async fn call(&mut self, request: &Request) -> Result<Answer> {
        self.send(request).await?;
        self.answer().await
    }

    /// Opens the connection and sends the request.
    pub async fn send(&mut self, request: &Request) -> Result<()> {
        self.send_bytes(&request.bytes()).await
    }

    /// Opens the connection and sends these bytes.
    pub async fn send_bytes(&mut self, bytes: &[u8]) -> Result<()> {
        let mut stream = match self.stream.take() {
            Some(stream) => stream,
            None => connect(self.address).await?,
        };
        stream.write_all(bytes).await?;
        self.stream = Some(stream);
        Ok(())
    }

    /// Waits for the answer to what was sent.
    pub async fn answer(&mut self) -> Result<Answer> {
        let mut stream = self.stream.take().ok_or(ErrorKind::NotConnected)?;
        let answer = timeout(PATIENCE, read_answer(&mut stream)).await.map_err(|_| ErrorKind::TimedOut)??;
        if answer.header("connection") != Some("close") {
            self.stream = Some(stream);
        }
        Ok(answer)
    }

    /// Waits until the other side closes without a word, or with one; whatever it said.
    pub async fn closed(&mut self, within: Duration) -> Result<Vec<u8>> {
        let mut stream = self.stream.take().ok_or(ErrorKind::NotConnected)?;
        let mut said = Vec::new();
        match timeout(within, stream.read_to_end(&mut said)).await {
            Ok(Ok(_)) => Ok(said),
            // Closing with our bytes unread looks like this.
            Ok(Err(error)) if error.kind() == ErrorKind::ConnectionReset => Ok(said),
            Ok(Err(error)) => Err(error),
            Err(_) => Err(ErrorKind::TimedOut.into()),
        }
    }

    /// Goes away at once; with `reset`, without the farewell that TCP knows.
    pub fn hang_up(&mut self, reset: bool) {
        if let Some(stream) = self.stream.take().filter(|_| reset) {
            // Fails only where the connection is gone already.
            let _ = stream.set_zero_linger();
        }
    }
}

async fn connect(address: SocketAddr) -> Result<TcpStream> {
    let stream = timeout(PATIENCE, TcpStream::connect(address)).await.map_err(|_| ErrorKind::TimedOut)??;
    stream.set_nodelay(true)?;
    Ok(stream)
}

async fn read_answer(stream: &mut TcpStream) -> Result<Answer> {
    let mut bytes = Vec::new();
    let body_at = loop {
        if let Some(at) = bytes.windows(4).position(|four| four == b"\r\n\r\n") {
            break at + 4;
        }
        read_some(stream, &mut bytes).await?;
    };
    let head = String::from_utf8_lossy(&bytes[..body_at]).into_owned();
    let (status, headers) = read_head(&head)?;
    let length = headers.iter().find(|(name, _)| name == "content-length").map(|(_, value)| value.parse());
    // The service knows the length of all it says; an answer without one has no body.
    let length: usize = length.transpose().map_err(|_| malformed("content-length"))?.unwrap_or(0);
    if headers.iter().any(|(name, _)| name == "transfer-encoding") {
        return Err(malformed("transfer-encoding"));
    }
    while bytes.len() < body_at + length {
        read_some(stream, &mut bytes).await?;
    }
    let body = String::from_utf8_lossy(&bytes[body_at..]).into_owned();
    Ok(Answer { status, headers, body })
}

async fn read_some(stream: &mut TcpStream, bytes: &mut Vec<u8>) -> Result<()> {
    match stream.read_buf(bytes).await? {
        0 => Err(ErrorKind::UnexpectedEof.into()),
        _ => Ok(()),
    }
}

fn read_head(head: &str) -> Result<(u16, Vec<(String, String)>)> {
    let mut lines = head.split("\r\n").filter(|line| !line.is_empty());
    let status = lines.next().and_then(|line| line.strip_prefix("HTTP/1.1 "));
    let status =
        status.and_then(|rest| rest.get(..3)?.parse().ok()).ok_or_else(|| malformed("status line"))?;
    let headers = lines.map(|line| {
        let (name, value) = line.split_once(':').ok_or_else(|| malformed("header"))?;
        Ok((name.to_ascii_lowercase(), value.trim().to_owned()))
    });
    Ok((status, headers.collect::<Result<_>>()?))
}

fn malformed(what: &str) -> Error {
    Error::new(ErrorKind::InvalidData, format!("the answer's {what} is not understood"))
}

/// The path and query of an absolute address, or of one that is none.
pub fn path_of(address: &str) -> &str {
    let host_at = address.find("://").map_or(0, |at| at + 3);
    address[host_at..].find('/').map_or("/", |at| &address[host_at + at..])
}
