/* A PUB that sends nothing keeps its memory, however many subscribers have come and were killed (libzmq #4286, #4474).
 * libzmq 4.3.4 keeps some 11 KiB of each until the socket is used. A subscriber is a stream that speaks ZMTP by hand and
 * is reset. */
#include "endpoints.h"

#include <arpa/inet.h>
#include <malloc.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

enum { FIRST = 500, MORE = 9500, AGAIN = 2500 };

static long resident_kib (void)
{
    long pages, resident;
    malloc_trim (0);
    FILE *file = fopen ("/proc/self/statm", "r");
    CHECK (file && fscanf (file, "%ld %ld", &pages, &resident) == 2);
    fclose (file);
    return resident * (sysconf (_SC_PAGESIZE) / 1024);
}

static int connected (const char *endpoint)
{
    int fd;
    unsigned port;
    if (sscanf (endpoint, "tcp://127.0.0.1:%u", &port) == 1) {
        struct sockaddr_in address = {.sin_family = AF_INET, .sin_port = htons ((uint16_t) port)};
        address.sin_addr.s_addr = htonl (INADDR_LOOPBACK);
        int on = 1;
        fd = socket (AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
        CHECK (setsockopt (fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on) == 0);
        CHECK (fd >= 0 && connect (fd, (struct sockaddr *) &address, sizeof address) == 0);
    } else {
        struct sockaddr_un address = {.sun_family = AF_UNIX};
        snprintf (address.sun_path, sizeof address.sun_path, "%s", endpoint + strlen ("ipc://"));
        fd = socket (AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
        CHECK (fd >= 0 && connect (fd, (struct sockaddr *) &address, sizeof address) == 0);
    }
    return fd;
}

static void hear_bytes (int fd, size_t count)
{
    char bytes[64];
    while (count > 0) {
        ssize_t size = recv (fd, bytes, count < sizeof bytes ? count : sizeof bytes, 0);
        CHECK (size > 0);
        count -= (size_t) size;
    }
}

/* The handshake of a peer of a type, what it says then, a PING whose answer says that all of it has come, and a sudden
 * end. */
static void speaks_and_is_killed (int fd, const char *type, const char *then)
{
    static const char greeting[64] = "\377\0\0\0\0\0\0\0\1\177\3\1NULL";
    static const char ping[] = "\4\11\4PING\0\0zz";
    struct linger reset = {1, 0};
    char ready[64] = "\4\0\5READY\13Socket-Type\0\0\0";
    size_t length = strlen (type), size = 24 + length;
    unsigned char head[2], body[255];
    ready[1] = (char) (size - 2);
    ready[23] = (char) length;
    memcpy (ready + 24, type, length);
    CHECK (send (fd, greeting, sizeof greeting, MSG_NOSIGNAL) == sizeof greeting);
    hear_bytes (fd, 64);
    CHECK (send (fd, ready, size, MSG_NOSIGNAL) == (ssize_t) size);
    CHECK (recv (fd, head, 2, MSG_WAITALL) == 2 && head[0] == 4);
    hear_bytes (fd, head[1]);
    CHECK (send (fd, then, strlen (then), MSG_NOSIGNAL) == (ssize_t) strlen (then));
    CHECK (send (fd, ping, sizeof ping - 1, MSG_NOSIGNAL) == sizeof ping - 1);
    do {
        CHECK (recv (fd, head, 2, MSG_WAITALL) == 2 && head[0] == 4);
        CHECK (recv (fd, body, head[1], MSG_WAITALL) == head[1]);
    } while (memcmp (body, "\4PONG", 5) != 0);
    CHECK (setsockopt (fd, SOL_SOCKET, SO_LINGER, &reset, sizeof reset) == 0 && close (fd) == 0);
}

static void grows_by (const char *what, long before, int peers, long most)
{
    long more = resident_kib () - before;
    printf ("%s: %ld KiB, %ld more after %d peers\n", what, before, more, peers);
    fflush (stdout);
    if (zmq_has ("ringmq"))
        CHECK (more < most);
}

/* Peers that come to an idle socket. */
static void idle_listener (const char *endpoint, int type, const char *peer, const char *then)
{
    void *context = zmq_ctx_new ();
    void *socket = made (context, type);
    char bound[64];
    long before = 0;
    CHECK (zmq_bind (socket, endpoint) == 0);
    last_endpoint (socket, bound);
    for (int at = 0; at < FIRST + MORE; at++) {
        if (at == FIRST)
            before = resident_kib ();
        speaks_and_is_killed (connected (bound), peer, then);
    }
    grows_by (endpoint, before, MORE, 4096);
    CHECK (zmq_close (socket) == 0 && zmq_ctx_term (context) == 0);
}

/* One that an idle socket connects to, again and again. */
static void idle_dialer (int type, const char *peer, int immediate)
{
    void *context = zmq_ctx_new ();
    void *dialer = made (context, type);
    struct sockaddr_in address = {.sin_family = AF_INET};
    socklen_t size = sizeof address;
    int listener = socket (AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0), on = 1;
    char endpoint[64];
    long before = 0;
    address.sin_addr.s_addr = htonl (INADDR_LOOPBACK);
    CHECK (bind (listener, (struct sockaddr *) &address, sizeof address) == 0 && listen (listener, 10) == 0);
    CHECK (getsockname (listener, (struct sockaddr *) &address, &size) == 0);
    snprintf (endpoint, sizeof endpoint, "tcp://127.0.0.1:%d", ntohs (address.sin_port));
    set (dialer, ZMQ_RECONNECT_IVL, 1);
    set (dialer, ZMQ_IMMEDIATE, immediate);
    set (dialer, ZMQ_LINGER, 0);
    CHECK (zmq_connect (dialer, endpoint) == 0);
    for (int at = 0; at < FIRST + AGAIN; at++) {
        if (at == FIRST)
            before = resident_kib ();
        int fd = accept (listener, NULL, NULL);
        CHECK (fd >= 0 && setsockopt (fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on) == 0);
        speaks_and_is_killed (fd, peer, "");
    }
    grows_by (immediate ? "dialer, immediate" : "dialer", before, AGAIN, 256);
    CHECK (zmq_close (dialer) == 0 && zmq_ctx_term (context) == 0 && close (listener) == 0);
}

int main (void)
{
    static const char subscribes[] = "\4\17\11SUBSCRIBEtopic";
    idle_listener ("tcp://127.0.0.1:*", ZMQ_PUB, "SUB", subscribes);
    idle_listener ("ipc://departures.ipc", ZMQ_PUB, "SUB", subscribes);
    idle_listener ("tcp://127.0.0.1:*", ZMQ_REP, "REQ", "");
    idle_dialer (ZMQ_SUB, "PUB", 0);
    idle_dialer (ZMQ_DEALER, "DEALER", 1);
    return 0;
}
