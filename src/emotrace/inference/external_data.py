"""Search of an ONNX file for weights that it keeps in other files, before ONNX Runtime reads it.

ONNX Runtime opens such files wherever the model says they lie, and nothing in `config.json` has their hash.
The runtime has no `onnx` package, so this module reads the wire format of protocol buffers itself:
https://protobuf.dev/programming-guides/encoding
"""

from collections.abc import Iterator

_VARINT, _EIGHT_BYTES, _BYTES, _FOUR_BYTES = 0, 1, 2, 5

# The messages that can contain a tensor, by field number: https://github.com/onnx/onnx/blob/main/onnx/onnx.proto
_FIELDS: dict[str, dict[int, str]] = {
    "Model": {7: "Graph", 20: "TrainingInfo", 25: "Function"},
    "TrainingInfo": {1: "Graph", 2: "Graph"},
    "Function": {7: "Node", 11: "Attribute"},
    "Graph": {1: "Node", 5: "Tensor", 15: "SparseTensor"},
    "Node": {5: "Attribute"},
    "Attribute": {
        5: "Tensor",
        6: "Graph",
        10: "Tensor",
        11: "Graph",
        22: "SparseTensor",
        23: "SparseTensor",
    },
    "SparseTensor": {1: "Tensor", 2: "Tensor"},
    "Tensor": {},
}
_EXTERNAL_DATA, _DATA_LOCATION = 13, 14  # of a tensor


def has_external_data(model: bytes) -> bool:
    """Whether any tensor of an ONNX file, in any graph, node or function, keeps its data in another file.

    Args:
        model: the content of `model.onnx`

    Raises:
        ValueError: if the content is not a message of protocol buffers

    >>> has_external_data(b"")
    False
    >>> tensor = bytes([14 << 3, 1])  # data_location: external
    >>> graph = bytes([5 << 3 | 2, len(tensor)]) + tensor
    >>> has_external_data(bytes([7 << 3 | 2, len(graph)]) + graph)
    True
    """
    content = memoryview(model)
    unread = [("Model", 0, len(content))]
    while unread:
        message, start, end = unread.pop()
        for field, wire_type, first, last in _fields(content, start, end):
            if message == "Tensor":
                if field == _EXTERNAL_DATA and wire_type == _BYTES:
                    return True
                if field == _DATA_LOCATION and wire_type == _VARINT and any(content[first:last]):
                    return True
            elif wire_type == _BYTES and field in _FIELDS[message]:
                unread.append((_FIELDS[message][field], first, last))
    return False


def message_fields(content: memoryview, start: int, end: int) -> Iterator[tuple[int, int, int]]:
    """The fields of a message: number, and where the value starts and ends.

    Raises:
        ValueError: if it is not a message of protocol buffers
    """
    for field, _, first, last in _fields(content, start, end):
        yield field, first, last


def _fields(content: memoryview, start: int, end: int) -> Iterator[tuple[int, int, int, int]]:
    """The fields of a message: number, wire type, and where the value starts and ends."""
    while start < end:
        key, start = _read_varint(content, start, end)
        wire_type, first = key & 7, start
        if wire_type == _VARINT:
            _, start = _read_varint(content, start, end)
        elif wire_type == _BYTES:
            length, first = _read_varint(content, start, end)
            start = first + length
        elif wire_type in (_EIGHT_BYTES, _FOUR_BYTES):
            start += 8 if wire_type == _EIGHT_BYTES else 4
        else:
            raise ValueError(f"found wire type {wire_type} at byte {start}")
        if start > end:
            raise ValueError(f"a field ends after its message, at byte {start}")
        yield key >> 3, wire_type, first, start


def _read_varint(content: memoryview, start: int, end: int) -> tuple[int, int]:
    """A whole number of seven bits a byte, lowest first, and where it ends."""
    value = 0
    for count in range(min(10, end - start)):
        byte = content[start + count]
        value |= (byte & 0x7F) << 7 * count
        if byte < 0x80:
            return value, start + count + 1
    raise ValueError(f"found no whole number at byte {start}")
