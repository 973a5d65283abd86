//! Places that a user may not reach. Root may reach all, so that root runs the command as another user.

use std::fs;
use std::os::unix::fs::PermissionsExt;

use ringmq_testing::Scratch;

use super::{Talker, guard};
use crate::{as_another_user, errors};

#[test]
fn what_is_forbidden_is_told() {
    let _guard = guard();
    let scratch = Scratch::new();
    let folder = scratch.path("");
    fs::set_permissions(&folder, fs::Permissions::from_mode(0o755)).unwrap();
    let closed = scratch.path("closed");
    fs::create_dir(&closed).unwrap();
    fs::set_permissions(&closed, fs::Permissions::from_mode(0o700)).unwrap();
    let open = format!("ipc://{}", scratch.path("open.sock"));
    let inner = format!("ipc://{closed}/inner.sock");
    let mut owner = Talker::start(&["pull", "--verbose", &open]);
    owner.bound();
    let path = scratch.path("open.sock");
    fs::set_permissions(path, fs::Permissions::from_mode(0o600)).unwrap();
    for (arguments, words) in [
        (["push", &open], "may not connect"),
        (["push", &inner], "may not connect"),
        (["pull", &inner], "a folder of yours"),
    ] {
        let Some(mut command) = as_another_user() else {
            break;
        };
        command.arg(env!("CARGO_BIN_EXE_ringmq")).args(arguments);
        let output = command.output().unwrap();
        let said = errors(&output);
        assert_eq!(output.status.code(), Some(1), "{arguments:?}: {said}");
        assert!(said.contains(words), "{arguments:?}: {said}");
    }
    owner.kill();
}
