//! Whole programs that run: `cargo run --release -p ringmq-examples --example NAME`.
//!
//! | name | shows |
//! | --- | --- |
//! | `broker` | a proxy between clients and services, which wait with a poller for requests and for the end |
//! | `echo` | a server and a client in two processes, each message answered |
//! | `in_place` | messages written and read where they lie in the ring |
//! | `pipeline` | files read by a source, worked on by several processes, and added up by a sink |
//! | `publish_subscribe` | a publisher and three subscribers, each with topics of its own |
//! | `request_reply` | requests with a timeout, which are sent again |
//! | `tokio_pipe` | a pipe behind tokio's `AsyncFd` |
//! | `tokio_socket` | sockets behind tokio's `AsyncFd` |

/// The programs in Rust of these documents, as doctests.
#[cfg(doctest)]
mod documents {
    #[doc = include_str!("../../README.md")]
    struct Readme;
    #[doc = include_str!("../../docs/guide/start.md")]
    struct Start;
    #[doc = include_str!("../../docs/guide/large-payloads.md")]
    struct LargePayloads;
    #[doc = include_str!("../../docs/sockets.md")]
    struct Sockets;
    #[doc = include_str!("../../docs/security.md")]
    struct Security;
}
