/* zmq_send with ZMQ_DONTWAIT does not wait for a peer that is stopped, whatever runs short, and one with a timeout waits for
   that long. What was taken arrives when the peer goes on. */
#include "children.h"
#include "endpoints.h"

#include <sched.h>
#include <sys/resource.h>
#include <time.h>

enum { ROUNDS = 500, LARGE = 60000, MARK = 10, TIMEOUT = 50 };

enum lack { NOTHING, DESCRIPTORS, MEMORY };

static int type;

/* Whether both sides have gone over before the peer is stopped; otherwise it is stopped in the midst of that, and has read
   nothing. */
static int met;

/* --- The peer */

/* Receives messages that are numbered from 0 on. The count comes by `listen`. */
static void takes_numbered (void *socket, int listen)
{
    static char part[LARGE + 1];
    int expected;
    CHECK (read (listen, &expected, sizeof expected) == sizeof expected);
    set (socket, ZMQ_RCVTIMEO, 30000);
    for (int count = 0; count < expected; count++) {
        int size = zmq_recv (socket, part, sizeof part, 0);
        CHECK (size == LARGE && memcmp (part, &count, sizeof count) == 0);
    }
}

static void receives (const char *endpoint, int listen, int mouth)
{
    void *context = zmq_ctx_new (), *socket = made (context, type == ZMQ_PUSH ? ZMQ_PULL : type);
    set (socket, ZMQ_RCVHWM, MARK);
    CHECK (zmq_bind (socket, endpoint) == 0);
    say (mouth, 'b');
    char text[8] = "";
    while (met && strncmp (text, "end", 3) != 0)
        CHECK (zmq_recv (socket, text, sizeof text, 0) > 0);
    if (met)
        say (mouth, 'd');
    takes_numbered (socket, listen);
    CHECK (zmq_close (socket) == 0 && zmq_ctx_term (context) == 0);
}

/* --- What runs short */

static struct rlimit before;

static int resource (enum lack lack)
{
    return lack == MEMORY ? RLIMIT_AS : RLIMIT_NOFILE;
}

static rlim_t mapped (void)
{
    long pages = 0;
    FILE *file = fopen ("/proc/self/statm", "r");
    CHECK (file && fscanf (file, "%ld", &pages) == 1);
    fclose (file);
    return (rlim_t) pages * sysconf (_SC_PAGESIZE);
}

static void begin_lack (enum lack lack)
{
    CHECK (getrlimit (resource (lack), &before) == 0);
    struct rlimit little = {lack == MEMORY ? mapped () + (1 << 20) : 3, before.rlim_max};
    CHECK (lack == NOTHING || setrlimit (resource (lack), &little) == 0);
}

static void end_lack (enum lack lack)
{
    CHECK (setrlimit (resource (lack), &before) == 0);
}

/* --- The sender */

static int has_ring (void)
{
    char line[512];
    int found = 0;
    FILE *file = fopen ("/proc/self/maps", "r");
    CHECK (file);
    while (fgets (line, sizeof line, file))
        found |= strstr (line, "ringmq-ring") != NULL && strstr (line, "rw-s") != NULL;
    fclose (file);
    return found;
}

/* By shared memory, if the library has any. */
static void go_over (void *socket)
{
    for (int round = 0; round < ROUNDS || (zmq_has ("ringmq") && !has_ring ()); round++)
        put (socket, "x", 0);
    put (socket, "end", 0);
}

static long sleeps (void)
{
    struct rusage usage;
    CHECK (getrusage (RUSAGE_THREAD, &usage) == 0);
    return usage.ru_nvcsw;
}

static long long now (void)
{
    struct timespec time;
    CHECK (clock_gettime (CLOCK_MONOTONIC, &time) == 0);
    return time.tv_sec * 1000LL + time.tv_nsec / 1000000;
}

static char large[LARGE];

/* Sends the next of the numbered ones; gives what the call has answered. */
static int send_numbered (void *socket, int number, int flags)
{
    memcpy (large, &number, sizeof number);
    return zmq_send (socket, large, LARGE, flags);
}

/* As many as there is room for in 50 ms, while the stream fills. */
static int flood (void *socket)
{
    int sent = 0;
    for (long long end = now () + 50; now () < end; sched_yield ())
        sent += send_numbered (socket, sent, ZMQ_DONTWAIT) == LARGE;
    return sent;
}

static void sends (const char *endpoint, enum lack lack)
{
    struct child peer = start (receives, endpoint);
    CHECK (hear (peer.hear) == 'b');
    void *context = zmq_ctx_new (), *socket = made (context, type);
    set (socket, ZMQ_SNDHWM, MARK);
    CHECK (zmq_connect (socket, endpoint) == 0);
    int sent = 0, tried = 0;
    if (met) {
        go_over (socket);
        CHECK (hear (peer.hear) == 'd');
    } else
        sent = flood (socket);
    stop (peer);
    begin_lack (lack);
    set (socket, ZMQ_SNDTIMEO, TIMEOUT);
    long slept = 0;
    long long begin;
    do {
        long at_first = sleeps ();
        for (int refused = 0; refused < 1000; tried++)
            if (send_numbered (socket, sent, ZMQ_DONTWAIT) == LARGE)
                sent++;
            else {
                CHECK (errno == EAGAIN || (lack == MEMORY && errno == ENOMEM));
                refused++;
            }
        slept += sleeps () - at_first;
        /* One that waits may find room by ZMTP, once the library has gone back to that. */
        begin = now ();
    } while (send_numbered (socket, sent, 0) == LARGE && ++sent);
    CHECK (errno == ENOMEM ? lack == MEMORY : errno == EAGAIN && now () - begin >= TIMEOUT - 1);
    end_lack (lack);
    printf ("type %d, met %d, lack %d: %d sent, %ld sleeps in %d calls\n", type, met, lack, sent, slept, tried);
    /* For a lock perhaps, never for the peer. */
    CHECK (slept <= tried / 100);
    CHECK (lack == MEMORY || sent >= MARK / 2);
    CHECK (kill (peer.pid, SIGCONT) == 0);
    CHECK (write (peer.say, &sent, sizeof sent) == sizeof sent);
    /* One that was taken when memory was full goes with the next call. */
    CHECK (zmq_close (socket) == 0);
    ended (peer, 0);
    CHECK (zmq_ctx_term (context) == 0);
}

int main (void)
{
    setvbuf (stdout, NULL, _IOLBF, 0);
    int types[] = {ZMQ_PUSH, ZMQ_DEALER, ZMQ_PAIR};
    for (int at = 0; at < 6; at++) {
        type = types[at / 2];
        met = at % 2;
        sends ("ipc://dontwait-peer", NOTHING);
        sends ("ipc://dontwait-peer", DESCRIPTORS);
        /* libzmq ends the program where it has no memory. */
        if (zmq_has ("ringmq"))
            sends ("ipc://dontwait-peer", MEMORY);
    }
    return 0;
}
