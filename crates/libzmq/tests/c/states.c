/* Requests and replies: whose turn it is. */
#include "check.h"

int main (void)
{
    void *context = zmq_ctx_new ();
    void *req = made (context, ZMQ_REQ), *rep = made (context, ZMQ_REP);
    CHECK (zmq_bind (rep, "inproc://states") == 0 && zmq_connect (req, "inproc://states") == 0);
    REFUSED (zmq_recv (req, NULL, 0, 0), EFSM);
    REFUSED (zmq_send (rep, "early", 5, 0), EFSM);
    for (int round = 0; round < 3; round++) {
        CHECK (get (req, ZMQ_EVENTS) == ZMQ_POLLOUT && get (rep, ZMQ_EVENTS) == 0);
        put (req, "a", ZMQ_SNDMORE);
        put (req, "b", 0);
        REFUSED (zmq_send (req, "again", 5, 0), EFSM);
        CHECK (get (rep, ZMQ_EVENTS) == ZMQ_POLLIN);
        take (rep, "a", 1);
        REFUSED (zmq_send (rep, "in between", 10, 0), EFSM);
        take (rep, "b", 0);
        CHECK (get (rep, ZMQ_EVENTS) == ZMQ_POLLOUT && get (req, ZMQ_EVENTS) == 0);
        put (rep, "c", 0);
        zmq_pollitem_t item = {req, 0, ZMQ_POLLIN | ZMQ_POLLOUT, 0};
        CHECK (zmq_poll (&item, 1, 1000) == 1 && item.revents == ZMQ_POLLIN);
        take (req, "c", 0);
    }
    int relaxed = 1;
    REFUSED (zmq_setsockopt (rep, ZMQ_REQ_RELAXED, &relaxed, sizeof relaxed), EINVAL);
    set (req, ZMQ_REQ_RELAXED, 1);
    put (req, "first", 0);
    put (req, "second", 0);
    CHECK (zmq_close (req) == 0 && zmq_close (rep) == 0 && zmq_ctx_term (context) == 0);
    return 0;
}
