//! A folder of certificates, in the format of czmq and pyzmq.
//!
//! ```text
//! #   a comment
//! metadata
//!     name = "Alice"
//! curve
//!     public-key = "Yne@$w-vo<fVvi]a<NY6T1ed:M$fCG*[IaLV{hID"
//!     secret-key = "..."
//! ```

use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::time::SystemTime;
use std::{fs, io};

use ringmq_zmtp::{PublicKey, User};

/// The longest file that is read, in bytes.
const LONGEST: u64 = 64 << 10;

/// The certificates of a folder.
#[derive(Debug)]
pub(super) struct Folder {
    path: PathBuf,
    /// What the folder looked like when its files were read.
    seen: Vec<(PathBuf, u64, Option<SystemTime>)>,
    users: HashMap<PublicKey, User>,
}

impl Folder {
    pub(super) fn new(path: &Path) -> Folder {
        Folder {
            path: path.to_owned(),
            seen: Vec::new(),
            users: HashMap::new(),
        }
    }

    /// Reads the files, if something has changed since they were read.
    pub(super) fn load(&mut self) -> io::Result<()> {
        let seen = list(&self.path)?;
        if seen == self.seen {
            return Ok(());
        }
        let read = seen.iter().filter(|(_, len, _)| *len <= LONGEST);
        // A file that has gone meanwhile, or is no certificate, has no key.
        let texts = read.filter_map(|(path, ..)| fs::read_to_string(path).ok());
        self.users = texts.filter_map(|text| certificate(&text)).collect();
        self.seen = seen;
        Ok(())
    }

    /// The user of a key. Without the folder there is none.
    pub(super) fn user(&mut self, key: &PublicKey) -> Option<User> {
        self.load().ok()?;
        self.users.get(key).cloned()
    }
}

/// The files of a folder, with their lengths in bytes and the times of their last changes.
fn list(folder: &Path) -> io::Result<Vec<(PathBuf, u64, Option<SystemTime>)>> {
    let mut files = Vec::new();
    for entry in fs::read_dir(folder)? {
        let path = entry?.path();
        if let Ok(about) = fs::metadata(&path)
            && about.is_file()
        {
            files.push((path, about.len(), about.modified().ok()));
        }
    }
    files.sort();
    Ok(files)
}

/// Reads a certificate: its public key, and the user that it stands for.
fn certificate(text: &str) -> Option<(PublicKey, User)> {
    let mut section = "";
    let mut key = None;
    let mut metadata = Vec::new();
    for line in text.lines() {
        let bare = line.trim();
        if bare.is_empty() || bare.starts_with('#') {
            continue;
        }
        if !line.starts_with([' ', '\t']) {
            section = bare;
            continue;
        }
        let Some((name, value)) = bare.split_once('=') else {
            continue;
        };
        let (name, value) = (name.trim(), unquoted(value.trim()));
        match section {
            "curve" if name == "public-key" => key = value.parse().ok(),
            "metadata" if (1..=255).contains(&name.len()) => {
                metadata.push((name.to_owned(), value.as_bytes().to_vec()));
            }
            _ => {}
        }
    }
    let key: PublicKey = key?;
    let id = key.to_string().into_bytes();
    Some((key, User { id, metadata }))
}

fn unquoted(value: &str) -> &str {
    for quote in ['"', '\''] {
        let inner = value
            .strip_prefix(quote)
            .and_then(|v| v.strip_suffix(quote));
        if let Some(inner) = inner {
            return inner;
        }
    }
    value
}

#[cfg(test)]
mod tests {
    use super::*;

    const KEY: &str = "Yne@$w-vo<fVvi]a<NY6T1ed:M$fCG*[IaLV{hID";

    #[test]
    fn a_certificate_has_a_key_and_properties() {
        let text = format!(
            "#   comment\n\nmetadata\n    name = \"Alice\"\n    role=admin\ncurve\n    public-key = \"{KEY}\"\n"
        );
        let (key, user) = certificate(&text).unwrap();
        assert_eq!(key.to_string(), KEY);
        assert_eq!(user.id, KEY.as_bytes());
        let want = [("name", "Alice"), ("role", "admin")];
        let want = want.map(|(name, value)| (name.to_owned(), value.as_bytes().to_vec()));
        assert_eq!(user.metadata, want);
    }

    #[test]
    fn other_files_are_none() {
        for text in [
            "",
            "curve",
            "curve\n    public-key = \"short\"",
            "metadata\n    public-key = \"Yne@$w-vo<fVvi]a<NY6T1ed:M$fCG*[IaLV{hID\"",
        ] {
            assert_eq!(certificate(text), None, "{text}");
        }
    }

    #[test]
    fn a_folder_is_read_again_when_it_changes() {
        let scratch = ringmq_testing::Scratch::new();
        let folder = scratch.path("keys");
        fs::create_dir(&folder).unwrap();
        let mut certificates = Folder::new(Path::new(&folder));
        certificates.load().unwrap();
        let key: PublicKey = KEY.parse().unwrap();
        assert_eq!(certificates.user(&key), None);
        let file = Path::new(&folder).join("alice.key");
        fs::write(&file, format!("curve\n    public-key = \"{KEY}\"\n")).unwrap();
        assert!(certificates.user(&key).is_some());
        fs::remove_file(file).unwrap();
        assert_eq!(certificates.user(&key), None);
        fs::remove_dir(&folder).unwrap();
        assert_eq!(certificates.user(&key), None);
        assert!(certificates.load().is_err());
    }
}
