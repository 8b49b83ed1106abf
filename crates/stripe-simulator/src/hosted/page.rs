//! The pages' HTML. It works without scripts, and the card number never comes back in it.

use maud::{DOCTYPE, Markup, html};

use super::form::{Kept, Mistakes};
use super::language::Language;
use crate::model::money;
use crate::model::session::{Session, SessionStatus};

pub(crate) const STYLE: &str = include_str!("style.css");

/// The frame of every page. `root` is the relative way from the page up to `/c/`.
fn frame(language: Language, title: &str, root: &str, body: &Markup) -> String {
    html! {
        (DOCTYPE)
        html lang=(language.code()) {
            head {
                meta charset="utf-8";
                meta name="viewport" content="width=device-width, initial-scale=1";
                meta name="color-scheme" content="light dark";
                meta name="robots" content="noindex";
                title { (title) " – TEST" }
                link rel="stylesheet" href={ (root) "style.css" };
            }
            body {
                header.banner { strong { "TEST" } " – " (language.say("this is a simulator: no money moves. Use a test card.")) }
                main { (body) }
            }
        }
    }
    .into_string()
}

/// The page that asks for the card.
pub(crate) fn form(session: &Session, kept: &Kept, mistakes: &Mistakes, notice: Option<&str>) -> String {
    let amount = money::shown(session.amount_total, &session.currency);
    let language = Language::of(session);
    let verb = language.say(match session.submit_type.as_deref() {
        Some("book") => "Book",
        Some("donate") => "Donate",
        _ => "Pay",
    });
    let body = html! {
        @if let Some(cancel_url) = &session.cancel_url {
            p.back { a href=(cancel_url) { (language.say("← Back")) } }
        }
        header {
            p.summary { (session.summary()) }
            h1 { (amount) }
        }
        @if let Some(notice) = notice {
            p.notice role="alert" { (language.say(notice)) }
        }
        (card_form(session, kept, mistakes, &format!("{verb} {amount}")))
        @if session.takes_bank_accounts() {
            (bank_form(session, kept, mistakes, &format!("{verb} {amount} {}", language.say("by bank"))))
        }
    };
    frame(language, &format!("{verb} {amount}"), "../", &body)
}

/// The payer's address: fixed where the shop gave it.
fn email<'a>(session: &'a Session, kept: &'a Kept, prefix: &'a str, mistake: Option<&'a str>) -> Field<'a> {
    Field {
        language: Language::of(session),
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
    let (none, language) = (Mistakes::default(), Language::of(session));
    let mistakes = if mistakes.in_bank_form { &none } else { mistakes };
    html! {
        form method="post" autocomplete="on" novalidate {
            (email(session, kept, "", mistakes.email).render())
            (Field {
                language, label: "Card number", prefix: "", name: "cardNumber", kind: "text", autocomplete: "cc-number",
                hint: "4242 4242 4242 4242", value: "", fixed: false, mistake: mistakes.number,
            }.render())
            div.pair {
                (Field {
                    language, label: "MM / YY", prefix: "", name: "cardExpiry", kind: "text", autocomplete: "cc-exp",
                    hint: "12 / 34", value: &kept.expiry, fixed: false, mistake: mistakes.expiry,
                }.render())
                (Field {
                    language, label: "CVC", prefix: "", name: "cardCvc", kind: "text", autocomplete: "cc-csc",
                    hint: "123", value: "", fixed: false, mistake: mistakes.cvc,
                }.render())
            }
            (Field {
                language, label: "Cardholder name", prefix: "", name: "billingName", kind: "text", autocomplete: "cc-name",
                hint: "", value: &kept.name, fixed: false, mistake: mistakes.name,
            }.render())
            button type="submit" { (submit) }
        }
    }
}

fn bank_form(session: &Session, kept: &Kept, mistakes: &Mistakes, submit: &str) -> Markup {
    let (none, language) = (Mistakes::default(), Language::of(session));
    let mistakes = if mistakes.in_bank_form { mistakes } else { &none };
    html! {
        form.other method="post" autocomplete="off" novalidate {
            h2 { (language.say("Or from a bank account")) }
            (email(session, kept, "bank-", mistakes.email).render())
            (Field {
                language, label: "Account number", prefix: "bank-", name: "accountNumber", kind: "text",
                autocomplete: "off", hint: "000123456789", value: "", fixed: false, mistake: mistakes.number,
            }.render())
            (Field {
                language, label: "Account holder", prefix: "bank-", name: "billingName", kind: "text", autocomplete: "name",
                hint: "", value: &kept.name, fixed: false, mistake: mistakes.name,
            }.render())
            button.plain type="submit" { (submit) }
        }
    }
}

struct Field<'a> {
    language: Language,
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
                label for=(id) { (self.language.say(self.label)) }
                input id=(id) name=(self.name) type=(self.kind) autocomplete=(self.autocomplete)
                    inputmode=[numeric.then_some("numeric")] placeholder=(self.hint) value=(self.value)
                    readonly[self.fixed] required aria-invalid=[self.mistake.map(|_| "true")]
                    aria-describedby=[self.mistake.map(|_| &mistake_id)];
                @if let Some(mistake) = self.mistake {
                    p.mistake id=(mistake_id) { (self.language.say(mistake)) }
                }
            }
        }
    }
}

