//! The web pages, built into the binary.

use super::fixed::Fixed;
use super::problem::{Kind, Problem};
use axum::extract::Path;
use axum::response::{IntoResponse, Response};
use http::header::{CONTENT_SECURITY_POLICY, REFERRER_POLICY};
use http::{HeaderMap, HeaderValue};
use std::collections::HashMap;
use std::sync::LazyLock;

/// One built file.
struct Asset {
    /// Path below `web/dist`.
    path: &'static str,
    gzipped: &'static [u8],
}

include!(concat!(env!("OUT_DIR"), "/assets.rs"));

static FILES: LazyLock<HashMap<&str, Fixed>> =
    LazyLock::new(|| ASSETS.iter().map(|asset| (asset.path, Fixed::of_gzip(asset.gzipped))).collect());

const POLICY: &str = "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; connect-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'";

/// The demo page.
pub(super) async fn index(asked: HeaderMap) -> Response {
    let mut response = find("index.html", &asked, "no-cache");
    let headers = response.headers_mut();
    headers.insert(CONTENT_SECURITY_POLICY, HeaderValue::from_static(POLICY));
    headers.insert(REFERRER_POLICY, HeaderValue::from_static("no-referrer"));
    response
}

/// What the page loads: its names hold a hash of their content, so browsers may keep them.
pub(super) async fn asset(Path(path): Path<String>, asked: HeaderMap) -> Response {
    find(&format!("assets/{path}"), &asked, "public, max-age=31536000, immutable")
}

/// The console's page.
pub(super) async fn console(asked: HeaderMap) -> Response {
    console_page(&asked)
}

/// What the console loads, and its page under every address of a view.
pub(super) async fn console_path(Path(path): Path<String>, asked: HeaderMap) -> Response {
    if path == "api" || path.starts_with("api/") {
        return Problem::new(Kind::NotFound).into_response();
    }
    if path.starts_with("assets/") {
        return find(&format!("console/{path}"), &asked, "public, max-age=31536000, immutable");
    }
    console_page(&asked)
}

const CONSOLE_POLICY: &str = "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; font-src 'self'; connect-src 'self'; form-action 'none'; base-uri 'none'; frame-ancestors 'none'";

fn console_page(asked: &HeaderMap) -> Response {
    let mut response = find("console/index.html", asked, "no-cache");
    let headers = response.headers_mut();
    headers.insert(CONTENT_SECURITY_POLICY, HeaderValue::from_static(CONSOLE_POLICY));
    headers.insert(REFERRER_POLICY, HeaderValue::from_static("no-referrer"));
    response
}

fn find(path: &str, asked: &HeaderMap, cache: &'static str) -> Response {
    match FILES.get(path) {
        Some(file) => file.answer(asked, content_type(path), cache),
        None => Problem::new(Kind::NotFound).into_response(),
    }
}

fn content_type(path: &str) -> &'static str {
    match path.rsplit_once('.').map_or("", |(_, ending)| ending) {
        "html" => "text/html; charset=utf-8",
        "js" => "text/javascript; charset=utf-8",
        "css" => "text/css; charset=utf-8",
        "svg" => "image/svg+xml",
        "png" => "image/png",
        "json" => "application/json",
        "woff2" => "font/woff2",
        _ => "application/octet-stream",
    }
}
