//! What the fuzz targets share.

pub use libfuzzer_sys::arbitrary::Unstructured;

/// Defines `Bytes`, which makes choices by the fuzzer's bytes, for the trait `Choices` of one oracle.
///
/// The oracles belong to tests of different crates, some with a trait of their own.
#[macro_export]
macro_rules! choices_by_bytes {
    ($choices:path) => {
        /// Choices by the fuzzer's bytes.
        struct Bytes<'a>($crate::Unstructured<'a>);

        impl<'a> Bytes<'a> {
            fn new(bytes: &'a [u8]) -> Bytes<'a> {
                Bytes($crate::Unstructured::new(bytes))
            }
        }

        impl $choices for Bytes<'_> {
            fn below(&mut self, limit: u64) -> u64 {
                // Without bytes each choice is 0. The oracle looks at `is_over`, and ends.
                self.0.int_in_range(0..=limit - 1).unwrap_or(0)
            }

            fn is_over(&self) -> bool {
                self.0.is_empty()
            }
        }
    };
}
