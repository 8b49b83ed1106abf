//! The API's reference at `/docs`, and what is built into the program: compressed, and kept by browsers.

use crate::support::Site;
use crate::support::client::Answer;
use serde_json::Value;

/// What stands between these two, each time.
fn between<'a>(text: &'a str, before: &'a str, after: char) -> impl Iterator<Item = &'a str> {
    text.split(before).skip(1).filter_map(move |rest| rest.split(after).next())
}

async fn page(site: &Site) -> Answer {
    let page = site.get("/docs").send().await;
    assert_eq!((page.status, page.header("content-type")), (200, Some("text/html; charset=utf-8")));
    page
}

/// Text as it stands in HTML.
fn escaped(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;").replace('"', "&quot;")
}

#[tokio::test]
async fn the_reference_has_everything_that_the_document_has() {
    let site = Site::new().await;
    let page = page(&site).await;
    let text = page.text();
    let document = site.get("/openapi.json").send().await.json();
    assert!(text.contains(&escaped(document["x-sample-setup"].as_str().unwrap())));
    let mut commands = 0;
    for (path, item) in document["paths"].as_object().unwrap() {
        for (method, operation) in item.as_object().unwrap() {
            let name = operation["operationId"].as_str().unwrap();
            let begins = format!("<section id=\"{name}\">");
            let section = between(text, &begins, '\0').next().unwrap().split("</section>").next().unwrap();
            let heading = format!(">{}</span> <code>{path}</code>", method.to_uppercase());
            assert!(section.contains(&heading), "{heading}");
            for sample in operation["x-codeSamples"].as_array().unwrap() {
                assert!(section.contains(&escaped(sample["source"].as_str().unwrap())), "{sample}");
                commands += 1;
            }
            for parameter in operation["parameters"].as_array().into_iter().flatten() {
                let named = format!("<dt><code>{}</code>", parameter["name"].as_str().unwrap());
                assert!(section.contains(&named), "{name}: {named}");
            }
            for status in operation["responses"].as_object().unwrap().keys() {
                assert!(section.contains(&format!("<dt><strong>{status}</strong>")), "{name}: {status}");
            }
        }
    }
    assert!(commands >= 11, "{commands}");
    for (name, schema) in document["components"]["schemas"].as_object().unwrap() {
        assert!(text.contains(&format!("<h3 id=\"schema-{name}\">")), "{name}");
        for member in schema["properties"].as_object().into_iter().flat_map(|all| all.keys()) {
            assert!(text.contains(&format!("<dt><code>{member}</code>")), "{name}: {member}");
        }
    }
}

#[tokio::test]
async fn it_loads_nothing_from_elsewhere_and_runs_nothing_inline() {
    let site = Site::new().await;
    let page = page(&site).await;
    let policy = page.header("content-security-policy").unwrap();
    assert!(policy.starts_with("default-src 'none'; script-src 'self'; style-src 'self';"), "{policy}");
    assert!(!policy.contains("unsafe") && !policy.contains("http"), "{policy}");
    let text = page.text();
    for word in ["style=", "onclick=", "<style", "target=", "javascript:"] {
        assert!(!text.contains(word), "{word}");
    }
    for script in between(text, "<script", '>') {
        assert!(script.contains("src=\"/pages/"), "{script}");
    }
    let ids: Vec<_> = between(text, " id=\"", '"').collect();
    for (at, id) in ids.iter().enumerate() {
        assert!(!ids[at + 1..].contains(id), "{id} stands there twice");
    }
    let leads = between(text, "href=\"", '"').chain(between(text, "src=\"", '"'));
    for address in leads {
        match address.strip_prefix('#') {
            Some(place) => assert!(ids.contains(&place), "{address} leads nowhere"),
            None => assert_eq!(site.get(address).send().await.status, 200, "{address}"),
        }
    }
}

#[tokio::test]
async fn what_is_built_in_is_sent_compressed_and_only_once() {
    let site = Site::new().await;
    let index = site.get("/").send().await.text().to_owned();
    let built = between(&index, "\"/assets/", '"').map(|name| format!("/assets/{name}"));
    let mut paths: Vec<String> = built.collect();
    for path in ["/", "/docs", "/openapi.json", "/pages/sekali.css", "/pages/live.js", "/pages/reference.js"]
    {
        paths.push(path.to_owned());
    }
    for path in &paths {
        let plain = site.get(path).send().await;
        assert_eq!((plain.status, plain.header("content-encoding")), (200, None), "{path}");
        let packed = site.get(path).header("Accept-Encoding", "gzip, deflate, br").send().await;
        assert_eq!(packed.header("content-encoding"), Some("gzip"), "{path}");
        assert_eq!(packed.header("vary"), Some("Accept-Encoding"), "{path}");
        assert_eq!(packed.header("content-type"), plain.header("content-type"), "{path}");
        assert!(packed.body.starts_with(&[0x1f, 0x8b]) && unpacked(&packed.body) == plain.body, "{path}");
        let expected = match path.split('/').nth(1).unwrap() {
            "assets" => "public, max-age=31536000, immutable",
            "pages" => "public, max-age=3600",
            _ => "no-cache",
        };
        assert_eq!(packed.header("cache-control"), Some(expected), "{path}");
        let again = site.get(path).header("If-None-Match", packed.header("etag").unwrap()).send().await;
        assert_eq!((again.status, again.body.len()), (304, 0), "{path}");
        assert_eq!(again.header("etag"), packed.header("etag"), "{path}");
    }
}

fn unpacked(bytes: &[u8]) -> Vec<u8> {
    let mut plain = Vec::new();
    std::io::Read::read_to_end(&mut flate2::read::GzDecoder::new(bytes), &mut plain).unwrap();
    plain
}

/// The page is small: what a component from elsewhere would have cost is not.
#[tokio::test]
async fn it_is_small() {
    let site = Site::new().await;
    let mut all = 0;
    for path in ["/docs", "/pages/sekali.css", "/pages/reference.css", "/pages/reference.js"] {
        all += site.get(path).header("Accept-Encoding", "gzip").send().await.body.len();
    }
    assert!(all < 24 * 1024, "{all} bytes");
}

#[tokio::test]
async fn each_command_says_what_it_is_answered_with() {
    let site = Site::new().await;
    let document: Value = site.get("/openapi.json").send().await.json();
    for item in document["paths"].as_object().unwrap().values() {
        for operation in item.as_object().unwrap().values() {
            for sample in operation["x-codeSamples"].as_array().unwrap() {
                let status = sample["x-status"].to_string();
                assert!(operation["responses"][&status].is_object(), "{status} of {sample}");
            }
        }
    }
}
