//! What pages the memory for blocks has.

use ringmq_pipe::{HugePagesError, Options};
use ringmq_testing::{forgo_huge_pages, huge_bytes, in_own_process, page_faults};

use super::{recv, vow};

const LEN: usize = 16 << 20;
const PAGE: usize = 4096;
const PAGES: u64 = (LEN / PAGE) as u64;

/// Page faults of the first write to a block of all memory, and of the first look at it by its reader.
fn first_touches(options: &Options) -> [u64; 2] {
    let (mut left, mut right) = options.clone().block_capacity(LEN).pair().unwrap();
    let mut block = left.sender().block(LEN).unwrap();
    let before = page_faults();
    block.fill(7);
    let writing = page_faults() - before;
    left.sender().send_block(block).unwrap();
    let block = right.receiver().recv_block(vow()).unwrap();
    assert!(block.is_in_place());
    let before = page_faults();
    assert!(block.iter().step_by(PAGE).all(|byte| *byte == 7));
    [writing, page_faults() - before]
}

#[test]
fn memory_that_was_mapped_before_takes_no_page_faults() {
    let [writing, reading] = first_touches(&Options::new());
    // The kernel maps a few pages around one that is read.
    assert!(
        writing >= PAGES && reading >= PAGES / 64,
        "{writing} {reading}"
    );
    let [writing, reading] = first_touches(&Options::new().prefault(true));
    assert!(
        writing < PAGES / 128 && reading < PAGES / 128,
        "{writing} {reading}"
    );
}

#[test]
fn huge_pages_are_there_or_it_is_known_why_not() {
    const TEST: &str = "pages::huge_pages_are_there_or_it_is_known_why_not";
    in_own_process(TEST, || {
        let options = Options::new().block_capacity(LEN).prefault(true);
        let (mut plain, _right) = options.pair().unwrap();
        assert_eq!(plain.sender().huge_pages_refused(), None);
        assert_eq!(huge_bytes("ringmq-blocks"), 0);
        let (mut left, _right) = options.huge_pages(true).pair().unwrap();
        match left.sender().huge_pages_refused() {
            // Both ends are in this process, and each maps the memory of both.
            None => assert_eq!(huge_bytes("ringmq-blocks"), 4 * LEN as u64),
            Some(reason) => {
                println!("{reason}");
                assert_eq!(huge_bytes("ringmq-blocks"), 0);
            }
        }
    });
}

#[test]
fn without_huge_pages_blocks_go_in_ordinary_ones() {
    const TEST: &str = "pages::without_huge_pages_blocks_go_in_ordinary_ones";
    in_own_process(TEST, || {
        assert!(forgo_huge_pages());
        let options = Options::new().block_capacity(LEN).huge_pages(true);
        let (mut left, mut right) = options.pair().unwrap();
        let refused = left.sender().huge_pages_refused();
        assert_eq!(refused, Some(HugePagesError::Unsupported));
        super::send(&mut left, LEN, 7);
        assert_eq!(recv(&mut right), vec![7; LEN]);
    });
}
