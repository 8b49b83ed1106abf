//! Holds what a database has against what was answered: a run that lost a payment or made one twice counts for
//! nothing.

use std::collections::{HashMap, HashSet};
use std::fmt::{self, Display};

/// A payment as the database has it, with how many invoices and tax records name it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Row {
    /// Its consultation.
    pub(crate) consultation: i64,
    /// Its number.
    pub(crate) payment: i64,
    /// One is right.
    pub(crate) invoices: i64,
    /// Two are right.
    pub(crate) taxes: i64,
}

/// What a patient was told.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Told {
    /// The consultation that was to be paid.
    pub(crate) consultation: i64,
    /// The status of the answer.
    pub(crate) status: u16,
    /// The payment that it names, or 0.
    pub(crate) payment: i64,
}

/// What is wrong.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Fault {
    /// A payment that was answered is not there.
    Lost {
        /// The consultation.
        consultation: i64,
        /// The payment.
        payment: i64,
    },
    /// A consultation has several payments.
    Double {
        /// The consultation.
        consultation: i64,
    },
    /// A payment lacks its invoice or a tax record, or has one too many.
    Uneven {
        /// The payment.
        payment: i64,
    },
    /// A consultation was answered 201 more than once by a service that does not repeat answers.
    CreatedTwice {
        /// The consultation.
        consultation: i64,
    },
    /// There is a payment for which nobody pressed.
    Unasked {
        /// The payment.
        payment: i64,
    },
    /// Not as many payments as transactions.
    Miscounted {
        /// So many were made.
        made: usize,
        /// So many are there.
        found: usize,
    },
}

impl Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Lost { consultation, payment } => {
                write!(f, "payment {payment} of consultation {consultation} was answered and is not there")
            }
            Self::Double { consultation } => write!(f, "consultation {consultation} has several payments"),
            Self::Uneven { payment } => {
                write!(f, "payment {payment} has not one invoice and two tax records")
            }
            Self::CreatedTwice { consultation } => {
                write!(f, "consultation {consultation} was answered 201 twice")
            }
            Self::Unasked { payment } => write!(f, "nobody asked for payment {payment}"),
            Self::Miscounted { made, found } => write!(f, "{made} transactions left {found} payments"),
        }
    }
}

/// What is wrong with `rows`, if these answers were given. `replays`: whether the service repeats its first answer,
/// 201, to duplicates.
pub(crate) fn faults(told: &[Told], rows: &[Row], replays: bool) -> Vec<Fault> {
    let mut faults = unsound(rows);
    let held: HashSet<(i64, i64)> = rows.iter().map(|row| (row.consultation, row.payment)).collect();
    let mut created: HashMap<i64, u32> = HashMap::new();
    for one in told {
        let count = created.entry(one.consultation).or_default();
        *count += u32::from(one.status == 201);
        // One that names no payment and is no 201 promises nothing.
        if (one.payment != 0 || one.status == 201) && !held.contains(&(one.consultation, one.payment)) {
            faults.push(Fault::Lost { consultation: one.consultation, payment: one.payment });
        }
    }
    if !replays {
        let twice = created.iter().filter(|(_, count)| **count > 1);
        faults.extend(twice.map(|(consultation, _)| Fault::CreatedTwice { consultation: *consultation }));
    }
    let unasked = rows.iter().filter(|row| !created.contains_key(&row.consultation));
    faults.extend(unasked.map(|row| Fault::Unasked { payment: row.payment }));
    sorted(faults)
}

/// What is wrong with `rows`, if so many transactions made a payment each.
pub(crate) fn faults_of_count(made: usize, rows: &[Row]) -> Vec<Fault> {
    let mut faults = unsound(rows);
    if made != rows.len() {
        faults.push(Fault::Miscounted { made, found: rows.len() });
    }
    sorted(faults)
}

fn unsound(rows: &[Row]) -> Vec<Fault> {
    let mut payments: HashMap<i64, u32> = HashMap::new();
    for row in rows {
        *payments.entry(row.consultation).or_default() += 1;
    }
    let double = payments.iter().filter(|(_, count)| **count > 1);
    let double = double.map(|(consultation, _)| Fault::Double { consultation: *consultation });
    let uneven = rows.iter().filter(|row| (row.invoices, row.taxes) != (1, 2));
    double.chain(uneven.map(|row| Fault::Uneven { payment: row.payment })).collect()
}

fn sorted(mut faults: Vec<Fault>) -> Vec<Fault> {
    faults.sort_unstable();
    faults.dedup();
    faults
}

#[cfg(test)]
mod tests {
    use super::*;

    fn row(consultation: i64, payment: i64) -> Row {
        Row { consultation, payment, invoices: 1, taxes: 2 }
    }

    fn told(consultation: i64, status: u16, payment: i64) -> Told {
        Told { consultation, status, payment }
    }

    #[test]
    fn what_was_answered_and_is_there_is_right() {
        let answers =
            [told(1, 201, 10), told(1, 409, 10), told(2, 503, 0), told(3, 409, 0), told(3, 201, 30)];
        assert_eq!(faults(&answers, &[row(1, 10), row(3, 30)], false), []);
        // Turned away while its payment was being committed: nothing was promised, and there is one.
        assert_eq!(faults(&answers, &[row(1, 10), row(2, 20), row(3, 30)], false), []);
        assert_eq!(faults(&[told(1, 201, 10), told(1, 201, 10)], &[row(1, 10)], true), []);
    }

    #[test]
    fn what_is_lost_or_double_is_found() {
        let one = [told(1, 201, 10)];
        let lost = Fault::Lost { consultation: 1, payment: 10 };
        assert_eq!(faults(&one, &[], false), [lost]);
        assert_eq!(faults(&one, &[row(1, 11)], false), [lost], "another payment than was answered");
        let nameless = Fault::Lost { consultation: 1, payment: 0 };
        assert_eq!(faults(&[told(1, 201, 0)], &[row(1, 10)], false), [nameless], "a 201 names its payment");
        let double = Fault::Double { consultation: 1 };
        assert_eq!(faults(&one, &[row(1, 10), row(1, 11)], false), [double]);
        let twice = [told(1, 201, 10), told(1, 201, 10)];
        assert_eq!(faults(&twice, &[row(1, 10)], false), [Fault::CreatedTwice { consultation: 1 }]);
        let unasked = Fault::Unasked { payment: 20 };
        assert_eq!(faults(&one, &[row(1, 10), row(2, 20)], false), [unasked]);
    }

    #[test]
    fn a_payment_without_its_rows_is_found() {
        let uneven = [Fault::Uneven { payment: 10 }];
        for (invoices, taxes) in [(0, 2), (2, 2), (1, 1), (1, 3)] {
            let row = Row { consultation: 1, payment: 10, invoices, taxes };
            assert_eq!(faults(&[told(1, 201, 10)], &[row], false), uneven, "{invoices}, {taxes}");
            assert_eq!(faults_of_count(1, &[row]), uneven, "{invoices}, {taxes}");
        }
    }

    #[test]
    fn transactions_are_counted() {
        assert_eq!(faults_of_count(2, &[row(1, 10), row(2, 20)]), []);
        assert_eq!(faults_of_count(2, &[row(1, 10)]), [Fault::Miscounted { made: 2, found: 1 }]);
        assert_eq!(faults_of_count(2, &[row(1, 10), row(1, 11)]), [Fault::Double { consultation: 1 }]);
    }
}
