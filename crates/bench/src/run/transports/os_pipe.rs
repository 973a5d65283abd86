//! A kernel pipe in each direction.

use std::fs::File;

use rustix::pipe::{PipeFlags, pipe_with};

use crate::error::{Error, SHORT_OF};
use crate::plan::spec::Spec;
use crate::run::carrier::{Carrier, Ends, Wires};
use crate::run::job::Side;
use crate::run::transports::stream::Stream;

/// The carrier of two kernel pipes.
pub(crate) struct OsPipe;

impl Carrier for OsPipe {
    type End = Stream<File, File>;

    fn prepare(_: &Spec) -> Result<Wires, Error> {
        let pipe = || pipe_with(PipeFlags::CLOEXEC).map_err(Error::os("create a pipe", SHORT_OF));
        let ((far_read, near_write), (near_read, far_write)) = (pipe()?, pipe()?);
        Ok(Wires {
            near: vec![near_read, near_write],
            far: vec![far_read, far_write],
            ..Wires::default()
        })
    }

    fn attach(spec: &Spec, _: Side, wires: Ends) -> Result<Self::End, Error> {
        let [read, write] = wires.take()?;
        Ok(Stream::new(
            File::from(read),
            File::from(write),
            spec.size.0,
        ))
    }
}
