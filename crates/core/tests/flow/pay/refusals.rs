//! Who gets no payment, and that nothing is left behind.

use crate::support::script::Fault;
use crate::support::{CONSULTATION, PATIENT, Stage, created, money, press};
use sekali_core::domain::{ConsultationId, Role, User, UserId};
use sekali_core::flow::pay::{PayError, PayRequest};
use sekali_core::ports::{CreateOutcome, StoreError};

const REFUSED: [&str; 4] = ["lookup", "try_acquire", "create", "release"];

#[tokio::test]
async fn there_has_to_be_a_consultation() {
    let stage = Stage::set().await;
    let request = PayRequest { consultation: ConsultationId(404), ..press("k") };
    assert_eq!(stage.pay().pay(&request).await, Err(PayError::NoConsultation));
    assert_eq!(stage.journal.names(), REFUSED);
}

#[tokio::test]
async fn it_has_to_be_the_patients_own() {
    let stage = Stage::set().await;
    let others = ConsultationId(6);
    stage.consult(others, UserId(2), money("5000", "PHP"), None).await;
    let request = PayRequest { consultation: others, ..press("k") };
    assert_eq!(stage.pay().pay(&request).await, Err(PayError::Forbidden));
    assert_eq!(stage.journal.names(), REFUSED);
}

#[tokio::test]
async fn it_has_to_have_a_price() {
    let stage = Stage::set().await;
    stage.store.creates.push(Fault::Answers(vec![CreateOutcome::Unpriced("5000.001 PHP".into())]));
    let answer = stage.pay().pay(&press("k")).await;
    assert_eq!(answer, Err(PayError::Unpriced("5000.001 PHP".into())));
    assert_eq!(stage.journal.names(), REFUSED);
}

#[tokio::test]
async fn a_payment_of_somebody_else_is_not_shown() {
    let stage = Stage::set().await;
    let mut receipt = stage.paying("k").await;
    receipt.payment.user = UserId(2);
    stage.store.creates.push(Fault::Answers(vec![CreateOutcome::Active(receipt)]));
    assert_eq!(stage.pay().pay(&press("another")).await, Err(PayError::PaidByAnother));
    assert_eq!(stage.journal.names(), REFUSED);
}

#[tokio::test]
async fn a_role_that_is_no_patients_pays_for_nobody() {
    for role in [Role::Service, Role::Admin, Role::Other] {
        let stage = Stage::set().await;
        // Even one whose number is the patient's.
        let user = User { id: PATIENT, role };
        let own = PayRequest { user, ..press("k") };
        assert_eq!(stage.pay().pay(&own).await, Err(PayError::Forbidden), "{role:?}");
        let none = PayRequest { user, consultation: ConsultationId(404), ..press("k") };
        assert_eq!(stage.pay().pay(&none).await, Err(PayError::NoConsultation), "{role:?}");
        assert_eq!(stage.journal.names(), ["consultation", "consultation"], "no lock, no write");
    }
}

#[tokio::test]
async fn what_was_refused_does_not_occupy_the_key() {
    let stage = Stage::set().await;
    let elsewhere = PayRequest { consultation: ConsultationId(404), ..press("k") };
    stage.pay().pay(&elsewhere).await.unwrap_err();
    stage.store.creates.push(Fault::Fails(StoreError::Unavailable("no route".into())));
    stage.pay().pay(&press("k")).await.unwrap_err();

    assert!(stage.journal.remembered().is_empty());
    let receipt = created(stage.pay().pay(&press("k")).await);
    assert_eq!(receipt.payment.consultation, CONSULTATION);
}
