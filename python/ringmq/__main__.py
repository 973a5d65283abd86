"""``python -m ringmq app.py``: a Python program on ringmq, without a change to it."""

import importlib.machinery
import importlib.util
import io
import os
import runpy
import sys
from typing import List, NoReturn

import ringmq

_USAGE = """\
usage: python -m ringmq APP.py [ARGUMENT...]
       python -m ringmq -m MODULE [ARGUMENT...]
       python -m ringmq -c COMMAND [ARGUMENT...]
       python -m ringmq --check | --library | --version

Runs a Python program whose pyzmq uses ringmq. What the program starts uses it, too.

  --check    print whether pyzmq runs on ringmq, and end with 0 if it does, with 1 if not
  --library  print the path of ringmq's libzmq.so.5
  --version  print the version

Exit codes: 2 for a wrong argument, 126 if pyzmq cannot use ringmq, otherwise that of the program.
Variables such as RINGMQ_LOG=1 and RINGMQ_SHM=require work as with every program on ringmq."""


def _fail(code: int, message: str) -> NoReturn:
    print("ringmq: " + message, file=sys.stderr)
    sys.exit(code)


def _check() -> NoReturn:
    status = ringmq.active()
    print(status)
    sys.exit(0 if status else 1)


def _library() -> NoReturn:
    path = ringmq.library()
    if path is None:
        _fail(1, str(ringmq.active()))
    print(path)
    sys.exit(0)


def _main_module(name: str) -> "dict[str, object]":
    """A new ``__main__``, as an interpreter that runs the program has it."""
    spec = importlib.machinery.ModuleSpec("__main__", None, origin=name)
    module = importlib.util.module_from_spec(spec)
    # Beyond the end of this function: threads and atexit functions of the program may need it.
    sys.modules["__main__"] = module
    module.__spec__ = None
    return module.__dict__


def _run_file(path: str) -> None:
    if os.path.isdir(path) or path.endswith((".zip", ".pyz")):
        del sys.path[0]
        runpy.run_path(path, run_name="__main__")
        return
    try:
        with io.open_code(path) as file:
            source = file.read()
    except OSError as error:
        _fail(2, "cannot open {}: {}".format(path, error.strerror))
    if not getattr(sys.flags, "safe_path", False):
        sys.path[0] = os.path.dirname(os.path.realpath(path))
    namespace = _main_module(path)
    namespace["__file__"] = path
    exec(compile(source, path, "exec"), namespace)


def main(arguments: List[str]) -> None:
    """Runs what the arguments name."""
    first = arguments[0] if arguments else "--help"
    if first in ("-h", "--help"):
        print(_USAGE, file=sys.stdout if arguments else sys.stderr)
        sys.exit(0 if arguments else 2)
    if first == "--version":
        print("ringmq " + ringmq.version)
        return
    if first == "--check":
        _check()
    if first == "--library":
        _library()
    if first.startswith("-") and (first not in ("-m", "-c") or len(arguments) < 2):
        _fail(2, "{} is not an option with a value\n{}".format(first, _USAGE))
    status = ringmq.active()
    if not status and importlib.util.find_spec("zmq") is not None:
        _fail(126, "{}\n  {}".format(status.reason, status.remedy))
    # For what the program starts: interpreters of multiprocessing, and programs in other languages.
    os.environ.update(ringmq.environment())
    if first == "-m":
        sys.argv = arguments[1:]
        runpy.run_module(arguments[1], run_name="__main__", alter_sys=True)
    elif first == "-c":
        sys.argv = ["-c"] + arguments[2:]
        exec(compile(arguments[1], "<string>", "exec"), _main_module("<string>"))
    else:
        sys.argv = arguments
        _run_file(first)


if __name__ == "__main__":
    main(sys.argv[1:])