/// The page that stands for the bank's 3-D Secure challenge.
pub(crate) fn challenge(session: &Session) -> String {
    let (amount, language) = (money::shown(session.amount_total, &session.currency), Language::of(session));
    let body = html! {
        header {
            p.summary { (language.say("3-D Secure 2 – test page of the bank")) }
            h1 { (language.say("Is it you who pays")) " " (amount) "?" }
        }
        form method="post" {
            button type="submit" name="result" value="complete" { (language.say("Complete authentication")) }
            button.plain type="submit" name="result" value="fail" { (language.say("Fail authentication")) }
        }
    };
    frame(language, language.say("Authenticate the payment"), "../../../", &body)
}

/// The page of a session that can no longer be paid.
pub(crate) fn closed(session: &Session) -> String {
    let (amount, language) = (money::shown(session.amount_total, &session.currency), Language::of(session));
    let say = |text| language.say(text);
    let body = html! {
        header {
            @match session.status {
                SessionStatus::Complete if session.unpaid => {
                    h1 { (say("This payment is with your bank")) }
                    p { (say("It may take some days until it is certain that")) " " (amount) " " (say("was paid.")) }
                }
                SessionStatus::Complete => {
                    h1 { (say("This payment is complete")) }
                    p { (amount) " " (say("was paid.")) " " (say("You are not charged again.")) }
                }
                SessionStatus::Open | SessionStatus::Expired => {
                    h1 { (say("This payment page has expired")) }
                    p { (say("Nothing was charged.")) }
                }
            }
        }
        (way_on(session, language))
    };
    frame(language, say("Payment page closed"), "../", &body)
}

/// Where the payer of a closed page goes.
fn way_on(session: &Session, language: Language) -> Markup {
    let say = |text| language.say(text);
    let complete = session.status == SessionStatus::Complete;
    html! {
        @if complete {
            p { a.button href=(session.success_address()) { (say("Continue")) } }
        } @else if let Some(cancel_url) = &session.cancel_url {
            p { a.button href=(cancel_url) { (say("Go back and start again")) } }
        } @else {
            p { (say("Go back to where you came from and start again.")) }
        }
    }
}

/// The page of an address that leads nowhere.
pub(crate) fn missing() -> String {
    let body = html! {
        header { h1 { "There is no such payment page" } p { "Check the address, or go back and start again." } }
    };
    frame(Language::English, "Not found", "../", &body)
}

/// The page for when the database does not answer.
pub(crate) fn broken() -> String {
    let body = html! {
        header {
            h1 { "This page could not be shown" }
            p { "Load it again in a moment: you will see whether the payment went through." }
        }
    };
    frame(Language::English, "Try again", "../", &body)
}
