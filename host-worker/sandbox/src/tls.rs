//! The API over TLS, for clients that speak nothing else, such as PayPay's Node SDK.
//!
//! The certificate is made at start and good for this machine's own names only. Its authority lives as long as the process, and signs nothing else.

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::serve::Listener;
use rcgen::{
    BasicConstraints, CertificateParams, DnType, ExtendedKeyUsagePurpose, IsCa, Issuer, KeyPair,
    KeyUsagePurpose,
};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinSet;
use tokio_rustls::TlsAcceptor;
use tokio_rustls::rustls::pki_types::PrivateKeyDer;
use tokio_rustls::rustls::{self, ServerConfig};
use tokio_rustls::server::TlsStream;

/// The names that the certificate is for.
const NAMES: [&str; 3] = ["localhost", "127.0.0.1", "::1"];
/// A client that has not shaken hands by then is hung up on.
const HANDSHAKE_LIMIT: Duration = Duration::from_secs(10);
/// After an accept that failed, mostly for want of file descriptors.
const ACCEPT_PAUSE: Duration = Duration::from_millis(50);

/// Why there is no certificate.
#[derive(Debug, thiserror::Error)]
pub enum TlsError {
    #[error("the certificate could not be made: {0}")]
    Certificate(#[from] rcgen::Error),
    #[error("the certificate cannot be used: {0}")]
    Config(#[from] rustls::Error),
}

/// A certificate for this machine, and the authority that clients have to trust for it.
#[derive(Clone, Debug)]
pub struct TlsIdentity {
    config: Arc<ServerConfig>,
    authority: String,
}

impl TlsIdentity {
    /// Makes keys and certificates.
    pub fn generate() -> Result<Self, TlsError> {
        let mut authority = CertificateParams::default();
        authority
            .distinguished_name
            .push(DnType::CommonName, "Kessai sandbox, this run only");
        authority.is_ca = IsCa::Ca(BasicConstraints::Constrained(0));
        authority.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
        let key = KeyPair::generate()?;
        let trusted = authority.self_signed(&key)?;
        let issuer = Issuer::new(authority, key);

        let mut server = CertificateParams::new(NAMES.map(str::to_owned))?;
        server.distinguished_name.push(DnType::CommonName, NAMES[0]);
        server.use_authority_key_identifier_extension = true;
        server.key_usages = vec![KeyUsagePurpose::DigitalSignature];
        server.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth];
        let key = KeyPair::generate()?;
        let certificate = server.signed_by(&key, &issuer)?;

        let provider = Arc::new(rustls::crypto::ring::default_provider());
        // PayPay takes TLS 1.2 and later; so does this.
        let config = ServerConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()?
            .with_no_client_auth()
            .with_single_cert(
                vec![certificate.into()],
                PrivateKeyDer::Pkcs8(key.serialize_der().into()),
            )?;
        Ok(Self {
            config: Arc::new(config),
            authority: trusted.pem(),
        })
    }

    /// The authority's certificate, PEM.
    pub fn authority_pem(&self) -> &str {
        &self.authority
    }

    /// Serves `router` over TLS until `stop`, then finishes what is under way.
    pub async fn serve(
        &self,
        listener: TcpListener,
        router: Router,
        stop: impl Future<Output = ()> + Send + 'static,
    ) -> io::Result<()> {
        let listener = TlsListener {
            listener,
            acceptor: TlsAcceptor::from(Arc::clone(&self.config)),
            handshakes: JoinSet::new(),
        };
        axum::serve(listener, router).with_graceful_shutdown(stop).await
    }
}

type Shaken = Option<(TlsStream<TcpStream>, SocketAddr)>;

/// Hands out connections whose handshake is done; a slow one keeps no other waiting.
struct TlsListener {
    listener: TcpListener,
    acceptor: TlsAcceptor,
    handshakes: JoinSet<Shaken>,
}

impl Listener for TlsListener {
    type Io = TlsStream<TcpStream>;
    type Addr = SocketAddr;

    async fn accept(&mut self) -> (Self::Io, Self::Addr) {
        loop {
            tokio::select! {
                accepted = self.listener.accept() => match accepted {
                    Ok((stream, peer)) => {
                        self.handshakes.spawn(shake_hands(self.acceptor.clone(), stream, peer));
                    }
                    Err(error) => {
                        tracing::warn!(%error, "a connection was not accepted");
                        tokio::time::sleep(ACCEPT_PAUSE).await;
                    }
                },
                Some(shaken) = self.handshakes.join_next(), if !self.handshakes.is_empty() => {
                    if let Ok(Some(connection)) = shaken {
                        return connection;
                    }
                }
            }
        }
    }

    fn local_addr(&self) -> io::Result<SocketAddr> {
        self.listener.local_addr()
    }
}

async fn shake_hands(acceptor: TlsAcceptor, stream: TcpStream, peer: SocketAddr) -> Shaken {
    // A socket on which this fails is already dead and says so in the handshake.
    let _ = stream.set_nodelay(true);
    match tokio::time::timeout(HANDSHAKE_LIMIT, acceptor.accept(stream)).await {
        Ok(Ok(stream)) => Some((stream, peer)),
        Ok(Err(error)) => {
            tracing::debug!(%peer, %error, "a TLS handshake failed");
            None
        }
        Err(_) => None,
    }
}
