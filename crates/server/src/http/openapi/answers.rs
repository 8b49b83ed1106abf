//! What any operation may answer, wherever else it leads, and the headers of its answers.

use utoipa::Modify;
use utoipa::openapi::path::Operation;
use utoipa::openapi::schema::{ObjectBuilder, Type};
use utoipa::openapi::{
    Content, Header, HeaderBuilder, OpenApi as Document, Ref, RefOr, Response, ResponseBuilder,
};

/// The guard's and the frame's problems.
const ANYWHERE: &[(&str, &str)] = &[
    ("400", "The request cannot be read"),
    ("401", "The token is missing or is not believed"),
    ("408", "The request's body took too long to arrive"),
    ("413", "The request's body is over 16 KiB"),
    ("429", "Over the limit of requests a minute; Retry-After says how many seconds to wait"),
    ("500", "Something went wrong on our side"),
    ("503", "The database is out of reach or the service is busy; nothing is half-done, try again"),
];

/// Answers that come before the caller is known, and so before the limit is counted.
const UNCOUNTED: &[&str] = &["400", "401", "408", "413"];

/// Adds to each operation what holds for all of them.
pub(super) struct Guarded;

impl Modify for Guarded {
    fn modify(&self, document: &mut Document) {
        for item in document.paths.paths.values_mut() {
            for operation in [&mut item.get, &mut item.post, &mut item.put].into_iter().flatten() {
                guard(operation);
            }
        }
    }
}

fn guard(operation: &mut Operation) {
    let responses = &mut operation.responses.responses;
    for (status, what) in ANYWHERE {
        // What an operation says of a status itself is more exact.
        responses.entry((*status).into()).or_insert_with(|| problem(what).into());
    }
    for (status, response) in responses {
        if let RefOr::T(response) = response {
            add_headers(status, response);
        }
    }
}

fn problem(description: &str) -> Response {
    let content = Content::new(Some(Ref::from_schema_name("ProblemBody")));
    ResponseBuilder::new().description(description).content("application/problem+json", content).build()
}

fn add_headers(status: &str, response: &mut Response) {
    let mut add = |name: &str, header| response.headers.insert(name.to_owned(), header);
    add("X-Request-Id", text("The request's own `X-Request-Id` if it is a plain word, else a random one"));
    if !UNCOUNTED.contains(&status) {
        add("X-RateLimit-Limit", count("Requests a minute; not sent where the limit is switched off"));
        add("X-RateLimit-Remaining", count("How many of them are left"));
    }
    match status {
        "401" => drop(add("WWW-Authenticate", text("`Bearer`, with the realm"))),
        "429" | "503" => drop(add("Retry-After", count("Seconds to wait"))),
        _ => {}
    }
}

fn text(description: &str) -> Header {
    header(description, ObjectBuilder::new().schema_type(Type::String))
}

fn count(description: &str) -> Header {
    header(description, ObjectBuilder::new().schema_type(Type::Integer).minimum(Some(0)))
}

fn header(description: &str, schema: ObjectBuilder) -> Header {
    HeaderBuilder::new().schema(schema).description(Some(description)).build()
}
