//! Commands that show each operation (`x-codeSamples`), to be pasted into a shell. A test takes them out of the
//! document and runs them, in the order of this table, against a running service.

use serde_json::json;
use utoipa::Modify;
use utoipa::openapi::OpenApi as Document;
use utoipa::openapi::extensions::ExtensionsBuilder;
use utoipa::openapi::path::Operation;

/// What the commands take from the shell (the document's `x-sample-setup`).
const SETUP: &str = r"export SEKALI=http://127.0.0.1:8080
# Tokens are signed with the service's SEKALI_JWT_SECRET; a host application makes its own.
export PATIENT=$(sekali token --user 1)
export HOST=$(sekali token --user 9 --role service)
export ADMIN=$(sekali token --user 7 --role admin)
# A key of its own for each wish to pay, and the payment's number from the answer.
export KEY=payment-1705321200000-a3d5f2c1-9e8b-4f6d-8a2c-1b5e3f7d9c4a
export PAYMENT=1
";

/// One command.
struct Sample {
    /// The operation's `operationId`.
    operation: &'static str,
    label: &'static str,
    /// The status that it is answered with (the member `x-status`).
    status: u16,
    source: &'static str,
}

const SAMPLES: &[Sample] = &[
    Sample {
        operation: "put_consultation",
        label: "The host application says who pays how much; asked again it is 200",
        status: 201,
        source: r#"curl --include --request PUT "$SEKALI/api/v1/consultations/5" \
  --header "Authorization: Bearer $HOST" \
  --header "Content-Type: application/json" \
  --data '{"patient_id": 1, "fee": "5000.00", "currency": "PHP"}'"#,
    },
    Sample {
        operation: "create_payment",
        label: "The press of BAYAR",
        status: 201,
        source: r#"curl --include "$SEKALI/api/v1/payments" \
  --header "Authorization: Bearer $PATIENT" \
  --header "X-Idempotency-Key: $KEY" \
  --header "Content-Type: application/json" \
  --data '{"consultation_id": 5, "amount": "5000.00", "payment_method": "stripe"}'"#,
    },
    Sample {
        operation: "create_payment",
        label: "The same again: nothing is made, and the way to pay is not lost",
        status: 409,
        source: r#"curl --include "$SEKALI/api/v1/payments" \
  --header "Authorization: Bearer $PATIENT" \
  --header "X-Idempotency-Key: $KEY" \
  --header "Content-Type: application/json" \
  --data '{"consultation_id": 5, "amount": "5000.00", "payment_method": "stripe"}'"#,
    },
    Sample {
        operation: "create_payment",
        label: "The same by the standard's header: the first answer once more",
        status: 201,
        source: r#"curl --include "$SEKALI/api/v1/payments" \
  --header "Authorization: Bearer $PATIENT" \
  --header "Idempotency-Key: $KEY" \
  --header "Content-Type: application/json" \
  --data '{"consultation_id": 5, "amount": "5000.00", "payment_method": "stripe"}'"#,
    },
    Sample {
        operation: "create_payment",
        label: "Another amount with that key: refused, and nothing stored",
        status: 422,
        source: r#"curl --include "$SEKALI/api/v1/payments" \
  --header "Authorization: Bearer $PATIENT" \
  --header "Accept-Language: en" \
  --header "X-Idempotency-Key: $KEY" \
  --header "Content-Type: application/json" \
  --data '{"consultation_id": 5, "amount": "1.00", "payment_method": "stripe"}'"#,
    },
    Sample {
        operation: "list_payments",
        label: "The newest payments of one consultation",
        status: 200,
        source: r#"curl --include "$SEKALI/api/v1/payments?consultation_id=5&limit=20" \
  --header "Authorization: Bearer $PATIENT""#,
    },
    Sample {
        operation: "read_payment",
        label: "How a payment stands",
        status: 200,
        source: r#"curl --include "$SEKALI/api/v1/payments/$PAYMENT" \
  --header "Authorization: Bearer $PATIENT""#,
    },
    Sample {
        operation: "timeline",
        label: "Its story, in English",
        status: 200,
        source: r#"curl --include "$SEKALI/api/v1/payments/$PAYMENT/timeline" \
  --header "Authorization: Bearer $PATIENT" \
  --header "Accept-Language: en""#,
    },
    Sample {
        operation: "invoice",
        label: "Its invoice as a page",
        status: 200,
        source: r#"curl --include "$SEKALI/api/v1/payments/$PAYMENT/invoice?lang=en" \
  --header "Authorization: Bearer $PATIENT""#,
    },
    Sample {
        operation: "invoice_pdf",
        label: "Its invoice as a file",
        status: 200,
        source: r#"curl --dump-header - --output invoice.pdf "$SEKALI/api/v1/payments/$PAYMENT/invoice.pdf" \
  --header "Authorization: Bearer $PATIENT""#,
    },
    Sample {
        operation: "cancel_payment",
        label: "The patient gives it up",
        status: 200,
        source: r#"curl --include --request POST "$SEKALI/api/v1/payments/$PAYMENT/cancel" \
  --header "Authorization: Bearer $PATIENT""#,
    },
    Sample {
        operation: "refund_payment",
        label: "A part of what was paid goes back",
        status: 201,
        source: r#"curl --include "$SEKALI/api/v1/payments/$PAYMENT/refunds" \
  --header "Authorization: Bearer $ADMIN" \
  --header "X-Idempotency-Key: refund-of-$PAYMENT-1" \
  --header "Content-Type: application/json" \
  --data '{"amount": "2000.00", "reason": "The consultation was shorter"}'"#,
    },
    Sample {
        operation: "list_refunds",
        label: "What went back so far",
        status: 200,
        source: r#"curl --include "$SEKALI/api/v1/payments/$PAYMENT/refunds" \
  --header "Authorization: Bearer $PATIENT""#,
    },
    Sample {
        operation: "cases",
        label: "What waits for an operator",
        status: 200,
        source: r#"curl --include "$SEKALI/api/v1/cases" \
  --header "Authorization: Bearer $ADMIN""#,
    },
];

/// Adds to each operation its commands, and to the document what they need.
pub(super) struct Sampled;

impl Modify for Sampled {
    fn modify(&self, document: &mut Document) {
        let setup = ExtensionsBuilder::new().add("x-sample-setup", SETUP).build();
        document.extensions.get_or_insert_default().merge(setup);
        for item in document.paths.paths.values_mut() {
            for operation in [&mut item.get, &mut item.post, &mut item.put].into_iter().flatten() {
                add_samples(operation);
            }
        }
    }
}

fn add_samples(operation: &mut Operation) {
    let name = operation.operation_id.clone().unwrap_or_default();
    let own = SAMPLES.iter().filter(|sample| sample.operation == name);
    let samples: Vec<_> = own
        .map(|Sample { label, status, source, .. }| {
            json!({ "lang": "Shell", "label": label, "source": source, "x-status": status })
        })
        .collect();
    let extension = ExtensionsBuilder::new().add("x-codeSamples", samples).build();
    operation.extensions.get_or_insert_default().merge(extension);
}
