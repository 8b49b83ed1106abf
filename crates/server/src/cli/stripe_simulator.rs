//! `sekali stripe-simulator`: the simulator on its own, for tests of any project that takes payments with
//! Stripe.

use super::serve::log_to;
use super::stop::Stop;
use super::{block_on, complain};
use crate::settings::{
    DatabaseUrl, Group, LogSettings, Surroundings, Values, WebAddress, add_flags, flags_given,
};
use crate::system::SystemClock as CoreClock;
use clap::{Arg, ArgAction, ArgMatches, Command};
use sekali_stripe_simulator::{Random, Simulator, Storage, SystemClock, SystemRandom, Webhooks};
use std::net::SocketAddr;
use std::os::unix::fs::DirBuilderExt;
use std::path::PathBuf;
use std::process::ExitCode;
use std::sync::{Arc, Mutex};
use std::time::Duration;
use tokio::net::TcpListener;
use tokio::sync::watch;
use tokio::task::JoinHandle;

/// What is under way at a stop has this long.
const GRACE: Duration = Duration::from_secs(8);

const EXAMPLE: &str = "\
Example:
  sekali stripe-simulator --listen 127.0.0.1:8421 --webhook-url http://127.0.0.1:3000/webhooks --webhook-secret whsec_test

Any secret key sk_test_… is good. In Node.js:
  new Stripe('sk_test_123', { host: '127.0.0.1', port: 8421, protocol: 'http', apiVersion: '2023-08-16' })
In Python:
  stripe.StripeClient('sk_test_123', base_addresses={'api': 'http://127.0.0.1:8421'})

A session is paid on its page (`url`) or without one:
  curl -H 'Content-Type: application/json' -d '{\"card\": \"4242424242424242\"}' \\
    http://127.0.0.1:8421/simulator/sessions/cs_test_…/pay";

/// The command with its flags.
pub fn command() -> Command {
    let flag = |name: &'static str, value: &'static str, help: &'static str| {
        Arg::new(name).long(name).value_name(value).help(help)
    };
    let command = Command::new("stripe-simulator")
        .about("Run the Stripe simulator on its own, for tests; it takes no real money")
        .after_help(EXAMPLE)
        .arg(
            flag("listen", "ADDRESS", "Loopback address to listen on; port 0 takes a free one")
                .default_value("127.0.0.1:8421"),
        )
        .arg(
            flag("webhook-url", "URL", "Where events are sent; may be given several times, or not at all")
                .action(ArgAction::Append),
        )
        .arg(flag("webhook-secret", "SECRET", "What webhooks are signed with, as whsec_…"))
        .arg(flag(
            "storage",
            "DATABASE",
            "sqlite://FILE or postgres://…, to find everything again; without it, a temporary file",
        ))
        .arg(flag("public-url", "URL", "How browsers reach it, if not at the address it listens on"));
    add_flags(command, &[Group::Log])
}

/// Serves until SIGTERM or SIGINT.
pub fn run(matches: &ArgMatches, surroundings: Surroundings<'_>) -> ExitCode {
    let log = match Values::gather(&flags_given(matches), surroundings).and_then(|values| values.log()) {
        Ok(log) => log,
        Err(error) => return complain(&error),
    };
    match Options::read(matches) {
        Ok(options) => run_with(&options, &log),
        Err(error) => complain(&error),
    }
}

fn run_with(options: &Options, log: &LogSettings) -> ExitCode {
    log_to(log, Arc::new(CoreClock::new()), Arc::new(Mutex::new(std::io::stdout())));
    let outcome = block_on(async {
        let mut stop = Stop::listen();
        let running = Running::start(options).await?;
        stop.told().await;
        running.stop().await;
        Ok::<(), String>(())
    });
    match outcome {
        Ok(Ok(())) => ExitCode::SUCCESS,
        Ok(Err(error)) => complain(&error),
        Err(error) => complain(&format_args!("the runtime cannot be started: {error}")),
    }
}

/// What the command line asks for. It has no `Debug`: it holds a secret, and may hold a password.
struct Options {
    listen: SocketAddr,
    public_url: Option<WebAddress>,
    webhooks: Webhooks,
    /// None: a temporary file.
    storage: Option<Storage>,
}

