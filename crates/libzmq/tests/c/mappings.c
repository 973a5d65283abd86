/* A process that has nearly as many mappings as the kernel allows (vm.max_map_count) goes on to send and to receive. */
#include "endpoints.h"

#include <errno.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

enum { CLIENTS = 10, ROUNDS = 300, FULL = 100, LONG = 100000, LEFT = 12 };

/* Message of a round. Some are longer than a first ring. */
static int length (int round)
{
    return round % 50 == 49 ? LONG : 8;
}

static void client (const char *endpoint)
{
    prctl (PR_SET_PDEATHSIG, SIGKILL);
    static char sent[LONG], got[LONG];
    void *context = zmq_ctx_new (), *dealers[CLIENTS];
    for (int at = 0; at < CLIENTS; at++) {
        dealers[at] = made (context, ZMQ_DEALER);
        CHECK (zmq_connect (dealers[at], endpoint) == 0);
    }
    for (int round = 0; round < ROUNDS; round++)
        for (int at = 0; at < CLIENTS; at++) {
            memset (sent, round + at, sizeof sent);
            CHECK (zmq_send (dealers[at], sent, length (round), 0) == length (round));
            CHECK (zmq_recv (dealers[at], got, sizeof got, 0) == length (round));
            CHECK (memcmp (sent, got, length (round)) == 0);
        }
    for (int at = 0; at < CLIENTS; at++)
        CHECK (zmq_close (dealers[at]) == 0);
    CHECK (zmq_ctx_term (context) == 0);
}

/* Splits one mapping into as many as the kernel allows, and gives a few back: libzmq aborts without memory. */
static void use_up (void)
{
    size_t page = sysconf (_SC_PAGESIZE), count = 1 << 20;
    char *start = mmap (NULL, count * page, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    CHECK (start != MAP_FAILED);
    size_t at = 1;
    while (at < count && mprotect (start + at * page, page, PROT_READ) == 0)
        at += 2;
    CHECK (at > 2 * LEFT && munmap (start + (at - LEFT) * page, LEFT * page) == 0);
}

int main (void)
{
    char endpoint[] = "ipc://mappings-server";
    pid_t child = fork ();
    CHECK (child >= 0);
    if (child == 0) {
        client (endpoint);
        exit (0);
    }
    static char id[256], body[LONG];
    void *context = zmq_ctx_new (), *router = made (context, ZMQ_ROUTER);
    CHECK (zmq_bind (router, endpoint) == 0);
    for (int answered = 0; answered < ROUNDS * CLIENTS; answered++) {
        if (answered == FULL * CLIENTS)
            use_up ();
        int size = zmq_recv (router, id, sizeof id, 0);
        int len = zmq_recv (router, body, sizeof body, 0);
        CHECK (size > 0 && len > 0);
        CHECK (zmq_send (router, id, size, ZMQ_SNDMORE) == size && zmq_send (router, body, len, 0) == len);
    }
    int status;
    CHECK (waitpid (child, &status, 0) == child);
    CHECK (WIFEXITED (status) && WEXITSTATUS (status) == 0);
    CHECK (zmq_close (router) == 0 && zmq_ctx_term (context) == 0);
    return 0;
}
