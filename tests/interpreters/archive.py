"""Packages and sources of a Debian or Ubuntu archive: found by its indexes, fetched, checked, unpacked into a folder.

Knows nothing of Python. Every byte is checked: the files against the SHA256 of their index, the index against that of
the suite's Release file. No maintainer script runs, and apt's own state is neither read nor changed."""
import hashlib
import lzma
import os
import subprocess
import urllib.request

DEBIAN = 'http://deb.debian.org/debian'
UBUNTU = 'http://archive.ubuntu.com/ubuntu'
FOLDERS = ('bin', 'sbin', 'lib', 'lib64')           # links into usr, as on every system of the last years


class ArchiveError(Exception):
    """What was asked for cannot be had, or is not what its index says."""


def fetch(url):
    try:
        with urllib.request.urlopen(url, timeout=120) as answer:
            return answer.read()
    except OSError as e:
        raise ArchiveError('%s: %s' % (url, e))


def paragraphs(text):
    """Each paragraph of a control file, as {field: value}; further lines of a value keep their line ends."""
    for paragraph in text.split('\n\n'):
        fields, name = {}, None
        for line in paragraph.splitlines():
            if line[:1] in (' ', '\t'):
                fields[name] += '\n' + line.strip()
            elif ':' in line:
                name, _, value = line.partition(':')
                fields[name] = value.strip()
        if fields:
            yield fields


def sha256_of(path):
    with open(path, 'rb') as f:
        return hashlib.sha256(f.read()).hexdigest()


class Suite:
    """One suite of an archive, all its main and universe components, as it stands now."""

    def __init__(self, mirror, name, cache):
        self.mirror, self.name, self.cache = mirror, name, cache
        self.hashes = None
        self.indexes = {}

    def _index(self, path):
        """The text of an index of this suite, e.g. main/source/Sources."""
        base = '%s/dists/%s/' % (self.mirror, self.name)
        if self.hashes is None:
            release = list(paragraphs(fetch(base + 'Release').decode()))[0]
            lines = [line.split() for line in release['SHA256'].splitlines() if line]
            self.hashes = {line[2]: line[0] for line in lines}
        packed = fetch(base + path + '.xz')
        if hashlib.sha256(packed).hexdigest() != self.hashes.get(path + '.xz'):
            raise ArchiveError('%s%s.xz is not what the Release file says' % (base, path))
        return lzma.decompress(packed).decode('utf-8')

    def _components(self):
        return ('main', 'universe') if self.mirror == UBUNTU else ('main',)

    def _paragraphs(self, pattern):
        if pattern not in self.indexes:
            found = {}
            for component in self._components():
                for fields in paragraphs(self._index(component + pattern)):
                    found.setdefault(fields['Package'], fields)
            self.indexes[pattern] = found
        return self.indexes[pattern]

    def _file(self, path, sha256):
        """A file of the archive's pool, from the cache if it is there."""
        os.makedirs(self.cache, exist_ok=True)
        local = os.path.join(self.cache, os.path.basename(path))
        if not (os.path.exists(local) and sha256_of(local) == sha256):
            data = fetch(self.mirror + '/' + path)
            if hashlib.sha256(data).hexdigest() != sha256:
                raise ArchiveError('%s/%s is not what its index says' % (self.mirror, path))
            with open(local + '.part', 'wb') as f:
                f.write(data)
            os.rename(local + '.part', local)
        return local

    def package(self, name, architecture):
        """The path of a binary package."""
        fields = self._paragraphs('/binary-%s/Packages' % architecture).get(name)
        if fields is None:
            raise ArchiveError('no package %s for %s in %s' % (name, architecture, self.name))
        return self._file(fields['Filename'], fields['SHA256'])

    def source(self, name):
        """The path of a source package's .orig.tar.xz."""
        fields = self._paragraphs('/source/Sources').get(name)
        for line in (fields or {}).get('Checksums-Sha256', '').splitlines():
            if line.endswith('.orig.tar.xz'):
                sha256, _, file = line.split()
                return self._file(fields['Directory'] + '/' + file, sha256)
        raise ArchiveError('no source of %s in %s' % (name, self.name))


def unpack(packages, root):
    """Unpacks binary packages, paths of files, into a folder that may hold others already."""
    for folder in FOLDERS:
        os.makedirs(os.path.join(root, 'usr', folder), exist_ok=True)
        if not os.path.lexists(os.path.join(root, folder)):
            os.symlink('usr/' + folder, os.path.join(root, folder))
    for folder in ('tmp', 'proc', 'dev', 'etc', 'root'):
        os.makedirs(os.path.join(root, folder), exist_ok=True)
    for package in packages:
        with subprocess.Popen(['dpkg-deb', '--fsys-tarfile', package], stdout=subprocess.PIPE) as deb:
            tar = subprocess.run(['tar', '-x', '--keep-directory-symlink', '-C', root], stdin=deb.stdout)
            deb.stdout.close()
            if deb.wait() or tar.returncode:
                raise ArchiveError('%s cannot be unpacked into %s' % (package, root))
