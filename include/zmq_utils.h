/* Formerly the header of stopwatches, threads and zmq_sleep, which are in zmq.h. MIT OR Apache-2.0.
 *
 * As in libzmq it declares nothing, and a compiler that knows #pragma message says so. A program that includes it has
 * to include zmq.h, too. */

#ifndef __ZMQ_UTILS_H_INCLUDED__
#define __ZMQ_UTILS_H_INCLUDED__

#if defined __GNUC__
#pragma message("zmq_utils.h is deprecated: zmq.h has all that was in it")
#endif

#endif
