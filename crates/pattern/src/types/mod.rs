//! The socket types, each with its rules.

mod dealer;
mod dgram;
mod dish;
mod pair;
mod radio;
mod rep;
mod req;
mod router;
mod server;
mod single;
mod xpub;
mod xsub;

pub(crate) use dealer::{Dealer, Pull, Push};
pub(crate) use dgram::Dgram;
pub(crate) use dish::Dish;
pub(crate) use pair::Pair;
pub(crate) use radio::Radio;
pub(crate) use rep::Rep;
pub(crate) use req::Req;
pub(crate) use router::Router;
pub(crate) use server::Server;
pub(crate) use single::Single;
pub(crate) use xpub::Xpub;
pub(crate) use xsub::Xsub;
