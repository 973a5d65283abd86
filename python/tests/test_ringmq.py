"""The package ``ringmq``, each time in an interpreter of its own.

Needs pyzmq. The library is the one that ``RINGMQ_LIBRARY`` names, or what cargo has built:

    PYTHONPATH=python python3 -m unittest discover python/tests
"""

import os
import subprocess
import sys
import tempfile
import unittest

HELLO = """
import sys, zmq
with zmq.Context() as context, context.socket(zmq.REP) as server, context.socket(zmq.REQ) as client:
    for socket in server, client:
        socket.RCVTIMEO = 30000
    server.bind("ipc://" + sys.argv[1])
    client.connect("ipc://" + sys.argv[1])
    client.send(b"hello")
    server.send(server.recv().upper())
    print(__name__, client.recv().decode(), zmq.has("ringmq"))
"""

CHILDREN = """
import multiprocessing, subprocess, sys

def child(queue):
    import zmq
    queue.put(zmq.has("ringmq"))

if __name__ == "__main__":
    for way in "fork", "spawn", "forkserver":
        context = multiprocessing.get_context(way)
        queue = context.Queue()
        process = context.Process(target=child, args=(queue,))
        process.start()
        print(way, queue.get(timeout=60))
        process.join()
    code = "import zmq; print('subprocess', zmq.has('ringmq'))"
    sys.stdout.flush()
    subprocess.run([sys.executable, "-c", code], check=True)
"""


class Case(unittest.TestCase):
    def setUp(self):
        self.folder = tempfile.TemporaryDirectory(prefix="ringmq-")
        self.addCleanup(self.folder.cleanup)

    def path(self, name, text=None):
        path = os.path.join(self.folder.name, name)
        if text is not None:
            with open(path, "w") as file:
                file.write(text)
        return path

    def python(self, *arguments, code=0, **variables):
        """Runs an interpreter, and returns what it has printed on both streams."""
        environment = dict(os.environ)
        environment.pop("LD_PRELOAD", None)
        environment.update(variables)
        done = subprocess.run(
            [sys.executable, *arguments],
            env=environment,
            cwd=self.folder.name,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            universal_newlines=True,
            timeout=120,
        )
        self.assertEqual(done.returncode, code, done.stdout + done.stderr)
        return done.stdout, done.stderr


class Import(Case):
    def test_before_zmq_it_is_active(self):
        out, _ = self.python("-c", "import ringmq, zmq; s = ringmq.active(); print(bool(s), s, repr(s.remedy))")
        self.assertRegex(out, r"^True pyzmq \S+ runs on ringmq \S+ ''$")

    def test_after_zmq_it_says_what_to_do(self):
        out, _ = self.python("-c", "import zmq, ringmq; s = ringmq.active(); print(bool(s), s, zmq.has('ringmq'))")
        self.assertEqual(
            out,
            "False zmq was imported before ringmq: import ringmq first, or start with python -m ringmq False\n",
        )

    def test_a_library_that_is_not_there_is_a_reason(self):
        out, _ = self.python(
            "-c", "import ringmq, zmq; print(repr(ringmq.active()))", RINGMQ_LIBRARY=self.path("none.so")
        )
        self.assertIn("Status(ok=False, reason='the library of ringmq cannot be loaded", out)
        self.assertIn("set RINGMQ_LIBRARY", out)

    def test_another_library_is_a_reason(self):
        out, _ = self.python("-c", "import ringmq; print(ringmq.active())", RINGMQ_LIBRARY="libc.so.6")
        self.assertIn("libc.so.6 is not the libzmq.so.5 of ringmq", out)

    def test_messages_travel_in_shared_memory(self):
        program = self.path("app.py", "import ringmq\n" + HELLO)
        out, log = self.python(program, self.path("a.sock"), RINGMQ_LOG="1")
        self.assertEqual(out, "__main__ HELLO True\n")
        self.assertIn("] loaded version=" + self.version(), log)

    def version(self):
        return self.python("-m", "ringmq", "--version")[0].split()[1]

    def test_the_environment_is_for_children(self):
        code = (
            "import os, subprocess, sys, ringmq\n"
            "assert 'LD_PRELOAD' not in os.environ\n"
            "child = [sys.executable, '-c', 'import zmq; print(zmq.has(\"ringmq\"))']\n"
            "subprocess.run(child, env={**os.environ, **ringmq.environment()}, check=True)\n"
            "subprocess.run(child, check=True)\n"
        )
        self.assertEqual(self.python("-c", code)[0], "True\nFalse\n")


class Module(Case):
    def test_a_file_runs_as_the_main_module(self):
        program = self.path("app.py", HELLO)
        out, _ = self.python("-m", "ringmq", program, self.path("a.sock"))
        self.assertEqual(out, "__main__ HELLO True\n")

    def test_a_module_and_a_command_run_as_they_would_alone(self):
        self.path("app.py", HELLO)
        out, _ = self.python("-m", "ringmq", "-m", "app", self.path("a.sock"))
        self.assertEqual(out, "__main__ HELLO True\n")
        out, _ = self.python("-m", "ringmq", "-c", HELLO, self.path("b.sock"))
        self.assertEqual(out, "__main__ HELLO True\n")

    def test_arguments_paths_and_exit_codes_are_the_programs(self):
        os.mkdir(self.path("there"))
        self.path("there/beside.py", "value = 7\n")
        program = self.path("there/app.py", "import beside, sys; print(sys.argv, __file__); sys.exit(beside.value)\n")
        arguments = [program, "-x", "--", "--check"]
        alone = self.python(*arguments, code=7)
        self.assertEqual(self.python("-m", "ringmq", *arguments, code=7), alone)

    def test_children_have_the_library_however_they_are_started(self):
        program = self.path("app.py", CHILDREN)
        out, _ = self.python("-m", "ringmq", program)
        self.assertEqual(out, "fork True\nspawn True\nforkserver True\nsubprocess True\n")

    def test_it_checks_and_ends_where_it_cannot(self):
        out, _ = self.python("-m", "ringmq", "--check")
        self.assertIn("runs on ringmq", out)
        nowhere = self.path("none.so")
        out, _ = self.python("-m", "ringmq", "--check", code=1, RINGMQ_LIBRARY=nowhere)
        self.assertIn("cannot be loaded", out)
        program = self.path("app.py", "print('it ran')")
        out, error = self.python("-m", "ringmq", program, code=126, RINGMQ_LIBRARY=nowhere)
        self.assertEqual(out, "")
        self.assertRegex(error, r"^ringmq: the library of ringmq cannot be loaded .*\n  set RINGMQ_LIBRARY")

    def test_wrong_arguments_are_told(self):
        for arguments in [[], ["-m"], ["-x", "app.py"], ["no-such-file.py"]]:
            _, error = self.python("-m", "ringmq", *arguments, code=2)
            self.assertNotIn("Traceback", error)
            self.assertTrue(error)


if __name__ == "__main__":
    unittest.main()
