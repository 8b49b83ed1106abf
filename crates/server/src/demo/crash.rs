//! The server is killed under a request, and asked again when it is back. The server that dies is one of the
//! demo's own: the one that shows the page goes on.

use super::own_server::OwnServer;
use super::race::{self, Press};
use super::runs::Ended;
use super::{Demo, Folder, Told};
use sekali_core::ports::{Clock, Random};
use std::time::Duration;

/// It dies at some moment of this time after the press was sent: before its commit, in it, or after it.
const DIES_WITHIN: Duration = Duration::from_millis(6);

pub(super) async fn run(demo: &Demo, run: &str, clock: &dyn Clock, random: &dyn Random) -> Told<Ended> {
    let folder = Folder::named(&format!("crash-{run}"))?;
    let database = format!("sqlite://{}", folder.path().join("sekali.db").display());
    let settings = [("DATABASE_URL", database.as_str())];
    let secret = demo.tokens.secret.expose();
    let mut first = OwnServer::start(secret, &settings).await?;
    let visitor = race::visitor(&first.client).await?;

    let lost = Press::unanswered(run, 1, "A", demo.trace.at());
    let key = race::key(run, "A");
    let connection = first.client.press_only(&visitor.token, visitor.consultation, &key, &lost.id).await?;
    clock.sleep(random.jitter(DIES_WITHIN)).await;
    first.kill();
    drop(connection);
    let died = demo.trace.at();

    let second = OwnServer::start(secret, &settings).await?;
    let again = race::press(&second.client, &demo.trace, run, 2, "A", &visitor).await?;
    let presses = vec![lost, again];
    let mut ended = Ended::of(&[&second.client], clock, run, visitor.consultation, presses).await?;
    ended.died = Some(died);
    Ok(ended)
}
