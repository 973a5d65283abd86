/* Which thread takes a signal, and which calls it ends. */
#include "endpoints.h"

#include <dirent.h>
#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <sched.h>
#include <semaphore.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <time.h>

/* --- The threads of the library */

/* All that can be blocked. The C library keeps 32 and 33 to itself. */
#define ALL (~0ULL & ~(1ULL << (SIGKILL - 1)) & ~(1ULL << (SIGSTOP - 1)) & ~(3ULL << 31))

/* Expects that all threads but the main one block all signals. */
static void all_blocked (void)
{
    DIR *tasks = opendir ("/proc/self/task");
    CHECK (tasks);
    int others = 0;
    for (struct dirent *task; (task = readdir (tasks));) {
        char path[300], line[200];
        if (atoi (task->d_name) == 0 || atoi (task->d_name) == getpid ())
            continue;
        snprintf (path, sizeof path, "/proc/self/task/%s/status", task->d_name);
        FILE *status = fopen (path, "r");
        unsigned long long blocked = 0;
        while (status && fgets (line, sizeof line, status))
            if (sscanf (line, "SigBlk: %llx", &blocked) == 1)
                break;
        if (!status)
            continue; /* it has ended */
        fclose (status);
        CHECK ((blocked & ALL) == ALL);
        others++;
    }
    closedir (tasks);
    CHECK (others > 0);
}

static sem_t go_on;

static void begun (void *mask)
{
    CHECK (pthread_sigmask (SIG_BLOCK, NULL, mask) == 0);
    all_blocked ();
    sem_wait (&go_on);
}

/* What a program does that reads its signals with sigwait: it blocks them, but after it has made a context. */
static void threads (void)
{
    sigset_t before, after, term, inside;
    CHECK (pthread_sigmask (SIG_BLOCK, NULL, &before) == 0);
    void *context = zmq_ctx_new ();
    CHECK (zmq_ctx_set (context, ZMQ_IO_THREADS, 2) == 0);
    void *rep = made (context, ZMQ_REP), *req = made (context, ZMQ_REQ), *events = made (context, ZMQ_PAIR);
    CHECK (zmq_socket_monitor (rep, "inproc://events", ZMQ_EVENT_ALL) == 0);
    CHECK (zmq_connect (events, "inproc://events") == 0);
    char endpoint[64];
    CHECK (zmq_bind (rep, "tcp://127.0.0.1:*") == 0);
    last_endpoint (rep, endpoint);
    CHECK (zmq_connect (req, endpoint) == 0);
    CHECK (zmq_bind (rep, "ipc://*") == 0);
    last_endpoint (rep, endpoint);
    CHECK (zmq_connect (req, endpoint) == 0);
    CHECK (zmq_connect (req, "tcp://localhost:1") == 0);
    void *thread = zmq_threadstart (begun, &inside);
    CHECK (thread);
    all_blocked ();
    sem_post (&go_on);
    zmq_threadclose (thread);
    CHECK (sigismember (&inside, SIGTERM) == 1 && sigismember (&inside, SIGINT) == 1);
    /* This thread has the mask that it had. */
    CHECK (pthread_sigmask (SIG_BLOCK, NULL, &after) == 0 && memcmp (&before, &after, sizeof before) == 0);

    CHECK (sigemptyset (&term) == 0 && sigaddset (&term, SIGTERM) == 0);
    CHECK (pthread_sigmask (SIG_BLOCK, &term, NULL) == 0);
    CHECK (kill (getpid (), SIGTERM) == 0);
    struct timespec patience = {20, 0};
    CHECK (sigtimedwait (&term, NULL, &patience) == SIGTERM);
    CHECK (pthread_sigmask (SIG_SETMASK, &before, NULL) == 0);
    CHECK (zmq_close (rep) == 0);
    set (req, ZMQ_LINGER, 0);
    CHECK (zmq_close (req) == 0 && zmq_close (events) == 0 && zmq_ctx_term (context) == 0);
}

/* --- Calls that signals end */

static volatile sig_atomic_t handled, elsewhere;

static void handle (int signal)
{
    (void) signal;
    handled++;
    elsewhere |= gettid () != getpid ();
}

/* A thread of the program that does something else, with its signals open. */
static void *idle (void *unused)
{
    sem_wait (&go_on);
    return unused;
}

static void pin (int cpu)
{
    cpu_set_t cpus;
    CPU_ZERO (&cpus);
    CPU_SET (cpu, &cpus);
    sched_setaffinity (0, sizeof cpus, &cpus); /* on one CPU nothing spins, and the calls sleep */
}

