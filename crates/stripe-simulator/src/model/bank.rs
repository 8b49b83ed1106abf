//! Stripe's test bank accounts (`us_bank_account`): payments from them take days, and so end later than the
//! session is complete.

use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::method::Decline;

const BANK: &str = "STRIPE TEST BANK";
const ROUTING_NUMBER: &str = "110000000";

/// What is kept of an account.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct BankAccount {
    pub(crate) last4: String,
}

/// Why payments from the account with this number fail, if they do: Stripe's table,
/// <https://docs.stripe.com/payments/ach-direct-debit/accept-a-payment#test-account-numbers>. A number that is
/// none of it stands for no account.
pub(crate) fn failure(number: &str) -> Option<Decline> {
    let (code, message) = match number {
        "000123456789" => return None,
        "000111111113" => ("account_closed", "The customer's bank account has been closed."),
        "000222222227" => ("insufficient_funds", "The customer's account has insufficient funds."),
        "000333333335" => ("debit_not_authorized", "The customer's bank did not authorize the debit."),
        _ => return Some(no_account()),
    };
    Some(decline(code, message))
}

/// The failure of a payment that is made to fail.
pub(crate) fn no_account() -> Decline {
    decline("no_account", "The customer's bank account could not be located.")
}

fn decline(code: &str, message: &str) -> Decline {
    Decline { code: code.to_owned(), reason: None, message: message.to_owned() }
}

/// Whether the digits have an account number's length.
pub(crate) fn is_valid_number(digits: &str) -> bool {
    (4..=17).contains(&digits.len()) && digits.bytes().all(|digit| digit.is_ascii_digit())
}

impl BankAccount {
    /// The part of a payment method that tells the account.
    pub(crate) fn render(&self) -> Value {
        json!({
            "account_holder_type": "individual",
            "account_type": "checking",
            "bank_name": BANK,
            "financial_connections_account": null,
            "fingerprint": null,
            "last4": self.last4,
            "networks": {"preferred": "ach", "supported": ["ach"]},
            "routing_number": ROUTING_NUMBER,
            "status_details": {},
        })
    }

    /// The part of a charge that tells the account.
    pub(crate) fn render_charged(&self) -> Value {
        json!({
            "account_holder_type": "individual",
            "account_type": "checking",
            "bank_name": BANK,
            "fingerprint": null,
            "last4": self.last4,
            "routing_number": ROUTING_NUMBER,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::{failure, is_valid_number};

    #[test]
    fn accounts() {
        assert_eq!(failure("000123456789"), None);
        for (number, code) in [
            ("000111111113", "account_closed"),
            ("000111111116", "no_account"),
            ("000222222227", "insufficient_funds"),
            ("000333333335", "debit_not_authorized"),
            ("987654321", "no_account"),
        ] {
            assert_eq!(failure(number).unwrap().code, code, "{number}");
        }
        assert!(is_valid_number("000123456789"));
        for number in ["", "123", "12345678901234567 8", "123456789012345678", "0001234567a9"] {
            assert!(!is_valid_number(number), "{number}");
        }
    }
}
