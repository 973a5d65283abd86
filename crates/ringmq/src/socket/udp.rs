//! udp endpoints: RADIO connects, DISH and DGRAM are bound.

use ringmq_pattern::Kind;
use ringmq_transport::{Endpoint, Options, UdpAddress, UdpError, UdpSocket};

use crate::error::EndpointError;
use crate::mail::pipes::{session_pipe, session_row};
use crate::mail::row::{self, Phase, Side};
use crate::mail::{Carrier, Identity, OpenUdp, Order};
use crate::socket::Security;
use crate::socket::Socket;
use crate::socket::endpoints::Role;

impl Socket {
    /// Makes a udp socket by `open`, and attaches its pipe.
    pub(super) fn open_udp(
        &mut self,
        address: &UdpAddress,
        open: fn(&UdpAddress, &Options) -> Result<UdpSocket, UdpError>,
    ) -> Result<(), EndpointError> {
        if !matches!(self.options.security, Security::Null) {
            let endpoint = Endpoint::Udp(address.clone()).to_string();
            return Err(EndpointError::Unprotected(endpoint));
        }
        let place = self.registry.place(self.options.affinity)?;
        let socket = open(address, &self.options.transport)?;
        let post = place.post();
        self.host = Some(place.host());
        let id = self.registry.names().lock().pipe_id();
        let link = self.link(None);
        let endpoint = socket.endpoint().to_string();
        let side = match self.kind() {
            Kind::Radio => Side::Connected,
            _ => Side::Bound,
        };
        let row = session_row(&link, side, Carrier::Datagrams, &endpoint);
        let (mut near, ends) = session_pipe(&link, id, (&post, place.host()), row);
        near.identity.endpoint.clone_from(&endpoint);
        near.datagrams = true;
        let identity = Identity {
            endpoint: endpoint.clone(),
            ..Identity::default()
        };
        row::set_phase(&near.row, Phase::Ready, Carrier::Datagrams, &identity);
        let open = OpenUdp {
            id,
            socket,
            link,
            ends,
        };
        self.registry.lingering().begin();
        if post.send(Order::OpenUdp(Box::new(open))).is_err() {
            self.registry.lingering().end();
            return Err(EndpointError::Terminated);
        }
        place.taken();
        self.attach(near, None, side);
        self.know(&endpoint, Role::Dialed(id, post));
        Ok(())
    }
}
