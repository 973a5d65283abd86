"""Puts pyzmq on ringmq: import this package before ``zmq``.

>>> import ringmq
>>> import zmq
>>> print(ringmq.active())
pyzmq 27.3.0 runs on ringmq 0.2.0

The import loads ringmq's ``libzmq.so.5`` so that the extension of pyzmq, which is loaded after it, uses that instead of
the libzmq that the wheel of pyzmq carries. It never raises: where ringmq cannot be used, pyzmq works as before, and
:func:`active` gives the reason and what to do about it. Nothing else of the process is changed.

``python -m ringmq app.py`` does the same for a program that does not import this package, and for its children.
"""

import ctypes
import os
import sys
from typing import Dict, List, Optional

__all__ = ["Status", "active", "environment", "library", "version"]

#: The version of this package. The library has the same.
version = "0.2.0"
__version__ = version

_NAME = "libzmq.so.5"


class Status:
    """Whether pyzmq runs on ringmq, and why or why not. It is true if it does, and prints as a sentence."""

    __slots__ = ("ok", "reason", "remedy")

    #: Whether pyzmq runs on ringmq.
    ok: bool
    #: Why, or why not: one sentence.
    reason: str
    #: What to do about it; empty if there is nothing to do.
    remedy: str

    def __init__(self, ok: bool, reason: str, remedy: str = "") -> None:
        self.ok, self.reason, self.remedy = ok, reason, remedy

    def __bool__(self) -> bool:
        return self.ok

    def __str__(self) -> str:
        return self.reason + (": " + self.remedy if self.remedy else "")

    def __repr__(self) -> str:
        return "Status(ok={!r}, reason={!r}, remedy={!r})".format(self.ok, self.reason, self.remedy)


def active() -> Status:
    """Tells whether pyzmq runs on ringmq. Imports ``zmq`` if that was not done yet.

    The answer comes from the library that pyzmq calls, not from what this package has tried.
    """
    try:
        import zmq
    except ImportError as error:
        return Status(False, "pyzmq cannot be imported ({})".format(error), "pip install pyzmq")
    if _uses_ringmq(zmq):
        return Status(True, "pyzmq {} runs on ringmq {}".format(zmq.__version__, version))
    if _failure is not None:
        return _failure
    return Status(
        False,
        "pyzmq {} has a libzmq {} that cannot be replaced".format(zmq.__version__, zmq.zmq_version()),
        "install pyzmq as a wheel (pip install --only-binary pyzmq pyzmq), or build it with ringmq's libzmq.pc",
    )


def library() -> Optional[str]:
    """The path of ringmq's ``libzmq.so.5``, or ``None`` if there is none for this platform.

    ``RINGMQ_LIBRARY`` comes first, then the file within this package, then that of the Debian package.
    """
    named = os.environ.get("RINGMQ_LIBRARY", "")
    if named:
        return os.path.join(named, _NAME) if os.path.isdir(named) else named
    for path in _candidates():
        if os.path.isfile(path):
            return path
    return None


def environment() -> Dict[str, str]:
    """Variables for the environment of a child process, with which it runs on ringmq, whatever its language.

    ``subprocess.run(command, env={**os.environ, **ringmq.environment()})``. Empty where there is no library, or where its
    path has a blank, a colon or another character that the loader does not take.
    """
    path = library()
    if path is None or _failure is not None or any(c.isspace() or c in ":;$" for c in path):
        return {}
    path = os.path.abspath(path)
    # For programs that open a libzmq by its path.
    helper = os.path.join(os.path.dirname(path), "libringmq_preload.so")
    ours = [helper] * os.path.isfile(helper) + [path]
    old = [name for name in os.environ.get("LD_PRELOAD", "").replace(" ", ":").split(":") if name]
    preload = old if path in old else ours + old
    return {"LD_PRELOAD": ":".join(preload), "RINGMQ_LIBRARY": path}


def _candidates() -> List[str]:
    here = os.path.dirname(os.path.abspath(__file__))
    found = [os.path.join(here, "lib", _NAME)]
    root = os.path.dirname(os.path.dirname(here))
    if os.path.isfile(os.path.join(root, "Cargo.toml")):
        # A checkout: what cargo has built.
        found += [os.path.join(root, "target", profile, "libzmq.so") for profile in ("release", "debug")]
    machine = os.uname().machine if hasattr(os, "uname") else ""
    return found + ["/usr/lib/{}-linux-gnu/ringmq/{}".format(machine, _NAME)]


def _uses_ringmq(zmq: object) -> bool:
    # Only ringmq's library says that it has this.
    has = getattr(zmq, "has", None)
    return bool(has and has("ringmq"))


def _load() -> Optional[Status]:
    """Loads the library. Returns why that is of no use."""
    if not sys.platform.startswith("linux"):
        return Status(False, "ringmq runs on Linux only, not on {}".format(sys.platform))
    imported = sys.modules.get("zmq")
    if imported is not None and hasattr(imported, "zmq_version"):
        # The symbols of its extension are bound. A second libzmq would only be in the way.
        if _uses_ringmq(imported):
            return None
        return Status(False, "zmq was imported before ringmq", "import ringmq first, or start with python -m ringmq")
    path = library()
    if path is None:
        return Status(
            False,
            "there is no libzmq.so.5 of ringmq for this platform ({})".format(os.uname().machine),
            "install the wheel of ringmq or the Debian package libringmq-zmq5, or set RINGMQ_LIBRARY to the file",
        )
    try:
        # Global: the loader looks here first when it binds the symbols of what is loaded later.
        loaded = ctypes.CDLL(path, mode=ctypes.RTLD_GLOBAL)
    except OSError as error:
        remedy = "set RINGMQ_LIBRARY to the libzmq.so.5 of ringmq, or unset it"
        if "musl" in str(error) or _is_musl():
            remedy = "use a Python for glibc: the library is not built for musl (Alpine)"
        return Status(False, "the library of ringmq cannot be loaded ({})".format(error), remedy)
    try:
        is_ours = loaded.zmq_has(b"ringmq") == 1
    except AttributeError:
        is_ours = False
    if not is_ours:
        return Status(
            False,
            "{} is not the libzmq.so.5 of ringmq".format(path),
            "set RINGMQ_LIBRARY to the libzmq.so.5 of ringmq, or unset it",
        )
    return None


def _is_musl() -> bool:
    try:
        with open("/proc/self/maps") as maps:
            return "ld-musl" in maps.read()
    except OSError:
        return False


_failure = _load()
