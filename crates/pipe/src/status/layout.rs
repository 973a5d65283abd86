//! Where the words of a status page are.
//!
//! ```text
//!  row 0                                    the process
//!    000  magic, layout version             once, last
//!    008  process id                        once
//!    010  how sockets wait, and share       when a default is set
//!    018  rows: those from 1 to here may    when a row is made
//!         be in use
//!    020  rows that there was no room for   when a row is not made
//!    028  when the page was made            once
//!    030  length of the text                once
//!    060  text: the version of the library  once
//!
//!  row 1 to 8191                            a socket, a listener, or a connection
//!    000  sequence                          odd while the description is written
//!    008  role                              description:
//!    010  row of the socket                   written under a lock, at slow points
//!    018  socket type, wait strategy
//!    020  state, carrier, reason
//!    028  process and user of the peer
//!    030  marks
//!    038  name of this end
//!    040  name of the peer's end
//!    048  when the row was made
//!    050  lengths of the texts
//!    060  text: endpoint, 160 bytes
//!    100  text: address of the peer, 64 bytes
//!    140  counts of what is sent            the socket's thread
//!    180  counts of what is received        the socket's thread
//!    1c0  counts of the stream              an I/O thread
//! ```
//!
//! Words are 64 bits in native byte order. A count only grows while the row is in use. Each has one writer at a time.

/// Name of the memfd.
pub const NAME: &str = "ringmq-status";
/// First word of a page: layout version 1.
pub const MAGIC: u64 = u64::from_le_bytes(*b"ringmqT\x01");
/// Bytes of a row.
pub const ROW: usize = 512;
/// Rows of a page, the one of the process among them.
pub const ROWS: usize = 8192;
/// Bytes of a page.
pub const LENGTH: usize = ROW * ROWS;

// Words of row 0.
pub const IDENTITY: usize = 0x000;
pub const PID: usize = 0x008;
pub const DEFAULTS: usize = 0x010;
pub const USED: usize = 0x018;
pub const MISSING: usize = 0x020;
pub const MADE: usize = 0x028;
pub const VERSION_LENGTH: usize = 0x030;
pub const VERSION: usize = 0x060;

// Words of the other rows: their description.
pub const SEQUENCE: usize = 0x000;
pub const ROLE: usize = 0x008;
pub const SOCKET: usize = 0x010;
pub const TYPE: usize = 0x018;
pub const STATE: usize = 0x020;
pub const PEER: usize = 0x028;
pub const MARKS: usize = 0x030;
pub const OWN_END: usize = 0x038;
pub const PEER_END: usize = 0x040;
pub const SINCE: usize = 0x048;
pub const LENGTHS: usize = 0x050;
pub const ENDPOINT: usize = 0x060;
pub const ENDPOINT_MOST: usize = 160;
pub const ADDRESS: usize = 0x100;
pub const ADDRESS_MOST: usize = 64;
/// The words from here on are counts.
pub const COUNTS: usize = 0x140;

// Counts of a connection that the thread of its socket writes.
/// Messages put into shared memory.
pub const SHARED_SENT: usize = 0x140;
/// Bytes put into shared memory.
pub const SHARED_SENT_BYTES: usize = 0x148;
/// Messages in shared memory that the peer had not reported at the last look. No count: it goes up and down.
pub const SHARED_WAITING: usize = 0x150;
/// Messages put into the pipe within the process.
pub const LOCAL_SENT: usize = 0x158;
/// Messages that a socket dropped because the peer had no room.
pub const DROPPED: usize = 0x160;
/// Bytes of the segments that messages to the peer lie in. No count.
pub const MEMORY: usize = 0x168;
/// System calls that woke the peer.
pub const RINGS: usize = 0x170;
/// Messages that may wait in shared memory, by the marks of both sides; 0 for no limit. No count.
pub const SHARED_MARK: usize = 0x178;
/// Messages taken out of shared memory.
pub const SHARED_RECEIVED: usize = 0x180;
/// Bytes taken out of shared memory.
pub const SHARED_RECEIVED_BYTES: usize = 0x188;
/// Messages taken out of the pipe within the process.
pub const LOCAL_RECEIVED: usize = 0x190;

// Counts of a connection that an I/O thread writes.
/// Messages taken from the socket, to be written to the stream.
pub const STREAM_SENT: usize = 0x1c0;
/// Bytes written to the stream.
pub const STREAM_SENT_BYTES: usize = 0x1c8;
/// Messages read from the stream, and given to the socket.
pub const STREAM_RECEIVED: usize = 0x1d0;
/// Bytes read from the stream.
pub const STREAM_RECEIVED_BYTES: usize = 0x1d8;

// Counts of a socket.
/// Times that a thread slept until something happened at the socket.
pub const SLEEPS: usize = 0x140;

const _: () = assert!(ENDPOINT + ENDPOINT_MOST <= ADDRESS && ADDRESS + ADDRESS_MOST <= COUNTS);