impl Options {
    /// Reads the command line; the error is one sentence that names the flag.
    fn read(matches: &ArgMatches) -> Result<Self, String> {
        let text = |name: &str| matches.get_one::<String>(name).map(String::as_str);
        let urls: Vec<String> =
            matches.get_many::<String>("webhook-url").into_iter().flatten().cloned().collect();
        for url in &urls {
            WebAddress::parse(url).map_err(|what| wrong("webhook-url", url, &what))?;
        }
        let secret = text("webhook-secret").unwrap_or_default().to_owned();
        if secret.is_empty() && !urls.is_empty() {
            return Err("--webhook-secret is missing: webhooks for --webhook-url are signed with it".into());
        }
        Ok(Self {
            listen: read_listen(text("listen").unwrap_or_default())?,
            public_url: text("public-url").map(read_public_url).transpose()?,
            webhooks: Webhooks { urls, secret },
            storage: text("storage").map(read_storage).transpose()?,
        })
    }
}

fn wrong(flag: &str, text: &str, what: &str) -> String {
    format!("--{flag} is {text}: {what}")
}

fn read_listen(text: &str) -> Result<SocketAddr, String> {
    let address: SocketAddr =
        text.parse().map_err(|_| wrong("listen", text, "not an address with a port, as 127.0.0.1:8421"))?;
    if !address.ip().is_loopback() {
        let what =
            "the simulator takes any key, and so listens on loopback addresses only (127.0.0.1, [::1])";
        return Err(wrong("listen", text, what));
    }
    Ok(address)
}

fn read_public_url(text: &str) -> Result<WebAddress, String> {
    let address = WebAddress::parse(text).map_err(|what| wrong("public-url", text, &what))?;
    if !address.is_loopback() {
        let what = "the simulator takes any key, and so is reached at loopback addresses only";
        return Err(wrong("public-url", text, what));
    }
    Ok(address)
}

/// The text is not shown in an error: it may hold a password.
fn read_storage(text: &str) -> Result<Storage, String> {
    match DatabaseUrl::parse(text).map_err(|what| format!("--storage is {what}"))? {
        DatabaseUrl::Sqlite(path) => Ok(Storage::Sqlite { path }),
        DatabaseUrl::Postgres(url) => Ok(Storage::Postgres { url: url.expose().to_owned() }),
    }
}

/// A folder that goes away with the simulator.
struct Folder(PathBuf);

