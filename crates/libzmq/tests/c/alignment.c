/* Where the bytes of a message lie: programs read numbers from them in place. */
#include "endpoints.h"

#include <stdint.h>
#include <sys/wait.h>
#include <unistd.h>

/* libzmq keeps at least this many bytes within zmq_msg_t. Longer ones that came from a stream may lie anywhere. */
enum { WITHIN = 32, INLINE = 45, LAPS = 30 };

static const size_t sizes[] = {0,  1,  7,  8,  9,  15, 16,  17,  21,   24,   29,   30,    31,    32,     33,
                               34, 40, 44, 45, 46, 47, 48,  63,  64,   65,   100,  127,   128,   129,    1000,
                               1001, 4000, 8191, 8193, 20001, 65537, 100003};
enum { SIZES = sizeof sizes / sizeof *sizes };

static int ours;

/* Two places for a message: at a multiple of 16, and 8 bytes behind one. */
struct places
{
    _Alignas (16) zmq_msg_t even;
    uint64_t between;
    zmq_msg_t odd;
};

static size_t remainder_of (const void *at, size_t alignment)
{
    return (uintptr_t) at % alignment;
}

/* What was made here is aligned in both libraries, what was received up to a size in libzmq. */
static void check (zmq_msg_t *msg, int made_here)
{
    size_t size = zmq_msg_size (msg);
    unsigned char *data = zmq_msg_data (msg);
    if (ours || made_here || size <= WITHIN)
        CHECK (remainder_of (data, 8) == 0);
    if (!ours)
        return;
    if (size > INLINE)
        CHECK (remainder_of (data, 16) == 0);
    if (size >= 16 && remainder_of (msg, 16) == 0)
        CHECK (remainder_of (data, 16) == 0);
}

static void fill (zmq_msg_t *msg)
{
    unsigned char *data = zmq_msg_data (msg);
    size_t size = zmq_msg_size (msg);
    for (size_t at = 0; at < size; at++)
        data[at] = (unsigned char) (size + at);
}

static void filled (zmq_msg_t *msg, size_t size)
{
    unsigned char *data = zmq_msg_data (msg);
    CHECK (zmq_msg_size (msg) == size);
    for (size_t at = 0; at < size; at++)
        CHECK (data[at] == (unsigned char) (size + at));
}

static void made_here (void)
{
    struct places one, other;
    zmq_msg_t *all[] = {&one.even, &one.odd, &other.even, &other.odd};
    CHECK (remainder_of (&one.even, 16) == 0 && remainder_of (&one.odd, 16) == 8);
    for (int at = 0; at < SIZES; at++)
        for (int pair = 0; pair < 4; pair++) {
            zmq_msg_t *first = all[pair / 2], *second = all[2 + pair % 2];
            CHECK (zmq_msg_init_size (first, sizes[at]) == 0 && zmq_msg_init (second) == 0);
            check (first, 1);
            fill (first);
            CHECK (zmq_msg_copy (second, first) == 0);
            check (first, 1);
            check (second, 1);
            filled (second, sizes[at]);
            CHECK (zmq_msg_move (first, second) == 0);
            check (first, 1);
            check (second, 1);
            filled (first, sizes[at]);
            CHECK (zmq_msg_close (first) == 0 && zmq_msg_close (second) == 0);
        }
}

static void freed (void *data, void *hint)
{
    *(void **) hint = data;
}

/* Memory of the caller's stays where it is, wherever that is, and whatever its length. */
static void lent (void)
{
    static char data[200] = "x";
    for (size_t size = 0; size < 100; size += 11)
        for (size_t at = 0; at < 9; at++) {
            void *given = NULL;
            zmq_msg_t msg, copy;
            CHECK (zmq_msg_init_data (&msg, data + at, size, freed, &given) == 0 && zmq_msg_init (&copy) == 0);
            CHECK (zmq_msg_data (&msg) == data + at && zmq_msg_size (&msg) == size);
            CHECK (zmq_msg_copy (&copy, &msg) == 0 && zmq_msg_data (&copy) == data + at);
            CHECK (zmq_msg_close (&msg) == 0 && given == NULL);
            CHECK (zmq_msg_close (&copy) == 0 && given == data + at);
        }
}

static void put_size (void *socket, size_t size, int flags)
{
    zmq_msg_t msg;
    CHECK (zmq_msg_init_size (&msg, size) == 0);
    fill (&msg);
    CHECK (zmq_msg_send (&msg, socket, flags) == (int) size);
}

