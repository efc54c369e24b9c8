"""Parses `multipart/form-data` in memory: nothing of a request is ever written to disk."""

import logging
from dataclasses import dataclass, field

from python_multipart.exceptions import FormParserError
from python_multipart.multipart import MultipartParser, parse_options_header

from lpel_serving.service.http.messages.problems import Problem

MAX_PARTS = 16
MAX_TEXT_BYTES = 4096


@dataclass(eq=False)
class _Part:
    headers: dict[str, bytes] = field(default_factory=dict[str, bytes])
    header: bytearray = field(default_factory=bytearray)
    value: bytearray = field(default_factory=bytearray)
    data: bytearray = field(default_factory=bytearray)


@dataclass(eq=False)
class _Form:
    """The parser's callbacks."""

    parts: list[_Part] = field(default_factory=list[_Part])
    ended: bool = False

    def begin(self) -> None:
        if len(self.parts) == MAX_PARTS:
            raise Problem(400, f"the form has more than {MAX_PARTS} parts: send fewer.")
        self.parts.append(_Part())

    def header_name(self, data: bytes, start: int, end: int) -> None:
        self.parts[-1].header += data[start:end]

    def header_value(self, data: bytes, start: int, end: int) -> None:
        self.parts[-1].value += data[start:end]

    def end_header(self) -> None:
        part = self.parts[-1]
        part.headers[part.header.decode("latin-1").lower()] = bytes(part.value)
        part.header, part.value = bytearray(), bytearray()

    def add(self, data: bytes, start: int, end: int) -> None:
        self.parts[-1].data += memoryview(data)[start:end]

    def end(self) -> None:
        self.ended = True


def read_form(body: bytes, content_type: str) -> tuple[dict[str, bytes], dict[str, str]]:
    """Read a form: its files and its text fields, by their names.

    A part is a file if it has a file name, which is ignored.

    Raises
    ------
    Problem
        400 if it is malformed, has a part twice, too many, or text that is too long or not UTF-8.
    """
    _, options = parse_options_header(content_type)
    boundary = options.get(b"boundary")
    if not boundary:
        raise Problem(400, "the form's Content-Type names no boundary: let your library write it.")
    form = _Form()
    try:
        parser = MultipartParser(
            boundary,
            {
                "on_part_begin": form.begin,
                "on_header_field": form.header_name,
                "on_header_value": form.header_value,
                "on_header_end": form.end_header,
                "on_part_data": form.add,
                "on_end": form.end,
            },
        )
        # Its message would hold bytes of the form.
        parser.logger = logging.Logger(__name__, logging.CRITICAL + 1)
        parser.write(body)
        parser.finalize()
    except FormParserError as error:
        raise Problem(400, "the form is malformed: let your library write it.") from error
    if not form.ended:
        raise Problem(400, "the form breaks off before its end: send it again.")
    return _named(form.parts)


def _named(parts: list[_Part]) -> tuple[dict[str, bytes], dict[str, str]]:
    files: dict[str, bytes] = {}
    texts: dict[str, str] = {}
    for part in parts:
        kind, options = parse_options_header(part.headers.get("content-disposition", b""))
        name = options.get(b"name", b"").decode("utf-8", "replace")
        if kind != b"form-data" or not name:
            raise Problem(400, "a part of the form has no name: let your library write the form.")
        if name in files or name in texts:
            raise Problem(400, f"the form has {name[:40]!a} twice: send it once.", about=name[:40])
        if b"filename" in options or b"filename*" in options:
            files[name] = bytes(part.data)
        else:
            texts[name] = _text(name, part.data)
    return files, texts


def _text(name: str, data: bytearray) -> str:
    if len(data) > MAX_TEXT_BYTES:
        raise Problem(
            400,
            f"the field {name[:40]!a} has more than {MAX_TEXT_BYTES:,} bytes of text: is it a file "
            "that was sent without a file name?",
            about=name[:40],
        )
    try:
        return data.decode("utf-8")
    except UnicodeDecodeError as error:
        raise Problem(
            400, f"the field {name[:40]!a} is not UTF-8 text.", about=name[:40]
        ) from error
