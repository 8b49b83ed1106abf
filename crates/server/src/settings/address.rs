//! Addresses: of the web, and of databases.

use super::Secret;
use std::fmt;
use std::net::IpAddr;
use std::path::PathBuf;
use url::{Host, Url};

/// An `http` or `https` address without user, query and fragment.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct WebAddress(Url);

impl WebAddress {
    /// Reads an address; the error says what the text is instead.
    pub fn parse(text: &str) -> Result<Self, String> {
        let written_out = text.starts_with("http://") || text.starts_with("https://");
        let url =
            Url::parse(text).ok().filter(|_| written_out).ok_or("not an address with http:// or https://")?;
        if !url.username().is_empty() || url.password().is_some() {
            return Err("an address with a user".into());
        }
        if url.query().is_some() || url.fragment().is_some() {
            return Err("an address with a query or fragment".into());
        }
        Ok(Self(url))
    }

    /// Reads an address that has no path either: scheme, host and port.
    pub fn parse_origin(text: &str) -> Result<Self, String> {
        let address = Self::parse(text)?;
        if address.0.path() == "/" { Ok(address) } else { Err("an address with a path".into()) }
    }

    /// The address without `/` at its end, so that a path can follow.
    pub fn as_str(&self) -> &str {
        self.0.as_str().trim_end_matches('/')
    }

    /// The address as it was given, with what stands at its end: for a link that nothing follows.
    pub fn whole(&self) -> &str {
        self.0.as_str()
    }

    /// Whether it is reached by TLS.
    pub fn is_https(&self) -> bool {
        self.0.scheme() == "https"
    }

    /// Whether only this machine can reach it: 127.0.0.0/8, `::1`, `localhost`.
    pub fn is_loopback(&self) -> bool {
        match self.0.host() {
            Some(Host::Domain(name)) => name == "localhost",
            _ => self.ip().is_some_and(is_loopback),
        }
    }

    /// The host, where it is written as a number.
    pub(super) fn ip(&self) -> Option<IpAddr> {
        match self.0.host()? {
            Host::Ipv4(ip) => Some(ip.into()),
            Host::Ipv6(ip) => Some(ip.into()),
            Host::Domain(_) => None,
        }
    }
}

impl fmt::Display for WebAddress {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// Whether only this machine can reach `ip`, also when it is written as IPv6 (`::ffff:127.0.0.1`).
pub(super) fn is_loopback(ip: IpAddr) -> bool {
    ip.to_canonical().is_loopback()
}

/// Whether `ip` is one of a private network's (RFC 1918, RFC 4193) or link-local.
pub(crate) fn is_private(ip: IpAddr) -> bool {
    match ip.to_canonical() {
        IpAddr::V4(ip) => ip.is_private() || ip.is_link_local(),
        IpAddr::V6(ip) => ip.is_unique_local() || ip.is_unicast_link_local(),
    }
}

/// Where payments are kept.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum DatabaseUrl {
    /// A PostgreSQL server; the address may hold its password.
    Postgres(Secret),
    /// A file.
    Sqlite(PathBuf),
}

impl DatabaseUrl {
    /// Reads `postgres://…`, `postgresql://…` or `sqlite://path`; the error says what the text is
    /// instead, without showing it.
    pub fn parse(text: &str) -> Result<Self, String> {
        if text.starts_with("postgres://") || text.starts_with("postgresql://") {
            return match text.parse::<tokio_postgres::Config>() {
                Ok(config) if !config.get_hosts().is_empty() => Ok(Self::Postgres(Secret::new(text))),
                _ => Err("not an address that PostgreSQL's clients understand".into()),
            };
        }
        match text.strip_prefix("sqlite:") {
            Some(rest) => sqlite_path(rest).map(Self::Sqlite),
            None => Err("neither a postgres:// nor a sqlite:// address".into()),
        }
    }
}

/// The path is taken as it stands; nothing in it is decoded.
fn sqlite_path(rest: &str) -> Result<PathBuf, String> {
    if rest.contains(":memory:") || rest.contains("mode=memory") {
        return Err("a database in memory, which forgets every payment when the program stops".into());
    }
    let path = rest.strip_prefix("//").ok_or("a SQLite address without // before the file's path")?;
    if path.contains(['?', '#']) || path.starts_with("file:") {
        return Err("a SQLite address with options, of which there are none".into());
    }
    if path.is_empty() || path.ends_with('/') {
        return Err("a SQLite address that names no file".into());
    }
    Ok(PathBuf::from(path))
}

/// Reads `redis://…`; the error says what the text is instead, without showing it.
pub(super) fn redis_url(text: &str) -> Result<Secret, String> {
    if text.starts_with("rediss://") {
        return Err("an address with TLS (rediss://), which is not built in".into());
    }
    let url =
        Url::parse(text).ok().filter(|_| text.starts_with("redis://")).ok_or("not a redis:// address")?;
    if url.host_str().is_none_or(str::is_empty) {
        return Err("an address without a host".into());
    }
    let number = url.path().trim_start_matches('/');
    if !number.is_empty() && number.parse::<u16>().is_err() {
        return Err("an address whose path is not a database's number".into());
    }
    Ok(Secret::new(text))
}
