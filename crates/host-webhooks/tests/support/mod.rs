//! A host that answers what it is told to.

use sekali_core::domain::Timestamp;
use sekali_core::ports::HostMessage;
use sekali_host_webhooks::{HostConfig, HostWebhooks};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::mpsc;

/// The secret in the tests of the official libraries of Standard Webhooks.
pub(crate) const PUBLISHED: &str = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw";
/// Another, with a slash in it.
pub(crate) const OTHER: &str = "whsec_c2VjcmV0c2VjcmV0/2VjcmV0c2VjcmV0c2Vj";

/// What is done about one request.
pub(crate) enum Answer {
    /// These bytes, then the end of the connection.
    Bytes(Vec<u8>),
    /// These bytes, then nothing, for ever.
    Stuck(Vec<u8>),
    /// This head, then a body that does not end.
    Endless(Vec<u8>),
}

pub(crate) fn answer(status: &str, headers: &str, body: &str) -> Answer {
    let length = body.len();
    let head = format!("HTTP/1.1 {status}\r\ncontent-length: {length}\r\nconnection: close\r\n{headers}\r\n");
    Answer::Bytes([head.as_bytes(), body.as_bytes()].concat())
}

/// Gives each request the next answer.
pub(crate) struct Server {
    pub(crate) base: String,
    /// Each request as it came: head and body.
    pub(crate) requests: mpsc::UnboundedReceiver<String>,
}

impl Server {
    pub(crate) async fn answering(answers: Vec<Answer>) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let base = format!("http://{}", listener.local_addr().unwrap());
        let (sender, requests) = mpsc::unbounded_channel();
        tokio::spawn(async move {
            let mut held = Vec::new();
            for answer in answers {
                let (mut stream, _) = listener.accept().await.unwrap();
                sender.send(request(&mut stream).await).unwrap();
                // Whoever has read enough hangs up: that is no fault of the server's.
                match answer {
                    Answer::Bytes(bytes) => drop(stream.write_all(&bytes).await),
                    Answer::Stuck(bytes) => {
                        stream.write_all(&bytes).await.unwrap();
                        held.push(stream);
                    }
                    Answer::Endless(start) => {
                        tokio::spawn(flood(stream, start));
                    }
                }
            }
            std::future::pending::<()>().await;
        });
        Self { base, requests }
    }

    /// The requests that have come.
    pub(crate) fn seen(&mut self) -> Vec<String> {
        std::iter::from_fn(|| self.requests.try_recv().ok()).collect()
    }
}

async fn flood(mut stream: TcpStream, start: Vec<u8>) {
    stream.write_all(&start).await.unwrap();
    while stream.write_all(&[b'x'; 1000]).await.is_ok() {}
}

async fn request(stream: &mut TcpStream) -> String {
    let mut bytes = Vec::new();
    loop {
        stream.read_buf(&mut bytes).await.unwrap();
        let text = String::from_utf8_lossy(&bytes);
        let Some((head, body)) = text.split_once("\r\n\r\n") else { continue };
        let length = head.lines().find_map(|line| line.strip_prefix("content-length: "));
        if body.len() >= length.map_or(0, |length| length.parse().unwrap()) {
            return text.into_owned();
        }
    }
}

pub(crate) fn host(url: &str, secrets: &[&str]) -> HostWebhooks {
    let secrets = secrets.iter().map(|&secret| secret.to_owned()).collect();
    HostWebhooks::new(HostConfig { url: url.to_owned(), secrets }).unwrap()
}

/// The message in the tests of the official libraries.
pub(crate) fn message() -> HostMessage {
    HostMessage {
        id: "msg_p5jXN8AQM9LWM0D4loKWxJek".into(),
        body: r#"{"test": 2432232314}"#.into(),
        at: Timestamp::from_seconds(1_614_265_330),
    }
}
