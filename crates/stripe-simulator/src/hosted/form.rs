//! What the payer typed, checked as Stripe's page checks it.

use std::collections::HashMap;

use jiff::tz::TimeZone;

use crate::checkout::Entry;
use crate::model::aftermath::Aftermath;
use crate::model::bank::{self, BankAccount};
use crate::model::card::{self, Behaviour, Card};
use crate::model::method::{Details, Payer};

/// What may be shown again: never the number or the security code.
#[derive(Debug, Clone, Default)]
pub(crate) struct Kept {
    pub(crate) email: String,
    pub(crate) expiry: String,
    pub(crate) name: String,
}

/// What is wrong, by field.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Mistakes {
    pub(crate) email: Option<&'static str>,
    pub(crate) number: Option<&'static str>,
    pub(crate) expiry: Option<&'static str>,
    pub(crate) cvc: Option<&'static str>,
    pub(crate) name: Option<&'static str>,
    /// Whether they are those of the form for a bank account; its number is in `number`.
    pub(crate) in_bank_form: bool,
}

/// The form as it was sent. It has no `Debug`: it holds a card number.
pub(crate) struct Typed {
    email: String,
    number: String,
    expiry: String,
    cvc: String,
    name: String,
}

impl Typed {
    pub(crate) fn new(email: &str, number: &str, expiry: &str, cvc: &str, name: &str) -> Self {
        let clean = |text: &str| text.trim().to_owned();
        Self {
            email: clean(email),
            number: number.chars().filter(|character| !matches!(character, ' ' | '-')).collect(),
            expiry: clean(expiry),
            cvc: clean(cvc),
            name: clean(name),
        }
    }

    /// Reads a form-encoded body; a field that is missing is empty.
    pub(crate) fn read(body: &[u8]) -> Self {
        let fields: HashMap<_, _> = form_urlencoded::parse(body).collect();
        let field = |name: &str| fields.get(name).map(AsRef::as_ref).unwrap_or_default();
        Self::new(
            field("email"),
            field("cardNumber"),
            field("cardExpiry"),
            field("cardCvc"),
            field("billingName"),
        )
    }

    pub(crate) fn kept(&self) -> Kept {
        Kept { email: self.email.clone(), expiry: self.expiry.clone(), name: self.name.clone() }
    }

    /// What is to be charged, if all fields are right at `now_ms` (Unix milliseconds).
    pub(crate) fn check(&self, now_ms: i64) -> Result<Entry, Mistakes> {
        let expiry = parse_expiry(&self.expiry);
        let brand = card::brand(&self.number);
        let mistakes = Mistakes {
            email: email_mistake(&self.email),
            number: self.number_mistake(),
            expiry: expiry_mistake(&self.expiry, expiry, now_ms),
            cvc: self.cvc_mistake(brand),
            name: name_mistake(&self.name, "Enter the name on the card."),
            in_bank_form: false,
        };
        match (expiry, mistakes == Mistakes::default()) {
            (Some((exp_month, exp_year)), true) => Ok(Entry {
                details: Details::Card(Card {
                    brand: brand.to_owned(),
                    last4: last4(&self.number),
                    exp_month,
                    exp_year,
                }),
                behaviour: card::behaviour(&self.number),
                aftermath: card::aftermath(&self.number),
                payer: Payer { email: self.email.clone(), name: self.name.clone() },
            }),
            _ => Err(mistakes),
        }
    }

    fn number_mistake(&self) -> Option<&'static str> {
        if self.number.is_empty() {
            return Some("Enter the card number.");
        }
        (!card::is_valid_number(&self.number)).then_some("Your card number is invalid.")
    }

    fn cvc_mistake(&self, brand: &str) -> Option<&'static str> {
        if self.cvc.is_empty() {
            return Some("Enter the security code.");
        }
        let length = if brand == "amex" { 3..=4 } else { 3..=3 };
        let digits = self.cvc.chars().all(|character| character.is_ascii_digit());
        (!digits || !length.contains(&self.cvc.len())).then_some("Your card's security code is incomplete.")
    }
}

/// The form for a bank account as it was sent. It has no `Debug`: it holds an account number.
pub(crate) struct TypedAccount {
    email: String,
    number: String,
    name: String,
}

impl TypedAccount {
    pub(crate) fn new(email: &str, number: &str, name: &str) -> Self {
        let number = number.chars().filter(|character| !matches!(character, ' ' | '-')).collect();
        Self { email: email.trim().to_owned(), number, name: name.trim().to_owned() }
    }

    /// Reads a form-encoded body; a field that is missing is empty.
    pub(crate) fn read(body: &[u8]) -> Self {
        let fields: HashMap<_, _> = form_urlencoded::parse(body).collect();
        let field = |name: &str| fields.get(name).map(AsRef::as_ref).unwrap_or_default();
        Self::new(field("email"), field("accountNumber"), field("billingName"))
    }

    pub(crate) fn kept(&self) -> Kept {
        Kept { email: self.email.clone(), expiry: String::new(), name: self.name.clone() }
    }

    /// What is to be charged, if all fields are right.
    pub(crate) fn check(&self) -> Result<Entry, Mistakes> {
        let wrong = !bank::is_valid_number(&self.number);
        let mistakes = Mistakes {
            email: email_mistake(&self.email),
            number: wrong.then_some("Your account number is invalid."),
            name: name_mistake(&self.name, "Enter the name on the account."),
            in_bank_form: true,
            ..Mistakes::default()
        };
        if mistakes != (Mistakes { in_bank_form: true, ..Mistakes::default() }) {
            return Err(mistakes);
        }
        Ok(Entry {
            details: Details::UsBankAccount(BankAccount { last4: last4(&self.number) }),
            behaviour: Behaviour::Delayed(bank::failure(&self.number)),
            aftermath: Aftermath::default(),
            payer: Payer { email: self.email.clone(), name: self.name.clone() },
        })
    }
}

