//! `ringmq keygen`.

use std::fs;
use std::os::unix::fs::PermissionsExt;

use ringmq::{PublicKey, SecretKey};
use ringmq_testing::Scratch;

use crate::{errors, ringmq};

/// The value of a line such as `public-key = "..."`.
fn value<'a>(text: &'a str, name: &str) -> &'a str {
    let mut lines = text.lines();
    let line = lines.find(|line| line.trim().starts_with(name)).unwrap();
    line.split_once('=').unwrap().1.trim().trim_matches('"')
}

#[test]
fn the_keys_belong_together() {
    let output = ringmq(&["keygen"]).output().unwrap();
    assert!(output.status.success(), "{}", errors(&output));
    let text = String::from_utf8(output.stdout).unwrap();
    let public: PublicKey = value(&text, "public-key").parse().unwrap();
    let secret: SecretKey = value(&text, "secret-key").parse().unwrap();
    assert_eq!(secret.public_key(), public);
}

#[test]
fn certificates_are_written_once_and_the_secret_is_its_owners() {
    let scratch = Scratch::new();
    let file = scratch.path("alice.key");
    let secret_file = format!("{file}_secret");
    let arguments = ["keygen", &file, "--metadata", "name=Alice"];
    let output = ringmq(&arguments).output().unwrap();
    assert!(output.status.success(), "{}", errors(&output));
    let [public, secret] = [&file, &secret_file].map(|file| fs::read_to_string(file).unwrap());
    assert_eq!(value(&public, "name"), "Alice");
    assert!(!public.contains("secret-key"));
    assert_eq!(value(&public, "public-key"), value(&secret, "public-key"));
    let mode = fs::metadata(&secret_file).unwrap().permissions().mode();
    assert_eq!(mode & 0o777, 0o600);
    for kept in [&file, &secret_file] {
        let other = [&file, &secret_file]
            .into_iter()
            .find(|other| *other != kept);
        fs::remove_file(other.unwrap()).unwrap();
        let output = ringmq(&arguments).output().unwrap();
        assert!(!output.status.success());
        assert!(
            errors(&output).contains(kept.as_str()),
            "{}",
            errors(&output)
        );
        let left = fs::read_dir(scratch.path("")).unwrap().count();
        assert_eq!(left, 1, "nothing is left behind");
        fs::remove_file(kept).unwrap();
        let output = ringmq(&arguments).output().unwrap();
        assert!(output.status.success(), "{}", errors(&output));
    }
}