static void say (int pipe, char word)
{
    CHECK (write (pipe, &word, 1) == 1);
}

enum { ROUNDS = 3000 };

/* Waits in calls that never end by themselves, until a signal ends each. */
static void interrupted (const char *endpoint, int others, int pipe)
{
    pin (0);
    prctl (PR_SET_PDEATHSIG, SIGKILL);
    struct sigaction action = {.sa_handler = handle, .sa_flags = SA_RESTART};
    CHECK (sigaction (SIGUSR1, &action, NULL) == 0);
    pthread_t threads[2];
    for (int at = 0; at < others; at++)
        CHECK (pthread_create (&threads[at], NULL, idle, NULL) == 0);

    void *context = zmq_ctx_new (), *dealer = made (context, ZMQ_DEALER);
    set (dealer, ZMQ_SNDHWM, 5);
    set (dealer, ZMQ_LINGER, 0);
    CHECK (zmq_connect (dealer, endpoint) == 0);
    for (int round = 0; round < ROUNDS; round++) {
        put (dealer, "x", 0);
        take (dealer, "x", 0);
    }
    say (pipe, 'r');
    REFUSED (zmq_recv (dealer, NULL, 0, 0), EINTR);
    say (pipe, 'r');
    zmq_pollitem_t item = {.socket = dealer, .events = ZMQ_POLLIN};
    REFUSED (zmq_poll (&item, 1, -1), EINTR);
    say (pipe, 'r');
    int sent;
    while ((sent = zmq_send (dealer, "x", 1, 0)) == 1)
        ;
    CHECK (sent == -1 && errno == EINTR);
    say (pipe, 'r');
    CHECK (handled >= 3);
    CHECK (!elsewhere);
    CHECK (zmq_close (dealer) == 0 && zmq_ctx_term (context) == 0);
    for (int at = 0; at < others; at++)
        sem_post (&go_on);
    for (int at = 0; at < others; at++)
        CHECK (pthread_join (threads[at], NULL) == 0);
}

/* Sends signals to a process, one for each call; another one where the first came before the call. */
static void interrupt (const char *wait, int others)
{
    setenv ("RINGMQ_WAIT", wait, 1);
    char path[64], endpoint[80];
    snprintf (path, sizeof path, "signals-%s-%d", wait, others);
    snprintf (endpoint, sizeof endpoint, "ipc://%s", path);
    int pipes[2];
    CHECK (pipe (pipes) == 0);
    pid_t child = fork ();
    CHECK (child >= 0);
    if (child == 0) {
        interrupted (endpoint, others, pipes[1]);
        exit (0);
    }
    close (pipes[1]);
    pin (1);
    void *context = zmq_ctx_new (), *dealer = made (context, ZMQ_DEALER);
    set (dealer, ZMQ_RCVHWM, 5);
    set (dealer, ZMQ_LINGER, 0);
    CHECK (zmq_bind (dealer, endpoint) == 0);
    for (int round = 0; round < ROUNDS; round++) {
        take (dealer, "x", 0);
        put (dealer, "x", 0);
    }
    char word;
    CHECK (read (pipes[0], &word, 1) == 1);
    for (int call = 0; call < 3; call++) {
        struct pollfd said = {.fd = pipes[0], .events = POLLIN};
        CHECK (poll (&said, 1, 100) >= 0);
        while (said.revents == 0) {
            CHECK (kill (child, SIGUSR1) == 0);
            CHECK (poll (&said, 1, 500) >= 0);
        }
        CHECK (read (pipes[0], &word, 1) == 1);
    }
    int status;
    CHECK (waitpid (child, &status, 0) == child);
    CHECK (WIFEXITED (status) && WEXITSTATUS (status) == 0);
    close (pipes[0]);
    CHECK (zmq_close (dealer) == 0 && zmq_ctx_term (context) == 0);
    unsetenv ("RINGMQ_WAIT");
}

/* --- Calls that go on */

enum { STOPS = 20 };

/* Receives in calls that are to end with a message only. */
static void stopped (const char *endpoint)
{
    prctl (PR_SET_PDEATHSIG, SIGKILL);
    struct sigaction action = {.sa_handler = handle};
    CHECK (sigaction (SIGUSR1, &action, NULL) == 0);
    void *context = zmq_ctx_new (), *dealer = made (context, ZMQ_DEALER);
    CHECK (zmq_connect (dealer, endpoint) == 0);
    for (int round = 0; round < ROUNDS; round++) {
        put (dealer, "x", 0);
        take (dealer, "x", 0);
    }
    for (int stop = 0; stop < STOPS; stop++) {
        put (dealer, "ready", 0);
        take (dealer, "go on", 0);
    }
    put (dealer, "done", 0);
    CHECK (zmq_close (dealer) == 0 && zmq_ctx_term (context) == 0);
}

