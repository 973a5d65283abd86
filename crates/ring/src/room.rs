//! Where bytes are copied to.

use core::mem::MaybeUninit;

/// Memory that bytes can be copied to. It need not be initialised, as a buffer of a C program is not.
///
/// ```
/// use ringmq_ring::Room;
///
/// let mut bytes = [0; 8];
/// assert_eq!(Room::from(&mut bytes[..]).copy_from(b"hello"), 5);
/// assert_eq!(&bytes, b"hello\0\0\0");
/// let mut bytes = [std::mem::MaybeUninit::uninit(); 3];
/// assert_eq!(Room::from(&mut bytes[..]).copy_from(b"hello"), 3);
/// ```
#[derive(Debug)]
pub struct Room<'a> {
    /// Invariant: only initialised bytes are written here. Bytes that were initialised stay so.
    bytes: &'a mut [MaybeUninit<u8>],
}

impl<'a> From<&'a mut [MaybeUninit<u8>]> for Room<'a> {
    #[inline(always)]
    fn from(bytes: &'a mut [MaybeUninit<u8>]) -> Room<'a> {
        Room { bytes }
    }
}

impl<'a> From<&'a mut [u8]> for Room<'a> {
    #[inline(always)]
    fn from(bytes: &'a mut [u8]) -> Room<'a> {
        let bytes = core::ptr::from_mut(bytes) as *mut [MaybeUninit<u8>];
        // SAFETY: the same memory, borrowed for as long. The layout is the same, and the invariant of the field says that
        // the bytes stay initialised.
        let bytes = unsafe { &mut *bytes };
        Room { bytes }
    }
}

impl Room<'_> {
    /// Bytes that there is room for.
    #[inline(always)]
    pub fn len(&self) -> usize {
        self.bytes.len()
    }

    /// Whether there is room for none.
    #[inline(always)]
    pub fn is_empty(&self) -> bool {
        self.bytes.is_empty()
    }

    /// Copies as many bytes as there is room for, and returns how many.
    #[inline(always)]
    pub fn copy_from(&mut self, bytes: &[u8]) -> usize {
        let fits = bytes.len().min(self.bytes.len());
        self.bytes[..fits].write_copy_of_slice(&bytes[..fits]);
        fits
    }

    /// The memory. Only initialised bytes may be written there.
    #[inline(always)]
    pub fn bytes(&mut self) -> &mut [MaybeUninit<u8>] {
        self.bytes
    }
}
