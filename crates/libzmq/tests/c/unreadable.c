/* Memory that the library is given by zmq_msg_init_data and cannot read ends the connection that would have sent it, and
 * nothing else (libzmq #4586). The process crashes with libzmq 4.3.4, in its I/O thread. */
#include "endpoints.h"

#include <sys/mman.h>

enum { SIZE = 1 << 20 };

static int freed;

static void release (void *data, void *hint)
{
    (void) hint;
    freed++;
    munmap (data, SIZE);
}

int main (void)
{
    void *context = zmq_ctx_new ();
    void *push = made (context, ZMQ_PUSH), *pull = made (context, ZMQ_PULL);
    void *other_push = made (context, ZMQ_PUSH), *other_pull = made (context, ZMQ_PULL);
    char bound[64], other[64];
    set (push, ZMQ_RECONNECT_IVL, 10);
    set (push, ZMQ_LINGER, 0);
    set (pull, ZMQ_RCVTIMEO, 20000);
    CHECK (zmq_bind (pull, "tcp://127.0.0.1:*") == 0 && zmq_bind (other_pull, "tcp://127.0.0.1:*") == 0);
    last_endpoint (pull, bound);
    last_endpoint (other_pull, other);
    CHECK (zmq_connect (push, bound) == 0 && zmq_connect (other_push, other) == 0);
    put (push, "before", 0);
    take (pull, "before", 0);
    put (other_push, "before", 0);
    take (other_pull, "before", 0);
    for (int round = 0; round < 5; round++) {
        zmq_msg_t msg;
        void *memory = mmap (NULL, SIZE, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
        CHECK (memory != MAP_FAILED);
        CHECK (zmq_msg_init_data (&msg, memory, SIZE, release, NULL) == 0);
        CHECK (zmq_msg_send (&msg, push, 0) == SIZE);
        /* What is not whole is not received; what comes behind it arrives on a new connection. */
        char part[64] = {0};
        int size = -1;
        while (size == -1) {
            put (push, "behind", 0);
            zmq_pollitem_t item = {pull, 0, ZMQ_POLLIN, 0};
            if (zmq_poll (&item, 1, 20) == 1)
                size = zmq_recv (pull, part, sizeof part, 0);
        }
        CHECK (size == 6 && memcmp (part, "behind", 6) == 0);
        put (other_push, "meanwhile", 0);
        take (other_pull, "meanwhile", 0);
        zmq_pollitem_t item = {pull, 0, ZMQ_POLLIN, 0};
        while (zmq_poll (&item, 1, 0) == 1)
            take (pull, "behind", 0);
    }
    CHECK (zmq_close (push) == 0 && zmq_close (pull) == 0);
    CHECK (zmq_close (other_push) == 0 && zmq_close (other_pull) == 0 && zmq_ctx_term (context) == 0);
    CHECK (freed == 5);
    return 0;
}
