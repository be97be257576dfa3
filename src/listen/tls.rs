//! TLS of the listener: rustls, TLS 1.2 and 1.3, ALPN `http/1.1` only.

use std::sync::Arc;

use rustls::ServerConfig;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};

/// Why a certificate and key make no TLS configuration. Never carries the key.
#[derive(Debug, thiserror::Error)]
pub enum TlsError {
    /// The certificate file is not PEM or holds no certificate.
    #[error("the certificate file holds no readable pem certificate")]
    Certificate,
    /// The key file is not PEM or holds no key.
    #[error("the key file holds no readable pem private key")]
    Key,
    /// Certificate and key do not fit, or the key is of an unknown kind.
    #[error("the certificate and the key do not make a tls configuration: {0}")]
    Pair(String),
}

/// A server configuration from PEM bytes: the chain, leaf first, and its private key.
///
/// # Errors
/// [`TlsError`] for unreadable PEM or a key that does not fit.
pub fn tls_config(chain_pem: &[u8], key_pem: &[u8]) -> Result<Arc<ServerConfig>, TlsError> {
    let chain: Vec<CertificateDer<'static>> = CertificateDer::pem_slice_iter(chain_pem)
        .collect::<Result<_, _>>()
        .map_err(|_| TlsError::Certificate)?;
    if chain.is_empty() {
        return Err(TlsError::Certificate);
    }
    let key = PrivateKeyDer::from_pem_slice(key_pem).map_err(|_| TlsError::Key)?;
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let mut config = ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .and_then(|builder| builder.with_no_client_auth().with_single_cert(chain, key))
        .map_err(|error| TlsError::Pair(error.to_string()))?;
    // Offering h2 would let clients start a protocol this listener does not speak.
    config.alpn_protocols = vec![b"http/1.1".to_vec()];
    Ok(Arc::new(config))
}
