/* A dialer that does not connect again where it is refused, and a SOCKS5 proxy: neither a proxy that refuses nor one that is
   refused ends the attempts. The option is a draft. */
#define ZMQ_BUILD_DRAFT_API
#include "endpoints.h"
#include "events.h"

#include <arpa/inet.h>
#include <errno.h>
#include <sys/socket.h>
#include <unistd.h>

static const char beyond[] = "tcp://192.0.2.1:80";

/* A socket that connects through a proxy, and its monitor. */
static void *through (void *context, const char *proxy, const char *name, void **reader)
{
    void *socket = made (context, ZMQ_DEALER);
    set (socket, ZMQ_LINGER, 0);
    set (socket, ZMQ_RECONNECT_IVL, 10);
    set (socket, ZMQ_RECONNECT_STOP, ZMQ_RECONNECT_STOP_CONN_REFUSED);
    CHECK (zmq_setsockopt (socket, ZMQ_SOCKS_PROXY, proxy, strlen (proxy)) == 0);
    *reader = monitored (context, socket, name, ZMQ_EVENT_ALL);
    CHECK (zmq_connect (socket, beyond) == 0);
    return socket;
}

/* The endpoint of the events is that of the proxy in libzmq, and here the one that was connected to. */
static void attempt (void *reader)
{
    CHECK (any_event (reader) == ZMQ_EVENT_CONNECT_DELAYED);
    CHECK (any_event (reader) == ZMQ_EVENT_CLOSED);
    CHECK (any_event (reader) == ZMQ_EVENT_CONNECT_RETRIED);
}

static void heard (int client, const char *expected, ssize_t size)
{
    char bytes[16];
    CHECK (recv (client, bytes, size, MSG_WAITALL) == size && memcmp (bytes, expected, size) == 0);
}

/* The proxy answers that the connection is refused. */
static void by_the_proxy (void *context)
{
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr.s_addr = htonl (INADDR_LOOPBACK)};
    socklen_t size = sizeof address;
    int listener = socket (AF_INET, SOCK_STREAM, 0);
    CHECK (bind (listener, (struct sockaddr *) &address, sizeof address) == 0 && listen (listener, 8) == 0);
    CHECK (getsockname (listener, (struct sockaddr *) &address, &size) == 0);
    char proxy[32];
    snprintf (proxy, sizeof proxy, "127.0.0.1:%d", ntohs (address.sin_port));
    void *reader, *socket = through (context, proxy, "inproc://by-the-proxy", &reader);
    for (int round = 0; round < 3; round++) {
        int client = accept (listener, NULL, NULL);
        heard (client, "\5\1\0", 3);
        CHECK (send (client, "\5\0", 2, MSG_NOSIGNAL) == 2);
        heard (client, "\5\1\0\1\300\0\2\1\0\120", 10);
        CHECK (send (client, "\5\5\0\1\0\0\0\0\0\0", 10, MSG_NOSIGNAL) == 10);
        attempt (reader);
        CHECK (close (client) == 0);
    }
    CHECK (close (listener) == 0);
    closed (socket, reader);
}

/* Nothing listens where the proxy should be. */
static void of_the_proxy (void *context)
{
    char endpoint[64];
    free_tcp (endpoint);
    const char *proxy = endpoint + strlen ("tcp://");
    void *reader, *socket = through (context, proxy, "inproc://of-the-proxy", &reader);
    for (int round = 0; round < 3; round++)
        attempt (reader);
    closed (socket, reader);
}

int main (void)
{
    void *context = zmq_ctx_new ();
    by_the_proxy (context);
    of_the_proxy (context);
    CHECK (zmq_ctx_term (context) == 0);
    return 0;
}
