"""libcpeek.so for Python: where it lies, and cpeek.h in terms of ctypes.

Knows the C API as cpeek.h declares it; must not know debuggers, nor what a command does.
"""

import ctypes
import glob
import os

ABI_VERSION = 1  # CPEEK_ABI_VERSION of the header that this file was written from
SONAME = "libcpeek.so.0"

TEXT, JSON, COLOR = 0, 1, 256
OPEN_NO_PAUSE, OPEN_MISMATCH, OPEN_IGNORE_MISMATCH = 1, 2, 4
OK, PARTIAL, NOT_FOUND, FAULT, CANCELLED, USAGE, IO, NO_PYTHON = 0, 1, 3, 4, 8, 9, 10, 12


class OpenOptions(ctypes.Structure):
    _fields_ = [
        ("struct_size", ctypes.c_uint32),
        ("flags", ctypes.c_uint32),
        ("exe", ctypes.c_char_p),
        ("sysroot", ctypes.c_char_p),
        ("python", ctypes.c_char_p),
        ("debug_dirs", ctypes.c_char_p),
    ]


class Module(ctypes.Structure):
    _fields_ = [("path", ctypes.c_char_p), ("load_address", ctypes.c_uint64)]


class Thread(ctypes.Structure):
    _fields_ = [("native_id", ctypes.c_uint64), ("thread_pointer", ctypes.c_uint64)]


READ = ctypes.CFUNCTYPE(ctypes.c_int32, ctypes.c_void_p, ctypes.c_uint64, ctypes.c_void_p, ctypes.c_uint64)


class Memory(ctypes.Structure):
    _fields_ = [
        ("struct_size", ctypes.c_uint32),
        ("pointer_size", ctypes.c_uint32),
        ("big_endian", ctypes.c_uint32),
        ("machine", ctypes.c_uint32),
        ("read", READ),
        ("arg", ctypes.c_void_p),
        ("modules", ctypes.POINTER(Module)),
        ("module_count", ctypes.c_uint64),
        ("threads", ctypes.POINTER(Thread)),
        ("thread_count", ctypes.c_uint64),
    ]


CANCELLED_HOOK = ctypes.CFUNCTYPE(ctypes.c_int32, ctypes.c_void_p)
PROGRESS_HOOK = ctypes.CFUNCTYPE(None, ctypes.c_void_p, ctypes.c_char_p, ctypes.c_uint64, ctypes.c_uint64)
EVALUATE_HOOK = ctypes.CFUNCTYPE(
    ctypes.c_int32, ctypes.c_void_p, ctypes.c_char_p, ctypes.POINTER(ctypes.c_uint64)
)


class Host(ctypes.Structure):
    _fields_ = [
        ("struct_size", ctypes.c_uint32),
        ("arg", ctypes.c_void_p),
        ("cancelled", CANCELLED_HOOK),
        ("progress", PROGRESS_HOOK),
        ("evaluate", EVALUATE_HOOK),
    ]


class Argument(ctypes.Structure):
    _fields_ = [
        ("name", ctypes.c_char_p),
        ("help", ctypes.c_char_p),
        ("kind", ctypes.c_uint32),
        ("required", ctypes.c_uint32),
    ]


class Command(ctypes.Structure):
    _fields_ = [
        ("name", ctypes.c_char_p),
        ("usage", ctypes.c_char_p),
        ("summary", ctypes.c_char_p),
        ("help", ctypes.c_char_p),
        ("arguments", ctypes.POINTER(Argument)),
        ("argument_count", ctypes.c_uint64),
    ]


WRITE = ctypes.CFUNCTYPE(ctypes.c_int32, ctypes.c_void_p, ctypes.c_void_p, ctypes.c_uint64)
FOUND = ctypes.CFUNCTYPE(None, ctypes.c_void_p, ctypes.c_char_p)

