//! A peer that writes anything at any time: the other end refuses, and nothing worse happens.

#[path = "../oracle/heap.rs"]
mod heap;
#[path = "../oracle/random.rs"]
mod random;

mod announcements;
mod lies;
mod reader;
mod scripted;
mod threads;
mod writer;
