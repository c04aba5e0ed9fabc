"""The members of a zip archive: their places, parsed from its directory, and small ones read from its file."""

cimport cython
from cpython cimport array
from cpython.bytes cimport PyBytes_AS_STRING, PyBytes_FromStringAndSize, PyBytes_GET_SIZE
from cpython.unicode cimport PyUnicode_DecodeUTF8
from libc.stdint cimport int64_t, uint32_t
from libc.string cimport memcmp

from simplezarr.csrc cimport SZ_OK
from simplezarr.csrc.io cimport sz_read
from simplezarr.engine.files.file_ranges cimport FileRangeTable
from simplezarr.engine.files.files cimport File
from simplezarr.engine.kernels.deflate cimport crc32

cdef enum:
    CENTRAL = 46          # bytes of an entry without its name, and of a local header
    LOCAL = 30
    UTF8 = 1 << 11        # flags
    DESCRIBED = 1 << 3
    POSIX = 3             # a system that makes archives
    LINK = 0xA            # the type of its symbolic links
    LONG_HEADER = 1024    # bytes of a local header whose member is left to the caller if it is longer
    EXTRA = 512           # bytes of extra fields that are read along with a value
    FULL = 0xffffffff     # stands for a number of 64 bits elsewhere

cdef array.array OFFSETS = array.array("q")


cdef inline uint32_t u16(const unsigned char *data) noexcept nogil:
    return data[0] | <uint32_t>data[1] << 8


cdef inline uint32_t u32(const unsigned char *data) noexcept nogil:
    return u16(data) | u16(data + 2) << 16


cdef bint is_usual(const unsigned char *entry, Py_ssize_t n) noexcept nogil:
    """Return whether an entry, of which n bytes are there, is a usual one."""
    cdef Py_ssize_t i, nname
    if n < CENTRAL or memcmp(entry, b"PK\1\2", 4) != 0:
        return False
    nname = u16(entry + 28)
    if n < CENTRAL + nname + u16(entry + 30) + u16(entry + 32) or u16(entry + 34) != 0:
        return False
    if u32(entry + 20) == FULL or u32(entry + 24) == FULL or u32(entry + 42) == FULL:
        return False
    if not u16(entry + 8) & UTF8:
        for i in range(CENTRAL, CENTRAL + nname):
            if entry[i] & 0x80:
                return False
    return True


cdef int64_t data_begin(const unsigned char *entry, const unsigned char *header) noexcept nogil:
    """Return where the data of a stored member begin, from its header on; -1 if that is the header of another."""
    cdef Py_ssize_t nname = u16(entry + 28)
    if memcmp(header, b"PK\3\4", 4) != 0 or u16(header + 8) != 0 or u16(header + 26) != nname:
        return -1
    return LOCAL + nname + u16(header + 28) if memcmp(header + LOCAL, entry + CENTRAL, nname) == 0 else -1


