//! The pages' HTML. It works without scripts, and the card number never comes back in it.

use maud::{DOCTYPE, Markup, html};

use super::form::{Kept, Mistakes};
use crate::model::money;
use crate::model::session::{Session, SessionStatus};

pub(crate) const STYLE: &str = include_str!("style.css");

/// The frame of every page. `root` is the relative way from the page up to `/c/`.
fn frame(title: &str, root: &str, body: &Markup) -> String {
    html! {
        (DOCTYPE)
        html lang="en" {
            head {
                meta charset="utf-8";
                meta name="viewport" content="width=device-width, initial-scale=1";
                meta name="color-scheme" content="light dark";
                meta name="robots" content="noindex";
                title { (title) " – TEST" }
                link rel="stylesheet" href={ (root) "style.css" };
            }
            body {
                p.banner { strong { "TEST" } " – this is a simulator: no money moves. Use a test card." }
                main { (body) }
            }
        }
    }
    .into_string()
}

/// The page that asks for the card.
pub(crate) fn form(session: &Session, kept: &Kept, mistakes: &Mistakes, notice: Option<&str>) -> String {
    let amount = money::format(session.amount_total, &session.currency);
    let verb = match session.submit_type.as_deref() {
        Some("book") => "Book",
        Some("donate") => "Donate",
        _ => "Pay",
    };
    let body = html! {
        @if let Some(cancel_url) = &session.cancel_url {
            p.back { a href=(cancel_url) { "← Back" } }
        }
        header {
            p.summary { (session.summary()) }
            h1 { (amount) }
        }
        @if let Some(notice) = notice {
            p.notice role="alert" { (notice) }
        }
        (card_form(session, kept, mistakes, &format!("{verb} {amount}")))
        @if session.takes_bank_accounts() {
            (bank_form(session, kept, mistakes, &format!("{verb} {amount} by bank")))
        }
    };
    frame(&format!("{verb} {amount}"), "../", &body)
}

/// The payer's address: fixed where the shop gave it.
fn email<'a>(session: &'a Session, kept: &'a Kept, prefix: &'a str, mistake: Option<&'a str>) -> Field<'a> {
    Field {
        label: "Email",
        prefix,
        name: "email",
        kind: "email",
        autocomplete: "email",
        hint: "",
        value: session.customer_email.as_deref().unwrap_or(&kept.email),
        fixed: session.customer_email.is_some(),
        mistake,
    }
}

fn card_form(session: &Session, kept: &Kept, mistakes: &Mistakes, submit: &str) -> Markup {
    let none = Mistakes::default();
    let mistakes = if mistakes.in_bank_form { &none } else { mistakes };
    html! {
        form method="post" autocomplete="on" novalidate {
            (email(session, kept, "", mistakes.email).render())
            (Field {
                label: "Card number", prefix: "", name: "cardNumber", kind: "text", autocomplete: "cc-number",
                hint: "4242 4242 4242 4242", value: "", fixed: false, mistake: mistakes.number,
            }.render())
            div.pair {
                (Field {
                    label: "MM / YY", prefix: "", name: "cardExpiry", kind: "text", autocomplete: "cc-exp",
                    hint: "12 / 34", value: &kept.expiry, fixed: false, mistake: mistakes.expiry,
                }.render())
                (Field {
                    label: "CVC", prefix: "", name: "cardCvc", kind: "text", autocomplete: "cc-csc",
                    hint: "123", value: "", fixed: false, mistake: mistakes.cvc,
                }.render())
            }
            (Field {
                label: "Cardholder name", prefix: "", name: "billingName", kind: "text", autocomplete: "cc-name",
                hint: "", value: &kept.name, fixed: false, mistake: mistakes.name,
            }.render())
            button type="submit" { (submit) }
        }
    }
}

