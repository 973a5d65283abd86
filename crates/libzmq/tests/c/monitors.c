/* What a monitor tells, of endpoints, connections and handshakes. */
#include "events.h"

#include <arpa/inet.h>
#include <errno.h>
#include <stdint.h>
#include <sys/socket.h>
#include <unistd.h>

static void refusals (void *context)
{
    void *socket = made (context, ZMQ_PULL), *other = made (context, ZMQ_PULL);
    REFUSED (zmq_socket_monitor (NULL, "inproc://refusals", ZMQ_EVENT_ALL), ENOTSOCK);
    REFUSED (zmq_socket_monitor (socket, "tcp://127.0.0.1:*", ZMQ_EVENT_ALL), EPROTONOSUPPORT);
    REFUSED (zmq_socket_monitor (socket, "strange://name", ZMQ_EVENT_ALL), EPROTONOSUPPORT);
    REFUSED (zmq_socket_monitor (socket, "name", ZMQ_EVENT_ALL), EINVAL);
    CHECK (zmq_socket_monitor (socket, NULL, 0) == 0);
    /* This monitor has no reader. It leaves out ZMQ_EVENT_MONITOR_STOPPED: libzmq waits until that is read. */
    CHECK (zmq_socket_monitor (socket, "inproc://refusals", ZMQ_EVENT_LISTENING) == 0);
    REFUSED (zmq_socket_monitor (other, "inproc://refusals", ZMQ_EVENT_ALL), EADDRINUSE);
    CHECK (zmq_close (socket) == 0 && zmq_close (other) == 0);
}

/* An earlier monitor stops. */
static void stops (void *context)
{
    void *socket = made (context, ZMQ_PULL);
    void *first = monitored (context, socket, "inproc://first", ZMQ_EVENT_ALL);
    void *second = monitored (context, socket, "inproc://second", ZMQ_EVENT_MONITOR_STOPPED);
    CHECK (event (first, ZMQ_EVENT_MONITOR_STOPPED, "") == 0);
    CHECK (zmq_bind (socket, "tcp://127.0.0.1:*") == 0);
    CHECK (zmq_socket_monitor (socket, NULL, 0) == 0);
    CHECK (event (second, ZMQ_EVENT_MONITOR_STOPPED, "") == 0);
    CHECK (zmq_close (socket) == 0 && zmq_close (first) == 0 && zmq_close (second) == 0);
}

