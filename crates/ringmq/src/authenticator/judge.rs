//! The rules of an authenticator.

use std::collections::HashMap;
use std::net::IpAddr;

use ringmq_transport::Subnet;
use ringmq_zmtp::{Credentials, Login, PublicKey, Refusal, User, Verdict};

use crate::authenticator::AuthenticationRequest;
use crate::authenticator::certificates::Folder;

/// A function that decides.
type Function = Box<dyn FnMut(&AuthenticationRequest) -> Verdict + Send>;

/// Who is accepted.
#[derive(Default)]
pub(super) struct Rules {
    pub(super) allowed: Vec<Subnet>,
    pub(super) denied: Vec<Subnet>,
    pub(super) logins: Vec<Login>,
    pub(super) keys: HashMap<PublicKey, User>,
    pub(super) folders: Vec<Folder>,
    pub(super) function: Option<Function>,
}

impl Rules {
    /// Decides about a peer.
    pub(super) fn judge(&mut self, request: &AuthenticationRequest) -> Verdict {
        let denied = Verdict::Refuse(Refusal::Denied);
        if !self.admits(&request.address) {
            return denied;
        }
        if let Some(decide) = &mut self.function {
            return decide(request);
        }
        let user = match &request.credentials {
            Credentials::Null => Some(User::default()),
            Credentials::Plain(login) => self.user_of(login),
            Credentials::Curve(key) => {
                let known = self.keys.get(key).cloned();
                let mut folders = self.folders.iter_mut();
                known.or_else(|| folders.find_map(|folder| folder.user(key)))
            }
        };
        user.map_or(denied, Verdict::Accept)
    }

    /// Whether peers of this address may go on. A peer over ipc has none.
    fn admits(&self, address: &str) -> bool {
        let ip: Option<IpAddr> = address.parse().ok();
        let holds =
            |ranges: &[Subnet]| ip.is_some_and(|ip| ranges.iter().any(|range| range.holds(ip)));
        !holds(&self.denied) && (self.allowed.is_empty() || ip.is_none() || holds(&self.allowed))
    }

    /// The user of a name and a password. All are compared, so that the time does not say which one fits.
    fn user_of(&self, login: &Login) -> Option<User> {
        let found = self
            .logins
            .iter()
            .fold(false, |found, known| found | (known == login));
        found.then(|| User {
            id: login.username().to_vec(),
            metadata: Vec::new(),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn request(address: &str, credentials: Credentials) -> AuthenticationRequest {
        AuthenticationRequest {
            domain: Vec::new(),
            address: address.to_owned(),
            routing_id: Vec::new(),
            credentials,
        }
    }

    fn accepts(rules: &mut Rules, address: &str, credentials: Credentials) -> bool {
        matches!(
            rules.judge(&request(address, credentials)),
            Verdict::Accept(_)
        )
    }

    #[test]
    fn addresses_are_denied_before_they_are_allowed() {
        let mut rules = Rules::default();
        assert!(accepts(&mut rules, "10.0.0.1", Credentials::Null));
        rules.denied.push("10.0.0.1".parse().unwrap());
        assert!(!accepts(&mut rules, "10.0.0.1", Credentials::Null));
        assert!(accepts(&mut rules, "10.0.0.2", Credentials::Null));
        rules.allowed.push("10.0.0.0/24".parse().unwrap());
        assert!(!accepts(&mut rules, "10.0.0.1", Credentials::Null));
        assert!(accepts(&mut rules, "10.0.0.2", Credentials::Null));
        assert!(!accepts(&mut rules, "10.0.1.2", Credentials::Null));
        assert!(
            accepts(&mut rules, ":1000:1000:7", Credentials::Null),
            "over ipc"
        );
    }

    #[test]
    fn passwords_and_keys_have_to_fit() {
        let mut rules = Rules::default();
        let plain = |password: &str| Credentials::Plain(Login::new("me", password));
        assert!(!accepts(&mut rules, "", plain("secret")));
        rules.logins.push(Login::new("me", "secret"));
        rules.logins.push(Login::new("you", "other"));
        assert!(accepts(&mut rules, "", plain("secret")));
        assert!(!accepts(&mut rules, "", plain("other")));
        let [one, two] = [1, 2].map(|byte| PublicKey::from_bytes([byte; 32]));
        rules.keys.insert(one, User::default());
        assert!(accepts(&mut rules, "", Credentials::Curve(one)));
        assert!(!accepts(&mut rules, "", Credentials::Curve(two)));
    }
}
