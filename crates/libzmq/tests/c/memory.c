/* Without memory for a part nothing of that part is sent, and the parts before it wait for another one. */
#include "check.h"

#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/uio.h>
#include <time.h>

#define LARGE (64 << 20)

/* Limits what may be mapped to what is, and a little more; or takes the limit back. */
static void limit (int on)
{
    unsigned long pages = 0;
    struct rlimit most = {RLIM_INFINITY, RLIM_INFINITY};
    if (on) {
        FILE *statm = fopen ("/proc/self/statm", "r");
        CHECK (statm && fscanf (statm, "%lu", &pages) == 1 && fclose (statm) == 0);
        most.rlim_cur = pages * 4096 + (16 << 20);
    }
    CHECK (setrlimit (RLIMIT_AS, &most) == 0);
}

static void over (const char *where, int sends, int receives, const char *large)
{
    void *context = zmq_ctx_new ();
    void *from = made (context, sends), *to = made (context, receives);
    char endpoint[256];
    size_t size = sizeof endpoint;
    CHECK (zmq_bind (to, where) == 0);
    CHECK (zmq_getsockopt (to, ZMQ_LAST_ENDPOINT, endpoint, &size) == 0);
    CHECK (zmq_connect (from, endpoint) == 0);
    for (int round = 0; round < 30; round++) {
        limit (round > 26);
        put (from, "key", ZMQ_SNDMORE);
        if (round > 26)
            REFUSED (zmq_send (from, large, LARGE, 0), ENOMEM);
        put (from, "body", 0);
        take (to, "key", 1);
        take (to, "body", 0);
        if (sends == ZMQ_REQ) {
            put (to, "answer", 0);
            take (from, "answer", 0);
        }
        /* By itself it can be sent again, as another message. */
        if (round > 26)
            REFUSED (zmq_send (from, large, LARGE, 0), ENOMEM);
        /* libzmq leaves the parts before it in the pipe. */
        struct iovec parts[2] = {{"key", 3}, {(void *) large, LARGE}};
        if (round > 26 && zmq_has ("ringmq"))
            REFUSED (zmq_sendiov (from, parts, 2, ZMQ_SNDMORE), ENOMEM);
        put (from, "alone", 0);
        take (to, "alone", 0);
        if (sends == ZMQ_REQ) {
            put (to, "answer", 0);
            take (from, "answer", 0);
        }
        struct timespec moment = {0, 1000000};
        nanosleep (&moment, NULL);
    }
    limit (0);
    CHECK (zmq_close (from) == 0 && zmq_close (to) == 0 && zmq_ctx_term (context) == 0);
}

int main (void)
{
    const char *large = mmap (NULL, LARGE, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    CHECK (large != MAP_FAILED);
    const char *places[] = {"inproc://memory", "tcp://127.0.0.1:*", "ipc://*"};
    for (int place = 0; place < 3; place++) {
        over (places[place], ZMQ_PUSH, ZMQ_PULL, large);
        over (places[place], ZMQ_PAIR, ZMQ_PAIR, large);
        over (places[place], ZMQ_DEALER, ZMQ_DEALER, large);
        over (places[place], ZMQ_REQ, ZMQ_REP, large);
    }
    return 0;
}
