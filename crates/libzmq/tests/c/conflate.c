/* Sockets that keep the last message only. */
#include "endpoints.h"

static void put_numbers (void *socket)
{
    for (int number = 0; number < 20; number++)
        CHECK (zmq_send (socket, &number, sizeof number, ZMQ_DONTWAIT) == sizeof number);
}

static void take_number (void *socket, int expected)
{
    int number;
    CHECK (zmq_recv (socket, &number, sizeof number, 0) == sizeof number && number == expected);
    CHECK (get (socket, ZMQ_RCVMORE) == 0);
}

/* A socket that sends before a receiver is there keeps one message. */
static void sent (int sending, int receiving, const char *endpoint, int bind_first)
{
    void *context = zmq_ctx_new ();
    void *sender = made (context, sending), *receiver = made (context, receiving);
    set (sender, ZMQ_CONFLATE, 1);
    CHECK (get (sender, ZMQ_CONFLATE) == 1 && get (receiver, ZMQ_CONFLATE) == 0);
    set (sender, ZMQ_SNDHWM, 1);
    if (bind_first)
        CHECK (zmq_bind (receiver, endpoint) == 0);
    CHECK (zmq_connect (sender, endpoint) == 0);
    put_numbers (sender);
    if (!bind_first)
        CHECK (zmq_bind (receiver, endpoint) == 0);
    take_number (receiver, 19);
    put (sender, "end", 0);
    take (receiver, "end", 0);
    CHECK (zmq_close (sender) == 0 && zmq_close (receiver) == 0 && zmq_ctx_term (context) == 0);
}

/* A receiver finds the last message that has come. */
static void received (int sending, int receiving)
{
    void *context = zmq_ctx_new ();
    void *sender = made (context, sending), *receiver = made (context, receiving);
    set (receiver, ZMQ_CONFLATE, 1);
    set (receiver, ZMQ_RCVHWM, 1);
    CHECK (zmq_bind (sender, "inproc://conflate") == 0 && zmq_connect (receiver, "inproc://conflate") == 0);
    if (receiving == ZMQ_SUB)
        CHECK (zmq_setsockopt (receiver, ZMQ_SUBSCRIBE, "", 0) == 0);
    for (int round = 0; round < 3; round++) {
        put_numbers (sender);
        take_number (receiver, 19);
        REFUSED (zmq_recv (receiver, NULL, 0, ZMQ_DONTWAIT), EAGAIN);
    }
    /* Of several parts the last one is there. */
    put (sender, "first", ZMQ_SNDMORE);
    put (sender, "last", 0);
    take (receiver, "last", 0);
    CHECK (zmq_close (sender) == 0);
    REFUSED (zmq_recv (receiver, NULL, 0, ZMQ_DONTWAIT), EAGAIN);
    CHECK (zmq_close (receiver) == 0 && zmq_ctx_term (context) == 0);
}

/* Within the process, the one who binds is not asked; and some types do not know it. */
static void all_of_them (int binding, int connecting, int who)
{
    void *context = zmq_ctx_new ();
    void *bound = made (context, binding), *connected = made (context, connecting);
    set (who ? connected : bound, ZMQ_CONFLATE, 1);
    CHECK (zmq_bind (bound, "inproc://conflate") == 0 && zmq_connect (connected, "inproc://conflate") == 0);
    put_numbers (connected);
    for (int number = 0; number < 20; number++)
        take_number (bound, number);
    CHECK (zmq_close (bound) == 0 && zmq_close (connected) == 0 && zmq_ctx_term (context) == 0);
}

int main (void)
{
    char tcp[64];
    free_tcp (tcp);
    const char *endpoints[] = {"inproc://conflate", "ipc://conflated", tcp};
    for (int at = 0; at < 3; at++) {
        /* Within the process, libzmq takes the last message for the routing id that is sent ahead of a bind. */
        sent (ZMQ_PUSH, ZMQ_PULL, endpoints[at], at == 0);
        sent (ZMQ_DEALER, ZMQ_DEALER, endpoints[at], at == 0);
    }
    received (ZMQ_PUSH, ZMQ_PULL);
    received (ZMQ_PUB, ZMQ_SUB);
    received (ZMQ_DEALER, ZMQ_DEALER);
    all_of_them (ZMQ_PULL, ZMQ_PUSH, 0);
    all_of_them (ZMQ_PAIR, ZMQ_PAIR, 1);
    return 0;
}
