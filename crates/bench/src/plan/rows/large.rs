//! The rows of large bodies: stock libzmq, and ringmq with copies at both ends, at one end and at none.

use crate::plan::cpu::Pin;
use crate::plan::large::{Bodies, FarSides, Large, Touch};
use crate::plan::libraries::Libraries;
use crate::plan::rows::planned::Planned;
use crate::plan::rows::sockets::{base, loadable};
use crate::plan::size::Size;
use crate::plan::sockets::{Face, Pattern, Sockets};
use crate::plan::spec::Spec;
use crate::plan::words::{Transport, Work};

/// The sizes of bodies, and the numbers of far sides.
#[derive(Debug, Clone, Copy)]
pub(super) struct Range {
    /// The sizes between two processes.
    sizes: &'static [usize],
    /// The sizes from one process to several.
    published: &'static [usize],
}

impl Range {
    /// All sizes.
    pub(super) const FULL: Range = Range {
        sizes: &[
            4 << 10,
            16 << 10,
            64 << 10,
            256 << 10,
            1 << 20,
            4 << 20,
            16 << 20,
            64 << 20,
        ],
        published: &[64 << 10, 1 << 20, 16 << 20],
    };
    /// Four sizes, the greatest of which is 16 MiB.
    pub(super) const QUICK: Range = Range {
        sizes: &[4 << 10, 64 << 10, 1 << 20, 16 << 20],
        published: &[1 << 20],
    };
}

/// The numbers of subscribers.
const SUBSCRIBERS: [usize; 4] = [1, 2, 4, 8];

/// The sections: on `two` CPUs, or on `one` if there are no two. Subscribers are not pinned then.
pub(super) fn sections(
    two: Option<(usize, usize)>,
    one: usize,
    range: Range,
    libraries: &Libraries,
) -> Vec<Planned> {
    let one = (Pin::Cpus(one, one), "one core");
    let apart = two.map_or(one, |(near, far)| (Pin::Cpus(near, far), "two cores"));
    let free = two.map_or(one, |_| (Pin::None, "not pinned"));
    let section = |what: &str, place: &str, blocks| {
        let title = format!("Large bodies, {what}, {place}");
        Planned::new(title, base(libraries), loadable(blocks, libraries))
    };
    let between = |work, touch| {
        let block = |size: &usize| {
            let spec = spec(work, Size(*size), apart.0, touch);
            rows(&spec, spec.sockets.pattern)
        };
        range.sizes.iter().map(block).collect()
    };
    let mut published = Vec::new();
    for size in range.published {
        for far_sides in SUBSCRIBERS.into_iter().filter_map(FarSides::new) {
            let mut spec = spec(Work::Throughput, Size(*size), free.0, Touch::Pages);
            spec.large = spec.large.map(|large| Large { far_sides, ..large });
            published.push(rows(&spec, Pattern::PubSub));
        }
    }
    let round_trips = between(Work::Latency, Touch::Ends);
    let ends = between(Work::Throughput, Touch::Ends);
    let pages = between(Work::Throughput, Touch::Pages);
    vec![
        section("round trips, first and last word", apart.1, round_trips),
        section("one way, first and last word", apart.1, ends),
        section("one way, a word a page", apart.1, pages),
        section("PUB to subscribers, a word a page", free.1, published),
    ]
}

fn spec(work: Work, size: Size, pin: Pin, touch: Touch) -> Spec {
    let spec = Spec::new(work, Transport::ZmqIpc).with_size(size);
    let large = Large {
        touch,
        ..Large::default()
    };
    spec.with_pin(pin).with_large(large)
}

/// Stock libzmq, ringmq by its Rust and its C interface with fewer and fewer copies, and between two processes the bare
/// pipe.
fn rows(spec: &Spec, pattern: Pattern) -> Vec<Spec> {
    let of = |face, bodies| {
        let large = spec.large.unwrap_or_default();
        let spec = spec.clone().with_large(Large { bodies, ..large });
        spec.with_sockets(Sockets { pattern, face })
    };
    let mut rows = vec![of(Face::Stock, Bodies::SentInPlace)];
    for bodies in Bodies::ALL {
        rows.extend([Face::Rust, Face::C].map(|face| of(face, bodies)));
    }
    if pattern != Pattern::PubSub {
        rows.push(Spec {
            transport: Transport::Pipe,
            ..of(Face::Rust, Bodies::InPlace)
        });
    }
    rows
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::plan::cpu;
    use crate::plan::libraries::Described;
    use crate::plan::part::Part;
    use crate::plan::rows::Plan;

    fn libraries(here: bool) -> Libraries {
        let found = || match here {
            true => Ok(Described {
                version: "4.3.4".to_owned(),
                path: "/lib/libzmq.so.5".to_owned(),
            }),
            false => Err("none".to_owned()),
        };
        Libraries {
            stock: found(),
            own: found(),
        }
    }

    #[test]
    fn every_size_has_every_way_of_bodies_beside_stock_libzmq() {
        let sections = Plan::new(cpu::apart(), &[Part::Large], &libraries(true)).sections;
        assert_eq!(sections.len(), 4);
        for section in &sections {
            for row in &section.rows {
                row.spec.check().unwrap();
                let base = &section.rows[row.floor].spec;
                assert_eq!(base.sockets.face, Face::Stock, "{}", row.name);
                assert_eq!(
                    (base.work, base.size, base.pin, base.far_sides()),
                    (
                        row.spec.work,
                        row.spec.size,
                        row.spec.pin,
                        row.spec.far_sides()
                    ),
                    "{}",
                    row.name
                );
            }
            let mut names: Vec<_> = section.rows.iter().map(|row| &row.name).collect();
            names.sort();
            names.dedup();
            assert_eq!(names.len(), section.rows.len(), "{}", section.title);
        }
        let [trips, ends, pages, published] = &sections[..] else {
            panic!("four sections");
        };
        for section in [trips, ends, pages] {
            assert_eq!(section.rows.len(), 8 * 8);
            assert_eq!(section.rows[0].spec.size, Size(4 << 10));
            assert_eq!(section.rows[63].spec.size, Size(64 << 20));
            assert_eq!(section.rows[63].spec.transport, Transport::Pipe);
        }
        assert_eq!(published.rows.len(), 3 * 4 * 7);
        let subscribers = published.rows.iter().map(|row| row.spec.far_sides());
        assert_eq!(subscribers.max(), Some(8));
    }

    #[test]
    fn a_quick_plan_has_fewer_sizes() {
        let sections = Plan::quick(cpu::apart(), &[Part::Large], &libraries(true)).sections;
        let rows: usize = sections.iter().map(|section| section.rows.len()).sum();
        assert_eq!(rows, 3 * 4 * 8 + 4 * 7);
        let sizes = sections[0].rows.iter().map(|row| row.spec.size);
        assert_eq!(sizes.clone().min(), Some(Size(4 << 10)));
        assert_eq!(sizes.max(), Some(Size(16 << 20)));
    }

    #[test]
    fn without_libraries_the_first_row_is_the_base() {
        let sections = Plan::new(None, &[Part::Large], &libraries(false)).sections;
        for section in &sections {
            assert_eq!(section.base, "first");
            let rows = section.rows.iter();
            assert!(rows.clone().all(|row| row.spec.sockets.face == Face::Rust));
            assert!(rows.clone().all(|row| row.spec.pin != Pin::None));
        }
    }
}
