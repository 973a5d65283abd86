//! The keys and passwords of the two sides.

use std::io;

use ringmq::{KeyPair, Login, SecretKey, Security};

use crate::plan::mechanism::Mechanism;
use crate::plan::spec::Spec;
use crate::run::job::Side;
use crate::run::sockets::talk::Sockets;

/// The security of the sockets of `side`. The far side is the server. Both processes know the keys, because they are
/// constants: a measurement has no secrets.
pub(super) fn security(spec: &Spec, side: Side) -> Security {
    let keys = |byte| KeyPair::from_secret(SecretKey::from_bytes(&[byte; 32]));
    let (server, client) = (1, 2);
    match (spec.mechanism, side) {
        (Mechanism::Null, _) => Security::Null,
        (Mechanism::Plain, Side::Far) => Security::PlainServer,
        (Mechanism::Plain, Side::Near) => Security::PlainClient(login()),
        (Mechanism::Curve, Side::Far) => Security::CurveServer(keys(server)),
        (Mechanism::Curve, Side::Near) => Security::CurveClient {
            keys: keys(client),
            server_key: *keys(server).public(),
        },
    }
}

/// Starts the authenticator of `side`, if it needs one: a server of PLAIN denies all peers without.
pub(super) fn authenticator<C: Sockets>(
    context: &C,
    spec: &Spec,
    side: Side,
) -> io::Result<Option<C::Authenticator>> {
    match (spec.mechanism, side) {
        (Mechanism::Plain, Side::Far) => context.authenticate(login()).map(Some),
        _ => Ok(None),
    }
}

/// The user of PLAIN.
fn login() -> Login {
    Login::new("perf", "password")
}
