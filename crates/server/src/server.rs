//! Listens, serves, and stops in good order.

use crate::http;
use crate::settings::Settings;
use crate::start_error::StartError;
use crate::wiring::{Ambient, Wired, wire};
use crate::worker::{self, supervised};
use axum::Router;
use hyper::server::conn::http1::{self, Connection};
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::server::graceful::GracefulShutdown;
use hyper_util::service::TowerToHyperService;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{Semaphore, watch};
use tokio::task::JoinHandle;

/// A client has this long for its request's head, and as long between two requests.
const HEADER_TIMEOUT: Duration = Duration::from_secs(15);
/// More than any honest head; hyper answers 431 somewhat beyond it.
const HEAD_BUFFER: usize = 32 * 1024;
/// Requests under way at a stop have this long; the contract allows 10 s in all.
const GRACE: Duration = Duration::from_secs(9);

/// A service that runs.
pub struct Running {
    /// Where it listens.
    pub address: SocketAddr,
    /// How browsers reach it.
    pub public_url: String,
    stop: watch::Sender<bool>,
    tasks: Vec<JoinHandle<()>>,
}

impl Running {
    /// Takes no new requests, finishes those under way, and returns when all is quiet.
    pub async fn stop(self) {
        tracing::info!("Stopping");
        let _ = self.stop.send(true);
        for task in self.tasks {
            let _ = task.await;
        }
        tracing::info!("Stopped");
    }
}

/// Starts the service that `settings` describe.
pub async fn start(settings: &Settings, ambient: &Ambient) -> Result<Running, StartError> {
    let listener = listen("SEKALI_LISTEN", settings.listen).await?;
    let address =
        listener.local_addr().map_err(|error| cannot_listen("SEKALI_LISTEN", settings.listen, error))?;
    let metrics = match settings.metrics_listen {
        Some(address) => Some(listen("SEKALI_METRICS_LISTEN", address).await?),
        None => None,
    };
    crate::telemetry::metrics::recorder();
    let Wired { app, simulator } = wire(settings, ambient, address).await?;
    let (stop, stopped) = watch::channel(false);
    let app = Arc::new(app);
    let public_url = app.public_url.clone();
    let connections = Arc::new(Semaphore::new(settings.max_connections as usize));

    let mut tasks =
        vec![tokio::spawn(accept(listener, http::router(app.clone()), connections, stopped.clone()))];
    tasks.extend(workers(&app, &stopped));
    if let Some(listener) = metrics {
        let few = Arc::new(Semaphore::new(16));
        tasks.push(tokio::spawn(accept(listener, http::metrics_router(), few, stopped.clone())));
    }
    if let Some(simulator) = simulator {
        tasks.push(tokio::spawn(simulator.run_webhooks(stopped)));
    }
    tracing::info!(address = %address, public_url, "Listening");
    Ok(Running { address, public_url, stop, tasks })
}

/// What the service does by itself.
fn workers(app: &Arc<http::App>, stopped: &watch::Receiver<bool>) -> [JoinHandle<()>; 3] {
    let handed = || (app.clone(), stopped.clone());
    let (inbox, keys, metrics) = (handed(), handed(), handed());
    let clock = || app.clock.clone();
    [
        tokio::spawn(supervised("inbox", clock(), move || worker::inbox(inbox.0.clone(), inbox.1.clone()))),
        tokio::spawn(supervised("keys", clock(), move || {
            worker::forget_keys(keys.0.clone(), keys.1.clone())
        })),
        tokio::spawn(supervised("metrics", clock(), move || {
            worker::tidy_metrics(metrics.0.clone(), metrics.1.clone())
        })),
    ]
}

async fn listen(setting: &'static str, address: SocketAddr) -> Result<TcpListener, StartError> {
    TcpListener::bind(address).await.map_err(|error| cannot_listen(setting, address, error))
}

fn cannot_listen(setting: &'static str, address: SocketAddr, error: std::io::Error) -> StartError {
    StartError::Listen { setting, address, error }
}

/// Takes connections until told to stop, then waits for those that are being served.
async fn accept(
    listener: TcpListener,
    router: Router,
    bound: Arc<Semaphore>,
    mut stopped: watch::Receiver<bool>,
) {
    let graceful = GracefulShutdown::new();
    loop {
        // A connection beyond the bound waits in the kernel's queue: nobody is cut off.
        let Ok(permit) = bound.clone().acquire_owned().await else { break };
        let accepted = tokio::select! {
            accepted = listener.accept() => accepted,
            _ = stopped.wait_for(|stop| *stop) => break,
        };
        match accepted {
            Ok((stream, _)) => {
                let connection = graceful.watch(connection(stream, router.clone()));
                tokio::spawn(async move {
                    // A client that breaks off, or speaks no HTTP, is no event of ours.
                    let _ = connection.await;
                    drop(permit);
                });
            }
            // Out of file descriptors: those in use will be given back.
            Err(error) => {
                tracing::warn!(%error, "A connection could not be taken");
                tokio::time::sleep(Duration::from_millis(50)).await;
            }
        }
    }
    drop(listener);
    if tokio::time::timeout(GRACE, graceful.shutdown()).await.is_err() {
        tracing::warn!("Some requests were not finished in time");
    }
}

fn connection(
    stream: TcpStream,
    router: Router,
) -> Connection<TokioIo<TcpStream>, TowerToHyperService<Router>> {
    // Answers are small: waiting for more to send would only delay them.
    let _ = stream.set_nodelay(true);
    http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(HEADER_TIMEOUT)
        .max_buf_size(HEAD_BUFFER)
        .serve_connection(TokioIo::new(stream), TowerToHyperService::new(router))
}