impl Folder {
    fn make() -> Result<Self, String> {
        let mut random = [0_u8; 8];
        SystemRandom.fill(&mut random);
        let name = format!("sekali-stripe-simulator-{:016x}", u64::from_le_bytes(random));
        let path = std::env::temp_dir().join(name);
        let made = std::fs::DirBuilder::new().mode(0o700).create(&path);
        made.map_err(|error| format!("{} cannot be made: {error}", path.display()))?;
        Ok(Self(path))
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        // What cannot be removed is the system's to tidy up, as all temporary files.
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

/// Where the state is kept, and the folder of it that goes away in the end.
fn place(options: &Options) -> Result<(Storage, Option<Folder>), String> {
    if let Some(storage) = &options.storage {
        return Ok((storage.clone(), None));
    }
    let folder = Folder::make()?;
    Ok((Storage::Sqlite { path: folder.0.join("simulator.db") }, Some(folder)))
}

/// A simulator that runs.
struct Running {
    address: SocketAddr,
    stop: watch::Sender<bool>,
    tasks: Vec<JoinHandle<()>>,
    /// Where its state is, if nobody wants it back.
    folder: Option<Folder>,
}

impl Running {
    async fn start(options: &Options) -> Result<Self, String> {
        let cannot = |error: std::io::Error| wrong("listen", &options.listen.to_string(), &error.to_string());
        let listener = TcpListener::bind(options.listen).await.map_err(cannot)?;
        let address = listener.local_addr().map_err(cannot)?;
        let own_address = format!("http://{address}");
        let public_url = options.public_url.as_ref().map_or(own_address.as_str(), WebAddress::as_str);
        let (storage, folder) = place(options)?;
        let simulator = sekali_stripe_simulator::open_with(
            public_url.to_owned(),
            options.webhooks.clone(),
            &storage,
            Arc::new(SystemClock),
            Arc::new(SystemRandom),
        );
        let simulator = simulator.await.map_err(|error| error.to_string())?;
        let stop = watch::Sender::new(false);
        let tasks = vec![
            tokio::spawn(simulator.clone().run_webhooks(stop.subscribe())),
            tokio::spawn(answer(listener, simulator, stop.subscribe())),
        ];
        tracing::info!(address = %address, public_url, "Listening");
        Ok(Self { address, stop, tasks, folder })
    }

    /// Takes no new requests, finishes those under way, and returns when all is quiet.
    async fn stop(self) {
        tracing::info!(address = %self.address, "Stopping");
        let _ = self.stop.send(true);
        let all = async {
            for task in self.tasks {
                let _ = task.await;
            }
        };
        if tokio::time::timeout(GRACE, all).await.is_err() {
            tracing::warn!("Some requests were not finished in time");
        }
        drop(self.folder);
        tracing::info!("Stopped");
    }
}

async fn answer(listener: TcpListener, simulator: Simulator, mut stopped: watch::Receiver<bool>) {
    let told = async move {
        let _ = stopped.wait_for(|stop| *stop).await;
    };
    if let Err(error) = sekali_stripe_simulator::serve(listener, simulator, told).await {
        tracing::error!(%error, "The simulator no longer answers");
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(arguments: &[&str]) -> Result<Options, String> {
        let command_line = ["stripe-simulator"].iter().chain(arguments);
        Options::read(&command().try_get_matches_from(command_line).map_err(|error| error.to_string())?)
    }

    fn refusal(arguments: &[&str]) -> String {
        read(arguments).err().expect("it was accepted")
    }

    #[test]
    fn what_is_wrong_is_said_in_one_sentence() {
        for (arguments, words) in [
            (&["--listen", "0.0.0.0:1"][..], "--listen is 0.0.0.0:1: the simulator takes any key"),
            (&["--listen", "localhost"], "--listen is localhost: not an address"),
            (&["--public-url", "https://pay.example.org"], "loopback addresses only"),
            (&["--public-url", "here"], "--public-url is here: not an address"),
            (&["--webhook-url", "hook", "--webhook-secret", "s"], "--webhook-url is hook: not an address"),
            (&["--webhook-url", "http://127.0.0.1/hook"], "--webhook-secret is missing"),
            (&["--storage", "mysql://secret@db"], "--storage is neither"),
        ] {
            let sentence = refusal(arguments);
            assert!(sentence.contains(words), "{sentence}");
            assert!(!sentence.contains('\n') && !sentence.contains("secret@"), "{sentence}");
        }
    }

    #[test]
    fn several_receivers_or_none() {
        let options = read(&[]).ok().unwrap();
        assert!(options.webhooks.urls.is_empty() && options.storage.is_none());
        assert_eq!(options.listen.to_string(), "127.0.0.1:8421");
        let urls = ["http://127.0.0.1:1/a", "https://shop.example/b"];
        let both = ["--webhook-url", urls[0], "--webhook-url", urls[1], "--webhook-secret", "whsec_1"];
        assert_eq!(read(&both).ok().unwrap().webhooks.urls, urls);
    }

    async fn request(address: SocketAddr, path: &str) -> reqwest::Result<String> {
        let client = reqwest::Client::builder().no_proxy().build()?;
        let request = client.get(format!("http://{address}{path}")).basic_auth("sk_test_1", Some(""));
        request.send().await?.text().await
    }

    #[tokio::test]
    async fn it_answers_until_it_is_stopped_and_leaves_nothing_behind() {
        let running = Running::start(&read(&["--listen", "127.0.0.1:0"]).ok().unwrap()).await.unwrap();
        let (address, folder) = (running.address, running.folder.as_ref().unwrap().0.clone());
        assert!(request(address, "/v1/charges").await.unwrap().contains("\"data\":[]"));
        assert!(request(address, "/simulator/clock").await.unwrap().contains("\"ahead\":0"));
        running.stop().await;
        assert!(request(address, "/v1/charges").await.is_err());
        assert!(!folder.exists());
    }

    #[tokio::test]
    async fn an_address_in_use_is_named() {
        let taken = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = taken.local_addr().unwrap().to_string();
        let error = Running::start(&read(&["--listen", &address]).ok().unwrap()).await.err().unwrap();
        assert!(error.starts_with(&format!("--listen is {address}: ")), "{error}");
    }
}
