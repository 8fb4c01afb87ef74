#!/usr/bin/env python3
"""Runs a command that sees another file system, in a mount namespace of its own.

    namespace.py [--bind PATH]… [--over FILE PATH]… [--empty PATH]… [--root ROOT] -- COMMAND…

--root ROOT     the command's root: ROOT with /proc, /dev, the folders of --bind at their own paths, and the working directory
--over A B      A is seen where B is
--empty PATH    an empty folder or file is seen there
Needs root, or a kernel that lets users make user namespaces. The process keeps its id; nothing outlives it."""
import argparse
import ctypes
import os
import sys

CLONE_NEWNS, CLONE_NEWUSER = 0x00020000, 0x10000000
MS_BIND, MS_REC, MS_PRIVATE = 4096, 16384, 1 << 18

libc = ctypes.CDLL(None, use_errno=True)


def check(result):
    if result != 0:
        raise OSError(ctypes.get_errno(), os.strerror(ctypes.get_errno()))


def mount(source, target, flags):
    check(libc.mount(os.fsencode(source), os.fsencode(target), None, flags, None))


def bind(source, target):
    """A file or folder at another path, which is made."""
    if os.path.isdir(source):
        os.makedirs(target, exist_ok=True)
    elif not os.path.exists(target):
        os.makedirs(os.path.dirname(target), exist_ok=True)
        open(target, 'w').close()
    mount(source, target, MS_BIND | MS_REC)


def leave_namespace():
    user, group = os.getuid(), os.getgid()
    check(libc.unshare(CLONE_NEWNS | (CLONE_NEWUSER if user else 0)))
    if user:
        for path, text in (('setgroups', 'deny'), ('uid_map', '0 %d 1' % user), ('gid_map', '0 %d 1' % group)):
            with open('/proc/self/' + path, 'w') as f:
                f.write(text)
    mount('none', '/', MS_REC | MS_PRIVATE)


def empty(path):
    if os.path.isdir(path):
        check(libc.mount(b'tmpfs', os.fsencode(path), b'tmpfs', 0, None))
    else:
        mount('/dev/null', path, MS_BIND)


def main():
    parser = argparse.ArgumentParser(description=__doc__.split('\n')[0])
    parser.add_argument('--bind', action='append', default=[])
    parser.add_argument('--over', action='append', default=[], nargs=2)
    parser.add_argument('--empty', action='append', default=[])
    parser.add_argument('--root')
    parser.add_argument('command', nargs='+')
    options = parser.parse_args()
    cwd = os.getcwd()
    leave_namespace()
    for source, target in options.over:
        mount(source, target, MS_BIND)
    for path in options.empty:
        empty(path)
    if options.root:
        for path in ['/proc', '/dev', cwd] + options.bind:
            bind(path, options.root + path)
        os.chroot(options.root)
        os.chdir(cwd)
    os.execvp(options.command[0], options.command)


if __name__ == '__main__':
    try:
        main()
    except OSError as e:
        sys.exit('namespace.py: %s' % e)
