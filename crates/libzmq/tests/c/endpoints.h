/* Endpoints for programs that connect before a peer binds. */
#ifndef ENDPOINTS_H
#define ENDPOINTS_H

#include "check.h"

static inline void last_endpoint (void *socket, char endpoint[64])
{
    size_t size = 64;
    CHECK (zmq_getsockopt (socket, ZMQ_LAST_ENDPOINT, endpoint, &size) == 0);
}

/* An endpoint of a port without a listener. */
static inline void free_tcp (char endpoint[64])
{
    void *context = zmq_ctx_new ();
    void *socket = made (context, ZMQ_PAIR);
    CHECK (zmq_bind (socket, "tcp://127.0.0.1:*") == 0);
    last_endpoint (socket, endpoint);
    CHECK (zmq_close (socket) == 0 && zmq_ctx_term (context) == 0);
}

#endif