@cython.final
cdef class MemberTable:
    """Where the members of a zip archive are, by name."""
    cdef readonly dict entries
    cdef readonly set folders
    cdef readonly Py_ssize_t count
    cdef public array.array begins
    cdef readonly array.array ends
    cdef readonly bint in_order
    cdef bytes records
    cdef int64_t base, end

    def __init__(self, bytes records not None, int64_t base, int64_t end, entry):
        cdef const unsigned char *data = <const unsigned char *>PyBytes_AS_STRING(records)
        cdef Py_ssize_t n = PyBytes_GET_SIZE(records), at = 0, following, nname, most = n // CENTRAL
        cdef int64_t offset, stored, last = 0
        cdef str name
        self.records, self.base, self.end = records, base, end
        self.entries, self.folders, self.count = {}, set(), 0
        self.begins, self.ends = array.clone(OFFSETS, most, False), array.clone(OFFSETS, most, False)
        self.in_order = True
        while at < n:
            name = None
            if is_usual(data + at, n - at):
                nname = u16(data + at + 28)
                stored, offset = u32(data + at + 20), u32(data + at + 42)
                following = at + CENTRAL + nname + u16(data + at + 30) + u16(data + at + 32)
                if offset + LOCAL + nname + stored <= end - base:  # the sum with `base` may be no int64_t
                    offset += base
                    try:
                        name = PyUnicode_DecodeUTF8(<const char *>data + at + CENTRAL, nname, NULL)
                    except UnicodeDecodeError:
                        pass
            if name is None:  # `entry` says what is wrong
                name, nname, stored, offset, following = entry(at)
            if self.count >= most or following < at + CENTRAL or following > n:
                raise ValueError(f"entry: {following} is not the position of the entry after {at}")
            if name.endswith("/"):
                self.folders.add(name)
            else:
                self.entries[name] = at
            self.in_order &= offset >= last
            last = offset + LOCAL + nname + stored
            self.begins.data.as_longlongs[self.count] = offset
            self.ends.data.as_longlongs[self.count] = last
            self.count += 1
            at = following
        array.resize(self.begins, self.count)
        array.resize(self.ends, self.count)

    def next_after(self, int64_t offset):
        """Return where the next entry begins, or the directory."""
        return self.after(offset)

    cdef int64_t after(self, int64_t offset) noexcept:
        cdef const long long *begins = self.begins.data.as_longlongs
        cdef Py_ssize_t low = 0, high = min(self.count, <Py_ssize_t>len(self.begins)), middle
        while low < high:
            middle = (low + high) // 2
            if begins[middle] <= offset:
                low = middle + 1
            else:
                high = middle
        return begins[low] if low < len(self.begins) else self.end

    cdef const unsigned char *stored_entry(self, str name) except? NULL:
        """Return the entry of a usual member that is stored, NULL for any other."""
        cdef const unsigned char *entry
        cdef Py_ssize_t at
        found = self.entries.get(name)
        if found is None:
            return NULL
        at = found
        entry = <const unsigned char *>PyBytes_AS_STRING(self.records) + at
        if u32(entry + 20) != u32(entry + 24) or u16(entry + 10) != 0:
            return NULL
        if u16(entry + 8) & ~(<uint32_t>(UTF8 | DESCRIBED)) or u32(entry + 20) == FULL or u32(entry + 42) == FULL:
            return NULL
        if entry[5] == POSIX and u32(entry + 38) >> 28 == LINK:
            return NULL
        return entry

    def get(self, str name not None, File file not None, int64_t limit):
        """Return the value of a usual member, None for any other."""
        cdef const unsigned char *entry = self.stored_entry(name)
        cdef char *header
        cdef int64_t offset, end, stored, begin
        cdef bint right
        cdef bytes content
        if entry == NULL or u32(entry + 20) > limit:
            return None
        stored, offset = u32(entry + 20), u32(entry + 42) + self.base
        end = min(self.after(offset), offset + LOCAL + u16(entry + 28) + stored + EXTRA)
        if end < offset + LOCAL + u16(entry + 28) + stored:
            return None
        content = PyBytes_FromStringAndSize(NULL, end - offset)
        header = PyBytes_AS_STRING(content)
        with nogil:
            right = sz_read(&file.file, header, end - offset, offset) == SZ_OK
            begin = data_begin(entry, <const unsigned char *>header) if right else -1
            right = 0 <= begin <= end - offset - stored and crc32(0, header + begin, stored) == u32(entry + 16)
        return PyBytes_FromStringAndSize(header + begin, stored) if right else None

    def find_file_ranges(self, list names not None, File file not None, FileRangeTable ranges not None, bint all_names):
        """Enter where the values of usual stored members lie."""
        cdef unsigned char header[LONG_HEADER]
        cdef const unsigned char *entry
        cdef Py_ssize_t i, head
        cdef int64_t offset, begin
        cdef bint right
        for i in range(min(len(names), ranges.n)):
            if all_names and names[i] not in self.entries:
                ranges.absent(i)
                continue
            entry = self.stored_entry(names[i])
            if entry == NULL:
                continue
            head, offset = LOCAL + u16(entry + 28), u32(entry + 42) + self.base
            if head > LONG_HEADER:
                continue
            with nogil:
                right = sz_read(&file.file, <char *>header, head, offset) == SZ_OK
                begin = data_begin(entry, header) if right else -1
            if begin >= 0 and offset + begin + u32(entry + 20) <= self.after(offset) and (
                    ranges.set(i, file, offset + begin, u32(entry + 20))):
                ranges.set_crc(i, u32(entry + 16))
