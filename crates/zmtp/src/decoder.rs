//! From bytes to frames.

use ringmq_message::Frame;

use crate::body::Body;
use crate::error::Error;
use crate::head::{Framing, Head, MOST};
use crate::settings::Settings;

/// Frames may be as long as a signed 64-bit number can say (RFC 37, Framing), and memory can be.
const LONGEST: u64 = isize::MAX as u64;

/// What has come of the next frame, and how long it may be.
#[derive(Debug)]
pub(crate) struct Decoder {
    framing: Framing,
    /// The longest payload of a message's frame; `None` while there may be no messages.
    message_limit: Option<u64>,
    command_limit: u64,
    /// The first bytes of a head that is not all there.
    head: [u8; MOST],
    head_len: usize,
    body: Option<Body>,
}

/// A frame, and whether it is a command.
pub(crate) type Decoded = (Frame, bool);

impl Decoder {
    /// Expects commands only.
    pub(crate) fn new(settings: &Settings) -> Decoder {
        Decoder {
            framing: Framing::Current,
            message_limit: None,
            command_limit: settings.limits.command as u64,
            head: [0; MOST],
            head_len: 0,
            body: None,
        }
    }

    /// Says how frames look.
    pub(crate) fn set_framing(&mut self, framing: Framing) {
        self.framing = framing;
    }

    /// Says how frames look.
    pub(crate) fn framing(&self) -> Framing {
        self.framing
    }

    /// From now on there may be messages.
    pub(crate) fn allow_messages(&mut self, limit: Option<u64>) {
        self.message_limit = Some(limit.unwrap_or(LONGEST).min(LONGEST));
    }

    /// From now on frames hold boxes: of messages, for which this is the limit, or of commands. Each has `overhead` bytes
    /// beside what the limits are about.
    pub(crate) fn allow_boxes(&mut self, limit: Option<u64>, overhead: usize) {
        // Which of both a box holds is seen when it is open.
        let payload = limit.unwrap_or(LONGEST).max(self.command_limit);
        let limit = payload.saturating_add(overhead as u64).min(LONGEST);
        self.message_limit = Some(limit);
        self.command_limit = limit;
    }

    /// Puts bytes in front of those that come next. There are at most as many as a head has.
    pub(crate) fn replay(&mut self, bytes: &[u8]) {
        self.head[..bytes.len()].copy_from_slice(bytes);
        self.head_len = bytes.len();
    }

    /// Takes a part of a message that is whole in `input`: its payload, and whether more follow. `None` if there is
    /// anything else, which is for [`next`](Decoder::next) to find out.
    ///
    /// That most frames go this way is what makes small ones cheap: nothing is moved but the payload.
    #[inline(always)]
    pub(crate) fn next_whole<'a>(&self, input: &mut &'a [u8]) -> Option<(&'a [u8], bool)> {
        if self.head_len != 0 || self.body.is_some() {
            return None;
        }
        let head = Head::read(self.framing, input).ok().flatten()?;
        if head.command || head.size > self.message_limit? {
            return None;
        }
        let size = usize::try_from(head.size).ok()?;
        let (payload, rest) = input[head.len..].split_at_checked(size)?;
        *input = rest;
        Some((payload, head.more))
    }

    /// Takes bytes from the front of `input` until a frame is whole; `None` if all are taken before.
    pub(crate) fn next(&mut self, input: &mut &[u8]) -> Result<Option<Decoded>, Error> {
        if self.head_len != 0 || self.body.is_some() {
            return self.go_on(input);
        }
        let Some(head) = Head::read(self.framing, input)? else {
            self.keep_head(input);
            return Ok(None);
        };
        *input = &input[head.len..];
        self.payload(&head, input)
    }

    /// Takes a payload, or begins to.
    fn payload(&mut self, head: &Head, input: &mut &[u8]) -> Result<Option<Decoded>, Error> {
        let size = self.check(head)?;
        if let Some((payload, rest)) = input.split_at_checked(size) {
            *input = rest;
            let frame = Frame::copy_from_slice(payload).with_more(head.more);
            return Ok(Some((frame, head.command)));
        }
        self.body = Some(Body::new(head, size)?);
        self.go_on(input)
    }

    /// Whether a frame is short enough, before any memory is taken for it.
    fn check(&self, head: &Head) -> Result<usize, Error> {
        let size = head.size;
        if head.command {
            let limit = self.command_limit;
            if size > limit {
                return Err(Error::CommandTooLong { size, limit });
            }
        } else {
            let limit = self.message_limit;
            let limit = limit.ok_or(Error::DataInHandshake { size })?;
            if size > limit {
                return Err(Error::TooLong { size, limit });
            }
        }
        let limit = LONGEST;
        usize::try_from(size).map_err(|_| Error::TooLong { size, limit })
    }

    fn keep_head(&mut self, input: &mut &[u8]) {
        self.head[..input.len()].copy_from_slice(input);
        self.head_len = input.len();
        *input = &[];
    }

    /// Continues with a frame that has begun in an earlier input.
    fn go_on(&mut self, input: &mut &[u8]) -> Result<Option<Decoded>, Error> {
        if let Some(body) = &mut self.body {
            if !body.take(input)? {
                return Ok(None);
            }
            let whole = self.body.take();
            return Ok(whole.map(|body| {
                let command = body.command;
                (body.finish(), command)
            }));
        }
        let known = self.head_len;
        let taken = input.len().min(MOST - known);
        self.head[known..known + taken].copy_from_slice(&input[..taken]);
        let Some(head) = Head::read(self.framing, &self.head[..known + taken])? else {
            self.head_len = known + taken;
            *input = &[];
            return Ok(None);
        };
        // What was kept is less than a head, or all of one.
        *input = &input[head.len - known..];
        self.head_len = 0;
        self.payload(&head, input)
    }

    /// Where to append bytes of the payload that comes, and how many.
    pub(crate) fn target(&mut self) -> Option<(&mut Vec<u8>, usize)> {
        self.body.as_mut()?.target()
    }

    /// Says how much of that has been written.
    pub(crate) fn filled(&mut self, n: usize) {
        if let Some(body) = &mut self.body {
            body.filled(n);
        }
    }
}
