//! The list of what is in a package (SBOM), as CycloneDX 1.5 in JSON.

use cargo_metadata::Package;
use serde_json::{Value, json};

use super::crates::Shipped;

/// The list for a package of ours. `kind` is `application` or `library`; `time` is in RFC 3339.
pub(crate) fn list(
    name: &str,
    kind: &str,
    version: &str,
    time: &str,
    shipped: &[Shipped<'_>],
) -> String {
    let own = format!("pkg:generic/{name}@{version}");
    let ours = shipped.iter().filter(|one| one.package.source.is_none());
    let mut graph = vec![
        json!({ "ref": own, "dependsOn": ours.map(|one| id(one.package)).collect::<Vec<_>>() }),
    ];
    graph.extend(shipped.iter().map(|one| {
        let mut uses: Vec<_> = one.uses.iter().map(|package| id(package)).collect();
        uses.sort();
        uses.dedup();
        json!({ "ref": id(one.package), "dependsOn": uses })
    }));
    let list = json!({
        "bomFormat": "CycloneDX",
        "specVersion": "1.5",
        "version": 1,
        "metadata": {
            "timestamp": time,
            "component": {
                "type": kind,
                "bom-ref": own,
                "name": name,
                "version": version,
                "licenses": [{ "expression": "MIT OR Apache-2.0" }],
            },
        },
        "components": shipped.iter().map(component).collect::<Vec<_>>(),
        "dependencies": graph,
    });
    format!("{list:#}\n")
}

fn component(shipped: &Shipped<'_>) -> Value {
    let package = shipped.package;
    let mut component = json!({
        "type": "library",
        "bom-ref": id(package),
        "name": package.name.as_str(),
        "version": package.version.to_string(),
        "purl": id(package),
    });
    if let Some(licence) = &package.license {
        component["licenses"] = json!([{ "expression": spdx(licence) }]);
    }
    if let Some(checksum) = shipped.checksum {
        component["hashes"] = json!([{ "alg": "SHA-256", "content": checksum }]);
    }
    if let Some(repository) = &package.repository {
        component["externalReferences"] = json!([{ "type": "vcs", "url": repository }]);
    }
    component
}

/// The package URL of a crate: its name for all who read lists of this kind.
fn id(package: &Package) -> String {
    format!("pkg:cargo/{}@{}", package.name, package.version)
}

/// Old manifests write a slash for OR, which SPDX does not know.
pub(crate) fn spdx(licence: &str) -> String {
    licence
        .split('/')
        .map(str::trim)
        .collect::<Vec<_>>()
        .join(" OR ")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::package::crates::Crates;
    use crate::workspace::Workspace;
    use std::collections::BTreeSet;

    #[test]
    fn the_list_names_each_crate_once_and_its_graph_is_closed() {
        let workspace = Workspace::find().unwrap();
        let crates = Crates::find(&workspace).unwrap();
        let shipped = crates.shipped(&["ringmq-libzmq"]).unwrap();
        let text = list(
            "libringmq-zmq5",
            "library",
            "1.2.3",
            "2026-11-30T00:00:00Z",
            &shipped,
        );
        let list: Value = serde_json::from_str(&text).unwrap();
        assert_eq!(list["bomFormat"], "CycloneDX");
        let components = list["components"].as_array().unwrap();
        assert_eq!(components.len(), shipped.len());
        let mut known: BTreeSet<_> = components
            .iter()
            .map(|one| one["bom-ref"].as_str().unwrap())
            .collect();
        assert_eq!(known.len(), shipped.len());
        known.insert("pkg:generic/libringmq-zmq5@1.2.3");
        for edge in list["dependencies"].as_array().unwrap() {
            let ends = edge["dependsOn"].as_array().unwrap().iter();
            for end in ends.chain([&edge["ref"]]) {
                assert!(known.contains(end.as_str().unwrap()), "{end} is unknown");
            }
        }
        for one in components {
            assert!(
                one["licenses"][0]["expression"].is_string(),
                "{}",
                one["name"]
            );
        }
    }

    #[test]
    fn old_licence_fields_become_expressions() {
        assert_eq!(spdx("MIT/Apache-2.0"), "MIT OR Apache-2.0");
        assert_eq!(
            spdx("(MIT OR Apache-2.0) AND Unicode-3.0"),
            "(MIT OR Apache-2.0) AND Unicode-3.0"
        );
    }
}
