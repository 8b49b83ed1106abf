//! The console's page and files.

use crate::support::Site;

/// Built with its pages, as `./dev test` does first, the binary has them; without, it says that they are not there.
#[tokio::test]
async fn the_app_is_served_under_every_address_of_a_view() {
    let site = Site::new().await;
    let page = site.get("/console").send().await;
    assert_eq!(page.status, 200, "web/dist has no console: ./dev build makes it");
    assert_eq!(page.header("content-type"), Some("text/html; charset=utf-8"));
    assert_eq!(page.header("cache-control"), Some("no-cache"));
    assert_eq!(page.header("referrer-policy"), Some("no-referrer"));
    let policy = page.header("content-security-policy").unwrap();
    assert!(policy.starts_with("default-src 'none'; script-src 'self';"), "{policy}");
    assert!(policy.contains("frame-ancestors 'none'") && policy.contains("connect-src 'self'"), "{policy}");
    assert!(!policy.contains("unsafe") && !policy.contains("http"), "{policy}");
    for path in ["/console/", "/console/payments/100", "/console/health"] {
        let view = site.get(path).send().await;
        assert_eq!((view.status, &view.body), (200, &page.body), "{path}");
        assert_eq!(view.header("content-security-policy"), Some(policy), "{path}");
    }
    for path in
        ["/console/assets/none.js", "/console/api", "/console/api/none", "/console/assets/../index.html"]
    {
        site.get(path).send().await.problem(404, "not-found");
    }
    let packed = site.get("/console").header("Accept-Encoding", "gzip").send().await;
    assert_eq!(packed.header("content-encoding"), Some("gzip"));
    let tag = packed.header("etag").unwrap().to_owned();
    assert_eq!(site.get("/console").header("If-None-Match", &tag).send().await.status, 304);
}
