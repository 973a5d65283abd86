/* Peers that are stopped, moved to other CPUs, or in a time of their own. */
#include "children.h"
#include "endpoints.h"

#include <fcntl.h>
#include <sched.h>
#include <time.h>
#include <unistd.h>

enum { ROUNDS = 500 };

/* --- Stopped */

/* Echoes until it is to receive only. */
static void echoes (const char *endpoint, int listen, int mouth)
{
    void *context = zmq_ctx_new (), *dealer = made (context, ZMQ_DEALER);
    set (dealer, ZMQ_RCVHWM, 10);
    CHECK (zmq_bind (dealer, endpoint) == 0);
    say (mouth, 'b');
    for (int round = 0; round < ROUNDS; round++) {
        take (dealer, "x", 0);
        put (dealer, "x", 0);
    }
    say (mouth, 'd');
    char end = hear (listen);
    int count = 0;
    set (dealer, ZMQ_RCVTIMEO, end == 'w' ? 20000 : -1);
    int expected = 0;
    if (end == 'w')
        CHECK (read (listen, &expected, sizeof expected) == sizeof expected);
    for (; count < expected; count++)
        take (dealer, "x", 0);
    CHECK (zmq_close (dealer) == 0 && zmq_ctx_term (context) == 0);
}

/* The sender of what a stopped peer does not read can close and end, within its linger. */
static void closes (const char *endpoint, int linger, int met)
{
    struct child peer = start (echoes, endpoint);
    CHECK (hear (peer.hear) == 'b');
    if (!met)
        stop (peer);
    void *context = zmq_ctx_new (), *dealer = made (context, ZMQ_DEALER);
    set (dealer, ZMQ_SNDHWM, 10);
    set (dealer, ZMQ_LINGER, linger);
    CHECK (zmq_connect (dealer, endpoint) == 0);
    if (met) {
        for (int round = 0; round < ROUNDS; round++) {
            put (dealer, "x", 0);
            take (dealer, "x", 0);
        }
        CHECK (hear (peer.hear) == 'd');
        stop (peer);
    }
    set (dealer, ZMQ_SNDTIMEO, 100);
    int ipc = strncmp (endpoint, "ipc", 3) == 0, sent = 0;
    /* The buffers of tcp hold a lot. */
    static char large[1 << 16] = "x";
    int size = ipc ? 1 : sizeof large;
    while (zmq_send (dealer, large, size, 0) == size)
        sent++;
    CHECK (errno == EAGAIN && sent >= 10);
    CHECK (zmq_close (dealer) == 0 && zmq_ctx_term (context) == 0);
    /* In shared memory nothing of it was lost, though its sender has gone. */
    int arrives = met && ipc && zmq_has ("ringmq");
    if (arrives) {
        CHECK (kill (peer.pid, SIGCONT) == 0);
        say (peer.say, 'w');
        CHECK (write (peer.say, &sent, sizeof sent) == sizeof sent);
    } else
        CHECK (kill (peer.pid, SIGKILL) == 0);
    ended (peer, !arrives);
}

/* A peer that was stopped, then killed, has a successor. */
static void comes_back (const char *endpoint)
{
    struct child first = start (echoes, endpoint);
    CHECK (hear (first.hear) == 'b');
    stop (first);
    void *context = zmq_ctx_new (), *dealer = made (context, ZMQ_DEALER);
    set (dealer, ZMQ_LINGER, 0);
    set (dealer, ZMQ_RECONNECT_IVL, 10);
    set (dealer, ZMQ_HANDSHAKE_IVL, 100);
    CHECK (zmq_connect (dealer, endpoint) == 0);
    /* Longer than a handshake may take. */
    set (dealer, ZMQ_RCVTIMEO, 250);
    REFUSED (zmq_recv (dealer, NULL, 0, 0), EAGAIN);
    CHECK (kill (first.pid, SIGKILL) == 0);
    ended (first, 1);
    struct child second = start (echoes, endpoint);
    CHECK (hear (second.hear) == 'b');
    set (dealer, ZMQ_RCVTIMEO, 20000);
    for (int round = 0; round < ROUNDS; round++) {
        put (dealer, "x", 0);
        take (dealer, "x", 0);
    }
    say (second.say, 'e');
    ended (second, 0);
    CHECK (zmq_close (dealer) == 0 && zmq_ctx_term (context) == 0);
}

