//! Two ends of a pipe in two processes. Shared by the test programs beside this folder.

#![allow(dead_code, reason = "not every program needs all of it")]

use ringmq_pipe::{Listener, Options, Pipe, Wait};
use ringmq_testing::{Actor, abstract_name, role_args, spawn_role};

/// Every way to wait.
pub(crate) const STRATEGIES: [Wait; 3] = [Wait::Spin, Wait::Park, Wait::Adaptive];

/// As [`wait_named`] knows it.
pub(crate) fn name_of(wait: Wait) -> &'static str {
    match wait {
        Wait::Spin => "spin",
        Wait::Park => "park",
        Wait::Adaptive => "adaptive",
    }
}

/// The strategy of this name.
pub(crate) fn wait_named(name: &str) -> Wait {
    let found = STRATEGIES.into_iter().find(|wait| name_of(*wait) == name);
    found.expect("the name of a strategy")
}

/// Starts `role` of `test` in another process, which calls [`join`], and connects to it.
pub(crate) fn meet(test: &str, role: &str, args: &[&str], options: &Options) -> (Pipe, Actor) {
    let mut listener = Listener::bind(&abstract_name("ends"), options).unwrap();
    let actor = start(test, role, args, &listener);
    (listener.accept().unwrap(), actor)
}

/// Starts `role` of `test` in another process, which calls [`join`] with this listener.
pub(crate) fn start(test: &str, role: &str, args: &[&str], listener: &Listener) -> Actor {
    let address = listener.address();
    let args: Vec<&str> = [address.as_str()].iter().chain(args).copied().collect();
    Actor::start(&mut spawn_role(test, role, &args))
}

/// In a role: connects to the test that has started it.
pub(crate) fn join(options: &Options) -> Pipe {
    options.connect(&role_args()[0]).unwrap()
}

/// In a role: the argument with this index, as the test gave it to [`meet`].
pub(crate) fn arg(index: usize) -> String {
    role_args().swap_remove(index + 1)
}

/// In a role: the argument with this index, a number.
pub(crate) fn number(index: usize) -> u64 {
    arg(index).parse().unwrap()
}
