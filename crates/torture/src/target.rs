//! Whom the attacks go to, and whom they never go to.

use rustls::pki_types::ServerName;
use rustls::{ClientConfig, RootCertStore};
use std::net::SocketAddr;
use std::sync::Arc;
use thiserror::Error;
use tokio_rustls::TlsConnector;
use url::{Host, Url};

/// Why a target is refused; each is one sentence.
#[derive(Debug, Error)]
pub enum Refusal {
    /// The address is none, or not one of http.
    #[error("{0} is not an address such as http://127.0.0.1:8080")]
    Address(String),
    /// A password in an address ends up in reports.
    #[error("the address holds a user name or a password: leave it out, and give tokens in the request file")]
    Credentials,
    /// The name leads nowhere.
    #[error("{0} cannot be found: {1}")]
    Unresolved(String, std::io::Error),
    /// Not this machine, and nobody said that it may be attacked.
    #[error(
        "{0} is not this machine ({1}): the attacks make payments and would harm a service in use. If it is a test \
         deployment of your own, say so: --i-own-this-test-deployment {0}"
    )]
    NotConfirmed(String, SocketAddr),
    /// Another host was confirmed.
    #[error(
        "--i-own-this-test-deployment names {confirmed}, but the address is {host}: both must be the same"
    )]
    OtherConfirmed {
        /// The host that was confirmed.
        confirmed: String,
        /// The host of the address.
        host: String,
    },
    /// TLS cannot be set up.
    #[error("{0} cannot be reached by TLS: {1}")]
    Tls(String, String),
}

/// A service that may be attacked. Its name was resolved once: whatever the name means later, the
/// attacks go to the address that was looked at.
#[derive(Clone)]
pub struct Target {
    url: Url,
    address: SocketAddr,
    tls: Option<(TlsConnector, ServerName<'static>)>,
}

impl Target {
    /// Finds the address behind `text`. It must be this machine's own (loopback), or its host must be
    /// `confirmed`, letter by letter, as a test deployment.
    pub async fn find(text: &str, confirmed: Option<&str>) -> Result<Self, Refusal> {
        let url = Url::parse(text).map_err(|_| Refusal::Address(text.to_owned()))?;
        let (Some(host), Some(port)) = (url.host(), url.port_or_known_default()) else {
            return Err(Refusal::Address(text.to_owned()));
        };
        if !matches!(url.scheme(), "http" | "https") {
            return Err(Refusal::Address(text.to_owned()));
        }
        if !url.username().is_empty() || url.password().is_some() {
            return Err(Refusal::Credentials);
        }
        let addresses = resolve(&host, port).await?;
        permit(&host.to_string(), &addresses, confirmed)?;
        let tls = if url.scheme() == "https" { Some(tls(&host)?) } else { None };
        let address = addresses[0];
        Ok(Self { url, address, tls })
    }

    /// The one address that every connection goes to.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// What the header `Host` says.
    pub fn host(&self) -> &str {
        &self.url[url::Position::BeforeHost..url::Position::AfterPort]
    }

    /// What paths stand behind: the path of the given address, without a slash at its end.
    pub fn base(&self) -> &str {
        self.url.path().trim_end_matches('/')
    }

    /// The address as it is shown.
    pub fn shown(&self) -> String {
        format!("{}://{}{} at {}", self.url.scheme(), self.host(), self.base(), self.address)
    }

