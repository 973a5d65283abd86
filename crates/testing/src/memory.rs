//! What is left in the memory of this process.

use std::fs::{self, File};
use std::os::unix::fs::FileExt;

/// Bytes that are read at once. Pieces overlap by as many bytes as are looked for.
const PIECE: usize = 1 << 16;

/// Counts how often the bytes `byte(0)` to `byte(len - 1)` stand in the memory that this process can write: in use, freed, or
/// on a stack. They are computed one by one, so that the search itself has them in no memory.
pub fn found_in_memory(len: usize, byte: impl Fn(usize) -> u8) -> usize {
    let maps = fs::read_to_string("/proc/self/maps").unwrap();
    let memory = File::open("/proc/self/mem").unwrap();
    let mut count = 0;
    // In the middle of memory of its own, which is not searched: what was read into it would be found again.
    let mut own = vec![0; 16 * PIECE];
    let own_range = own.as_ptr_range();
    let own_range = own_range.start as u64..own_range.end as u64;
    let piece = &mut own[8 * PIECE..9 * PIECE];
    let piece_at = piece.as_ptr() as u64;
    for line in maps.lines().filter(|line| line.contains(" rw-p ")) {
        let (range, _) = line.split_once(' ').unwrap();
        let (start, end) = range.split_once('-').unwrap();
        let [start, end] = [start, end].map(|text| u64::from_str_radix(text, 16).unwrap());
        for at in (start..end).step_by(PIECE - (len - 1)) {
            let room = PIECE.min((end - at) as usize);
            if at < piece_at + PIECE as u64 && piece_at < at + room as u64 {
                assert!(own_range.contains(&at) && own_range.contains(&(at + room as u64)));
                continue;
            }
            // Some mappings cannot be read.
            let Ok(read) = memory.read_at(&mut piece[..room], at) else {
                break;
            };
            let is_it = |window: &[u8]| (0..len).all(|at| window[at] == byte(at));
            count += piece[..read]
                .windows(len)
                .filter(|window| is_it(window))
                .count();
        }
    }
    own.fill(0);
    std::hint::black_box(&own);
    count
}
