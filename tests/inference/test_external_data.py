"""External data is found in every message of ONNX that can hold a tensor."""

from collections.abc import Callable

import pytest

from emotrace.inference.external_data import _FIELDS, has_external_data

onnx = pytest.importorskip("onnx")


def tensor(external: bool = True) -> "onnx.TensorProto":
    made = onnx.TensorProto(name="weights", dims=[2], data_type=1, raw_data=bytes(8))
    if external:
        made.data_location = onnx.TensorProto.EXTERNAL
    return made


def sparse() -> "onnx.SparseTensorProto":
    return onnx.SparseTensorProto(values=tensor(external=False), indices=tensor(), dims=[2])


def attribute(**value: object) -> "onnx.AttributeProto":
    return onnx.AttributeProto(name="value", **value)


def node(**value: object) -> "onnx.NodeProto":
    return onnx.NodeProto(op_type="Constant", output=["y"], attribute=[attribute(**value)])


def in_graph(**content: object) -> "onnx.ModelProto":
    return onnx.ModelProto(graph=onnx.GraphProto(**content))


INNER = {"initializer": [tensor()]}
PLACES: dict[str, Callable[[], "onnx.ModelProto"]] = {
    "initializer": lambda: in_graph(initializer=[tensor(external=False), tensor()]),
    "sparse initializer": lambda: in_graph(sparse_initializer=[sparse()]),
    "constant": lambda: in_graph(node=[node(t=tensor())]),
    "list of constants": lambda: in_graph(node=[node(tensors=[tensor()])]),
    "sparse constant": lambda: in_graph(node=[node(sparse_tensor=sparse())]),
    "list of sparse constants": lambda: in_graph(node=[node(sparse_tensors=[sparse()])]),
    "branch": lambda: in_graph(node=[node(g=onnx.GraphProto(**INNER))]),
    "branch of a branch": lambda: in_graph(
        node=[node(g=onnx.GraphProto(node=[node(graphs=[onnx.GraphProto(**INNER)])]))]
    ),
    "function": lambda: onnx.ModelProto(functions=[onnx.FunctionProto(node=[node(t=tensor())])]),
    "default of a function": lambda: onnx.ModelProto(
        functions=[onnx.FunctionProto(attribute_proto=[attribute(t=tensor())])]
    ),
    "training": lambda: onnx.ModelProto(
        training_info=[onnx.TrainingInfoProto(algorithm=onnx.GraphProto(**INNER))]
    ),
    "location without a mark": lambda: in_graph(
        initializer=[
            onnx.TensorProto(external_data=[onnx.StringStringEntryProto(key="location", value="/etc/passwd")])
        ]
    ),
}


@pytest.mark.parametrize("place", PLACES)
def test_external_data_is_found(place: str) -> None:
    assert has_external_data(PLACES[place]().SerializeToString())


def test_every_message_that_can_hold_a_tensor_is_searched() -> None:
    """The schema of the installed onnx package has no such field that the search does not know."""
    holders: dict[str, set[tuple[int, str]]] = {}
    messages = onnx.ModelProto.DESCRIPTOR.file.message_types_by_name.values()
    reaching = {"TensorProto"}
    while True:
        for message in messages:
            fields = {
                (field.number, field.message_type.name)
                for field in message.fields
                if field.message_type is not None and field.message_type.name in reaching
            }
            if fields:
                holders[message.name] = fields
        if reaching >= holders.keys():
            break
        reaching |= holders.keys()
    known = {
        f"{name}Proto": {(number, f"{held}Proto") for number, held in fields.items()}
        for name, fields in _FIELDS.items()
        if fields
    }
    assert holders == known


def test_weights_in_the_file_are_no_external_data() -> None:
    assert not has_external_data(in_graph(initializer=[tensor(external=False)]).SerializeToString())


@pytest.mark.parametrize(
    "content", [b"\x3a", b"\x3a\x7f", b"\xff" * 12, b"\x3b", b"\x3d\x00", b"\x3a\x02\x2a\x05"]
)
def test_what_is_no_message_is_refused(content: bytes) -> None:
    with pytest.raises(ValueError, match="byte"):
        has_external_data(content)
