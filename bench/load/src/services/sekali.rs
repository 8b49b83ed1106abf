//! Sekali, as it is released, and the simulator of Stripe behind it.

use super::{SECRET, listens};
use crate::place::free_port;
use crate::process::Process;
use crate::trouble::{Outcome, fail};
use crate::wire::get;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::Command;

/// Requests a minute for each user: the most that the setting takes. The limit is on and nobody reaches it.
const RATE_LIMIT: &str = "1000000";

/// The simulator of Stripe. No press of BAYAR speaks to Stripe, but a service is not started without.
pub(crate) struct Stripe {
    _process: Process,
    base: String,
}

impl Stripe {
    /// Starts it.
    pub(crate) async fn start(folder: &Path) -> Outcome<Self> {
        let address = SocketAddr::from(([127, 0, 0, 1], free_port()?));
        let mut command = sekali()?;
        command.args(["stripe-simulator", "--listen", &address.to_string()]);
        command.arg("--storage").arg(format!("sqlite://{}", folder.join("stripe.db").display()));
        let mut process =
            Process::start("the simulator of Stripe", &mut command, &folder.join("stripe.log"))?;
        process.wait_until(async || listens(address).await).await?;
        Ok(Self { _process: process, base: format!("http://{address}") })
    }
}

/// A server that runs.
pub(crate) struct Sekali {
    process: Process,
    /// Where it takes payments.
    pub(crate) address: SocketAddr,
    /// Where its metrics are.
    pub(crate) metrics: SocketAddr,
}

impl Sekali {
    /// Starts one on a database and, where there is one, a Redis.
    pub(crate) async fn start(
        name: &str,
        database: &str,
        redis: Option<&str>,
        stripe: &Stripe,
        folder: &Path,
    ) -> Outcome<Self> {
        let address = SocketAddr::from(([127, 0, 0, 1], free_port()?));
        let metrics = SocketAddr::from(([127, 0, 0, 1], free_port()?));
        let mut command = sekali()?;
        command.arg("serve").envs([
            ("SEKALI_LISTEN", address.to_string().as_str()),
            ("SEKALI_METRICS_LISTEN", &metrics.to_string()),
            ("SEKALI_PUBLIC_URL", &format!("http://{address}")),
            ("SEKALI_AUTO_MIGRATE", "1"),
            ("SEKALI_JWT_SECRET", SECRET),
            ("SEKALI_RATE_LIMIT", RATE_LIMIT),
            ("SEKALI_LOG", "info"),
            ("SEKALI_MAX_CONNECTIONS", "20000"),
            ("STRIPE_API_BASE", &stripe.base),
            ("STRIPE_SECRET_KEY", "sk_test_bench"),
            ("STRIPE_WEBHOOK_SECRET", "whsec_bench"),
            ("DATABASE_URL", database),
        ]);
        command.envs(redis.map(|url| ("REDIS_URL", url)));
        let mut process = Process::start(name, &mut command, &folder.join(format!("{name}.log")))?;
        // It listens before its tables are made.
        process
            .wait_until(async || get(metrics, "/readyz").await.is_ok_and(|(status, _)| status == 200))
            .await?;
        Ok(Self { process, address, metrics })
    }

    /// Its process id.
    pub(crate) fn id(&self) -> u32 {
        self.process.id()
    }
}

/// The release binary, without settings that happen to be in the environment.
fn sekali() -> Outcome<Command> {
    let given = std::env::var_os("SEKALI_BIN").map(PathBuf::from);
    let program = given.unwrap_or_else(|| Path::new("target/release/sekali").to_owned());
    if !program.exists() {
        return fail(format!("{} is missing: ./dev build makes it", program.display()));
    }
    let mut command = Command::new(std::path::absolute(program)?);
    for (name, _) in std::env::vars_os() {
        let text = name.to_string_lossy();
        let setting = text.starts_with("SEKALI_") || text.starts_with("STRIPE_") || text.ends_with("_URL");
        // By its mark ./dev finds what a run has left behind.
        if setting && text != "SEKALI_DEV_RUN" {
            command.env_remove(&name);
        }
    }
    Ok(command)
}