/* --- Moved */

static void allow (pid_t thread, int cpus)
{
    cpu_set_t set;
    CPU_ZERO (&set);
    for (int cpu = 0; cpu < 2; cpu++)
        if (cpus >> cpu & 1)
            CPU_SET (cpu, &set);
    sched_setaffinity (thread, sizeof set, &set); /* fails where there is one CPU, and changes nothing */
}

/* CPUs are taken from both ends, and given back, in the midst of waits. */
static void moved (const char *wait, const char *endpoint)
{
    setenv ("RINGMQ_WAIT", wait, 1);
    struct child peer = start (echoes, endpoint);
    CHECK (hear (peer.hear) == 'b');
    void *context = zmq_ctx_new (), *dealer = made (context, ZMQ_DEALER);
    set (dealer, ZMQ_RCVTIMEO, 20000);
    CHECK (zmq_connect (dealer, endpoint) == 0);
    for (int round = 0; round < ROUNDS; round++) {
        if (round % 50 == 0) {
            allow (peer.pid, round / 50 % 3 + 1);
            allow (0, round / 150 % 3 + 1);
        }
        put (dealer, "x", 0);
        take (dealer, "x", 0);
    }
    allow (0, 3);
    say (peer.say, 'e');
    ended (peer, 0);
    CHECK (zmq_close (dealer) == 0 && zmq_ctx_term (context) == 0);
    unsetenv ("RINGMQ_WAIT");
}

/* --- In a time of its own */

/* The clocks of the peer differ, by a century, or so that they begin anew. */
static void elsewhen (const char *endpoint, long long seconds)
{
    char text[100];
    int length = snprintf (text, sizeof text, "monotonic %lld 0\nboottime %lld 0\n", seconds, seconds);
    if (unshare (CLONE_NEWTIME) != 0) {
        printf ("no clocks are shifted: %s\n", strerror (errno)); /* only root may */
        return;
    }
    int offsets = open ("/proc/self/timens_offsets", O_WRONLY);
    CHECK (offsets >= 0 && write (offsets, text, length) == length);
    close (offsets);
    struct child peer = start (echoes, endpoint);
    CHECK (hear (peer.hear) == 'b');
    void *context = zmq_ctx_new (), *dealer = made (context, ZMQ_DEALER);
    set (dealer, ZMQ_RCVTIMEO, 20000);
    set (dealer, ZMQ_HEARTBEAT_IVL, 20);
    CHECK (zmq_connect (dealer, endpoint) == 0);
    for (int round = 0; round < ROUNDS; round++) {
        put (dealer, "x", 0);
        take (dealer, "x", 0);
    }
    say (peer.say, 'e');
    ended (peer, 0);
    CHECK (zmq_close (dealer) == 0 && zmq_ctx_term (context) == 0);
}

int main (void)
{
    char tcp[64];
    for (int linger = 0; linger <= 200; linger += 200)
        for (int met = 0; met < 2; met++) {
            free_tcp (tcp);
            closes ("ipc://stops-peer", linger, met);
            closes (tcp, linger, met);
        }
    free_tcp (tcp);
    comes_back ("ipc://stops-peer");
    comes_back (tcp);
    const char *ways[] = {"spin", "adaptive", "park"};
    for (int way = 0; way < 3; way++)
        moved (ways[way], "ipc://stops-peer");
    struct timespec now;
    CHECK (clock_gettime (CLOCK_MONOTONIC, &now) == 0);
    long long shifts[] = {3000000000, -now.tv_sec};
    for (int at = 0; at < 2; at++) {
        /* A process makes a namespace for its children, once it has no threads. */
        pid_t pid = fork ();
        CHECK (pid >= 0);
        if (pid == 0) {
            elsewhen ("ipc://stops-peer", shifts[at]);
            exit (0);
        }
        int status;
        CHECK (waitpid (pid, &status, 0) == pid && status == 0);
    }
    return 0;
}
