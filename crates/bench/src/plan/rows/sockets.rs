//! The rows of ZeroMQ sockets: ringmq beside stock libzmq.

use crate::plan::cpu::Pin;
use crate::plan::libraries::Libraries;
use crate::plan::part::Part;
use crate::plan::rows::planned::{FLOOR, PAYLOAD, Planned};
use crate::plan::size::Size;
use crate::plan::sockets::{Face, Pattern, Sockets};
use crate::plan::spec::Spec;
use crate::plan::words::{Transport, Wait, Work};

/// The base of sections in which stock libzmq can be measured. Otherwise the first row is the base.
const STOCK: &str = "libzmq";

/// Where the two sides run.
#[derive(Debug, Clone, Copy)]
struct Place {
    pin: Pin,
    /// The words in a title.
    name: &'static str,
}

/// The sections of the parts in `only`: on `two` CPUs if there are two, on `one`, and not pinned.
pub(super) fn sections(
    two: Option<(usize, usize)>,
    one: usize,
    only: &[Part],
    libraries: &Libraries,
) -> Vec<Planned> {
    let asked = |part: Part| part.is_among(only);
    let place = |pin, name| Place { pin, name };
    let mut places = vec![place(Pin::Cpus(one, one), "one core")];
    if let Some((near, far)) = two {
        places.insert(0, place(Pin::Cpus(near, far), "two cores"));
        places.push(place(Pin::None, "not pinned"));
    }
    let mut sections = Vec::new();
    if let Some((near, far)) = two
        && asked(Part::Latency)
    {
        let title = "Spinning sockets beside a cache line, two cores".to_owned();
        let blocks = loadable(spinning(Pin::Cpus(near, far)), libraries);
        sections.push(Planned::new(title, FLOOR, blocks));
    }
    let base = base(libraries);
    for place in &places {
        let works = [
            (Part::Latency, "round trips", round_trips as fn(Place) -> _),
            (Part::Throughput, "one way", one_way),
            (Part::Connect, "connect to first reply", first_replies),
        ];
        for (_, what, blocks) in works.into_iter().filter(|(part, ..)| asked(*part)) {
            let title = format!("Sockets, {what}, {}", place.name);
            let blocks = loadable(blocks(*place), libraries);
            sections.push(Planned::new(title, base, blocks));
        }
    }
    if let Some(place) = places.last().filter(|_| asked(Part::Memory)) {
        let title = "Sockets, memory of a silent connection".to_owned();
        let blocks = loadable(memory(*place), libraries);
        sections.push(Planned::new(title, base, blocks));
    }
    sections
}

/// What the table calls the base of a block.
pub(super) fn base(libraries: &Libraries) -> &'static str {
    match libraries.has(Face::Stock) {
        true => STOCK,
        false => "first",
    }
}

/// The rows whose library can be loaded, in the blocks that are not empty then.
pub(super) fn loadable(blocks: Vec<Vec<Spec>>, libraries: &Libraries) -> Vec<Vec<Spec>> {
    let rows = |block: Vec<Spec>| {
        let rows = block.into_iter();
        let rows = rows.filter(|spec| libraries.has(spec.sockets.face));
        rows.collect::<Vec<_>>()
    };
    let blocks = blocks.into_iter().map(rows);
    blocks.filter(|block| !block.is_empty()).collect()
}

/// Spinning sockets beside a bare cache line.
fn spinning(pin: Pin) -> Vec<Vec<Spec>> {
    let floor = Spec::new(Work::Latency, Transport::Cacheline).with_pin(pin);
    let mut rows = vec![floor];
    for (transport, pattern, size) in [
        (Transport::ZmqInproc, Pattern::Pair, 8),
        (Transport::ZmqInproc, Pattern::Pair, 45),
        (Transport::ZmqInproc, Pattern::ReqRep, 45),
        (Transport::ZmqIpc, Pattern::Pair, 8),
        (Transport::ZmqIpc, Pattern::Pair, 64),
        (Transport::ZmqIpc, Pattern::ReqRep, 64),
    ] {
        let spec = Spec::new(Work::Latency, transport).with_size(Size(size));
        let of = |face| spec.clone().with_sockets(Sockets { pattern, face });
        rows.push(of(Face::Rust).with_wait(Wait::Spin).with_pin(pin));
        if transport == Transport::ZmqIpc {
            rows.push(of(Face::C).with_pin(pin));
        }
    }
    vec![rows]
}

