/* A peer that rings the doorbell of our socket all the time: calls that wait cost little, end in time, and still find what
   another peer sends. Only ringmq has such a doorbell. */
#include "children.h"
#include "endpoints.h"

#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <time.h>

enum { LIMIT = 500 };

/* --- The peer */

enum { MOST = 256 };

/* Pipes that the peer had before it connected: its own doorbell is one of them. */
static ino_t known[MOST];

/* What a descriptor that can be written to is of, if that is a pipe; 0 otherwise. */
static ino_t pipe_at (int fd)
{
    struct stat about;
    int writes = (fcntl (fd, F_GETFL) & O_ACCMODE) != O_RDONLY;
    return writes && fstat (fd, &about) == 0 && S_ISFIFO (about.st_mode) ? about.st_ino : 0;
}

/* The doorbell of the other side, which has given it when both have agreed on shared memory; -1 before that. */
static int doorbell (void)
{
    for (int fd = 0; fd < MOST; fd++) {
        ino_t this = pipe_at (fd);
        int is_known = this == 0;
        for (int at = 0; at < MOST; at++)
            is_known |= known[at] == this;
        if (!is_known)
            return fd;
    }
    return -1;
}

/* Exchanges messages until the doorbell is there to stay: the library opens another descriptor of what comes. */
static void until_agreed (void *socket, void (*exchange) (void *))
{
    for (int same = 0, before = -1; same < 100; same++) {
        exchange (socket);
        int fd = doorbell ();
        if (fd < 0 || fd != before)
            same = 0;
        before = fd;
    }
}

/* Rings when it hears a word, until it hears another one, and says how often. */
static void rings (int listen, int mouth)
{
    long long count = 0;
    struct pollfd word = {listen, POLLIN, 0};
    CHECK (hear (listen) == 'g');
    int fd = doorbell ();
    CHECK (fd >= 0);
    say (mouth, 's');
    CHECK (fcntl (fd, F_SETFL, fcntl (fd, F_GETFL) | O_NONBLOCK) == 0);
    do
        for (int round = 0; round < 1000; round++) {
            CHECK (write (fd, "\1", 1) == 1 || errno == EAGAIN);
            count++;
        }
    while (poll (&word, 1, 0) == 0);
    hear (listen);
    CHECK (write (mouth, &count, sizeof count) == sizeof count);
}

/* Begun before the other side has a socket, so that it inherits no doorbell. */
static void *peer (int type, const char *endpoint, int listen)
{
    CHECK (hear (listen) == 'b');
    void *socket = made (zmq_ctx_new (), type);
    set (socket, ZMQ_RCVHWM, 1);
    for (int fd = 0; fd < MOST; fd++)
        known[fd] = pipe_at (fd);
    CHECK (zmq_connect (socket, endpoint) == 0);
    return socket;
}

static void puts_one (void *push)
{
    put (push, "x", 0);
}

static void takes_one (void *pull)
{
    take (pull, "x", 0);
}

static void pushes (const char *endpoint, int listen, int mouth)
{
    void *push = peer (ZMQ_PUSH, endpoint, listen);
    until_agreed (push, puts_one);
    put (push, "last", 0);
    for (;;)
        rings (listen, mouth);
}

static void pulls (const char *endpoint, int listen, int mouth)
{
    void *pull = peer (ZMQ_PULL, endpoint, listen);
    until_agreed (pull, takes_one);
    say (mouth, 'd');
    for (;;)
        rings (listen, mouth);
}

/* --- Calls that wait, in vain */

static void receives (void *socket)
{
    REFUSED (zmq_recv (socket, NULL, 0, 0), EAGAIN);
}

static void receives_message (void *socket)
{
    zmq_msg_t message;
    CHECK (zmq_msg_init (&message) == 0);
    REFUSED (zmq_msg_recv (&message, socket, 0), EAGAIN);
    CHECK (zmq_msg_close (&message) == 0);
}

static void polls (void *socket)
{
    zmq_pollitem_t item = {socket, 0, ZMQ_POLLIN, 0};
    CHECK (zmq_poll (&item, 1, LIMIT) == 0);
}

static void polls_with_descriptor (void *socket)
{
    int ends[2];
    CHECK (pipe (ends) == 0);
    zmq_pollitem_t items[] = {{NULL, ends[0], ZMQ_POLLIN, 0}, {socket, 0, ZMQ_POLLIN, 0}};
    CHECK (zmq_poll (items, 2, LIMIT) == 0);
    close (ends[0]), close (ends[1]);
}

static void sends (void *socket)
{
    REFUSED (zmq_send (socket, "x", 1, 0), EAGAIN);
}

static void polls_for_room (void *socket)
{
    zmq_pollitem_t item = {socket, 0, ZMQ_POLLOUT, 0};
    CHECK (zmq_poll (&item, 1, LIMIT) == 0);
}

static long long now (clockid_t clock)
{
    struct timespec time;
    CHECK (clock_gettime (clock, &time) == 0);
    return time.tv_sec * 1000000LL + time.tv_nsec / 1000;
}

static long sleeps (void)
{
    struct rusage usage;
    CHECK (getrusage (RUSAGE_THREAD, &usage) == 0);
    return usage.ru_nvcsw;
}

static void begin_storm (struct child stormer)
{
    say (stormer.say, 'g');
    CHECK (hear (stormer.hear) == 's');
}

/* Ends a storm; gives how often the doorbell was rung. */
static long long end_storm (struct child stormer)
{
    long long count;
    say (stormer.say, 'e');
    CHECK (read (stormer.hear, &count, sizeof count) == sizeof count);
    return count;
}

