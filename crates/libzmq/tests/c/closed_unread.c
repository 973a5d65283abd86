/* A message to a socket that closes without reading it does not keep the context from ending. */
#include "endpoints.h"

enum { ROUNDS = 300 };

/* The sender closes before the receiver, or after it. */
static void unread (const char *at, int sender_first, int linger)
{
    char endpoint[64];
    void *context = zmq_ctx_new ();
    void *receiver = made (context, ZMQ_DEALER), *sender = made (context, ZMQ_DEALER);
    set (receiver, ZMQ_LINGER, linger);
    CHECK (zmq_bind (receiver, at) == 0);
    last_endpoint (receiver, endpoint);
    CHECK (zmq_connect (sender, endpoint) == 0);
    put (sender, "first", 0);
    zmq_pollitem_t item = {receiver, 0, ZMQ_POLLIN, 0};
    CHECK (zmq_poll (&item, 1, 20000) == 1);
    put (sender, "second", 0);
    void *order[] = {sender_first ? sender : receiver, sender_first ? receiver : sender};
    CHECK (zmq_close (order[0]) == 0 && zmq_close (order[1]) == 0);
    CHECK (zmq_ctx_term (context) == 0);
}

int main (void)
{
    const char *ends[] = {"tcp://127.0.0.1:*", "ipc://*"};
    for (int end = 0; end < 2; end++) {
        for (int round = 0; round < ROUNDS; round++) {
            unread (ends[end], 1, -1);
            unread (ends[end], 1, 0);
            unread (ends[end], 0, -1);
            unread (ends[end], 0, 0);
        }
    }
    return 0;
}
