//! A client that asks and never reads: it is cut off, and nobody else waits for it.

use crate::support::Site;
use std::time::Duration;
use tokio::io::AsyncWriteExt;
use tokio::net::TcpStream;
use tokio::time::Instant;

/// Together their answers are far more than both sides' buffers hold.
const REQUESTS: usize = 1000;
const PATIENCE: Duration = Duration::from_secs(90);

#[tokio::test]
async fn who_never_reads_is_cut_off() {
    let site = Site::new().await;
    let mut stream = TcpStream::connect(site.address).await.unwrap();
    let asks = "GET /openapi.json HTTP/1.1\r\nHost: a\r\n\r\n".repeat(REQUESTS);
    stream.write_all(asks.as_bytes()).await.unwrap();
    let begun = Instant::now();
    loop {
        assert!(begun.elapsed() < PATIENCE, "it is still served");
        assert_eq!(site.get("/healthz").send().await.status, 200, "others are served meanwhile");
        tokio::time::sleep(Duration::from_millis(500)).await;
        // Of a request that never ends: taken as long as the connection stands.
        let sent = tokio::time::timeout(Duration::from_secs(1), stream.write_all(b"G")).await;
        if matches!(sent, Ok(Err(_))) {
            break;
        }
    }
    assert!(begun.elapsed() > Duration::from_secs(10), "a slow reader was given {:?}", begun.elapsed());
}