/* A call costs less than a quarter of the time that it waits, and wakes up about once in a millisecond. */
static void bears (const char *name, void (*call) (void *), void *socket, struct child stormer)
{
    /* So that the socket shows the peer that it sleeps. */
    set (socket, ZMQ_RCVTIMEO, 20);
    set (socket, ZMQ_SNDTIMEO, 20);
    call (socket);
    set (socket, ZMQ_RCVTIMEO, LIMIT);
    set (socket, ZMQ_SNDTIMEO, LIMIT);
    begin_storm (stormer);
    long before = sleeps ();
    long long begin = now (CLOCK_MONOTONIC), used = now (CLOCK_THREAD_CPUTIME_ID);
    call (socket);
    long long waited = now (CLOCK_MONOTONIC) - begin;
    used = now (CLOCK_THREAD_CPUTIME_ID) - used;
    long slept = sleeps () - before;
    long long rung = end_storm (stormer);
    printf ("%s: %lld rings, %lld of %lld us, %ld sleeps\n", name, rung, used, waited, slept);
    CHECK (waited >= LIMIT * 1000 - 1000 && used < waited / 4);
    /* Otherwise the storm was none for this call. */
    CHECK (rung > 10000 && slept > 20 && slept <= waited / 500 + 100);
}

static void for_input (const char *endpoint)
{
    struct {
        const char *name;
        void (*call) (void *);
    } calls[] = {{"zmq_recv", receives},
                 {"zmq_msg_recv", receives_message},
                 {"zmq_poll", polls},
                 {"zmq_poll with a descriptor", polls_with_descriptor}};
    struct child stormer = start (pushes, endpoint);
    void *context = zmq_ctx_new (), *pull = made (context, ZMQ_PULL);
    CHECK (zmq_bind (pull, endpoint) == 0);
    say (stormer.say, 'b');
    char text[8] = "";
    while (strncmp (text, "last", 4) != 0)
        CHECK (zmq_recv (pull, text, sizeof text, 0) > 0);
    for (int at = 0; at < 4; at++)
        bears (calls[at].name, calls[at].call, pull, stormer);
    CHECK (kill (stormer.pid, SIGKILL) == 0);
    ended (stormer, 1);
    CHECK (zmq_close (pull) == 0 && zmq_ctx_term (context) == 0);
}

static void for_room (const char *endpoint)
{
    struct child stormer = start (pulls, endpoint);
    void *context = zmq_ctx_new (), *push = made (context, ZMQ_PUSH);
    set (push, ZMQ_SNDHWM, 1);
    set (push, ZMQ_LINGER, 0);
    CHECK (zmq_bind (push, endpoint) == 0);
    say (stormer.say, 'b');
    struct pollfd word = {stormer.hear, POLLIN, 0};
    set (push, ZMQ_SNDTIMEO, 10);
    while (poll (&word, 1, 0) == 0)
        CHECK (zmq_send (push, "x", 1, 0) == 1 || errno == EAGAIN);
    CHECK (hear (stormer.hear) == 'd');
    set (push, ZMQ_SNDTIMEO, 100);
    /* What is full by ZMTP has room when it goes over. */
    while (zmq_send (push, "x", 1, 0) == 1)
        ;
    bears ("zmq_send", sends, push, stormer);
    bears ("zmq_poll for room", polls_for_room, push, stormer);
    CHECK (kill (stormer.pid, SIGKILL) == 0);
    ended (stormer, 1);
    CHECK (zmq_close (push) == 0 && zmq_ctx_term (context) == 0);
}

/* --- Messages of another peer */

static const char *place;
static int wanted[2];

static void *sends_when_told (void *context)
{
    void *push = made (context, ZMQ_PUSH);
    CHECK (zmq_connect (push, place) == 0);
    char word;
    while (read (wanted[0], &word, 1) == 1)
        put (push, "y", 0);
    CHECK (zmq_close (push) == 0);
    return NULL;
}

static void messages_come (const char *endpoint)
{
    struct child stormer = start (pushes, endpoint);
    void *context = zmq_ctx_new (), *other = zmq_ctx_new (), *pull = made (context, ZMQ_PULL);
    CHECK (zmq_bind (pull, endpoint) == 0);
    say (stormer.say, 'b');
    char text[8] = "";
    while (strncmp (text, "last", 4) != 0)
        CHECK (zmq_recv (pull, text, sizeof text, 0) > 0);
    begin_storm (stormer);
    pthread_t sender;
    place = endpoint;
    CHECK (pipe (wanted) == 0 && pthread_create (&sender, NULL, sends_when_told, other) == 0);
    for (int round = 0; round < 300; round++) {
        zmq_pollitem_t item = {pull, 0, ZMQ_POLLIN, 0};
        say (wanted[1], 'n');
        CHECK (round % 2 || zmq_poll (&item, 1, -1) == 1);
        take (pull, "y", 0);
    }
    close (wanted[1]);
    CHECK (pthread_join (sender, NULL) == 0);
    CHECK (end_storm (stormer) > 0);
    CHECK (kill (stormer.pid, SIGKILL) == 0);
    ended (stormer, 1);
    CHECK (zmq_close (pull) == 0 && zmq_ctx_term (context) == 0 && zmq_ctx_term (other) == 0);
}

int main (void)
{
    setvbuf (stdout, NULL, _IOLBF, 0);
    for_input ("ipc://storms-in");
    for_room ("ipc://storms-out");
    messages_come ("ipc://storms-other");
    return 0;
}