static void connections (void *context)
{
    char endpoint[64];
    size_t size = sizeof endpoint;
    void *server = made (context, ZMQ_DEALER), *client = made (context, ZMQ_DEALER);
    void *of_server = monitored (context, server, "inproc://server", ZMQ_EVENT_ALL);
    void *of_client = monitored (context, client, "inproc://client", ZMQ_EVENT_ALL);
    CHECK (zmq_bind (server, "tcp://127.0.0.1:*") == 0);
    CHECK (zmq_getsockopt (server, ZMQ_LAST_ENDPOINT, endpoint, &size) == 0);
    uint32_t listener = event (of_server, ZMQ_EVENT_LISTENING, endpoint);
    CHECK (zmq_connect (client, endpoint) == 0);
    CHECK (event (of_client, ZMQ_EVENT_CONNECT_DELAYED, endpoint) == EINPROGRESS);
    uint32_t connected = event (of_client, ZMQ_EVENT_CONNECTED, endpoint);
    CHECK (event (of_client, ZMQ_EVENT_HANDSHAKE_SUCCEEDED, endpoint) == 0);
    uint32_t accepted = event (of_server, ZMQ_EVENT_ACCEPTED, endpoint);
    CHECK (event (of_server, ZMQ_EVENT_HANDSHAKE_SUCCEEDED, endpoint) == 0);
    CHECK (listener > 2 && connected > 2 && accepted > 2);

    /* Another socket cannot bind there. */
    void *late = made (context, ZMQ_DEALER);
    void *of_late = monitored (context, late, "inproc://late", ZMQ_EVENT_BIND_FAILED);
    /* libzmq forgets errno over the event. */
    CHECK (zmq_bind (late, endpoint) == -1);
    CHECK (event (of_late, ZMQ_EVENT_BIND_FAILED, endpoint + strlen ("tcp://")) == EADDRINUSE);

    /* The server goes, and is looked for. */
    set (server, ZMQ_LINGER, 0);
    set (client, ZMQ_LINGER, 0);
    CHECK (zmq_close (server) == 0);
    CHECK (event (of_server, ZMQ_EVENT_CLOSED, endpoint) == listener);
    CHECK (event (of_server, ZMQ_EVENT_MONITOR_STOPPED, "") == 0);
    CHECK (event (of_client, ZMQ_EVENT_DISCONNECTED, endpoint) == connected);
    uint32_t interval = event (of_client, ZMQ_EVENT_CONNECT_RETRIED, endpoint);
    CHECK (interval >= 100 && interval < 200);
    event (of_client, ZMQ_EVENT_CONNECT_DELAYED, endpoint);
    event (of_client, ZMQ_EVENT_CLOSED, endpoint);
    event (of_client, ZMQ_EVENT_CONNECT_RETRIED, endpoint);
    CHECK (zmq_close (client) == 0);
    event (of_client, ZMQ_EVENT_MONITOR_STOPPED, "");
    CHECK (zmq_close (of_server) == 0 && zmq_close (of_client) == 0);
    CHECK (zmq_close (late) == 0 && zmq_close (of_late) == 0);
}

/* A path without a listener: the socket retries without delay. */
static void no_listener (void *context)
{
    void *socket = made (context, ZMQ_DEALER);
    void *reader = monitored (context, socket, "inproc://no-listener", ZMQ_EVENT_ALL);
    set (socket, ZMQ_LINGER, 0);
    CHECK (zmq_connect (socket, "ipc://no-listener.sock") == 0);
    /* The number of the socket that has failed. */
    CHECK ((int) event (reader, ZMQ_EVENT_CLOSED, "ipc://no-listener.sock") > 2);
    event (reader, ZMQ_EVENT_CONNECT_RETRIED, "ipc://no-listener.sock");
    CHECK ((int) event (reader, ZMQ_EVENT_CLOSED, "ipc://no-listener.sock") > 2);
    event (reader, ZMQ_EVENT_CONNECT_RETRIED, "ipc://no-listener.sock");
    CHECK (zmq_close (socket) == 0);
    event (reader, ZMQ_EVENT_MONITOR_STOPPED, "");
    CHECK (zmq_close (reader) == 0);
}

/* A peer that connects, and disconnects without a greeting. */
static void silent (void *context)
{
    char endpoint[64];
    size_t size = sizeof endpoint;
    void *server = made (context, ZMQ_DEALER);
    CHECK (zmq_bind (server, "tcp://127.0.0.1:*") == 0);
    CHECK (zmq_getsockopt (server, ZMQ_LAST_ENDPOINT, endpoint, &size) == 0);
    void *reader = monitored (context, server, "inproc://silent", ZMQ_EVENT_ALL);
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr.s_addr = htonl (INADDR_LOOPBACK)};
    address.sin_port = htons (atoi (strrchr (endpoint, ':') + 1));
    int peer = socket (AF_INET, SOCK_STREAM, 0);
    CHECK (connect (peer, (struct sockaddr *) &address, sizeof address) == 0);
    uint32_t fd = event (reader, ZMQ_EVENT_ACCEPTED, endpoint);
    CHECK (shutdown (peer, SHUT_WR) == 0);
    CHECK (event (reader, ZMQ_EVENT_HANDSHAKE_FAILED_NO_DETAIL, endpoint) == EPIPE);
    CHECK (event (reader, ZMQ_EVENT_DISCONNECTED, endpoint) == fd);
    CHECK (close (peer) == 0 && zmq_close (server) == 0);
    event (reader, ZMQ_EVENT_CLOSED, endpoint);
    event (reader, ZMQ_EVENT_MONITOR_STOPPED, "");
    CHECK (zmq_close (reader) == 0);
}