/// Stock libzmq, ringmq with each of `waits`, and ringmq by its C interface.
fn sides(spec: &Spec, pattern: Pattern, waits: &[Wait]) -> Vec<Spec> {
    let of = |face| spec.clone().with_sockets(Sockets { pattern, face });
    let mut rows = vec![of(Face::Stock)];
    if matches!(spec.transport, Transport::ZmqIpc | Transport::ZmqTcp) {
        rows.push(of(Face::Plain));
    }
    rows.extend(waits.iter().map(|wait| of(Face::Rust).with_wait(*wait)));
    rows.push(of(Face::C));
    rows
}

fn round_trips(place: Place) -> Vec<Vec<Spec>> {
    let apart = matches!(place.pin, Pin::Cpus(near, far) if near != far);
    let mut blocks = Vec::new();
    for pattern in [Pattern::Pair, Pattern::ReqRep] {
        for transport in Transport::ZMQ {
            let spec = Spec::new(Work::Latency, transport);
            let spec = spec.with_size(PAYLOAD).with_pin(place.pin);
            let waits: &[Wait] = match (apart, transport) {
                // Elsewhere a spinning side keeps the CPU from the I/O thread or from the other side.
                (true, _) => &Wait::ALL,
                _ => &[Wait::Park, Wait::Adaptive],
            };
            blocks.push(sides(&spec, pattern, waits));
        }
    }
    blocks
}

fn one_way(place: Place) -> Vec<Vec<Spec>> {
    let mut blocks = Vec::new();
    for transport in Transport::ZMQ {
        for size in [8, 64, 1 << 10, 64 << 10] {
            let spec = Spec::new(Work::Throughput, transport);
            let spec = spec.with_size(Size(size)).with_pin(place.pin);
            blocks.push(sides(&spec, Pattern::PushPull, &[Wait::Adaptive]));
        }
    }
    blocks
}

fn first_replies(place: Place) -> Vec<Vec<Spec>> {
    between_processes(Work::Connect, Pattern::ReqRep, place)
}

fn memory(place: Place) -> Vec<Vec<Spec>> {
    between_processes(Work::Memory, Pattern::PushPull, place)
}

fn between_processes(work: Work, pattern: Pattern, place: Place) -> Vec<Vec<Spec>> {
    let block = |transport| {
        let spec = Spec::new(work, transport).with_pin(place.pin);
        sides(&spec, pattern, &[Wait::Adaptive])
    };
    [Transport::ZmqIpc, Transport::ZmqTcp].map(block).to_vec()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::plan::cpu;
    use crate::plan::libraries::Described;
    use crate::plan::rows::Plan;

    fn libraries(stock: bool) -> Libraries {
        let found = || Described {
            version: "4.3.4".to_owned(),
            path: "/lib/libzmq.so.5".to_owned(),
        };
        let none = || Err("none".to_owned());
        Libraries {
            stock: if stock { Ok(found()) } else { none() },
            own: none(),
        }
    }

    #[test]
    fn every_row_can_be_run_and_stands_beside_stock_libzmq() {
        let pair = cpu::apart();
        let parts = [Part::Latency, Part::Throughput, Part::Connect, Part::Memory];
        let plan = Plan::new(pair, &parts, &libraries(true));
        assert_eq!(plan.sections.len(), if pair.is_some() { 11 } else { 4 });
        for section in &plan.sections {
            for row in &section.rows {
                row.spec.check().unwrap();
                let base = &section.rows[row.floor].spec;
                assert_eq!(
                    (base.work, base.pin),
                    (row.spec.work, row.spec.pin),
                    "{}",
                    row.name
                );
                if section.base == STOCK {
                    assert_eq!(base.sockets.face, Face::Stock);
                    assert_eq!(
                        (base.transport, base.size, base.sockets.pattern),
                        (row.spec.transport, row.spec.size, row.spec.sockets.pattern)
                    );
                } else {
                    assert_eq!(base.transport, Transport::Cacheline);
                }
            }
            let mut names: Vec<_> = section.rows.iter().map(|row| &row.name).collect();
            names.sort();
            names.dedup();
            assert_eq!(names.len(), section.rows.len(), "{}", section.title);
        }
    }

    #[test]
    fn what_cannot_be_loaded_is_left_out() {
        let plan = Plan::new(cpu::apart(), &[Part::Connect], &libraries(false));
        assert!(!plan.sections.is_empty());
        for section in &plan.sections {
            assert_eq!(section.base, "first");
            assert!(
                section
                    .rows
                    .iter()
                    .all(|row| matches!(row.spec.sockets.face, Face::Rust | Face::Plain))
            );
        }
    }
}