fn last4(number: &str) -> String {
    number.chars().skip(number.len().saturating_sub(4)).collect()
}

fn email_mistake(email: &str) -> Option<&'static str> {
    (!is_email(email)).then_some("Enter an e-mail address.")
}

fn name_mistake(name: &str, mistake: &'static str) -> Option<&'static str> {
    (name.is_empty() || name.chars().count() > 150).then_some(mistake)
}

/// Good enough for a page that sends no mail.
fn is_email(text: &str) -> bool {
    let parts = text.split_once('@');
    text.len() <= 254
        && !text.contains(char::is_whitespace)
        && parts.is_some_and(|(local, domain)| !local.is_empty() && domain.len() > 2 && domain.contains('.'))
}

/// "MM / YY", with or without blanks and the stroke, and years of four digits: month and full year.
fn parse_expiry(text: &str) -> Option<(i64, i64)> {
    let compact: String = text.chars().filter(|character| !character.is_whitespace()).collect();
    let (month, year) = match compact.split_once('/') {
        Some(parts) => parts,
        None if matches!(compact.len(), 4 | 6) => compact.split_at_checked(2)?,
        None => return None,
    };
    let all_digits = [month, year].iter().all(|part| part.chars().all(|digit| digit.is_ascii_digit()));
    let (month_number, year_number): (i64, i64) = (month.parse().ok()?, year.parse().ok()?);
    let year_number = match year.len() {
        2 => 2000 + year_number,
        4 => year_number,
        _ => return None,
    };
    (all_digits && (1..=12).contains(&month_number)).then_some((month_number, year_number))
}

/// A card is good to the end of its month.
fn expiry_mistake(text: &str, expiry: Option<(i64, i64)>, now_ms: i64) -> Option<&'static str> {
    if text.is_empty() {
        return Some("Enter the expiry date.");
    }
    let Some((month, year)) = expiry else { return Some("Your card's expiry date is incomplete.") };
    let today = jiff::Timestamp::from_millisecond(now_ms).unwrap_or_default().to_zoned(TimeZone::UTC);
    let this_month = i64::from(today.year()) * 12 + i64::from(today.month());
    let last_month = year * 12 + month;
    if last_month < this_month {
        return Some("Your card's expiry date is in the past.");
    }
    (last_month > this_month + 50 * 12).then_some("Your card's expiry year is invalid.")
}

#[cfg(test)]
mod tests {
    use super::*;

    /// 2024-01-15T10:30:00Z
    const NOW: i64 = 1_705_314_600_000;

    fn mistakes(email: &str, number: &str, expiry: &str, cvc: &str, name: &str) -> Mistakes {
        Typed::new(email, number, expiry, cvc, name).check(NOW).err().unwrap_or_default()
    }

    fn good_but(change: impl Fn(&mut [&str; 5])) -> Mistakes {
        let mut fields = ["a@b.co", "4242 4242 4242 4242", "12 / 34", "123", "Ana Cruz"];
        change(&mut fields);
        let [email, number, expiry, cvc, name] = fields;
        mistakes(email, number, expiry, cvc, name)
    }

    #[test]
    fn what_is_kept_of_a_good_card() {
        let typed = Typed::new(" a@b.co", "4242-4242 4242 4242", "1234", "123", "Ana ");
        let entry = typed.check(NOW).ok().unwrap();
        assert_eq!(
            entry.details,
            Details::Card(Card {
                brand: "visa".to_owned(),
                last4: "4242".to_owned(),
                exp_month: 12,
                exp_year: 2034
            })
        );
        assert_eq!(entry.payer, Payer { email: "a@b.co".to_owned(), name: "Ana".to_owned() });
    }

    #[test]
    fn every_field_is_asked_for() {
        let Mistakes { email, number, expiry, cvc, name, .. } = mistakes("", "", "", "", "");
        assert!([email, number, expiry, cvc, name].iter().all(Option::is_some));
    }

    #[test]
    fn expiry_dates() {
        for good in ["01/24", "1/24", "0124", "01 / 2024", "012024", "12/73"] {
            assert_eq!(good_but(|fields| fields[2] = good).expiry, None, "{good}");
        }
        for bad in ["12/23", "13/30", "00/30", "1/3", "12/2", "+1/30", "ab/cd", "12", "12/99", "é1/30", "1é3"]
        {
            assert!(good_but(|fields| fields[2] = bad).expiry.is_some(), "{bad}");
        }
    }

    #[test]
    fn the_other_fields() {
        for bad in ["4242424242424241", "42424242", "card"] {
            assert!(good_but(|fields| fields[1] = bad).number.is_some(), "{bad}");
        }
        for bad in ["12", "1234", "12a"] {
            assert!(good_but(|fields| fields[3] = bad).cvc.is_some(), "{bad}");
        }
        for bad in ["a", "a@", "@b.co", "a b@c.de", "a@bco"] {
            assert!(good_but(|fields| fields[0] = bad).email.is_some(), "{bad}");
        }
        let amex = good_but(|fields| (fields[1], fields[3]) = ("378282246310005", "1234"));
        assert_eq!(amex, Mistakes::default());
    }
}