/* A peer that says this after its greeting; whether we try again after the failure with this value. */
static void stranger (void *context, const char *mechanism, const char *rest, size_t rest_size, int failure,
                      uint32_t expected)
{
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr.s_addr = htonl (INADDR_LOOPBACK)};
    socklen_t address_size = sizeof address;
    int listener = socket (AF_INET, SOCK_STREAM, 0);
    CHECK (bind (listener, (struct sockaddr *) &address, sizeof address) == 0 && listen (listener, 8) == 0);
    CHECK (getsockname (listener, (struct sockaddr *) &address, &address_size) == 0);
    char endpoint[64];
    snprintf (endpoint, sizeof endpoint, "tcp://127.0.0.1:%d", ntohs (address.sin_port));
    void *client = made (context, ZMQ_DEALER);
    set (client, ZMQ_LINGER, 0);
    static int number;
    char name[32];
    snprintf (name, sizeof name, "inproc://stranger-%d", number++);
    void *reader = monitored (context, client, name, ZMQ_EVENT_ALL);
    CHECK (zmq_connect (client, endpoint) == 0);
    int peer = accept (listener, NULL, NULL);
    unsigned char greeting[64] = {0xff, 0, 0, 0, 0, 0, 0, 0, 1, 0x7f, 3, 0};
    memcpy (greeting + 12, mechanism, strlen (mechanism));
    CHECK (write (peer, greeting, sizeof greeting) == sizeof greeting);
    /* What we say first is heard before the rest is said: our greeting, and a READY. */
    unsigned char said[256];
    if (rest_size) {
        CHECK (recv (peer, said, 64, MSG_WAITALL) == 64);
        CHECK (recv (peer, said, 2, MSG_WAITALL) == 2 && said[0] == 4);
        CHECK (recv (peer, said + 2, said[1], MSG_WAITALL) == said[1]);
    }
    CHECK (write (peer, rest, rest_size) == (ssize_t) rest_size);
    event (reader, ZMQ_EVENT_CONNECT_DELAYED, endpoint);
    event (reader, ZMQ_EVENT_CONNECTED, endpoint);
    CHECK (event (reader, failure, endpoint) == expected);
    event (reader, ZMQ_EVENT_DISCONNECTED, endpoint);
    /* Not tried again: nothing comes in more than twice the longest interval. */
    set (reader, ZMQ_RCVTIMEO, 500);
    REFUSED (zmq_recv (reader, greeting, sizeof greeting, 0), EAGAIN);
    CHECK (zmq_close (client) == 0);
    event (reader, ZMQ_EVENT_MONITOR_STOPPED, "");
    CHECK (close (peer) == 0 && close (listener) == 0 && zmq_close (reader) == 0);
}

int main (void)
{
    void *context = zmq_ctx_new ();
    refusals (context);
    stops (context);
    connections (context);
    no_listener (context);
    silent (context);
    stranger (context, "PLAIN", "", 0, ZMQ_EVENT_HANDSHAKE_FAILED_PROTOCOL, 0x11000002);
    /* An ERROR that is an authenticator's word. */
    stranger (context, "NULL", "\4\12\5ERROR\003400", 12, ZMQ_EVENT_HANDSHAKE_FAILED_AUTH, 400);
    /* A command that has no place in the handshake. */
    stranger (context, "NULL", "\4\6\5HELLO", 8, ZMQ_EVENT_HANDSHAKE_FAILED_PROTOCOL, 0x10000001);
    /* A frame before the handshake was done. */
    stranger (context, "NULL", "\0\1a", 3, ZMQ_EVENT_HANDSHAKE_FAILED_PROTOCOL, 0x10000001);
    CHECK (zmq_ctx_term (context) == 0);
    return 0;
}