static void take_size (void *socket, size_t size, int more)
{
    static struct places places;
    static int turn;
    zmq_msg_t *msg = turn++ % 2 ? &places.odd : &places.even;
    CHECK (zmq_msg_init (msg) == 0);
    CHECK (zmq_msg_recv (msg, socket, 0) == (int) size && zmq_msg_more (msg) == more);
    check (msg, 0);
    filled (msg, size);
    CHECK (zmq_msg_close (msg) == 0);
}

/* One part, two parts, an empty first part, and many parts at odd distances. */
static void put_all (void *socket)
{
    for (int at = 0; at < SIZES; at++) {
        put_size (socket, sizes[at], 0);
        put_size (socket, 5, ZMQ_SNDMORE);
        put_size (socket, sizes[at], 0);
        put_size (socket, 0, ZMQ_SNDMORE);
        put_size (socket, sizes[at], 0);
    }
    for (int at = 0; at < SIZES; at++)
        put_size (socket, sizes[at], at + 1 < SIZES ? ZMQ_SNDMORE : 0);
}

static void take_all (void *socket)
{
    for (int at = 0; at < SIZES; at++) {
        take_size (socket, sizes[at], 0);
        take_size (socket, 5, 1);
        take_size (socket, sizes[at], 0);
        take_size (socket, 0, 1);
        take_size (socket, sizes[at], 0);
    }
    for (int at = 0; at < SIZES; at++)
        take_size (socket, sizes[at], at + 1 < SIZES);
}

static void within_a_process (void)
{
    void *context = zmq_ctx_new (), *to = made (context, ZMQ_PAIR), *from = made (context, ZMQ_PAIR);
    CHECK (zmq_bind (to, "inproc://alignment") == 0 && zmq_connect (from, "inproc://alignment") == 0);
    put_all (from);
    take_all (to);
    CHECK (zmq_close (to) == 0 && zmq_close (from) == 0 && zmq_ctx_term (context) == 0);
}

static void peer (int type, int from_parent, int to_parent)
{
    void *context = zmq_ctx_new (), *socket = made (context, type);
    char endpoint[64];
    CHECK (read (from_parent, endpoint, sizeof endpoint) == sizeof endpoint);
    CHECK (zmq_connect (socket, endpoint) == 0);
    for (int lap = 0; lap < LAPS; lap++) {
        put_all (socket);
        char go;
        CHECK (read (from_parent, &go, 1) == 1);
    }
    CHECK (zmq_close (socket) == 0 && zmq_ctx_term (context) == 0);
    CHECK (write (to_parent, "e", 1) == 1);
    exit (0);
}

/* The first lap comes as a stream over ipc, too; the later ones through shared memory, between two of ours. */
static void from_a_process (const char *wild, int type, int peer_type)
{
    int there[2], back[2];
    CHECK (pipe (there) == 0 && pipe (back) == 0);
    pid_t child = fork ();
    CHECK (child != -1);
    if (child == 0)
        peer (peer_type, there[0], back[1]);
    void *context = zmq_ctx_new (), *socket = made (context, type);
    set (socket, ZMQ_RCVTIMEO, 20000);
    char endpoint[64] = "";
    CHECK (zmq_bind (socket, wild) == 0);
    last_endpoint (socket, endpoint);
    CHECK (write (there[1], endpoint, sizeof endpoint) == sizeof endpoint);
    for (int lap = 0; lap < LAPS; lap++) {
        take_all (socket);
        CHECK (write (there[1], "g", 1) == 1);
    }
    char end;
    int status;
    CHECK (read (back[0], &end, 1) == 1);
    CHECK (waitpid (child, &status, 0) == child && status == 0);
    CHECK (zmq_close (socket) == 0 && zmq_ctx_term (context) == 0);
    for (int at = 0; at < 2; at++)
        CHECK (close (there[at]) == 0 && close (back[at]) == 0);
}

int main (void)
{
    ours = zmq_has ("ringmq");
    made_here ();
    lent ();
    from_a_process ("ipc://*", ZMQ_PULL, ZMQ_PUSH);
    from_a_process ("ipc://*", ZMQ_DEALER, ZMQ_DEALER);
    from_a_process ("tcp://127.0.0.1:*", ZMQ_PULL, ZMQ_PUSH);
    within_a_process ();
    return 0;
}
