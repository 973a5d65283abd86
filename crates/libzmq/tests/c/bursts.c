/* What has come together can be received together. The other side is a bare socket, which writes all of it at once. */
#include "endpoints.h"

#include <arpa/inet.h>
#include <netinet/tcp.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

enum { ROUNDS = 200, MESSAGES = 10 };

static void write_all (int fd, const void *bytes, size_t size)
{
    CHECK (send (fd, bytes, size, MSG_NOSIGNAL) == (ssize_t) size);
}

static void read_all (int fd, void *bytes, size_t size)
{
    CHECK (recv (fd, bytes, size, MSG_WAITALL) == (ssize_t) size);
}

/* ZMTP 3.0 with NULL, as a socket of this type. */
static void shake_hands (int fd, const char *type)
{
    int on = 1;
    /* A Unix socket has no such option, and does not delay. */
    CHECK (setsockopt (fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on) == 0 || errno == EOPNOTSUPP);
    unsigned char greeting[64] = {0xff, 0, 0, 0, 0, 0, 0, 0, 0, 0x7f, 3, 0, 'N', 'U', 'L', 'L'};
    unsigned char ready[64] = "\4\0\5READY\13Socket-Type\0\0\0\4", theirs[256];
    write_all (fd, greeting, sizeof greeting);
    read_all (fd, theirs, 64);
    ready[1] = 26;
    memcpy (ready + 24, type, 4);
    write_all (fd, ready, 28);
    read_all (fd, theirs, 2);
    CHECK (theirs[0] == 4);
    read_all (fd, theirs, theirs[1]);
}

/* Ten messages of so many parts, in one piece. */
static void write_burst (int fd, int parts)
{
    unsigned char burst[3 * 3 * MESSAGES];
    size_t size = 0;
    for (int message = 0; message < MESSAGES; message++) {
        for (int part = 0; part < parts; part++) {
            burst[size++] = part + 1 < parts;
            burst[size++] = 1;
            burst[size++] = (unsigned char) ('0' + message);
        }
    }
    write_all (fd, burst, size);
}

/* When the first one is there, all are. */
static void receive_burst (void *pull, int parts)
{
    char part[4];
    for (int message = 0; message < MESSAGES; message++) {
        for (int at = 0; at < parts; at++) {
            int flags = message == 0 && at == 0 ? 0 : ZMQ_DONTWAIT;
            CHECK (zmq_recv (pull, part, sizeof part, flags) == 1 && part[0] == '0' + message);
        }
        if (message == 0)
            CHECK (get (pull, ZMQ_EVENTS) & ZMQ_POLLIN);
    }
    CHECK ((get (pull, ZMQ_EVENTS) & ZMQ_POLLIN) == 0);
}

static socklen_t address_of (const char *endpoint, struct sockaddr_storage *address)
{
    memset (address, 0, sizeof *address);
    if (strncmp (endpoint, "ipc://", 6) == 0) {
        struct sockaddr_un *local = (struct sockaddr_un *) address;
        local->sun_family = AF_UNIX;
        strcpy (local->sun_path, endpoint + 6);
        return (socklen_t) sizeof *local;
    }
    struct sockaddr_in *internet = (struct sockaddr_in *) address;
    internet->sin_family = AF_INET;
    internet->sin_addr.s_addr = htonl (INADDR_LOOPBACK);
    const char *port = strrchr (endpoint, ':');
    internet->sin_port = htons ((unsigned short) atoi (port + 1));
    return (socklen_t) sizeof *internet;
}

/* The first burst after each connect. */
static void after_a_connect (const char *endpoint)
{
    void *context = zmq_ctx_new ();
    void *pull = made (context, ZMQ_PULL);
    char bound[64];
    CHECK (zmq_bind (pull, endpoint) == 0);
    last_endpoint (pull, bound);
    struct sockaddr_storage address;
    socklen_t size = address_of (bound, &address);
    for (int round = 0; round < ROUNDS; round++) {
        int fd = socket (address.ss_family, SOCK_STREAM, 0);
        CHECK (fd >= 0 && connect (fd, (struct sockaddr *) &address, size) == 0);
        shake_hands (fd, "PUSH");
        for (int parts = 1; parts <= 3; parts++) {
            write_burst (fd, parts);
            receive_burst (pull, parts);
        }
        close (fd);
    }
    CHECK (zmq_close (pull) == 0 && zmq_ctx_term (context) == 0);
}

/* A listener at a place of its own, and its endpoint. */
static int listener (const char *scheme, char endpoint[64])
{
    int tcp = strcmp (scheme, "tcp") == 0;
    struct sockaddr_storage address;
    if (tcp)
        free_tcp (endpoint);
    else
        snprintf (endpoint, 64, "ipc://bare");
    socklen_t size = address_of (endpoint, &address);
    int fd = socket (address.ss_family, SOCK_STREAM, 0), on = 1;
    CHECK (fd >= 0 && setsockopt (fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on) == 0);
    CHECK (bind (fd, (struct sockaddr *) &address, size) == 0 && listen (fd, 8) == 0);
    return fd;
}

/* The first burst after each reconnect. */
static void after_a_reconnect (const char *scheme)
{
    void *context = zmq_ctx_new ();
    void *pull = made (context, ZMQ_PULL);
    char endpoint[64];
    int from = listener (scheme, endpoint);
    set (pull, ZMQ_RECONNECT_IVL, 1);
    CHECK (zmq_connect (pull, endpoint) == 0);
    for (int round = 0; round < ROUNDS / 4; round++) {
        int fd = accept (from, NULL, NULL);
        CHECK (fd >= 0);
        shake_hands (fd, "PUSH");
        for (int parts = 1; parts <= 3; parts++) {
            write_burst (fd, parts);
            receive_burst (pull, parts);
        }
        close (fd);
    }
    close (from);
    CHECK (zmq_close (pull) == 0 && zmq_ctx_term (context) == 0);
    unlink ("bare");
}

/* Messages from before there was a connection leave in one piece. */
static void before_a_connection (const char *scheme)
{
    for (int round = 0; round < ROUNDS / 4; round++) {
        void *context = zmq_ctx_new ();
        void *push = made (context, ZMQ_PUSH);
        char endpoint[64];
        int from = listener (scheme, endpoint);
        CHECK (zmq_connect (push, endpoint) == 0);
        for (int message = 0; message < MESSAGES; message++)
            put (push, "x", 0);
        int fd = accept (from, NULL, NULL);
        CHECK (fd >= 0);
        shake_hands (fd, "PULL");
        char burst[4 * MESSAGES];
        CHECK (recv (fd, burst, sizeof burst, 0) == 3 * MESSAGES);
        close (fd);
        close (from);
        CHECK (zmq_close (push) == 0 && zmq_ctx_term (context) == 0);
        unlink ("bare");
    }
}

int main (void)
{
    /* A receiver that spins sees the first message at once. */
    const char *waits[] = {"spin", "park", "adaptive"};
    for (int at = 0; at < 3; at++) {
        CHECK (setenv ("RINGMQ_WAIT", waits[at], 1) == 0);
        after_a_connect ("tcp://127.0.0.1:*");
        after_a_connect ("ipc://*");
        after_a_reconnect ("tcp");
        after_a_reconnect ("ipc");
        before_a_connection ("tcp");
        before_a_connection ("ipc");
    }
    return 0;
}
