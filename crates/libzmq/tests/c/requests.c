/* Requests that are given up, and replies that come late. */
#include "endpoints.h"

/* Receives the envelope of a question, of which a ROUTER gives these parts first, and the question. */
static int envelope (void *router, char parts[3][16], int sizes[3], const char *question)
{
    int count = 0;
    for (;;) {
        CHECK (count < 3);
        sizes[count] = zmq_recv (router, parts[count], sizeof parts[count], 0);
        CHECK (sizes[count] >= 0 && get (router, ZMQ_RCVMORE));
        if (sizes[count++] == 0)
            break;
    }
    take (router, question, 0);
    return count;
}

static void answer (void *router, char parts[3][16], int sizes[3], int count, const char *text)
{
    for (int at = 0; at < count; at++)
        CHECK (zmq_send (router, parts[at], sizes[at], ZMQ_SNDMORE) == sizes[at]);
    put (router, text, 0);
}

/* The second question is asked without an answer to the first; with numbers, the late answer is known for what it is. */
static void given_up (const char *endpoint)
{
    void *context = zmq_ctx_new ();
    void *router = made (context, ZMQ_ROUTER), *req = made (context, ZMQ_REQ);
    char bound[64], one[3][16], other[3][16];
    int one_sizes[3], other_sizes[3];
    set (req, ZMQ_REQ_CORRELATE, 1);
    set (req, ZMQ_REQ_RELAXED, 1);
    CHECK (zmq_bind (router, endpoint) == 0);
    last_endpoint (router, bound);
    CHECK (zmq_connect (req, bound) == 0);
    for (int round = 0; round < 10; round++) {
        put (req, "first", 0);
        CHECK (envelope (router, one, one_sizes, "first") == 3);
        put (req, "second", 0);
        CHECK (envelope (router, other, other_sizes, "second") == 3);
        CHECK (one_sizes[1] == 4 && other_sizes[1] == 4 && memcmp (one[1], other[1], 4) != 0);
        answer (router, one, one_sizes, 3, "late");
        answer (router, other, other_sizes, 3, "in time");
        take (req, "in time", 0);
        REFUSED (zmq_recv (req, NULL, 0, 0), EFSM);
    }
    CHECK (zmq_close (router) == 0 && zmq_close (req) == 0 && zmq_ctx_term (context) == 0);
}

/* Answers that are none are not received. */
static void not_answers (void)
{
    void *context = zmq_ctx_new ();
    void *asked = made (context, ZMQ_ROUTER), *req = made (context, ZMQ_REQ);
    char parts[3][16];
    int sizes[3];
    CHECK (zmq_bind (asked, "inproc://asked") == 0 && zmq_connect (req, "inproc://asked") == 0);
    put (req, "question", 0);
    CHECK (envelope (asked, parts, sizes, "question") == 2);
    CHECK (zmq_send (asked, parts[0], sizes[0], ZMQ_SNDMORE) == sizes[0]);
    put (asked, "no delimiter", 0);
    answer (asked, parts, sizes, 2, "answer");
    take (req, "answer", 0);
    CHECK (zmq_close (asked) == 0 && zmq_close (req) == 0 && zmq_ctx_term (context) == 0);
}

/* A request without a peer waits, and fails after the send timeout. */
static void no_peer (void)
{
    void *context = zmq_ctx_new ();
    void *req = made (context, ZMQ_REQ), *rep = made (context, ZMQ_REP);
    set (req, ZMQ_SNDTIMEO, 20);
    set (req, ZMQ_RCVTIMEO, 20);
    REFUSED (zmq_send (req, "question", 8, 0), EAGAIN);
    CHECK (zmq_connect (req, "inproc://later") == 0);
    put (req, "question", 0);
    REFUSED (zmq_recv (req, NULL, 0, 0), EAGAIN);
    CHECK (zmq_bind (rep, "inproc://later") == 0);
    take (rep, "question", 0);
    put (rep, "answer", 0);
    set (req, ZMQ_RCVTIMEO, -1);
    take (req, "answer", 0);
    CHECK (zmq_close (req) == 0 && zmq_close (rep) == 0 && zmq_ctx_term (context) == 0);
}

int main (void)
{
    given_up ("inproc://requests");
    given_up ("tcp://127.0.0.1:*");
    given_up ("ipc://asking");
    not_answers ();
    no_peer ();
    return 0;
}