static int sleeps (pid_t process)
{
    char path[64], line[512];
    snprintf (path, sizeof path, "/proc/%d/stat", process);
    FILE *stat = fopen (path, "r");
    CHECK (stat && fgets (line, sizeof line, stat));
    fclose (stat);
    return strrchr (line, ')')[2] == 'S';
}

/* A process that is stopped, by ctrl-Z or by a debugger, and continued has handled no signal. */
static void stop (void)
{
    char endpoint[] = "ipc://signals-stop";
    pid_t child = fork ();
    CHECK (child >= 0);
    if (child == 0) {
        stopped (endpoint);
        exit (0);
    }
    void *context = zmq_ctx_new (), *dealer = made (context, ZMQ_DEALER);
    CHECK (zmq_bind (dealer, endpoint) == 0);
    for (int round = 0; round < ROUNDS; round++) {
        take (dealer, "x", 0);
        put (dealer, "x", 0);
    }
    int status;
    for (int stop = 0; stop < STOPS; stop++) {
        take (dealer, "ready", 0);
        while (!sleeps (child))
            sched_yield ();
        CHECK (kill (child, SIGSTOP) == 0);
        CHECK (waitpid (child, &status, WUNTRACED) == child && WIFSTOPPED (status));
        CHECK (kill (child, SIGCONT) == 0);
        CHECK (waitpid (child, &status, WCONTINUED) == child && WIFCONTINUED (status));
        put (dealer, "go on", 0);
    }
    take (dealer, "done", 0);
    CHECK (waitpid (child, &status, 0) == child);
    CHECK (WIFEXITED (status) && WEXITSTATUS (status) == 0);
    CHECK (zmq_close (dealer) == 0 && zmq_ctx_term (context) == 0);
}

/* --- Sleeps */

static void nothing (int signal)
{
    (void) signal;
}

static double seconds (void)
{
    struct timespec time;
    CHECK (clock_gettime (CLOCK_MONOTONIC, &time) == 0);
    return time.tv_sec + time.tv_nsec / 1e9;
}

/* A signal that is handled ends zmq_sleep, as it ends sleep (3): a storm of them does not make it endless. Calls that wait
   for less than a spin takes to look for signals end all the same. */
static void naps (void)
{
    struct sigaction action = {.sa_handler = nothing};
    CHECK (sigaction (SIGALRM, &action, NULL) == 0);
    timer_t timer;
    struct sigevent event = {.sigev_notify = SIGEV_SIGNAL, .sigev_signo = SIGALRM};
    struct itimerspec storm = {{0, 20000}, {0, 20000}}, calm = {{0, 0}, {0, 0}};
    CHECK (timer_create (CLOCK_MONOTONIC, &event, &timer) == 0);
    void *context = zmq_ctx_new (), *pair = made (context, ZMQ_PAIR);
    CHECK (zmq_bind (pair, "inproc://naps") == 0);
    set (pair, ZMQ_RCVTIMEO, 1);
    zmq_pollitem_t item = {.socket = pair, .events = ZMQ_POLLIN};
    double begin = seconds ();
    CHECK (timer_settime (timer, 0, &storm, NULL) == 0);
    zmq_sleep (1000);
    CHECK (seconds () - begin < 500);
    for (int round = 0; round < 100; round++) {
        errno = 0;
        CHECK (zmq_recv (pair, NULL, 0, 0) == -1 && (errno == EAGAIN || errno == EINTR));
        errno = 0;
        CHECK (zmq_poll (&item, 1, 1) == 0 || errno == EINTR);
    }
    CHECK (timer_settime (timer, 0, &calm, NULL) == 0 && timer_delete (timer) == 0);
    begin = seconds ();
    zmq_sleep (0);
    CHECK (seconds () - begin < 500);
    CHECK (zmq_close (pair) == 0 && zmq_ctx_term (context) == 0);
}

int main (void)
{
    CHECK (sem_init (&go_on, 0, 0) == 0);
    threads ();
    stop ();
    for (int way = 0; way < 3; way++) {
        setenv ("RINGMQ_WAIT", (const char *[]){"spin", "adaptive", "park"}[way], 1);
        naps ();
    }
    unsetenv ("RINGMQ_WAIT");
    const char *ways[] = {"spin", "adaptive", "park"};
    for (int way = 0; way < 3; way++)
        for (int others = 0; others <= 2; others += 2)
            interrupt (ways[way], others);
    return 0;
}
