//! HTTP/1.1 as cheap as it can be: the load shares its processors with what it measures.

use crate::trouble::{Outcome, While, fail};
use std::error::Error;
use std::io::ErrorKind;
use std::net::SocketAddr;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

/// The longest answer that is expected.
const LONGEST: usize = 16 * 1024;

/// A connection that is kept alive.
pub(crate) struct Connection {
    address: SocketAddr,
    stream: TcpStream,
    buffer: Box<[u8]>,
}

/// What of an answer is looked at.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Answer {
    /// The status.
    pub(crate) status: u16,
    /// The payment that it names, or 0.
    pub(crate) payment: i64,
}

impl Connection {
    /// Connects.
    pub(crate) async fn open(address: SocketAddr) -> Outcome<Self> {
        let stream = TcpStream::connect(address).await.while_doing("connecting to the service")?;
        stream.set_nodelay(true)?;
        Ok(Self { address, stream, buffer: vec![0; LONGEST].into() })
    }

    /// Sends a request and reads the answer. A connection that breaks meanwhile is no answer, and is made anew.
    pub(crate) async fn press(&mut self, request: &[u8]) -> Outcome<Answer> {
        match self.ask(request).await {
            Err(error) if is_broken(error.as_ref()) => {
                self.stream = Self::open(self.address).await?.stream;
                Ok(BROKEN)
            }
            outcome => outcome,
        }
    }

    /// Sends a request and reads the answer to its end.
    async fn ask(&mut self, request: &[u8]) -> Outcome<Answer> {
        self.stream.write_all(request).await?;
        let mut filled = 0;
        loop {
            let read = self.stream.read(&mut self.buffer[filled..]).await?;
            if filled == self.buffer.len() {
                return fail("an answer that is longer than any should be");
            }
            if read == 0 {
                return Err(std::io::Error::from(ErrorKind::UnexpectedEof).into());
            }
            filled += read;
            let so_far = &self.buffer[..filled];
            let Some(head) = position(so_far, b"\r\n\r\n") else { continue };
            let body = head + 4;
            let end = body + length(&so_far[..body])?;
            if filled > end {
                return fail("the service sent more than the answer");
            }
            if filled == end {
                return read_answer(so_far, body);
            }
        }
    }
}

/// Stands for an answer that did not come.
pub(crate) const BROKEN: Answer = Answer { status: 0, payment: 0 };

fn is_broken(error: &(dyn Error + 'static)) -> bool {
    error.is::<std::io::Error>()
}

/// Asks for a page on a connection of its own: its status and what it says.
pub(crate) async fn get(address: SocketAddr, path: &str) -> Outcome<(u16, String)> {
    let mut stream = TcpStream::connect(address).await.while_doing("connecting to the service")?;
    let request = format!("GET {path} HTTP/1.1\r\nHost: 127.0.0.1\r\nConnection: close\r\n\r\n");
    stream.write_all(request.as_bytes()).await?;
    let mut text = String::new();
    stream.read_to_string(&mut text).await.while_doing(format!("reading {path}"))?;
    Ok((read_answer(text.as_bytes(), 0)?.status, text))
}

fn read_answer(bytes: &[u8], body: usize) -> Outcome<Answer> {
    let status = bytes.get(9..12).map(digits).filter(|status| (100..600).contains(status));
    let Some(status) = status.and_then(|status| u16::try_from(status).ok()) else {
        return fail("an answer without a status");
    };
    let name = b"\"payment_id\":";
    let payment = position(&bytes[body..], name).map_or(0, |at| digits(&bytes[body + at + name.len()..]));
    Ok(Answer { status, payment })
}

/// The body's length; services that send chunks instead are not measured, but none of them does.
fn length(head: &[u8]) -> Outcome<usize> {
    for line in head.split(|byte| *byte == b'\n') {
        let name = b"content-length:";
        if line.len() > name.len() && line[..name.len()].eq_ignore_ascii_case(name) {
            return Ok(usize::try_from(digits(line[name.len()..].trim_ascii_start()))?);
        }
    }
    fail("an answer without Content-Length")
}

fn digits(bytes: &[u8]) -> i64 {
    let digits = bytes.iter().take_while(|byte| byte.is_ascii_digit()).take(18);
    digits.fold(0, |number, digit| number * 10 + i64::from(digit - b'0'))
}

fn position(bytes: &[u8], wanted: &[u8]) -> Option<usize> {
    bytes.windows(wanted.len()).position(|window| window == wanted)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_connection_that_breaks_is_made_anew() {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let server = tokio::spawn(async move {
            drop(listener.accept().await.unwrap());
            let (mut second, _) = listener.accept().await.unwrap();
            second.read_exact(&mut [0; 3]).await.unwrap();
            second.write_all(b"HTTP/1.1 201 Created\r\nContent-Length: 0\r\n\r\n").await.unwrap();
        });
        let mut connection = Connection::open(address).await.unwrap();
        assert_eq!(connection.press(b"one").await.unwrap(), BROKEN);
        assert_eq!(connection.press(b"two").await.unwrap().status, 201);
        server.await.unwrap();
    }

    #[test]
    fn an_answer_is_read() {
        let bytes = b"HTTP/1.1 201 Created\r\ncontent-LENGTH: 24\r\n\r\n{\"data\":{\"payment_id\":7}}";
        let body = position(bytes, b"\r\n\r\n").unwrap() + 4;
        assert_eq!(length(&bytes[..body]).unwrap(), 24);
        assert_eq!(read_answer(bytes, body).unwrap(), Answer { status: 201, payment: 7 });
        assert!(length(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n").is_err());
        assert!(read_answer(b"nothing like HTTP\r\n\r\n", 21).is_err());
    }
}
