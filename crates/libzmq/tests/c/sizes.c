/* Sizes that no memory has: room without a limit is room, and as many bytes cannot be sent. */
#include "endpoints.h"

static void received (const char *endpoint)
{
    void *context = zmq_ctx_new ();
    void *binds = made (context, ZMQ_PAIR), *connects = made (context, ZMQ_PAIR);
    /* The compiler is not to know them. */
    volatile size_t rooms[] = {SIZE_MAX, SIZE_MAX / 2, SIZE_MAX / 2 + 1, SIZE_MAX - 4096};
    char bound[64], *room = malloc (100000), *sent = malloc (100000);
    CHECK (room && sent);
    memset (sent, 's', 100000);
    set (binds, ZMQ_RCVTIMEO, 20000);
    CHECK (zmq_bind (binds, endpoint) == 0);
    last_endpoint (binds, bound);
    CHECK (zmq_connect (connects, bound) == 0);
    const int lens[] = {0, 1, 45, 46, 8000, 100000};
    for (size_t at = 0; at < sizeof rooms / sizeof *rooms; at++)
        for (size_t len = 0; len < sizeof lens / sizeof *lens; len++) {
            CHECK (zmq_send (connects, sent, lens[len], ZMQ_SNDMORE) == lens[len]);
            CHECK (zmq_send (connects, sent, lens[len], 0) == lens[len]);
            for (int part = 0; part < 2; part++) {
                memset (room, 0, 100000);
                CHECK (zmq_recv (binds, room, rooms[at], 0) == lens[len]);
                CHECK (memcmp (room, sent, lens[len]) == 0);
            }
        }
    for (size_t at = 0; at < sizeof rooms / sizeof *rooms; at++) {
        REFUSED (zmq_send (connects, sent, rooms[at] | (SIZE_MAX / 2 + 1), 0), ENOMEM);
        zmq_msg_t msg;
        REFUSED (zmq_msg_init_size (&msg, rooms[at]), ENOMEM);
    }
    put (connects, "whole", 0);
    take (binds, "whole", 0);
    free (room);
    free (sent);
    CHECK (zmq_close (binds) == 0 && zmq_close (connects) == 0 && zmq_ctx_term (context) == 0);
}

int main (void)
{
    received ("inproc://sizes");
    received ("ipc://sizes.ipc");
    received ("tcp://127.0.0.1:*");
    return 0;
}
