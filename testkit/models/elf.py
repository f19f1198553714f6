"""The named data of a shared library, read as bytes.

`testkit.models.community1` takes the arrays and networks that moonshine-voice's library exports from it. The
library is only read, never loaded: nothing in it runs, and it need not be for this machine. Layout: System V
ABI, chapters 4 and 5 (gabi.xinuos.com), 64-bit little-endian.
"""

import struct
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

MAGIC = b"\x7fELF\x02\x01"
"""ELF, 64-bit, little-endian."""
LOADED_SEGMENT = 1
"""PT_LOAD: a part of the file that has an address in memory."""
DYNAMIC_SYMBOLS = 11
"""SHT_DYNSYM: the table of what the library exports."""
DATA_OBJECT = 1
"""STT_OBJECT: the symbol names data, not code."""


class ElfError(Exception):
    """The bytes are not the kind of library this can read."""


@dataclass(frozen=True, slots=True)
class Section:
    """A row of the section table."""

    kind: int
    offset: int
    size: int
    link: int
    """Index of the section that holds a symbol table's names."""
    entry_size: int


@dataclass(frozen=True, slots=True)
class Segment:
    """A part of the file and its address in memory."""

    offset: int
    address: int
    size: int


def data_symbols(raw: bytes) -> Mapping[str, bytes]:
    """The content of every exported data symbol, by its (mangled) name.

    Raises:
        ElfError: `raw` is no 64-bit little-endian ELF file.
    """
    if not raw.startswith(MAGIC):
        raise ElfError("not a 64-bit little-endian ELF library")
    sections, segments = list(_sections(raw)), list(_segments(raw))
    found: dict[str, bytes] = {}
    for section in sections:
        if section.kind == DYNAMIC_SYMBOLS:
            found.update(_symbols(raw, section, sections[section.link], segments))
    return found


def _sections(raw: bytes) -> Iterator[Section]:
    (start,) = struct.unpack_from("<Q", raw, 0x28)
    size, count = struct.unpack_from("<HH", raw, 0x3A)
    for index in range(count):
        _, kind, _, _, offset, length, link, _, _, entry = struct.unpack_from(
            "<IIQQQQIIQQ", raw, start + index * size
        )
        yield Section(kind, offset, length, link, entry)


def _segments(raw: bytes) -> Iterator[Segment]:
    (start,) = struct.unpack_from("<Q", raw, 0x20)
    size, count = struct.unpack_from("<HH", raw, 0x36)
    for index in range(count):
        kind, _, offset, address, _, length, _, _ = struct.unpack_from("<IIQQQQQQ", raw, start + index * size)
        if kind == LOADED_SEGMENT:
            yield Segment(offset, address, length)


def _symbols(
    raw: bytes, table: Section, names: Section, segments: list[Segment]
) -> Iterator[tuple[str, bytes]]:
    for place in range(table.offset, table.offset + table.size, table.entry_size):
        name, info, _, section, address, size = struct.unpack_from("<IBBHQQ", raw, place)
        if not size or not section or info & 0xF != DATA_OBJECT:  # section 0: imported from elsewhere
            continue
        for segment in segments:
            if segment.address <= address and address + size <= segment.address + segment.size:
                start = address - segment.address + segment.offset
                first = names.offset + name
                yield raw[first : raw.index(b"\0", first)].decode(), raw[start : start + size]
