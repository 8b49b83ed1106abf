//! A service one of whose links goes through a proxy, with everybody else around it.

use crate::http::Connection;
use crate::mailbox::Mailbox;
use crate::press::Press;
use crate::program;
use crate::proxy::{Proxy, host_of};
use crate::server::Server;
use crate::site::Combination;
use crate::stage::{SOON, Stage, Webhooks};
use crate::wait::until;

/// What the service stands on, each over a connection of its own.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Link {
    /// The database.
    Postgres,
    /// Cache, lock and status board.
    Redis,
    /// The gateway.
    Stripe,
}

impl Link {
    /// The setting that names the other end.
    fn setting(self) -> &'static str {
        match self {
            Self::Postgres => "DATABASE_URL",
            Self::Redis => "REDIS_URL",
            Self::Stripe => "STRIPE_API_BASE",
        }
    }

    /// The other end's address.
    fn url(self, stage: &Stage) -> String {
        match self {
            Self::Postgres => stage.database.url(),
            Self::Redis => stage.redis_url().expect("a stage with a Redis").to_owned(),
            Self::Stripe => stage.stripe.base(),
        }
    }
}

/// The service, and the link that is in the test's hands.
pub struct Linked {
    /// Everybody else.
    pub stage: Stage,
    /// The way to the other end.
    pub proxy: Proxy,
    /// Where webhooks come, to be handed on.
    pub mailbox: Mailbox,
    link: Link,
}

impl Linked {
    /// Sets it up on PostgreSQL and Redis, with consultations 1 to `last`.
    pub async fn set(link: Link, last: i64, tuning: &[(&str, &str)]) -> Self {
        let mailbox = Mailbox::open().await;
        let webhooks = Webhooks::To(&mailbox.url);
        let mut stage = Stage::empty(Combination::PostgresRedis, webhooks, tuning).await;
        let url = link.url(&stage);
        let proxy = Proxy::open(host_of(&url)).await;
        let through = proxy.in_place_of(&url);
        stage.serve_with(program::serve(), &[(link.setting(), &through)]).await;
        stage.database.seed(last, |id| id).await;
        Self { stage, proxy, mailbox, link }
    }

    /// The server.
    pub fn server(&self) -> &Server {
        &self.stage.servers[0]
    }

    /// Has the connections made anew, by way of whatever fault is set.
    pub async fn begin_anew(&self, connection: &mut Connection) {
        self.proxy.sever();
        if self.link == Link::Redis {
            // The next call notices it.
            let press = Press::own(1, "looks");
            connection.call(&press.request()).await.expect("an answer");
            self.redis_is_back().await;
        }
    }

    /// Waits until the server uses its Redis.
    pub async fn redis_is_back(&self) {
        until("Redis is used", SOON, async || {
            (self.server().metric("sekali_redis_up").await == 1).then_some(())
        })
        .await;
    }
}
