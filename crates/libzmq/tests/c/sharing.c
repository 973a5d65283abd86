/* Which connections use shared memory is an option of contexts and sockets. */
#include "check.h"

#include <ringmq.h>

/* Talks over a transport for longer than a connection needs to go over. */
static void talk (void *context, const char *place)
{
    void *rep = zmq_socket (context, ZMQ_REP);
    void *req = zmq_socket (context, ZMQ_REQ);
    char endpoint[256];
    size_t len = sizeof endpoint;
    CHECK (zmq_bind (rep, place) == 0);
    CHECK (zmq_getsockopt (rep, ZMQ_LAST_ENDPOINT, endpoint, &len) == 0);
    CHECK (zmq_connect (req, endpoint) == 0);
    for (int number = 0; number < 100; number++) {
        char byte = (char) number;
        CHECK (zmq_send (req, &byte, 1, 0) == 1 && zmq_recv (rep, &byte, 1, 0) == 1);
        CHECK (zmq_send (rep, &byte, 1, 0) == 1 && zmq_recv (req, &byte, 1, 0) == 1);
        CHECK (byte == (char) number);
        usleep (1000);
    }
    CHECK (zmq_close (req) == 0 && zmq_close (rep) == 0);
}

int main (void)
{
    int value = RINGMQ_SHARED_MEMORY_IPC;
    void *context = zmq_ctx_new ();
    CHECK (zmq_ctx_get (context, RINGMQ_SHARED_MEMORY) == RINGMQ_SHARED_MEMORY_ON);
    REFUSED (zmq_ctx_set (context, RINGMQ_SHARED_MEMORY, 3), EINVAL);
    REFUSED (zmq_ctx_set (context, RINGMQ_SHARED_MEMORY, -1), EINVAL);

    void *early = zmq_socket (context, ZMQ_PAIR);
    CHECK (get (early, RINGMQ_SHARED_MEMORY) == RINGMQ_SHARED_MEMORY_ON);
    CHECK (zmq_setsockopt (early, RINGMQ_SHARED_MEMORY, &value, sizeof value) == 0);
    CHECK (get (early, RINGMQ_SHARED_MEMORY) == RINGMQ_SHARED_MEMORY_IPC);
    value = 3;
    REFUSED (zmq_setsockopt (early, RINGMQ_SHARED_MEMORY, &value, sizeof value), EINVAL);
    REFUSED (zmq_setsockopt (early, RINGMQ_SHARED_MEMORY, &value, 1), EINVAL);
    CHECK (get (early, RINGMQ_SHARED_MEMORY) == RINGMQ_SHARED_MEMORY_IPC);
    CHECK (zmq_close (early) == 0);

    CHECK (zmq_ctx_set (context, RINGMQ_SHARED_MEMORY, RINGMQ_SHARED_MEMORY_OFF) == 0);
    CHECK (zmq_ctx_get (context, RINGMQ_SHARED_MEMORY) == RINGMQ_SHARED_MEMORY_OFF);
    talk (context, "tcp://127.0.0.1:*");
    talk (context, "ipc://*");
    CHECK (!maps ("memfd:ringmq-socket"));
    CHECK (zmq_ctx_set (context, RINGMQ_SHARED_MEMORY, RINGMQ_SHARED_MEMORY_IPC) == 0);
    talk (context, "tcp://127.0.0.1:*");
    CHECK (!maps ("memfd:ringmq-socket"));
    CHECK (zmq_ctx_term (context) == 0);
    return 0;
}
