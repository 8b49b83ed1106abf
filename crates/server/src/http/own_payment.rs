//! Which payment an address names, for who may see it.

use super::App;
use super::guard::Admitted;
use super::problem::{Kind, Problem};
use crate::telemetry;
use sekali_core::domain::{Actor, Origin, PaymentId, Receipt, Role, User};

/// The payment, for its payer and for the roles `service` and `admin`. To others it does not exist.
pub(super) async fn own_payment(app: &App, admitted: &Admitted, id: &str) -> Result<Receipt, Problem> {
    let not_found = || Problem::new(Kind::PaymentNotFound);
    let id = PaymentId(id.parse().map_err(|_| not_found())?);
    let receipt = app.store.payment(id).await?.ok_or_else(not_found)?;
    let user = admitted.user;
    let pays = user.role == Role::Patient && receipt.payment.user == user.id;
    if user.reads_all() || pays { Ok(receipt) } else { Err(not_found()) }
}

/// What the record says of who asked.
pub(super) fn origin(user: User) -> Origin {
    let by = match user.role {
        Role::Admin => Actor::Admin,
        Role::Service => Actor::Service,
        Role::Patient | Role::Other => Actor::Patient,
    };
    Origin::request(by, user.id, telemetry::request_id())
}