    pub(crate) fn tls(&self) -> Option<(&TlsConnector, ServerName<'static>)> {
        self.tls.as_ref().map(|(connector, name)| (connector, name.clone()))
    }
}

/// At least one address.
async fn resolve(host: &Host<&str>, port: u16) -> Result<Vec<SocketAddr>, Refusal> {
    let name = match host {
        Host::Ipv4(ip) => return Ok(vec![SocketAddr::from((*ip, port))]),
        Host::Ipv6(ip) => return Ok(vec![SocketAddr::from((*ip, port))]),
        Host::Domain(name) => (*name).to_owned(),
    };
    let unresolved = |error| Refusal::Unresolved(name.clone(), error);
    let found: Vec<_> = tokio::net::lookup_host((name.as_str(), port)).await.map_err(unresolved)?.collect();
    if found.is_empty() { Err(unresolved(std::io::ErrorKind::NotFound.into())) } else { Ok(found) }
}

fn permit(host: &str, addresses: &[SocketAddr], confirmed: Option<&str>) -> Result<(), Refusal> {
    match confirmed {
        Some(confirmed) if confirmed == host => Ok(()),
        Some(confirmed) => {
            Err(Refusal::OtherConfirmed { confirmed: confirmed.to_owned(), host: host.to_owned() })
        }
        // One address elsewhere is enough to refuse: the name may mean anything.
        None => match addresses.iter().find(|address| !address.ip().to_canonical().is_loopback()) {
            None => Ok(()),
            Some(elsewhere) => Err(Refusal::NotConfirmed(host.to_owned(), *elsewhere)),
        },
    }
}

fn tls(host: &Host<&str>) -> Result<(TlsConnector, ServerName<'static>), Refusal> {
    let name = match host {
        Host::Domain(name) => (*name).to_owned(),
        Host::Ipv4(ip) => ip.to_string(),
        Host::Ipv6(ip) => ip.to_string(),
    };
    let refused = |error: &dyn std::fmt::Display| Refusal::Tls(name.clone(), error.to_string());
    let server = ServerName::try_from(name.clone()).map_err(|error| refused(&error))?;
    let roots = RootCertStore { roots: webpki_roots::TLS_SERVER_ROOTS.to_vec() };
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let config = ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .map_err(|error| refused(&error))?
        .with_root_certificates(roots)
        .with_no_client_auth();
    Ok((TlsConnector::from(Arc::new(config)), server))
}

#[cfg(test)]
mod tests {
    use super::*;

    async fn refusal(address: &str, confirmed: Option<&str>) -> String {
        Target::find(address, confirmed).await.err().expect("it was accepted").to_string()
    }

    #[tokio::test]
    async fn this_machine_needs_no_word() {
        for address in
            ["http://127.0.0.1:8080", "http://[::1]:8080/", "http://127.9.9.9", "http://localhost:1"]
        {
            assert!(Target::find(address, None).await.is_ok(), "{address}");
        }
    }

    #[tokio::test]
    async fn others_are_refused_until_their_exact_host_is_confirmed() {
        for (address, host) in [
            ("http://192.0.2.7:8080", "192.0.2.7"),
            ("http://10.0.0.1", "10.0.0.1"),
            ("http://0.0.0.0:80", "0.0.0.0"),
            ("http://[2001:db8::1]", "[2001:db8::1]"),
            ("http://[::ffff:192.0.2.7]", "[::ffff:c000:207]"),
        ] {
            let sentence = refusal(address, None).await;
            assert!(sentence.contains(&format!("--i-own-this-test-deployment {host}")), "{sentence}");
            assert!(Target::find(address, Some(host)).await.is_ok(), "{address}");
            assert!(refusal(address, Some("192.0.2.70")).await.contains("both must be the same"));
        }
        // A confirmation that names something else is a slip, on this machine too.
        assert!(refusal("http://127.0.0.1", Some("localhost")).await.contains("both must be the same"));
    }

    #[test]
    fn one_address_elsewhere_is_enough_to_refuse() {
        let here = SocketAddr::from(([127, 0, 0, 1], 80));
        let there = SocketAddr::from(([192, 0, 2, 7], 80));
        assert!(permit("mixed.test", &[here], None).is_ok());
        assert!(permit("mixed.test", &[here, there], None).is_err());
    }

    #[tokio::test]
    async fn what_is_no_address_is_said() {
        for text in ["", "127.0.0.1:8080", "ftp://127.0.0.1", "http://", "unix:/run/x"] {
            assert!(refusal(text, None).await.contains("is not an address"), "{text}");
        }
        let sentence = refusal("http://user:geheim@127.0.0.1", None).await;
        assert!(sentence.contains("password") && !sentence.contains("geheim"), "{sentence}");
    }

    #[tokio::test]
    async fn paths_stand_behind_the_address() {
        let target = Target::find("http://127.0.0.1:8080/pay/", None).await.ok().unwrap();
        assert_eq!((target.base(), target.host()), ("/pay", "127.0.0.1:8080"));
        assert_eq!(target.shown(), "http://127.0.0.1:8080/pay at 127.0.0.1:8080");
    }
}