fn bank_form(session: &Session, kept: &Kept, mistakes: &Mistakes, submit: &str) -> Markup {
    let none = Mistakes::default();
    let mistakes = if mistakes.in_bank_form { mistakes } else { &none };
    html! {
        form.other method="post" autocomplete="off" novalidate {
            h2 { "Or from a bank account" }
            (email(session, kept, "bank-", mistakes.email).render())
            (Field {
                label: "Account number", prefix: "bank-", name: "accountNumber", kind: "text",
                autocomplete: "off", hint: "000123456789", value: "", fixed: false, mistake: mistakes.number,
            }.render())
            (Field {
                label: "Account holder", prefix: "bank-", name: "billingName", kind: "text", autocomplete: "name",
                hint: "", value: &kept.name, fixed: false, mistake: mistakes.name,
            }.render())
            button.plain type="submit" { (submit) }
        }
    }
}

struct Field<'a> {
    label: &'a str,
    /// Keeps the ids of two forms apart.
    prefix: &'a str,
    name: &'a str,
    kind: &'a str,
    autocomplete: &'a str,
    hint: &'a str,
    value: &'a str,
    fixed: bool,
    mistake: Option<&'a str>,
}

impl Field<'_> {
    fn render(&self) -> Markup {
        let numeric = matches!(self.autocomplete, "cc-number" | "cc-exp" | "cc-csc");
        let id = format!("{}{}", self.prefix, self.name);
        let mistake_id = format!("{id}-error");
        html! {
            div.field {
                label for=(id) { (self.label) }
                input id=(id) name=(self.name) type=(self.kind) autocomplete=(self.autocomplete)
                    inputmode=[numeric.then_some("numeric")] placeholder=(self.hint) value=(self.value)
                    readonly[self.fixed] required aria-invalid=[self.mistake.map(|_| "true")]
                    aria-describedby=[self.mistake.map(|_| &mistake_id)];
                @if let Some(mistake) = self.mistake {
                    p.mistake id=(mistake_id) { (mistake) }
                }
            }
        }
    }
}

/// The page that stands for the bank's 3-D Secure challenge.
pub(crate) fn challenge(session: &Session) -> String {
    let amount = money::format(session.amount_total, &session.currency);
    let body = html! {
        header {
            p.summary { "3-D Secure 2 – test page of the bank" }
            h1 { "Is it you who pays " (amount) "?" }
        }
        form method="post" {
            button type="submit" name="result" value="complete" { "Complete authentication" }
            button.plain type="submit" name="result" value="fail" { "Fail authentication" }
        }
    };
    frame("Authenticate the payment", "../../../", &body)
}

/// The page of a session that can no longer be paid.
pub(crate) fn closed(session: &Session) -> String {
    let amount = money::format(session.amount_total, &session.currency);
    let body = match session.status {
        SessionStatus::Complete if session.unpaid => html! {
            header {
                h1 { "This payment is with your bank" }
                p { "It may take some days until it is certain that " (amount) " was paid." }
            }
            p { a.button href=(session.success_address()) { "Continue" } }
        },
        SessionStatus::Complete => html! {
            header { h1 { "This payment is complete" } p { (amount) " was paid. You are not charged again." } }
            p { a.button href=(session.success_address()) { "Continue" } }
        },
        SessionStatus::Open | SessionStatus::Expired => html! {
            header { h1 { "This payment page has expired" } p { "Nothing was charged." } }
            @if let Some(cancel_url) = &session.cancel_url {
                p { a.button href=(cancel_url) { "Go back and start again" } }
            } @else {
                p { "Go back to where you came from and start again." }
            }
        },
    };
    frame("Payment page closed", "../", &body)
}

/// The page of an address that leads nowhere.
pub(crate) fn missing() -> String {
    let body = html! {
        header { h1 { "There is no such payment page" } p { "Check the address, or go back and start again." } }
    };
    frame("Not found", "../", &body)
}

/// The page for when the database does not answer.
pub(crate) fn broken() -> String {
    let body = html! {
        header {
            h1 { "This page could not be shown" }
            p { "Load it again in a moment: you will see whether the payment went through." }
        }
    };
    frame("Try again", "../", &body)
}
