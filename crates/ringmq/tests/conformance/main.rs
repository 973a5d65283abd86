//! What a user of a socket can rely on, whatever carries the messages: each rule is written once and is a test for each
//! carrier, `family::rule::carrier`. Where libzmq has the rule, it is libzmq's.
//!
//! A rule that a carrier cannot have stands in [`EXCEPTIONS`](world::EXCEPTIONS), with the reason.

#![allow(
    clippy::unwrap_used,
    clippy::print_stderr,
    reason = "a test fails by panicking, and says why a rule is none of a carrier"
)]

/// Makes a test of each rule for each carrier. This is the list of carriers.
macro_rules! rules {
    ($($rule:ident),+ $(,)?) => {
        /// The names of the rules in this file.
        pub(crate) const RULES: &[&str] = &[$(stringify!($rule)),+];
        $(
            mod $rule {
                use crate::world::{Carrier, run};

                #[test]
                fn inproc() {
                    run(stringify!($rule), Carrier::Inproc, super::$rule);
                }

                #[test]
                fn tcp() {
                    run(stringify!($rule), Carrier::Tcp, super::$rule);
                }

                #[test]
                fn ipc() {
                    run(stringify!($rule), Carrier::Ipc, super::$rule);
                }

                #[test]
                fn shared_memory() {
                    run(stringify!($rule), Carrier::SharedMemory, super::$rule);
                }

                #[test]
                fn shared_tcp() {
                    run(stringify!($rule), Carrier::SharedTcp, super::$rule);
                }
            }
        )+
    };
}

mod endings;
mod endpoints;
mod filling;
mod groups;
mod marks;
mod messages;
mod one_part;
mod options;
mod pipelines;
mod publishing;
mod requests;
mod routing;
mod types;
mod upstream;
mod world;

#[test]
fn each_exception_is_of_a_rule() {
    let rules = [
        endings::RULES,
        endpoints::RULES,
        filling::RULES,
        groups::RULES,
        marks::RULES,
        messages::RULES,
        one_part::RULES,
        options::RULES,
        pipelines::RULES,
        publishing::RULES,
        requests::RULES,
        routing::RULES,
        types::RULES,
        upstream::RULES,
    ]
    .concat();
    for (rule, ..) in world::EXCEPTIONS {
        let count = rules.iter().filter(|name| *name == rule).count();
        assert_eq!(count, 1, "{rule}");
    }
}
