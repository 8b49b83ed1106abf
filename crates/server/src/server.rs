//! Listens, serves, and stops in good order.

use crate::http;
use crate::settings::Settings;
use crate::start_error::StartError;
use crate::wiring::{Ambient, Between, Wired, wire};
use crate::worker::{self, supervised};
use axum::Router;
use hyper::server::conn::http1::{self, Connection};
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::server::graceful::GracefulShutdown;
use hyper_util::service::TowerToHyperService;
use std::net::SocketAddr;
use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{Semaphore, watch};
use tokio::task::JoinHandle;
use tokio_io_timeout::TimeoutStream;

/// A client has this long for its request's head, and as long between two requests.
const HEADER_TIMEOUT: Duration = Duration::from_secs(15);
/// Events are mostly waiting for Stripe: several at a time, so that a slow one holds up no other.
const INBOX_WORKERS: usize = 4;
/// A client that takes nothing of its answer for this long is cut off.
const WRITE_TIMEOUT: Duration = Duration::from_secs(15);
/// More than any honest head; hyper answers 431 somewhat beyond it.
const HEAD_BUFFER: usize = 32 * 1024;
/// What is under way at a stop has this long; the contract allows 10 s in all.
const GRACE: Duration = Duration::from_secs(8);

/// A service that runs.
pub struct Running {
    /// Where it listens.
    pub address: SocketAddr,
    /// How browsers reach it.
    pub public_url: String,
    app: Arc<http::App>,
    stop: watch::Sender<bool>,
    tasks: Vec<JoinHandle<()>>,
}

impl Running {
    /// Takes no new requests, finishes those under way, and returns when all is quiet.
    pub async fn stop(self) {
        tracing::info!("Stopping");
        let _ = self.stop.send(true);
        self.app.live.stop();
        let all = async {
            for task in self.tasks {
                let _ = task.await;
            }
            // Of the requests that were finished last.
            if let Err(error) = self.app.pay.duplicates.record_last(&*self.app.store, &*self.app.clock).await
            {
                tracing::warn!(%error, "Some duplicates are not in the record");
            }
        };
        if tokio::time::timeout(GRACE, all).await.is_err() {
            tracing::warn!("Some work was not finished in time; it is taken up again at the next start");
        }
        tracing::info!("Stopped");
    }
}

/// Starts the service that `settings` describe.
pub async fn start(settings: &Settings, ambient: &Ambient) -> Result<Running, StartError> {
    start_between(settings, ambient, &|ports| ports).await
}

/// Starts it with something between its adapters and its flows.
pub async fn start_between(
    settings: &Settings,
    ambient: &Ambient,
    between: Between<'_>,
) -> Result<Running, StartError> {
    let listener = listen("SEKALI_LISTEN", settings.listen).await?;
    let address =
        listener.local_addr().map_err(|error| cannot_listen("SEKALI_LISTEN", settings.listen, error))?;
    let metrics = match settings.metrics_listen {
        Some(address) => Some(listen("SEKALI_METRICS_LISTEN", address).await?),
        None => None,
    };
    crate::telemetry::metrics::recorder();
    let Wired { app, simulator } = wire(settings, ambient, address, between).await?;
    let (stop, stopped) = watch::channel(false);
    let app = Arc::new(app);
    let public_url = app.public_url.clone();
    let connections = Arc::new(Semaphore::new(settings.max_connections as usize));

    let mut tasks =
        vec![tokio::spawn(accept(listener, http::router(app.clone()), connections, stopped.clone()))];
    tasks.extend(workers(&app, &stopped));
    if let Some(listener) = metrics {
        let few = Arc::new(Semaphore::new(16));
        // Probes are answered here as well, where no patient's connection can crowd them out.
        tasks.push(tokio::spawn(accept(listener, http::machines_router(app.clone()), few, stopped.clone())));
    }
    if let Some(simulator) = simulator {
        tasks.push(tokio::spawn(simulator.run_webhooks(stopped)));
    }
    tracing::info!(address = %address, public_url, "Listening");
    Ok(Running { address, public_url, app, stop, tasks })
}

/// What the service does by itself.
fn workers(app: &Arc<http::App>, stopped: &watch::Receiver<bool>) -> Vec<JoinHandle<()>> {
    let handed = || (app.clone(), stopped.clone());
    let (keys, metrics, reconcile, duplicates) = (handed(), handed(), handed(), handed());
    let clock = || app.clock.clone();
    let mut workers = vec![
        tokio::spawn(supervised("keys", clock(), move || {
            worker::forget_keys(keys.0.clone(), keys.1.clone())
        })),
        tokio::spawn(supervised("metrics", clock(), move || {
            worker::tidy_metrics(metrics.0.clone(), metrics.1.clone())
        })),
        tokio::spawn(supervised("reconciler", clock(), move || {
            worker::reconcile(reconcile.0.clone(), reconcile.1.clone())
        })),
        tokio::spawn(supervised("duplicates", clock(), move || {
            worker::record_duplicates(duplicates.0.clone(), duplicates.1.clone())
        })),
    ];
    if let Some(outbox) = app.outbox.clone() {
        let (app, stopped) = handed();
        workers.push(tokio::spawn(supervised("outbox", clock(), move || {
            worker::outbox(app.clone(), outbox.clone(), stopped.clone())
        })));
    }
    workers.extend((0..INBOX_WORKERS).map(|_| {
        let (app, stopped) = handed();
        tokio::spawn(supervised("inbox", clock(), move || worker::inbox(app.clone(), stopped.clone())))
    }));
    workers
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
        let next = async { (bound.clone().acquire_owned().await, listener.accept().await) };
        let (permit, accepted) = tokio::select! {
            next = next => next,
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
    graceful.shutdown().await;
}

type Stream = Pin<Box<TimeoutStream<TcpStream>>>;

fn connection(stream: TcpStream, router: Router) -> Connection<TokioIo<Stream>, TowerToHyperService<Router>> {
    // Answers are small: waiting for more to send would only delay them.
    let _ = stream.set_nodelay(true);
    // A client that reads nothing of its answer must not hold its connection for ever.
    let mut stream = TimeoutStream::new(stream);
    stream.set_write_timeout(Some(WRITE_TIMEOUT));
    http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(HEADER_TIMEOUT)
        .max_buf_size(HEAD_BUFFER)
        .serve_connection(TokioIo::new(Box::pin(stream)), TowerToHyperService::new(router))
}
