/* Endpoints without a listener: a socket tries to connect once, gives up, and reports it. */
#include "endpoints.h"

static void *monitor (void *context, void *socket)
{
    CHECK (zmq_socket_monitor (socket, "inproc://events", ZMQ_EVENT_ALL) == 0);
    void *events = made (context, ZMQ_PAIR);
    set (events, ZMQ_RCVTIMEO, 20000);
    CHECK (zmq_connect (events, "inproc://events") == 0);
    return events;
}

/* Waits for an event, and passes over others. */
static void reported (void *events, uint16_t event)
{
    for (;;) {
        zmq_msg_t msg;
        uint16_t found;
        CHECK (zmq_msg_init (&msg) == 0 && zmq_msg_recv (&msg, events, 0) == 6);
        memcpy (&found, zmq_msg_data (&msg), sizeof found);
        CHECK (zmq_msg_close (&msg) == 0 && zmq_recv (events, NULL, 0, 0) > 0);
        if (found == event)
            return;
    }
}

/* The only attempt has failed. The pipe stands, and takes what its mark admits; the endpoint is known. */
static void once (const char *endpoint, int interval)
{
    void *context = zmq_ctx_new ();
    void *push = made (context, ZMQ_PUSH), *events = monitor (context, push);
    set (push, ZMQ_LINGER, 0);
    set (push, ZMQ_SNDHWM, 3);
    set (push, ZMQ_SNDTIMEO, 0);
    set (push, ZMQ_RECONNECT_IVL, interval);
    CHECK (zmq_connect (push, endpoint) == 0);
    reported (events, ZMQ_EVENT_CLOSED);
    for (int at = 0; at < 3; at++)
        put (push, "kept", 0);
    REFUSED (zmq_send (push, "x", 1, 0), EAGAIN);
    CHECK (zmq_disconnect (push, endpoint) == 0);
    REFUSED (zmq_disconnect (push, endpoint), ENOENT);
    CHECK (zmq_close (push) == 0 && zmq_close (events) == 0 && zmq_ctx_term (context) == 0);
}

/* No message waits, so the context ends although no peer ever connected. */
static void ends (const char *endpoint, int interval)
{
    void *context = zmq_ctx_new ();
    void *push = made (context, ZMQ_PUSH), *events = monitor (context, push);
    set (push, ZMQ_LINGER, 0);
    set (push, ZMQ_RECONNECT_IVL, interval);
    CHECK (zmq_connect (push, endpoint) == 0);
    reported (events, ZMQ_EVENT_CLOSED);
    CHECK (zmq_close (push) == 0 && zmq_close (events) == 0 && zmq_ctx_term (context) == 0);
}

/* A program that disconnects, and waits for the end of it. */
static void closed (const char *endpoint, int type)
{
    void *context = zmq_ctx_new ();
    void *socket = made (context, type), *events = monitor (context, socket);
    set (socket, ZMQ_LINGER, -1);
    set (socket, ZMQ_RECONNECT_IVL, 200);
    CHECK (zmq_connect (socket, endpoint) == 0);
    reported (events, ZMQ_EVENT_CONNECT_RETRIED);
    CHECK (zmq_disconnect (socket, endpoint) == 0);
    reported (events, ZMQ_EVENT_CLOSED);
    set (socket, ZMQ_LINGER, 0);
    CHECK (zmq_close (socket) == 0 && zmq_close (events) == 0);
    /* libzmq's attempts go on for as long as the linger time was when the socket disconnected: for ever. */
}

int main (void)
{
    char tcp[64];
    free_tcp (tcp);
    const char *endpoints[] = {"ipc://unused.ipc", "ipc://@ringmq-unused", tcp};
    for (int at = 0; at < 3; at++) {
        once (endpoints[at], 0);
        once (endpoints[at], -1);
        ends (endpoints[at], 0);
        closed (endpoints[at], ZMQ_SUB);
        closed (endpoints[at], ZMQ_PUSH);
        closed (endpoints[at], ZMQ_REQ);
        closed (endpoints[at], ZMQ_ROUTER);
    }
    return 0;
}
