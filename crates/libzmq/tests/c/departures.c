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

enum { FIRST = 500, MORE = 9500, KIB = 4096 };

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

/* The handshake, a subscription, a PING whose answer says that both have come, and a sudden end. */
static void comes_and_is_killed (const char *endpoint)
{
    static const char greeting[64] = "\377\0\0\0\0\0\0\0\1\177\3\1NULL";
    static const char ready[] = "\4\31\5READY\13Socket-Type\0\0\0\3SUB";
    static const char rest[] = "\4\17\11SUBSCRIBEtopic\4\11\4PING\0\0zz";
    struct linger reset = {1, 0};
    int fd = connected (endpoint);
    unsigned char head[2];
    CHECK (send (fd, greeting, sizeof greeting, MSG_NOSIGNAL) == sizeof greeting);
    hear_bytes (fd, 64);
    CHECK (send (fd, ready, sizeof ready - 1, MSG_NOSIGNAL) == sizeof ready - 1);
    CHECK (recv (fd, head, 2, MSG_WAITALL) == 2 && head[0] == 4);
    hear_bytes (fd, head[1]);
    CHECK (send (fd, rest, sizeof rest - 1, MSG_NOSIGNAL) == sizeof rest - 1);
    hear_bytes (fd, 9);
    CHECK (setsockopt (fd, SOL_SOCKET, SO_LINGER, &reset, sizeof reset) == 0 && close (fd) == 0);
}

static void idle_publisher (const char *endpoint)
{
    void *context = zmq_ctx_new ();
    void *pub = made (context, ZMQ_PUB);
    char bound[64];
    CHECK (zmq_bind (pub, endpoint) == 0);
    last_endpoint (pub, bound);
    for (int at = 0; at < FIRST; at++)
        comes_and_is_killed (bound);
    long before = resident_kib ();
    for (int at = 0; at < MORE; at++)
        comes_and_is_killed (bound);
    long after = resident_kib ();
    printf ("%s: %ld KiB, %ld more after %d subscribers\n", endpoint, before, after - before, MORE);
    fflush (stdout);
    if (zmq_has ("ringmq"))
        CHECK (after - before < KIB);
    CHECK (zmq_close (pub) == 0 && zmq_ctx_term (context) == 0);
}

int main (void)
{
    idle_publisher ("tcp://127.0.0.1:*");
    idle_publisher ("ipc://departures.ipc");
    return 0;
}
