//! The style sheets and scripts of the pages that are made here, without a build of their own.

use super::fixed::Fixed;
use axum::response::Response;
use http::HeaderMap;
use std::sync::LazyLock;

const AN_HOUR: &str = "public, max-age=3600";
const CSS: &str = "text/css; charset=utf-8";
const JS: &str = "text/javascript; charset=utf-8";

/// The handler of one file.
macro_rules! file {
    ($(#[$what:meta])* $name:ident $kind:ident $path:literal) => {
        $(#[$what])*
        pub(super) async fn $name(asked: HeaderMap) -> Response {
            static FILE: LazyLock<Fixed> = LazyLock::new(|| Fixed::of_text(include_str!($path)));
            FILE.answer(&asked, $kind, AN_HOUR)
        }
    };
}

file!(
    /// The look of all of them.
    sekali_css CSS "pages/sekali.css"
);
file!(
    /// Asks for news on a page that waits for them.
    live_js JS "pages/live.js"
);
file!(
    /// The look of the API's reference.
    reference_css CSS "pages/reference.css"
);
file!(
    /// Copies its commands.
    reference_js JS "pages/reference.js"
);