_SESSION = ctypes.c_void_p
# name: (result, arguments)
_FUNCTIONS = {
    "cpeek_status_name": (ctypes.c_char_p, [ctypes.c_int32]),
    "cpeek_status_text": (ctypes.c_char_p, [ctypes.c_int32]),
    "cpeek_status_exit_code": (ctypes.c_int32, [ctypes.c_int32]),
    "cpeek_abi_version": (ctypes.c_uint32, []),
    "cpeek_version": (ctypes.c_char_p, []),
    "cpeek_create": (_SESSION, []),
    "cpeek_destroy": (None, [_SESSION]),
    "cpeek_error": (ctypes.c_char_p, [_SESSION]),
    "cpeek_open_core": (ctypes.c_int32, [_SESSION, ctypes.c_char_p, ctypes.POINTER(OpenOptions)]),
    "cpeek_open_pid": (ctypes.c_int32, [_SESSION, ctypes.c_int64, ctypes.POINTER(OpenOptions)]),
    "cpeek_open_memory": (
        ctypes.c_int32,
        [_SESSION, ctypes.POINTER(Memory), ctypes.POINTER(OpenOptions)],
    ),
    "cpeek_refresh": (ctypes.c_int32, [_SESSION]),
    "cpeek_set_host": (None, [_SESSION, ctypes.POINTER(Host)]),
    "cpeek_select_thread": (ctypes.c_int32, [_SESSION, ctypes.c_uint64]),
    "cpeek_set": (ctypes.c_int32, [_SESSION, ctypes.c_char_p, ctypes.c_uint64]),
    "cpeek_command_at": (ctypes.POINTER(Command), [ctypes.c_uint32]),
    "cpeek_run": (ctypes.c_int32, [_SESSION, ctypes.c_char_p, ctypes.c_uint32, WRITE, ctypes.c_void_p]),
    "cpeek_complete": (ctypes.c_int32, [_SESSION, ctypes.c_char_p, FOUND, ctypes.c_void_p]),
}


class LibraryError(Exception):
    """libcpeek cannot be used; the text is one line that says why and what to do."""


def _candidates():
    """Where the library may be, best first: $CPEEK_LIBRARY alone when it is set."""
    named = os.environ.get("CPEEK_LIBRARY")
    if named:
        return [named]
    here = os.path.dirname(os.path.realpath(__file__))
    found = []
    # Installed: PREFIX/share/cpeek/python/cpeek and PREFIX/lib, or lib64, or lib/x86_64-linux-gnu.
    prefix = os.path.normpath(os.path.join(here, "..", "..", "..", ".."))
    # In the source tree: plugin/cpeek and build/lib.
    tree = os.path.normpath(os.path.join(here, "..", ".."))
    for pattern in (
        os.path.join(prefix, "lib", SONAME),
        os.path.join(prefix, "lib64", SONAME),
        os.path.join(prefix, "lib", "*", SONAME),
        os.path.join(tree, "build*", "lib", SONAME),
    ):
        found.extend(sorted(glob.glob(pattern)))
    found.append(SONAME)  # where the system's loader looks
    return found


def load():
    """The library with its functions' types set; raises LibraryError."""
    reason = ""
    for path in _candidates():
        try:
            library = ctypes.CDLL(path)
        except OSError as error:
            reason = str(error)
            continue
        try:
            version = library.cpeek_abi_version
            version.restype, version.argtypes = _FUNCTIONS["cpeek_abi_version"]
            if version() != ABI_VERSION:
                raise LibraryError(
                    "%s has ABI %d, this Python package needs %d: install both from one build"
                    % (path, version(), ABI_VERSION)
                )
            for name, (result, arguments) in _FUNCTIONS.items():
                function = getattr(library, name)
                function.restype, function.argtypes = result, arguments
        except AttributeError as error:
            raise LibraryError("%s is no libcpeek that fits: %s" % (path, error))
        return library
    raise LibraryError("%s cannot be loaded (%s): set CPEEK_LIBRARY to its path" % (SONAME, reason))
