/* Monitors, and their events. */
#ifndef EVENTS_H
#define EVENTS_H

#include "check.h"

#include <stdint.h>

/* The reader of a new monitor of a socket. */
static inline void *monitored (void *context, void *socket, const char *endpoint, int events)
{
    CHECK (zmq_socket_monitor (socket, endpoint, events) == 0);
    void *reader = made (context, ZMQ_PAIR);
    CHECK (zmq_connect (reader, endpoint) == 0);
    set (reader, ZMQ_RCVTIMEO, 20000);
    return reader;
}

/* The next event has to be this one; gives its value. */
static inline uint32_t event (void *reader, int expected, const char *endpoint)
{
    unsigned char first[6];
    char second[256];
    int first_size = zmq_recv (reader, first, sizeof first, 0);
    if (first_size != 6)
        fprintf (stderr, "nothing instead of %#x\n", expected);
    CHECK (first_size == 6);
    CHECK (get (reader, ZMQ_RCVMORE));
    int size = zmq_recv (reader, second, sizeof second, 0);
    CHECK (!get (reader, ZMQ_RCVMORE));
    uint16_t number;
    uint32_t value;
    memcpy (&number, first, 2);
    memcpy (&value, first + 2, 4);
    if (number != expected)
        fprintf (stderr, "%#x with %u at %.*s instead of %#x\n", number, value, size, second, expected);
    CHECK (number == expected);
    CHECK (size == (int) strlen (endpoint) && memcmp (second, endpoint, size) == 0);
    return value;
}

/* The next event, whatever its value and endpoint. */
static inline uint16_t any_event (void *reader)
{
    unsigned char first[6];
    uint16_t number;
    CHECK (zmq_recv (reader, first, sizeof first, 0) == 6);
    CHECK (zmq_recv (reader, NULL, 0, 0) >= 0);
    memcpy (&number, first, 2);
    return number;
}

/* Closes a socket, and reads what is left of its events: libzmq waits for the reader. */
static inline void closed (void *socket, void *reader)
{
    set (socket, ZMQ_LINGER, 0);
    CHECK (zmq_close (socket) == 0);
    while (any_event (reader) != ZMQ_EVENT_MONITOR_STOPPED)
        ;
    CHECK (zmq_close (reader) == 0);
}

#endif
