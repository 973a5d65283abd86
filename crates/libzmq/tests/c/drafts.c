/* Drafts of libzmq's, of which its stable library has none: the second format of events, and waiting messages. */
#define ZMQ_BUILD_DRAFT_API
#include "check.h"

/* The next event has to be this one, with so many values. */
static void event (void *reader, uint64_t expected, uint64_t *values, uint64_t count, char *local, char *remote)
{
    uint64_t number, counted;
    CHECK (zmq_recv (reader, &number, 8, 0) == 8 && number == expected);
    CHECK (zmq_recv (reader, &counted, 8, 0) == 8 && counted == count);
    for (uint64_t i = 0; i < count; i++)
        CHECK (zmq_recv (reader, values + i, 8, 0) == 8);
    int size = zmq_recv (reader, local, 255, 0);
    CHECK (size >= 0 && get (reader, ZMQ_RCVMORE));
    local[size] = 0;
    size = zmq_recv (reader, remote, 255, 0);
    CHECK (size >= 0 && !get (reader, ZMQ_RCVMORE));
    remote[size] = 0;
}

/* The messages that wait at both ends of a socket's only connection. */
static void waits (void *socket, void *reader, uint64_t out, uint64_t in)
{
    uint64_t values[2];
    char local[256], remote[256];
    /* What the I/O thread has said by now is known. */
    (void) get (socket, ZMQ_EVENTS);
    CHECK (zmq_socket_monitor_pipes_stats (socket) == 0);
    event (reader, ZMQ_EVENT_PIPES_STATS, values, 2, local, remote);
    if (values[0] != out || values[1] != in)
        fprintf (stderr, "%d and %d wait\n", (int) values[0], (int) values[1]);
    CHECK (values[0] == out && values[1] == in);
}

static void pass (void *push, void *pull, int count)
{
    char byte;
    for (int sent = 0; sent < count; sent++)
        CHECK (zmq_send (push, "x", 1, 0) == 1);
    for (int received = 0; received < count; received++)
        CHECK (zmq_recv (pull, &byte, 1, 0) == 1);
}

/* Over ZMTP messages count until a step of credit is complete, half of the mark, as in pipe_t of libzmq: also those that
   were received. */
static void steps (void)
{
    enum { STEP = 500 };
    void *context = zmq_ctx_new ();
    void *push = made (context, ZMQ_PUSH), *pull = made (context, ZMQ_PULL), *readers[2];
    const char *names[] = {"inproc://push", "inproc://pull"};
    void *sockets[] = {push, pull};
    for (int at = 0; at < 2; at++) {
        CHECK (zmq_socket_monitor_versioned (sockets[at], names[at], ZMQ_EVENT_PIPES_STATS, 2, ZMQ_PUSH) == 0);
        readers[at] = made (context, ZMQ_PULL);
        set (readers[at], ZMQ_RCVTIMEO, 20000);
        CHECK (zmq_connect (readers[at], names[at]) == 0);
    }
    char endpoint[256];
    size_t size = sizeof endpoint;
    CHECK (zmq_bind (pull, "tcp://127.0.0.1:*") == 0);
    CHECK (zmq_getsockopt (pull, ZMQ_LAST_ENDPOINT, endpoint, &size) == 0);
    CHECK (zmq_connect (push, endpoint) == 0);
    pass (push, pull, 3);
    waits (push, readers[0], 3, 0);
    waits (pull, readers[1], 0, 3);
    pass (push, pull, STEP - 3);
    waits (push, readers[0], 0, 0);
    waits (pull, readers[1], 0, 0);
    pass (push, pull, 1);
    waits (push, readers[0], 1, 0);
    waits (pull, readers[1], 0, 1);
    for (int at = 0; at < 2; at++)
        CHECK (zmq_close (sockets[at]) == 0 && zmq_close (readers[at]) == 0);
    CHECK (zmq_ctx_term (context) == 0);
}

int main (void)
{
    steps ();
    void *context = zmq_ctx_new ();
    void *push = made (context, ZMQ_PUSH), *pull = made (context, ZMQ_PULL);
    const char *name = "inproc://events";
    REFUSED (zmq_socket_monitor_versioned (push, name, ZMQ_EVENT_ALL_V2, 1, ZMQ_PAIR), EINVAL);
    REFUSED (zmq_socket_monitor_versioned (push, name, ZMQ_EVENT_ALL_V2, 3, ZMQ_PAIR), EINVAL);
    REFUSED (zmq_socket_monitor_versioned (push, name, ZMQ_EVENT_ALL_V2, 2, ZMQ_DEALER), EINVAL);
    REFUSED (zmq_socket_monitor_pipes_stats (push), EINVAL);
    REFUSED (zmq_socket_monitor_pipes_stats (NULL), ENOTSOCK);
    CHECK (zmq_socket_monitor_versioned (push, name, ZMQ_EVENT_ALL_V2, 2, ZMQ_PUSH) == 0);
    REFUSED (zmq_socket_monitor_pipes_stats (push), EAGAIN);
    void *reader = made (context, ZMQ_PULL);
    set (reader, ZMQ_RCVTIMEO, 20000);
    CHECK (zmq_connect (reader, name) == 0);

    uint64_t values[2];
    char endpoint[256], ours[256], local[256], remote[256];
    CHECK (zmq_bind (pull, "ipc://*") == 0);
    size_t size = sizeof endpoint;
    CHECK (zmq_getsockopt (pull, ZMQ_LAST_ENDPOINT, endpoint, &size) == 0);
    set (push, ZMQ_RECONNECT_STOP, ZMQ_RECONNECT_STOP_CONN_REFUSED | ZMQ_RECONNECT_STOP_AFTER_DISCONNECT);
    CHECK (get (push, ZMQ_RECONNECT_STOP) == 5);
    CHECK (zmq_connect (push, endpoint) == 0);
    event (reader, ZMQ_EVENT_CONNECTED, values, 1, ours, remote);
    CHECK (values[0] > 2 && strcmp (ours, "ipc://") == 0 && strcmp (remote, endpoint) == 0);
    event (reader, ZMQ_EVENT_HANDSHAKE_SUCCEEDED, values, 1, local, remote);
    CHECK (values[0] == 0 && strcmp (local, ours) == 0 && strcmp (remote, endpoint) == 0);
    CHECK (zmq_socket_monitor_pipes_stats (push) == 0);
    event (reader, ZMQ_EVENT_PIPES_STATS, values, 2, local, remote);
    CHECK (values[0] == 0 && values[1] == 0 && strcmp (remote, endpoint) == 0);
    CHECK (zmq_socket_monitor_versioned (push, NULL, 0, 2, ZMQ_PAIR) == 0);
    event (reader, ZMQ_EVENT_MONITOR_STOPPED, values, 1, local, remote);
    CHECK (!*local && !*remote);
    CHECK (zmq_close (push) == 0 && zmq_close (pull) == 0 && zmq_close (reader) == 0 && zmq_ctx_term (context) == 0);
    return 0;
}
