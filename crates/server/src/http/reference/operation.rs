//! One operation of the reference.

use super::example::example;
use super::schema::{kind, members};
use super::{prose, text};
use maud::{Markup, html};
use serde_json::{Map, Value};

/// An operation, and the document it stands in.
pub(super) struct Operation<'a> {
    pub(super) method: String,
    pub(super) path: &'a str,
    body: &'a Value,
    document: &'a Value,
}

impl<'a> Operation<'a> {
    /// All of a document, in its order.
    pub(super) fn all(document: &'a Value) -> Vec<Self> {
        let paths = document["paths"].as_object().into_iter().flatten();
        paths
            .flat_map(|(path, item)| {
                let methods = item.as_object().into_iter().flatten();
                methods.map(move |(method, body)| Self {
                    method: method.to_uppercase(),
                    path,
                    body,
                    document,
                })
            })
            .collect()
    }

    /// The name of its place on the page.
    pub(super) fn id(&self) -> &'a str {
        text(&self.body["operationId"])
    }

    pub(super) fn show(&self) -> Markup {
        let (summary, rest) = (text(&self.body["summary"]), text(&self.body["description"]));
        let request = &self.body["requestBody"]["content"]["application/json"]["schema"];
        html! {
            section id=(self.id()) {
                h2 { (prose(summary)) }
                p.where { span.method { (self.method) } " " code { (self.path) } }
                @if !rest.is_empty() { p { (prose(rest)) } }
                (self.samples())
                (self.parameters())
                @if !request.is_null() {
                    h3 { "Body" }
                    p { code { "application/json" } ", " (kind(request)) }
                    (members(self.document, request))
                }
                (self.answers())
            }
        }
    }

    fn samples(&self) -> Markup {
        html! {
            h3 { "Commands" }
            @for sample in self.body["x-codeSamples"].as_array().into_iter().flatten() {
                div.sample {
                    p { (prose(text(&sample["label"]))) " → " strong { (sample["x-status"]) } }
                    pre { (text(&sample["source"])) }
                }
            }
        }
    }

    fn parameters(&self) -> Markup {
        let Some(parameters) = self.body["parameters"].as_array() else { return html! {} };
        html! {
            h3 { "Parameters" }
            dl {
                @for parameter in parameters {
                    dt {
                        code { (text(&parameter["name"])) }
                        " " span.kind { "in " (text(&parameter["in"])) ", " (kind(&parameter["schema"])) (required(parameter["required"] == true)) }
                    }
                    dd { (prose(text(&parameter["description"]))) }
                }
            }
        }
    }

    fn answers(&self) -> Markup {
        let none = Map::new();
        let answers = self.body["responses"].as_object().unwrap_or(&none);
        html! {
            h3 { "Answers" }
            dl {
                @for (status, answer) in answers {
                    dt { strong { (status) } " " (prose(text(&answer["description"]))) }
                    dd { (self.contents(status, answer)) }
                }
            }
        }
    }

    fn contents(&self, status: &str, answer: &Value) -> Markup {
        let contents = answer["content"].as_object().into_iter().flatten();
        html! {
            @for (format, content) in contents {
                div { code { (format) } ", " (kind(&content["schema"])) }
                @if status.starts_with('2') && format == "application/json" {
                    details {
                        summary { "Example of " (status) }
                        pre { (pretty(&example(self.document, &content["schema"]))) }
                    }
                }
            }
            (headers(answer))
        }
    }
}

fn headers(answer: &Value) -> Markup {
    let headers = answer["headers"].as_object().into_iter().flatten();
    html! {
        details {
            summary { "Headers" }
            ul {
                @for (name, header) in headers {
                    li { code { (name) } ": " (prose(text(&header["description"]))) }
                }
            }
        }
    }
}

/// What follows a kind where something has to be there.
pub(super) fn required(is_required: bool) -> &'static str {
    if is_required { ", required" } else { "" }
}

fn pretty(value: &Value) -> String {
    serde_json::to_string_pretty(value).unwrap_or_default()
}
