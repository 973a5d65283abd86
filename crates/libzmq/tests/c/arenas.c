/* A context has memory for large bodies of its own, which is there before the first message, and carries messages. */
#include "check.h"

#include <ringmq.h>

#define MIB (1 << 20)

int main (void)
{
    void *context = zmq_ctx_new ();
    CHECK (context);
    CHECK (zmq_ctx_get (context, RINGMQ_OWN_ARENA) == 0);
    CHECK (zmq_ctx_get (context, RINGMQ_PREFAULT) == 1);
    CHECK (!maps ("memfd:ringmq-blocks"));
    CHECK (zmq_ctx_set (context, RINGMQ_OWN_ARENA, 1) == 0);
    CHECK (zmq_ctx_set (context, RINGMQ_HUGE_PAGES, 1) == 0);
    CHECK (zmq_ctx_set (context, RINGMQ_PREFAULT, 0) == 0);
    CHECK (!maps ("memfd:ringmq-blocks"));
    CHECK (zmq_ctx_set (context, RINGMQ_RESERVE, 8) == 0);
    CHECK (maps ("memfd:ringmq-blocks"));
    CHECK (zmq_ctx_get (context, RINGMQ_OWN_ARENA) == 1);
    CHECK (zmq_ctx_get (context, RINGMQ_HUGE_PAGES) == 1);
    CHECK (zmq_ctx_get (context, RINGMQ_PREFAULT) == 0);
    CHECK (zmq_ctx_get (context, RINGMQ_RESERVE) == 8);
    /* No machine has so much. */
    REFUSED (zmq_ctx_set (context, RINGMQ_RESERVE, 0x7fffffff), ENOMEM);
    REFUSED (zmq_ctx_set (context, RINGMQ_RESERVE, -1), EINVAL);
    REFUSED (zmq_ctx_set (context, RINGMQ_RESERVE + 2, 1), EINVAL);

    void *pull = zmq_socket (context, ZMQ_PULL);
    void *push = zmq_socket (context, ZMQ_PUSH);
    char endpoint[256];
    size_t len = sizeof endpoint;
    CHECK (zmq_bind (pull, "ipc://*") == 0);
    CHECK (zmq_getsockopt (pull, ZMQ_LAST_ENDPOINT, endpoint, &len) == 0);
    CHECK (zmq_connect (push, endpoint) == 0);
    for (int number = 0; number < 8; number++) {
        zmq_msg_t message;
        CHECK (zmq_msg_init_size (&message, 2 * MIB) == 0);
        memset (zmq_msg_data (&message), number, 2 * MIB);
        CHECK (zmq_msg_send (&message, push, 0) == 2 * MIB);
        CHECK (zmq_msg_init (&message) == 0);
        CHECK (zmq_msg_recv (&message, pull, 0) == 2 * MIB);
        CHECK (((char *) zmq_msg_data (&message))[2 * MIB - 1] == number);
        CHECK (zmq_msg_close (&message) == 0);
    }
    CHECK (zmq_close (push) == 0 && zmq_close (pull) == 0);
    CHECK (zmq_ctx_term (context) == 0);
    return 0;
}
