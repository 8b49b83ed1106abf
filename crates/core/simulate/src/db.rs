//! The database's tables, with the rules that PostgreSQL keeps in ours: each write is whole or not at all.

mod apply;
mod create;
mod inbox;
mod lists;
mod outbox;
mod watch;

pub(crate) use create::Look;
pub(crate) use inbox::Event;
pub(crate) use outbox::OutboxRow;

use crate::plan::Guards;
use sekali_core::domain::{
    CheckoutSession, ConsultationId, Fingerprint, IdempotencyKey, PaymentFile, PaymentId, RecordedEvent,
    Refund, RefundOrigin, SessionState, Status, Terms, Timestamp, UserId,
};
use sekali_core::ports::{Case, CaseKind};
use std::collections::{BTreeMap, BTreeSet};
use std::task::Waker;
use uuid::Uuid;

/// A payment with all that hangs on it.
#[derive(Clone, Debug)]
pub(crate) struct Row {
    pub(crate) file: PaymentFile,
    pub(crate) invoices: u32,
    pub(crate) record: Vec<RecordedEvent>,
    pub(crate) outbox: Option<OutboxRow>,
    /// The ordinals of its sessions, in their order.
    pub(crate) ordinals: Vec<i64>,
}

#[derive(Clone, Debug)]
pub(crate) struct Consulted {
    pub(crate) patient: UserId,
    pub(crate) terms: Terms,
}

#[derive(Clone, Debug)]
pub(crate) struct KeyRow {
    pub(crate) fingerprint: Fingerprint,
    pub(crate) payment: PaymentId,
    pub(crate) created_at: Timestamp,
}

/// Who holds a consultation's row, and who waits for it.
#[derive(Default)]
pub(crate) struct RowLocks {
    pub(crate) held: BTreeSet<ConsultationId>,
    pub(crate) waiting: Vec<(ConsultationId, Waker)>,
}

pub(crate) struct Db {
    pub(crate) guards: Guards,
    pub(crate) migrated: bool,
    pub(crate) installation: Uuid,
    pub(crate) consultations: BTreeMap<ConsultationId, Consulted>,
    pub(crate) rows: Vec<Row>,
    pub(crate) keys: BTreeMap<(UserId, IdempotencyKey), KeyRow>,
    pub(crate) events: BTreeMap<String, Event>,
    pub(crate) leases: BTreeMap<String, (Uuid, Timestamp)>,
    pub(crate) cases: Vec<Case>,
    pub(crate) locks: RowLocks,
    pub(crate) next_payment: i64,
    pub(crate) next_invoice: i64,
    pub(crate) next_session: i64,
    pub(crate) statements: u64,
    /// What broke at a commit: the world takes it from here.
    pub(crate) broken: Vec<(&'static str, String)>,
}

impl Db {
    pub(crate) fn new(guards: &Guards) -> Self {
        Self {
            guards: guards.clone(),
            migrated: false,
            installation: Uuid::from_u128(0x005e_ca11),
            consultations: BTreeMap::new(),
            rows: Vec::new(),
            keys: BTreeMap::new(),
            events: BTreeMap::new(),
            leases: BTreeMap::new(),
            cases: Vec::new(),
            locks: RowLocks::default(),
            next_payment: 1,
            next_invoice: 1,
            next_session: 1,
            statements: 0,
            broken: Vec::new(),
        }
    }

    pub(crate) fn row(&self, id: PaymentId) -> Option<&Row> {
        self.rows.iter().find(|row| row.file.payment.id == id)
    }

    pub(crate) fn row_mut(&mut self, id: PaymentId) -> Option<&mut Row> {
        self.rows.iter_mut().find(|row| row.file.payment.id == id)
    }

    pub(crate) fn sessions(&self) -> impl Iterator<Item = (&Row, &CheckoutSession, i64)> {
        self.rows.iter().flat_map(|row| {
            row.file
                .sessions
                .iter()
                .zip(&row.ordinals)
                .map(move |(session, ordinal)| (row, session, *ordinal))
        })
    }

    pub(crate) fn refund_by_key(&self, by: UserId, key: &IdempotencyKey) -> Option<(PaymentId, &Refund)> {
        let mine = |refund: &&Refund| matches!(&refund.origin, RefundOrigin::Operator { by: of, key: known, .. } if *of == by && known == key);
        self.rows
            .iter()
            .find_map(|row| row.file.refunds.iter().find(mine).map(|refund| (row.file.payment.id, refund)))
    }

    /// A case is opened, or opened again.
    pub(crate) fn open_case(&mut self, new: Case, again: bool) -> bool {
        let known = self.cases.iter_mut().find(|case| case.kind == new.kind && case.object == new.object);
        match known {
            None => self.cases.push(new),
            Some(known) if again && known.closed_at.is_some() => *known = new,
            Some(_) => return false,
        }
        true
    }

    pub(crate) fn close_case(&mut self, kind: CaseKind, object: &str, at: Timestamp) -> bool {
        let open = |case: &&mut Case| case.kind == kind && case.object == object && case.closed_at.is_none();
        self.cases.iter_mut().find(open).map(|case| case.closed_at = Some(at)).is_some()
    }
}

/// What the answer says of it that no column does.
pub(crate) fn complete(file: &mut PaymentFile) {
    let payable = file
        .sessions
        .iter()
        .any(|session| matches!(session.state, SessionState::Creating | SessionState::Open));
    file.payment.submitted = file.payment.status == Status::Processing && !payable;
}
