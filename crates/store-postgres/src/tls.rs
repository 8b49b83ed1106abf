//! The database's address and how the way there is encrypted.

use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::crypto::{CryptoProvider, verify_tls12_signature, verify_tls13_signature};
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use rustls::{ClientConfig, DigitallySignedStruct, RootCertStore, SignatureScheme};
use sekali_core::ports::StoreError;
use std::sync::Arc;
use tokio_postgres::Config;
use tokio_postgres_rustls::MakeRustlsConnect;

/// Reads an address. Its text never gets into an error: it holds the password, and one with a
/// character that should have been encoded can turn up in any part of it.
pub(crate) fn read_address(url: &str) -> Result<(Config, MakeRustlsConnect), StoreError> {
    let (url, verify) = extract_verification(url)?;
    let config: Config = url.parse().map_err(|_| {
        wrong(
            "it is no PostgreSQL address of the form postgres://user:password@host:port/database \
             (special characters in the password are written as %40 and the like)",
        )
    })?;
    Ok((config, connector(&verify)?))
}

/// How the server's certificate is checked.
#[derive(Debug, PartialEq, Eq)]
enum Verification {
    /// Not at all: keeps listeners out, not impostors. What libpq does for `prefer` and `require`.
    None,
    /// By the public authorities.
    Public,
    /// By the authorities in this PEM file.
    File(String),
}

/// Takes out of the address what the driver does not know: `sslmode=verify-full` and `sslrootcert`.
fn extract_verification(url: &str) -> Result<(String, Verification), StoreError> {
    let Some((address, query)) = url.rsplit_once('?') else {
        return Ok((url.to_owned(), Verification::None));
    };
    let (mut kept, mut full, mut file) = (Vec::new(), false, None);
    for pair in query.split('&') {
        match pair.split_once('=') {
            Some(("sslmode", "verify-full")) => {
                full = true;
                kept.push("sslmode=require");
            }
            Some(("sslmode", "verify-ca" | "allow")) => {
                return Err(wrong("its sslmode is none of disable, prefer, require, verify-full"));
            }
            Some(("sslrootcert", path)) => file = Some(path.replace("%2F", "/").replace("%2f", "/")),
            _ => kept.push(pair),
        }
    }
    let verification = match (full, file) {
        (true, Some(file)) => Verification::File(file),
        (true, None) => Verification::Public,
        (false, None) => Verification::None,
        (false, Some(_)) => return Err(wrong("sslrootcert is of use only with sslmode=verify-full")),
    };
    Ok((format!("{address}?{}", kept.join("&")), verification))
}

fn connector(verification: &Verification) -> Result<MakeRustlsConnect, StoreError> {
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let builder = ClientConfig::builder_with_provider(provider.clone())
        .with_safe_default_protocol_versions()
        .map_err(|error| StoreError::Broken(format!("TLS cannot be set up: {error}")))?;
    let config = match verification {
        Verification::None => {
            let unchecked = Arc::new(Unchecked(provider));
            builder.dangerous().with_custom_certificate_verifier(unchecked).with_no_client_auth()
        }
        Verification::Public => {
            let roots: RootCertStore = webpki_roots::TLS_SERVER_ROOTS.iter().cloned().collect();
            builder.with_root_certificates(roots).with_no_client_auth()
        }
        Verification::File(path) => builder.with_root_certificates(roots_in(path)?).with_no_client_auth(),
    };
    Ok(MakeRustlsConnect::new(config))
}

fn roots_in(path: &str) -> Result<RootCertStore, StoreError> {
    let unreadable = || wrong("the file that sslrootcert names holds no certificate that can be read");
    let mut roots = RootCertStore::empty();
    for certificate in CertificateDer::pem_file_iter(path).map_err(|_| unreadable())? {
        let certificate = certificate.map_err(|_| unreadable())?;
        roots.add(certificate).map_err(|_| unreadable())?;
    }
    if roots.is_empty() { Err(unreadable()) } else { Ok(roots) }
}

fn wrong(sentence: &str) -> StoreError {
    StoreError::Unavailable(format!("the database's address cannot be used: {sentence}"))
}

/// Accepts every certificate; that the server holds its key is still checked.
#[derive(Debug)]
struct Unchecked(Arc<CryptoProvider>);

impl ServerCertVerifier for Unchecked {
    fn verify_server_cert(
        &self,
        _: &CertificateDer<'_>,
        _: &[CertificateDer<'_>],
        _: &ServerName<'_>,
        _: &[u8],
        _: UnixTime,
    ) -> Result<ServerCertVerified, rustls::Error> {
        Ok(ServerCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        verify_tls12_signature(message, certificate, signature, &self.0.signature_verification_algorithms)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        verify_tls13_signature(message, certificate, signature, &self.0.signature_verification_algorithms)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.0.signature_verification_algorithms.supported_schemes()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_the_driver_does_not_know_is_taken_out() {
        let read = |query: &str| extract_verification(&format!("postgres://h/d{query}"));
        let ok = |query: &str, verification| Ok((format!("postgres://h/d{query}"), verification));
        assert_eq!(read(""), ok("", Verification::None));
        assert_eq!(read("?sslmode=require"), ok("?sslmode=require", Verification::None));
        assert_eq!(read("?sslmode=verify-full"), ok("?sslmode=require", Verification::Public));
        assert_eq!(
            read("?sslrootcert=%2Fa.pem&connect_timeout=1&sslmode=verify-full"),
            ok("?connect_timeout=1&sslmode=require", Verification::File("/a.pem".into()))
        );
        assert!(read("?sslmode=verify-ca").is_err());
        assert!(read("?sslmode=require&sslrootcert=a.pem").is_err());
    }

    #[test]
    fn no_error_holds_the_password() {
        for url in [
            "postgres://u:hunter2@h:port/d",
            "mysql://u:hunter2@h/d",
            "postgres://u:hunter2@h/d?hunter2=1",
            "postgres://u:hunter2@h/d?sslmode=hunter2",
            "postgres://u:hunter2@h/d?sslmode=verify-full&sslrootcert=/hunter2",
            "postgres://u:hunter2@h/d?sslmode=verify-ca",
        ] {
            let Err(error) = read_address(url) else { panic!("{url} was accepted") };
            assert!(!error.to_string().contains("hunter2"), "{error}");
        }
    }

    #[test]
    fn each_way_of_encryption_can_be_set_up() {
        for mode in ["disable", "prefer", "require", "verify-full"] {
            assert!(read_address(&format!("postgres://u:p@h/d?sslmode={mode}")).is_ok(), "{mode}");
        }
    }
}
