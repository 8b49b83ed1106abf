//! The forms of single values, as exactly as a schema can say them.

use sekali_core::domain::money::LARGEST_MINOR;
use sekali_core::domain::{InvoiceStatus, Status};
use utoipa::openapi::RefOr;
use utoipa::openapi::schema::{KnownFormat, ObjectBuilder, OneOfBuilder, Schema, SchemaFormat, Type};
use utoipa::{PartialSchema, ToSchema};

/// Names a schema and says what it is.
macro_rules! described {
    ($($name:ident $schema:block)+) => {$(
        #[doc = concat!("The schema `", stringify!($name), "`.")]
        pub(in crate::http) struct $name;

        impl PartialSchema for $name {
            fn schema() -> RefOr<Schema> $schema
        }

        impl ToSchema for $name {}
    )+};
}

described! {
    // The most decimals of any currency are four.
    DecimalAmount {
        let number = ObjectBuilder::new().schema_type(Type::Number);
        let number = number.minimum(Some(0.0001)).maximum(Some(LARGEST_MINOR));
        let digits = r"^([1-9][0-9]{0,11}(\.[0-9]{1,30})?|0\.0{0,3}[1-9][0-9]{0,30})$";
        OneOfBuilder::new()
            .description(Some("An exact decimal above zero, as a string or a number"))
            .item(text(digits).examples(["5000.00"]))
            .item(number.examples([5000]))
            .into()
    }
    Number {
        let number = ObjectBuilder::new().schema_type(Type::Integer);
        let number = number.format(Some(SchemaFormat::KnownFormat(KnownFormat::Int64)));
        OneOfBuilder::new()
            .description(Some("A whole number above zero, or a string of its digits"))
            .item(number.minimum(Some(1)).maximum(Some(i64::MAX)).examples([5]))
            .item(text("^[1-9][0-9]{0,17}$").examples(["5"]))
            .into()
    }
    Method {
        ObjectBuilder::new().schema_type(Type::String).enum_values(Some(["stripe"])).into()
    }
    StatusWord {
        words(Status::ALL.map(Status::as_str)).into()
    }
    InvoiceStatusWord {
        words(InvoiceStatus::ALL.map(InvoiceStatus::as_str)).into()
    }
    NewWord {
        words(["new"]).into()
    }
    ExistingWord {
        words(["existing"]).into()
    }
    CurrencyCode {
        text("^[A-Z]{3}$").examples(["PHP"]).into()
    }
    // Printable ASCII, and not nothing but blanks.
    Key {
        key("^[ -~]*[!-~][ -~]*$").into()
    }
    // HTTP takes the blanks at the ends away.
    KeyHeader {
        key("^[!-~]([ -~]*[!-~])?$").into()
    }
    // A structured string (RFC 8941, part 3.3.3), or the bare form, which cannot begin with a quote.
    StandardKeyHeader {
        key(r#"^([!#-~]([ -~]*[!-~])?|"([ !#-\[\]-~]|\\["\\])*([!#-\[\]-~]|\\["\\])([ !#-\[\]-~]|\\["\\])*")$"#)
            .into()
    }
    Pdf {
        ObjectBuilder::new()
            .schema_type(Type::String)
            .format(Some(SchemaFormat::KnownFormat(KnownFormat::Binary)))
            .content_media_type("application/pdf")
            .into()
    }
}

fn words<const N: usize>(words: [&str; N]) -> ObjectBuilder {
    ObjectBuilder::new().schema_type(Type::String).enum_values(Some(words))
}

fn text(pattern: &str) -> ObjectBuilder {
    ObjectBuilder::new().schema_type(Type::String).pattern(Some(pattern))
}

fn key(pattern: &str) -> ObjectBuilder {
    text(pattern).min_length(Some(1)).max_length(Some(255))
}
