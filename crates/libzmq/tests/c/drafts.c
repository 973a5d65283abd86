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

int main (void)
{
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
