//! A side's part in a run of messages, over any carrier.

use crate::error::Error;
use crate::plan::spec::Spec;
use crate::plan::words::Work;
use crate::run::carrier::{Carrier, End, Ends, Visit};
use crate::run::job::Side;
use crate::run::progress::Progress;
use crate::run::{latency, pause, throughput};

/// What a side needs for its part. Its answer is the text that the supervisor gets.
#[derive(Debug)]
pub(crate) struct Run<'a> {
    pub(crate) spec: &'a Spec,
    pub(crate) side: Side,
    pub(crate) ends: Ends,
    pub(crate) progress: &'a Progress,
}

impl Visit for Run<'_> {
    type Answer = Result<String, Error>;

    fn visit<M: Carrier>(self) -> Result<String, Error> {
        let mut end = M::attach(self.spec, self.side, self.ends)?;
        match self.side {
            Side::Near => near(&mut end, self.spec, self.progress),
            Side::Far => far(&mut end, self.spec),
        }
    }
}

/// The near side of a run of messages, and its answer.
pub(crate) fn near<E: End>(end: &mut E, spec: &Spec, progress: &Progress) -> Result<String, Error> {
    if let Some(pause) = spec.pause {
        pause::near(end, spec, pause, progress)?;
        return Ok(String::new());
    }
    if spec.work == Work::Latency {
        return Ok(latency::near(end, spec, progress)?.encode());
    }
    let took = throughput::near(end, spec, progress)?;
    Ok(took.as_nanos().to_string())
}

/// The far side, and its answer: empty if the near side has the clock.
pub(crate) fn far<E: End>(end: &mut E, spec: &Spec) -> Result<String, Error> {
    if spec.pause.is_some() {
        return Ok(pause::far(end, spec)?.encode());
    }
    if spec.work == Work::Latency {
        latency::far(end, spec)?;
    } else {
        throughput::far(end, spec)?;
    }
    Ok(String::new())
}
